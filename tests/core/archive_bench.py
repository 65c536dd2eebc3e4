"""A Rack with a source, a correlator and a sink, on an archive in RAM that a test can spoil."""

from journal_reading import read_journal
from probes import chain, gear, gear_of, rig, settings, stop

from fluxrig import stats, wiring
from fluxrig.archive import archive as archiving
from fluxrig.archive import opening
from fluxrig.codec import Codec
from fluxrig.gears.correlator import correlator as archiver
from fluxrig.journal import recovery, removal
from fluxrig.rack import Rack
from fluxrig_ports.memory import MemoryHost, MemoryVolume

LOADED = (stats, wiring, archiving, opening, archiver, recovery, removal)
"""What a Rack would import in the first test, loaded while the heap is in one piece."""

PORTS = ("out", "joined", "diff", "parity", "checkpoint", "err")


def correlator(name="archive", config=None, on_error="drop"):
    return gear(name, "correlator", config, on_error, PORTS)


class Bench:
    """`volume` is the archive's, `got` what left the correlator, `values` the n of that. A new Bench on
    `bench.volume.cut()` is the next life after a power cut."""

    def __init__(self, volume=None, host=None, compiled=None, **changed):
        self.host = host or MemoryHost()
        self.volume = self.host.volumes["archive"] = volume or MemoryVolume()
        self.dead: MemoryVolume | None = None  # of the dead letters, where a test looks at them
        self.clock = self.host.clock
        if compiled is None:
            compiled = chain(gear("a", "source"), correlator(), gear("s", "sink"), archive=settings(**changed))
        self.rack = Rack(self.host, compiled)
        self.archive = self.rack.archive
        self.source = gear_of(self.rack, "a")
        self.sink = gear_of(self.rack, "s")
        self.n = 0

    async def start(self):
        await self.rack.start()
        return self

    async def stop(self):
        await stop(self.rack)

    def send(self, count=1, **data):
        """Send messages {"n": 0}, {"n": 1}, …"""
        for _ in range(count):
            data["n"] = self.n
            self.source.emit(dict(data))
            self.n += 1

    async def wait(self, ms):
        await self.clock.advance(ms)

    @property
    def got(self):
        return self.sink.got

    @property
    def values(self):
        return [msg.data["n"] for msg in self.sink.got if "n" in msg.data]

    def stats(self):
        return self.rack.stats()["archive"]

    def medium(self):
        """What an independent reader finds, now."""
        return read_journal(self.volume.files)

    def said(self, level="error"):
        return [text for each, who, text in self.host.logged if each == level]


def messages(found):
    """The messages of a `Found` in the order of positions, one at a time: a heap of 128 KiB does not hold all."""
    codec = Codec()
    for position in sorted(found.records):
        yield codec.decode(found.records[position])


def numbers(found):
    """The n of what is on the medium, in the order of positions, without notes of the archive and checkpoints."""
    return [msg.data["n"] for msg in messages(found) if "n" in msg.data]


def notes(found, event=None):
    """[(event, data)] of the notes of the archive about itself, in the order of positions."""
    told = []
    for msg in messages(found):
        if "archive.event" in msg.meta and event in (None, msg.meta["archive.event"]):
            told.append((msg.meta["archive.event"], msg.data))
    return told


def check_marks(found, msgs):
    """Whether the positions and heads in the meta of durable `msgs` are those on the medium."""
    heads = {}
    previous = 0
    for position, head, _ in found.links:
        for each in range(previous + 1, position + 1):
            heads[each] = head
        previous = max(previous, position)
    codec = Codec()
    for msg in msgs:
        position = int(msg.meta["archive.pos"])
        assert codec.decode(found.records[position]).id == msg.id, position
        assert msg.meta["archive.head"] == heads[position].hex(), position


__all__ = [
    "Bench",
    "chain",
    "check_marks",
    "correlator",
    "gear",
    "gear_of",
    "messages",
    "notes",
    "numbers",
    "rig",
    "settings",
]
