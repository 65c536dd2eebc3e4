"""A guaranteed wire from gear `a` to a consumer `b`, for the tests of what it does."""

import asyncio

from fake_archive import FakeArchive
from probes import gear, id_of

from fluxrig.archive.guaranteed import GuaranteedWire
from fluxrig.bus import Station
from fluxrig.errors import TransientError
from fluxrig.gear import Context, Gear
from fluxrig.msg import FluxMsg
from fluxrig_ports.memory import MemoryHost

OPTIONS = {"max_attempts": 3, "retry_min_ms": 100, "retry_max_ms": 1000}


class Consumer(Gear):
    """Fails as `failures` says, {n: "tww"}: for message n with a transient error first, then twice with a real one,
    then no more. `calls` has what it was handed."""

    def __init__(self, failures=None):
        self.failures = failures or {}
        self.calls = []
        self.got = []

    def take(self, msg):
        n = msg.data["n"]
        failures = self.failures.get(n)
        if failures:
            self.failures[n] = failures[1:]
            raise TransientError("away") if failures[0] == "t" else ValueError("broken")
        self.got.append(n)


class ByOne(Consumer):
    def on_in(self, msg):
        self.calls.append(msg.data["n"])
        self.take(msg)


class Batches(Consumer):
    deliver_batch = 4

    async def deliver_in(self, msgs):
        self.calls.append([msg.data["n"] for msg in msgs])
        for msg in msgs:
            self.take(msg)


class Watching(Batches):
    def __init__(self, failures=None):
        super().__init__(failures)
        self.seen = []

    def preview_in(self, msg):
        self.seen.append(msg.data["n"])


class Recalling(Watching):
    async def recall_in(self, survey):
        self.seen.append("recall")
        await survey(self.preview_in)
        self.seen.append("end")


class Archiving(Gear):
    archives = True


class Bench:
    """A wire from gear `a` to `consumer`, on a FakeArchive and a virtual clock. It stands for the Rack of both."""

    machine_id = "m"

    def __init__(
        self, consumer, archive=None, on_error="drop", source_error="drop", source=Gear, output="out", **changes
    ):
        self.host = MemoryHost()
        self.archive = archive or FakeArchive()
        self.consumer = consumer
        self.source = Station("a", source(), source_error, self.host.log)
        self.target = Station("b", consumer, on_error, self.host.log)
        ends = [Context(self, station, gear(station.name, "any")) for station in (self.source, self.target)]
        self.wire = GuaranteedWire(ends[0], output, ends[1], "in", dict(OPTIONS, **changes))
        assert self.wire.inlet is not None, "it is the only one of its output"
        self.inlet = self.wire.inlet
        self.task: asyncio.Task  # that of the pump, from `start` on

    async def start(self):
        self.task = asyncio.create_task(self.wire.run())
        await self.pass_ms(0)
        return self

    async def pass_ms(self, ms):
        await self.host.clock.advance(ms)

    async def crash(self):
        """End the pump where it stands."""
        self.task.cancel()
        try:
            await self.task
        except asyncio.CancelledError:
            pass

    def send(self, *numbers):
        for n in numbers:
            self.inlet.deliver(message(n))

    def stat(self, *names):
        stats = self.wire.stats()
        return [stats[name] for name in names]


def message(n, meta=None):
    meta = dict(meta or {}, **{"machine.id": "m"})
    return FluxMsg(b"%016d" % n, "0" * 32, id_of("a"), meta, {"n": n}, n, path=((id_of("a"), id_of("x"), 1),))
