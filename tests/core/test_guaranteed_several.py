"""Several guaranteed wires of one Rack: from one output, and one behind the other."""

import asyncio

from journal_reading import read_journal
from probes import gear, gear_of, rig, settings, stop

from fluxrig import registry
from fluxrig.errors import TransientError
from fluxrig.gear import Gear
from fluxrig.host import Appender
from fluxrig.rack import Rack
from fluxrig_ports.memory import MemoryHost, MemoryVolume

OPTIONS = {"max_attempts": 2, "retry_min_ms": 100, "retry_max_ms": 1000}
GUARANTEED = ("guaranteed", OPTIONS)


class Step(Gear):
    """Passes messages on, when it is not `away`."""

    away = False

    def init(self, ctx):
        pass

    def on_in(self, msg):
        if self.away:
            raise TransientError("not now")
        self.out(msg)


class SlowVolume(MemoryVolume):
    """Each append takes `ms` of `clock`."""

    def __init__(self, clock):
        super().__init__()
        self.clock = clock
        self.ms = 100

    async def create(self, name, reserve):
        return SlowAppender(self, await super().create(name, reserve))


class SlowAppender(Appender):
    def __init__(self, volume, appender):
        self._volume = volume
        self._appender = appender

    async def append(self, pieces):
        await self._volume.clock.sleep_ms(self._volume.ms)
        await self._appender.append(pieces)

    async def close(self):
        await self._appender.close()


registry.register("step", "test_guaranteed_several", "Step")


def rack_of(gears, wires, host=None, **changed):
    return Rack(host or MemoryHost(), rig(gears, wires, settings(**changed)))


def content(rack):
    """The values of `n` on the medium, in the order of positions."""
    found = read_journal(rack.host.volumes["archive"].files)
    codec = rack.host.codec(None)
    return [codec.decode(found.records[position]).data["n"] for position in sorted(found.records)]


async def test_wires_from_one_output_share_what_is_archived_for_them():
    gears = [gear("a", "source"), gear("b", "away"), gear("c", "away")]
    rack = rack_of(gears, [("a", "out", "b", "in") + GUARANTEED, ("a", "out", "c", "in") + GUARANTEED])
    one, other = gear_of(rack, "b"), gear_of(rack, "c")
    one.away = False
    await rack.start()
    for n in range(5):
        gear_of(rack, "a").emit({"n": n})
        await rack.host.clock.advance(500)
    await rack.host.clock.advance(2000)
    assert content(rack) == one.got == list(range(5)) and other.got == []
    other.away = False
    await rack.host.clock.advance(2000)
    assert one.got == other.got == list(range(5))
    wires = rack.stats()["wires"]
    assert [wires[name]["delivered"] for name in ("a.out -> b.in", "a.out -> c.in")] == [5, 5]
    await stop(rack)


async def test_a_wire_behind_a_wire_waits_for_the_disk_and_loses_nothing():
    gears = [gear("a", "source"), gear("f", "step"), gear("b", "away")]
    wires = [("a", "out", "f", "in") + GUARANTEED, ("f", "out", "b", "in") + GUARANTEED]
    host = MemoryHost()
    host.volumes["archive"] = volume = SlowVolume(host.clock)
    rack = rack_of(gears, wires, host, ram_bytes=1500, commit_bytes=700, commit_ms=200)
    step, consumer = gear_of(rack, "f"), gear_of(rack, "b")
    step.away, consumer.away = True, False
    starting = asyncio.create_task(rack.start())
    await rack.host.clock.advance(1000)
    await starting
    for n in range(16):
        gear_of(rack, "a").emit({"n": n})
        await rack.host.clock.advance(400)
    step.away = False
    await rack.host.clock.advance(60_000)
    assert consumer.got == list(range(16))
    stats = rack.stats()["archive"]
    assert not stats["lost"] and not rack.archive.volatile
    assert [each for each in rack.host.logged if each[0] == "error"] == []
    volume.ms = 0
    await stop(rack)
