"""Gears that tests put round the one under test, and the compiled rig that holds them."""

from fluxrig import registry
from fluxrig.errors import TransientError
from fluxrig.gear import Gear


class Source(Gear):
    """Emits what a test tells it to. With `every_ms` it also counts by itself: data {"n": 0}, {"n": 1}, …"""

    def init(self, ctx):
        self.ctx = ctx
        self.meta = ctx.meta({})
        self.n = 0
        every_ms = ctx.config.get("every_ms")
        if every_ms:
            self._ticker = ctx.ticker("count", every_ms, ctx.config.get("phase_ms", 0))
            ctx.spawn("count", self._count)

    def emit(self, data, meta=None, ts=None):
        msg = self.ctx.message(data, self.meta if meta is None else self.ctx.meta(meta), ts=ts)
        self.out(msg)
        return msg

    async def _count(self):
        while True:
            await self._ticker.tick()
            self.emit({"n": self.n})
            self.n += 1


class Sink(Gear):
    """Keeps what it gets."""

    def init(self, ctx):
        self.got = []

    def on_in(self, msg):
        self.got.append(msg)


class Away(Gear):
    """A consumer that is not there until `away` is false. `got` has the n of what it took."""

    def init(self, ctx):
        self.away = True
        self.got = []

    async def deliver_in(self, msgs):
        if self.away:
            raise TransientError("away")
        self.got += [msg.data["n"] for msg in msgs if "n" in msg.data]


class Picky(Gear):
    """Passes messages on, and fails on those whose `n` is odd."""

    def init(self, ctx):
        pass

    def on_in(self, msg):
        if msg.data["n"] % 2:
            raise ValueError("odd")
        self.out(msg)


registry.register("source", "probes", "Source")
registry.register("sink", "probes", "Sink")
registry.register("away", "probes", "Away")
registry.register("picky", "probes", "Picky")


def gear(name, type_name, config=None, on_error="drop", outputs=("out", "err")):
    """One entry of a compiled rig. The ids are made from the names, so that tests can tell them."""
    return {
        "name": name,
        "type": type_name,
        "id": id_of(name),
        "config": config or {},
        "on_error": on_error,
        "outputs": {port: id_of(name + "." + port) for port in outputs},
    }


def id_of(name):
    """16 bytes that read as the name."""
    return (name.encode() + bytes(16))[:16]


def rig(gears, wires, archive=None):
    """A compiled rig: `wires` are (from name, from port, to name, to port) of gears in flow order.

    A hot wire ends there; a guaranteed one goes on with "guaranteed" and its options. `archive` are the settings of the
    archive, as `settings` makes them, where the rig has one.
    """
    index = {entry["name"]: position for position, entry in enumerate(gears)}
    compiled = {
        "rig": "test",
        "version": "1",
        "rack": "bench",
        "machine": "machine-1",
        "gears": gears,
        "wires": [
            (index[wire[0]], wire[1], index[wire[2]]) + (wire[3:] if wire[4:] else (wire[3], "hot")) for wire in wires
        ],
    }
    if archive is not None:
        compiled["archive"] = archive
    return compiled


def settings(**changed):
    """The settings of an archive in a compiled rig: small, and a group a second."""
    values = {
        "keep_ms": 0,
        "max_bytes": 1 << 20,
        "policy": "drop_oldest_sent",
        "segment_bytes": 1 << 16,
        "commit_ms": 1000,
        "commit_bytes": 1 << 16,
        "commit_count": 1000,
        "checkpoint_ms": 3_600_000,
        "ram_bytes": 1 << 16,
    }
    assert all([key in values for key in changed])
    values.update(changed)
    return values


def chain(*gears, archive=None):
    """A rig whose gears follow one another, `out` to `in`."""
    wires = [(a["name"], "out", b["name"], "in") for a, b in zip(gears, gears[1:])]
    return rig(list(gears), wires, archive)


def gear_of(rack, name):
    """The running Gear called `name`."""
    return rack.station(name).gear


def counted(rack):
    """What the only line of a Rack has counted: {name: count}."""
    (counters,) = rack.stats()["lines"].values()
    return counters


async def stop(rack):
    """Stop a Rack that runs on a virtual clock."""
    import asyncio

    task = asyncio.create_task(rack.stop())
    await rack.host.clock.advance(10 * rack.DRAIN_MS)
    await task
