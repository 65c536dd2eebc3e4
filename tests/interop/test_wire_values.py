"""Values in every type and order, encoded by the servers and not by us, polled by the Gear.

On both interpreters: see test_on_micropython.py.
"""

from fluxrig.decimal import Decimal
from tests.peers.encodings import EACH_ONCE, VALUES, places, tag_lines
from tests.peers.polling import Polling
from tests.peers.wire import each, serve


async def test_types_and_orders():
    async def read(peer, transport):
        link, server = serve(transport, (peer, 1))
        for number, wanted in enumerate(places(peer)):
            await read_all(link, server, ("hr", "ir")[number % 2], wanted)

    await each(EACH_ONCE, read)


async def read_all(link, server, table, wanted):
    async with Polling(link, tag_lines(table, wanted), every="20ms") as gear:
        for index in range(3):
            for _, name, order, address in wanted:
                server.encode(table, address, name, order, VALUES[name][index])
            data = await gear.polled()
            for tag, name, _, _ in wanted:
                assert data[tag] == VALUES[name][index], (tag, data[tag])


BITS_AND_BYTES = """
    on: {address: co:5}
    off: {address: co:6}
    open: {address: di:15, enum: {0: shut, 1: open}}
    bit-3: {address: hr:0, bit: 3}
    bit-15: {address: hr:0, bit: 15}
    high: {address: hr:1, type: int8, byte: high}
    low: {address: hr:1, type: uint8}
    raw: {address: hr:6, type: raw, length: 2}
"""


async def test_bits_and_bytes():
    async def read(peer, transport):
        link, server = serve(transport, (peer, 1))
        server.set("co", 5, 1)
        server.set("di", 15, 1)
        server.set("hr", 0, 0x0008, 0xFEFF)
        server.set("hr", 6, 0x0102, 0xFFFE)
        async with Polling(link, BITS_AND_BYTES) as gear:
            data = await gear.polled()
        assert data == {
            "on": True,
            "off": False,
            "open": "open",
            "bit-3": True,
            "bit-15": False,
            "high": -2,
            "low": 255,
            "raw": b"\x01\x02\xff\xfe",
        }

    await each(EACH_ONCE, read)


SCALES_AND_TEXTS = """
    bcd: {address: hr:2, type: bcd32, order: CDAB}
    scaled: {address: hr:4, type: int16, scale: 0.01, offset: -40}
    state: {address: hr:5, enum: {0: idle, 7: running}}
    text: {address: hr:10, type: string, length: 8}
    swapped: {address: hr:20, type: string, length: 8, order: BADC}
    small: {address: ir:9, max: 10}
    float: {address: ir:20, type: float32, scale: 0.5}
"""


async def test_scales_and_texts():
    async def read(peer, transport):
        link, server = serve(transport, (peer, 1))
        server.set("hr", 2, 0x5678, 0x1234, 2060, 7)
        server.set("ir", 9, 10)
        server.encode("ir", 20, "float32", "ABCD", -3.0)
        server.set("hr", 10, 0, 0, 0, 0)
        if peer == "pymodbus":
            server.encode("hr", 10, "string", "ABCD", "Grüß")
            server.encode("hr", 20, "string", "BADC", "Acme P7")
        else:
            server.set("hr", 10, *registers_of("Grüß".encode() + b"  "))
            server.set("hr", 20, *registers_of(b"cAemP \x007"))
        async with Polling(link, SCALES_AND_TEXTS) as gear:
            data = await gear.polled()
        assert data == {
            "bcd": 12345678,
            "scaled": Decimal(-1940, -2),
            "state": "running",
            "text": "Grüß",
            "swapped": "Acme P7",
            "small": 10,
            "float": -1.5,
        }

    await each(EACH_ONCE, read)


def registers_of(data):
    data += b"\0" * (8 - len(data))
    return [data[at] << 8 | data[at + 1] for at in range(0, 8, 2)]


BAD = """
    state: {address: hr:0, enum: {0: idle}}
    bcd: {address: hr:1, type: bcd16}
    text: {address: hr:2, type: string, length: 2}
    small: {address: hr:3, max: 10}
    float: {address: hr:4, type: float32}
    good: {address: hr:6}
    beyond: {address: hr:1000}
"""


async def test_values_that_are_none():
    async def read(peer, transport):
        link, server = serve(transport, (peer, 1))
        server.set("hr", 0, 1, 0x00A0, 0xFFFF, 11, 0x7FC0, 0, 5)
        async with Polling(link, BAD) as gear:
            msg = await gear.poll()
        assert msg.data == {
            "state": None,
            "bcd": None,
            "text": None,
            "small": None,
            "float": None,
            "good": 5,
            "beyond": None,
        }
        found = {tag: msg.quality(tag) for tag in msg.data}
        assert found == {
            "state": "bad:not_in_enum",
            "bcd": "bad:not_bcd",
            "text": "bad:not_text",
            "small": "bad:out_of_range",
            "float": "bad:not_a_number",
            "good": "good",
            "beyond": "bad:illegal_address",
        }

    await each(EACH_ONCE, read)


UNITS = """
    a: {address: hr:0, unit_id: 5}
    b: {address: hr:0, unit_id: 6}
    c: {address: ir:7, unit_id: 247}
"""


async def test_tags_of_several_units():
    async def read(transport, units):
        link, server = serve(transport, *units)[:2]
        server.set("hr", 0, 555)
        async with Polling(link, UNITS, every="200ms", timeout="100ms") as gear:
            wanted = {"5": {"a": 555}, "6": {"b": 0}, "247": {"c": 7}}
            await gear.until(lambda: {unit: msg.data for unit, msg in gear.out.polls.items()} == wanted)

    await each(
        [
            ("rtu", [("libmodbus", 5), ("libmodbus", 6), ("libmodbus", 247)]),
            ("tcp", [("pymodbus", 5, 6, 247)]),
            ("rtu+tcp", [("pymodbus", 5, 6, 247)]),
        ],
        read,
    )
