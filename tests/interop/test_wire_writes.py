"""Commands through the Gear: what arrived is looked at in the server itself, and what it says of it comes out.

On both interpreters: see test_on_micropython.py.
"""

from fluxrig.decimal import Decimal
from tests.peers.encodings import EACH_ONCE, VALUES, places, tag_lines
from tests.peers.polling import Polling
from tests.peers.wire import EVERYWHERE, each, serve

BY_FUNCTION = """
    coil: {address: co:1, writable: true}
    coils: {address: co:2, writable: true, write_with: multiple}
    one: {address: hr:1, writable: true}
    many: {address: hr:2, writable: true, write_with: multiple}
    both: {address: hr:3, type: int32, writable: true, write_with: read_write}
    bit: {address: hr:5, bit: 3, writable: true}
"""

FUNCTIONS = (
    ("coil", True, "5", "co", 1, [1]),
    ("coils", True, "15", "co", 2, [1]),
    ("one", 0xFFFE, "6", "hr", 1, [0xFFFE]),
    ("many", 7, "16", "hr", 2, [7]),
    ("both", -2, "23", "hr", 3, [0xFFFF, 0xFFFE]),
    ("bit", True, "22", "hr", 5, [0x0F0F]),
)
"""(tag, value, the function that writes it, where it is and what the server holds there)."""

BY_KIND = """
    low: {address: hr:6, type: int8, writable: true}
    scaled: {address: hr:7, type: int16, scale: 0.1, min: -10, max: 50, writable: true}
    text: {address: hr:8, type: string, length: 4, writable: true}
    state: {address: hr:10, enum: {0: idle, 3: running}, writable: true}
"""

KINDS = (
    ("low", -1, "22", "hr", 6, [0x12FF]),
    ("scaled", Decimal(-55, -1), "6", "hr", 7, [0xFFC9]),
    ("text", "Hi", "16", "hr", 8, [0x4869, 0]),
    ("state", "running", "6", "hr", 10, [3]),
)


async def test_every_function_that_writes():
    async def written(peer, transport):
        link, server = serve(transport, (peer, 1))
        server.set("hr", 5, 0x0F07)
        async with Polling(link, BY_FUNCTION) as gear:
            await obeys(gear, server, FUNCTIONS)
            assert server.dump("co", 0, 4) == [0, 1, 1, 0]
            assert server.dump("hr", 6) == [6]
            assert (await gear.polled())["both"] == -2, "it is polled on"

    await each(EVERYWHERE, written)


async def test_bytes_scales_texts_and_labels():
    async def written(peer, transport):
        link, server = serve(transport, (peer, 1))
        server.set("hr", 6, 0x1234)
        async with Polling(link, BY_KIND) as gear:
            await obeys(gear, server, KINDS)
            assert server.dump("hr", 11) == [11]

    await each(EACH_ONCE, written)


async def obeys(gear, server, commands):
    for tag, value, function, table, address, items in commands:
        command = gear.command({tag: value})
        port, msg = await gear.outcome(command)
        assert (port, msg.data) == ("out", {tag: value}), (tag, msg.data, msg.meta)
        assert msg.ref_id == command.id
        assert (msg.meta["write"], msg.meta["function"]) == ("confirmed", function), tag
        assert server.dump(table, address, len(items)) == items, tag
    assert gear.gear.writes_confirmed == len(commands)
    assert gear.err.outcomes == []


async def test_types_and_orders():
    async def written(peer, transport):
        link, server = serve(transport, (peer, 1))
        for wanted in places(peer):
            await write_all(link, server, wanted)

    await each(EACH_ONCE, written)


async def write_all(link, server, wanted):
    """The server encodes each value as well, elsewhere: it must hold the same in both places."""
    async with Polling(link, tag_lines("hr", wanted, ", writable: true")) as gear:
        command = gear.command({tag: VALUES[name][0] for tag, name, _, _ in wanted})
        for _, name, order, address in wanted:
            server.encode("hr", 500 + address, name, order, VALUES[name][0])
        outcomes = await gear.outcomes(command, len(wanted))
    assert [list(msg.data) for _, msg in outcomes] == [[tag] for tag, _, _, _ in wanted], "in order, one by one"
    assert {(port, msg.meta["write"]) for port, msg in outcomes} == {("out", "confirmed")}
    count = wanted[-1][3] - 10 + 1
    assert server.dump("hr", 10, count) == server.dump("hr", 510, count)


REFUSED = """
    x: {address: hr:1}
    beyond: {address: hr:2000, writable: true, readable: false}
    coil: {address: co:2000, writable: true, readable: false}
    limited: {address: hr:2, max: 100, writable: true}
    locked: {address: hr:950, writable: true}
"""


async def test_what_is_refused():
    async def refused(peer, transport):
        link, server = serve(transport, (peer, 1))
        cases = [("beyond", 1), ("coil", True)] + ([("locked", 1)] if peer == "pymodbus" else [])
        async with Polling(link, REFUSED) as gear:
            for tag, value in cases:
                command = gear.command({tag: value})
                port, msg = await gear.outcome(command)
                assert (port, msg.data, msg.meta["write"]) == ("err", {tag: value}, "refused")
                assert "illegal_address" in msg.meta["error"]
            for data in ({"limited": 101}, {"x": 1}, {"unheard": 1}, {"limited": 1, "x": 1}):
                command = gear.command(data)
                port, msg = await gear.outcome(command)
                assert (port, msg.data) == ("err", data)
            assert server.dump("hr", 1, 2) == [1, 2]
            assert (await gear.polled())["x"] == 1
            assert gear.gear.writes_confirmed == 0

    await each(EACH_ONCE, refused)


BROADCAST = """
    all: {address: hr:3, unit_id: 0, writable: true, readable: false}
    a: {address: hr:3, unit_id: 5}
    b: {address: hr:3, unit_id: 6}
"""


async def test_a_broadcast_is_accepted_and_arrives():
    link, *servers = serve("rtu", ("libmodbus", 5), ("libmodbus", 6))
    async with Polling(link, BROADCAST, every="300ms", timeout="100ms") as gear:
        command = gear.command({"all": 4321})
        port, msg = await gear.outcome(command)
        assert (port, msg.meta["write"], msg.data) == ("out", "accepted", {"all": 4321})
        assert [server.dump("hr", 3) for server in servers] == [[4321], [4321]]
        await gear.until(lambda: [msg.data for msg in gear.out.polls.values()] == [{"a": 4321}, {"b": 4321}])
