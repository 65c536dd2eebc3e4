"""mbpoll, a client that nobody here wrote, as a witness: it reads what we wrote, and we read what it wrote.

On both interpreters: see test_on_micropython.py. mbpoll takes the low word first, and with -B the high word.
"""

from tests.peers.polling import Polling
from tests.peers.wire import each, serve
from tests.ports.peer import ask

TAGS = """
    low-first: {address: hr:10, type: float32, order: CDAB, writable: true}
    high-first: {address: hr:12, type: float32, writable: true}
    count: {address: hr:14, type: int32, order: CDAB, writable: true}
    total: {address: hr:16, type: int32, writable: true}
    speed: {address: hr:18, type: int16, writable: true}
    on: {address: co:20, writable: true}
"""

OURS = {"low-first": 123.5, "high-first": -0.25, "count": -70000, "total": 1234567, "speed": 1500, "on": True}
THEIRS = {"low-first": -2.5, "high-first": 6789.25, "count": 987654, "total": -5, "speed": 321, "on": False}

PLACES = (
    ("low-first", ["-t", "4:float", "-r", "10"]),
    ("high-first", ["-t", "4:float", "-B", "-r", "12"]),
    ("count", ["-t", "4:int", "-r", "14"]),
    ("total", ["-t", "4:int", "-B", "-r", "16"]),
    ("speed", ["-t", "4", "-r", "18"]),
    ("on", ["-t", "0", "-r", "20"]),
)
"""(tag, where mbpoll finds it)."""

UNIT = 7


def mbpoll(link, arguments, *values):
    return ask("mbpoll", link, str(UNIT), arguments, [str(value) for value in values])


async def test_each_reads_what_the_other_wrote():
    async def witnessed(peer, transport):
        link, _ = serve(transport, (peer, UNIT))
        await write_ours(link)
        for tag, where in PLACES:
            assert [float(text) for text in mbpoll(link, where)] == [float(OURS[tag])], tag
            mbpoll(link, where, int(THEIRS[tag]) if tag == "on" else THEIRS[tag])
        await read_theirs(link)

    await each([(peer, transport) for peer in ("libmodbus", "pymodbus") for transport in ("tcp", "rtu")], witnessed)


async def write_ours(link):
    # Nothing may be under way at the end, whose answer mbpoll would take for its own.
    async with Polling(link, TAGS, unit_id=UNIT, every="1h") as gear:
        await gear.until(lambda: gear.out.polls)
        outcomes = await gear.outcomes(gear.command(OURS), len(OURS))
    assert [msg.meta["write"] for _, msg in outcomes] == ["confirmed"] * len(OURS)


async def read_theirs(link):
    async with Polling(link, TAGS.replace(", writable: true", ""), unit_id=UNIT) as gear:
        assert await gear.polled() == THEIRS
