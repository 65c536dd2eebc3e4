"""Every function, over every transport, with servers that nobody here wrote. What they hold they are asked themselves.

On both interpreters: see test_on_micropython.py.
"""

from fluxrig.modbus import identification, pdu
from fluxrig.modbus.request import Request
from tests.peers.asking import Asking
from tests.peers.wire import EVERYWHERE, TRANSPORTS, each, serve


def read(unit, function, address, count):
    return Request(unit, pdu.read_request(function, address, count))


async def test_reads():
    async def reads(peer, transport):
        link, server = serve(transport, (peer, 1))
        server.set("co", 3, 1, 0, 1, 1, 0, 0, 0, 0, 1)
        server.set("di", 20, 1, 1, 0, 1)
        server.set("hr", 5, 0, 1, 0x8000, 0xFFFF)
        server.set("ir", 999, 4321)
        async with Asking(link) as line:
            found = await line.ask(
                read(1, 1, 3, 9), read(1, 2, 20, 4), read(1, 3, 5, 4), read(1, 4, 999, 1), read(1, 3, 100, 125)
            )
            assert found[:4] == [b"\x0d\x01", b"\x0b", b"\0\0\0\1\x80\0\xff\xff", b"\x10\xe1"]
            assert found[4] == b"".join([address.to_bytes(2, "big") for address in range(100, 225)])
            (bits,) = await line.ask(read(1, 1, 0, 890))
            assert [at for at in range(890) if bits[at // 8] >> at % 8 & 1] == [3, 5, 6, 11]

    await each(EVERYWHERE, reads)


async def test_writes():
    async def writes(peer, transport):
        link, server = serve(transport, (peer, 1))
        server.set("hr", 40, 0x0012)
        async with Asking(link) as line:
            asked = [
                pdu.write_coil(1, True),
                pdu.write_coil(2, True),
                pdu.write_coil(2, False),
                pdu.write_coils(10, 11, b"\x35\x04"),
                pdu.write_register(7, b"\xab\xcd"),
                pdu.write_registers(20, b"\0\1\xff\xfe\x7f\xff"),
                pdu.write_registers(500, bytes(range(246))),
                pdu.mask_write(40, 0x00F2, 0x0025),
                pdu.read_write(29, 3, 30, b"\x11\x11\x22\x22"),
            ]
            found = await line.ask(*[Request(1, each_pdu) for each_pdu in asked])
        assert found == [b""] * 8 + [b"\0\x1d\x11\x11\x22\x22"], "function 23 writes before it reads"
        assert server.dump("co", 0, 4) == [0, 1, 0, 0]
        assert server.dump("co", 9, 13) == [0, 1, 0, 1, 0, 1, 1, 0, 0, 0, 0, 1, 0]
        assert server.dump("hr", 6, 3) == [6, 0xABCD, 8]
        assert server.dump("hr", 19, 5) == [19, 1, 0xFFFE, 0x7FFF, 23]
        assert server.dump("hr", 500, 123) == [514 * at + 1 for at in range(123)]
        assert server.dump("hr", 40) == [0x17], "the example of MB section 6.16"
        assert server.dump("hr", 30, 2) == [0x1111, 0x2222]

    await each(EVERYWHERE, writes)


async def test_exceptions():
    async def refused(peer, transport):
        link, server = serve(transport, (peer, 1))
        async with Asking(link) as line:
            found = await line.ask(
                read(1, 3, 999, 2),
                read(1, 2, 2000, 1),
                Request(1, pdu.write_register(1000, b"\0\1")),
                Request(1, pdu.write_coils(1004, 8, b"\xff")),
                read(1, 3, 999, 1),
            )
        assert found == ["illegal_address"] * 4 + [b"\x03\xe7"]
        assert server.dump("co", 992, 8) == [0] * 8

    await each(EVERYWHERE, refused)


async def test_requests_under_way_together():
    # libmodbus only: pymodbus answers the last of those that come at once.
    link, _ = serve("tcp", ("libmodbus", 1))
    async with Asking(link, pipeline=8) as line:
        for _ in range(3):
            requests = [read(1, 3 + at % 2, at, 1 + at % 9) for at in range(40)]
            for at, data in enumerate(await line.ask(*requests)):
                assert data == b"".join([address.to_bytes(2, "big") for address in range(at, at + 1 + at % 9)])


UNITS = 5, 6, 247
ON_ONE_LINE = [
    ("rtu", [("libmodbus", unit) for unit in UNITS]),
    ("rtu", [("pymodbus", 5, 6, 247)]),
    ("tcp", [("pymodbus", 5, 6, 247)]),
    ("rtu+tcp", [("pymodbus", 5, 6, 247)]),
]


async def test_several_units_behind_one_line():
    async def units(transport, wanted):
        link, server = serve(transport, *wanted)[:2]
        server.set("hr", 3, 555)
        async with Asking(link) as line:
            for unit in (247, 5, 6, 5):
                answer = b"\x02\x2b" if unit == 5 else b"\0\3"
                assert await line.ask(read(unit, 3, 3, 1)) == [answer], unit
            assert not [text for text in line.noted if "answers" not in text]

    await each(ON_ONE_LINE, units)


async def test_a_unit_that_is_not_there_does_not_answer_and_spares_the_others():
    # Not libmodbus, which waits for the answer of the other unit before it hears the next request.
    link, _ = serve("rtu", ("pymodbus", 5))
    async with Asking(link, timeout="300ms") as line:
        assert await line.ask(read(9, 3, 0, 1)) == ["timeout"]
        assert await line.ask(read(5, 3, 4, 1)) == [b"\0\4"]


async def test_broadcasts_reach_every_unit_and_are_not_answered():
    async def broadcast(transport, wanted):
        link, *servers = serve(transport, *wanted)
        async with Asking(link, turnaround="100ms") as line:
            requests = [Request(0, pdu.write_register(3, b"\x12\x34")), Request(0, pdu.write_coil(1, True))]
            assert await line.ask(*requests) == [b"", b""]
            for unit in UNITS:
                assert await line.ask(read(unit, 3, 3, 1)) == [b"\x12\x34"]
            for server in servers:
                assert server.dump("hr", 3) == [0x1234]
                assert server.dump("co", 1) == [1]

    await each([case for case in ON_ONE_LINE if case[0] == "rtu"], broadcast)


async def test_device_identification():
    async def identified(transport):
        link, _ = serve(transport, ("pymodbus", 1))
        async with Asking(link) as line:
            found = {}
            object_id = 0
            for _ in range(identification.MAX_ANSWERS):
                (data,) = await line.ask(Request(1, identification.request(identification.EXTENDED, object_id)))
                objects, object_id = identification.read_answer(data)
                found.update(objects)
                if object_id is None:
                    break
            assert found[0] == b"Acme" and found[1] == b"P-7" and found[2] == b"1.2"
            assert found[5] == b"Press " + b"7" * 40
            (data,) = await line.ask(Request(1, identification.request(identification.ONE_OBJECT, 1)))
            assert identification.read_answer(data)[0] == {1: b"P-7"}

    await each([(transport,) for transport in TRANSPORTS], identified)


async def test_a_function_that_a_device_does_not_have():
    # On a serial line libmodbus does not answer: it cannot tell how long such a request is.
    link, _ = serve("tcp", ("libmodbus", 1))
    async with Asking(link) as line:
        assert await line.ask(Request(1, identification.request(identification.BASIC))) == ["illegal_function"]
