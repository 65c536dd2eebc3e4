"""Guaranteed wires under drawn outages, failures and power cuts, against a list of what was sent and became durable.

Everything runs on the real archive, on disks in RAM, under a virtual clock.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

import probes
import uns_bench
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fluxrig import registry
from fluxrig.errors import TransientError
from fluxrig.gear import Gear
from fluxrig.rack import Rack
from fluxrig_ports.memory import MemoryHost

OPTIONS = {"max_attempts": 2, "retry_min_ms": 50, "retry_max_ms": 400}
ARCHIVE = probes.settings(commit_ms=200, segment_bytes=2048)
WELL, AWAY = "well", "away"
ENOUGH = "RAM was to be enough for what the disk does not take"


class Moody(Gear):
    """Writes what it takes into `taken`, as its `mood` is. A poisonous message it refuses for good, part of a batch
    it may have taken by then."""

    mood = WELL
    taken: list[int]

    def init(self, ctx: Any) -> None:
        self.failing = 0

    def take(self, msg: Any) -> None:
        if Moody.mood == AWAY:
            raise TransientError("away")
        if msg.data["n"] in Moody.poison:
            raise ValueError("poison")
        Moody.taken.append(msg.data["n"])

    poison: frozenset[int] = frozenset()


class MoodyOne(Moody):
    def on_in(self, msg: Any) -> None:
        self.take(msg)


class MoodyBatch(Moody):
    deliver_batch = 5

    async def deliver_in(self, msgs: Sequence[Any]) -> None:
        for msg in msgs:
            self.take(msg)
            await self.ctx_clock.sleep_ms(1)

    def init(self, ctx: Any) -> None:
        super().init(ctx)
        self.ctx_clock = ctx.clock


registry.register("moody-one", __name__, "MoodyOne")
registry.register("moody-batch", __name__, "MoodyBatch")


class Plant:
    """A Rack with a source, a guaranteed wire and a consumer; what it sent, and what of that was durable."""

    def __init__(self, kind: str, correlator: bool):
        self.kind = kind
        self.correlator = correlator
        self.sent = 0
        self.unsure: list[int] = []  # sent by the present Rack
        self.durable: list[int] = []
        self.host = MemoryHost()
        self.rack: Any = None

    async def start(self) -> None:
        gears = [probes.gear("a", "source"), probes.gear("b", self.kind)]
        wires: list[Any] = [("a", "out", "b", "in", "guaranteed", OPTIONS)]
        if self.correlator:
            gears.insert(1, probes.gear("c", "correlator"))
            wires = [("a", "out", "c", "in"), ("c", "out", "b", "in", "guaranteed", OPTIONS)]
        self.rack = Rack(self.host, probes.rig(gears, wires, ARCHIVE))
        await self.rack.start()
        await self.pass_ms(0)

    async def pass_ms(self, ms: int) -> None:
        await self.host.clock.advance(ms)

    def send(self, count: int) -> None:
        for _ in range(count):
            probes.gear_of(self.rack, "a").emit({"n": self.sent})
            self.unsure.append(self.sent)
            self.sent += 1

    def note_durable(self) -> None:
        waiting = waiting_in(self.rack.archive)
        self.durable += [n for n in self.unsure if n not in waiting]
        self.unsure = []

    async def power_cut(self) -> None:
        assert not self.rack.archive.lost, ENOUGH
        self.note_durable()
        self.next_host()

    async def stop(self) -> None:
        assert not self.rack.archive.lost, ENOUGH
        await probes.stop(self.rack)
        self.note_durable()
        self.next_host()

    def next_host(self) -> None:
        host = MemoryHost(self.sent + 1)
        host.clock.step_wall(self.host.clock.wall_ns() - host.clock.wall_ns())
        for name, volume in self.host.volumes.items():
            host.volumes[name] = volume.cut()
        for _, task in self.rack.supervisor._running:
            task.cancel()
        self.host = host


def waiting_in(archive: Any) -> set[int]:
    """The values that are not durable."""
    return {n for entry in archive.entries for n in archive.outbox.message(entry).data.values() if isinstance(n, int)}


def set_disk(host: MemoryHost, works: bool) -> None:
    host.volumes["archive"].fail = None if works else TransientError("the disk does not work")


def first_times(values: Iterable[int]) -> list[int]:
    return list(dict.fromkeys(values))


STEP = st.one_of(
    st.tuples(st.just("send"), st.integers(1, 12)),
    st.tuples(st.just("pass"), st.sampled_from([1, 30, 150, 250, 1000])),
    st.tuples(st.just("mood"), st.sampled_from([WELL, AWAY])),
    st.tuples(st.just("disk"), st.booleans()),
    st.tuples(st.just("cut"), st.just(0)),
    st.tuples(st.just("stop"), st.just(0)),
)


@settings(max_examples=40)
@given(
    st.lists(STEP, max_size=14),
    st.sampled_from(["moody-one", "moody-batch"]),
    st.booleans(),
    st.sets(st.integers(0, 40), max_size=3),
)
@example([("send", 12), ("pass", 250), ("cut", 0)], "moody-batch", True, {3})
def test_whatever_happens_each_durable_message_arrives_in_order(
    steps: list[tuple[str, Any]], kind: str, correlator: bool, poison: set[int]
) -> None:
    async def run() -> None:
        Moody.mood, Moody.taken, Moody.poison = WELL, [], frozenset(poison)
        plant = Plant(kind, correlator)
        await plant.start()
        dead: int = 0
        for what, value in [*steps, ("disk", True), ("mood", WELL), ("pass", 70_000), ("stop", 0)]:
            if what == "send":
                plant.send(value)
            elif what == "pass":
                await plant.pass_ms(value)
            elif what == "mood":
                Moody.mood = value
            elif what == "disk":
                set_disk(plant.host, value)
            else:
                well = Moody.mood == WELL and not plant.rack.archive.volatile
                await (plant.power_cut() if what == "cut" else plant.stop())
                taken = set(Moody.taken)
                dead += plant.rack.stats()["wires"][plant.rack.guaranteed[0].name]["dead_letters"]
                Moody.taken.append(-1)
                await plant.start()
                if what == "stop" and well and not poison:
                    # What was delivered before an orderly stop was acknowledged durably.
                    await plant.pass_ms(1000)
                    again = set(Moody.taken[len(Moody.taken) - Moody.taken[::-1].index(-1) :])
                    assert not again & taken
        await plant.pass_ms(5000)
        expected = [n for n in plant.durable if n not in poison]
        got = [n for n in first_times(Moody.taken) if n >= 0]
        assert got == sorted(got)
        assert set(got) >= set(expected)
        if "disk" not in dict(steps):
            assert got == expected, "nothing goes on that is not durable"
        assert dead >= len(poison & set(plant.durable)), "given up, and said so"

    asyncio.run(run())


BROKER_STEP = st.one_of(
    st.tuples(st.just("send"), st.integers(1, 15)),
    st.tuples(st.just("pass"), st.sampled_from([1, 30, 150, 250, 1000, 3000])),
    st.tuples(st.just("down"), st.just(0)),
    st.tuples(st.just("up"), st.just(0)),
    st.tuples(st.just("lose"), st.just(0)),
    st.tuples(st.just("slow"), st.sampled_from([0, 5, 40, 400])),
    st.tuples(st.just("disk"), st.booleans()),
    st.tuples(st.just("cut"), st.just(0)),
)


class Namespace:
    """uns behind a correlator and a guaranteed wire, with two topics; and a broker that may be slow."""

    def __init__(self) -> None:
        self.bench = self._bench(None)
        self.sent: dict[str, list[int]] = {"p": [], "t": []}
        self.unsure: dict[str, list[int]] = {"p": [], "t": []}
        self.n = 0
        self.delay_ms = 0

    def _bench(self, after: Any) -> Any:
        changes = {"backlog_rate": 400, "timeout_ms": 300}
        bench = uns_bench.Bench(uns_bench.GUARANTEED, {"commit_count": 1000, "commit_ms": 100}, after, **changes)
        publish = bench.uns._mqtt.publish

        async def slow(*arguments: Any) -> None:
            if self.delay_ms:
                await bench.host.clock.sleep_ms(self.delay_ms)
            await publish(*arguments)

        bench.uns._mqtt.publish = slow
        return bench

    def send(self, count: int) -> None:
        for _ in range(count):
            tags = ("p", "t") if self.n % 3 == 0 else ("p",) if self.n % 3 == 1 else ("t",)
            self.bench.source.emit(dict.fromkeys(tags, self.n))
            for tag in tags:
                self.unsure[tag].append(self.n)
            self.n += 1

    def settle(self) -> None:
        """What was durable counts as sent; what was not is gone."""
        waiting = waiting_in(self.bench.rack.archive)
        for tag in self.sent:
            self.sent[tag] += [n for n in self.unsure[tag] if n not in waiting]
            self.unsure[tag] = []

    async def power_cut(self) -> None:
        self.settle()
        bench = self.bench
        for _, task in bench.rack.supervisor._running:
            task.cancel()
        await asyncio.sleep(0)
        for session in bench.broker.sessions[:]:
            bench.broker.lose(session)
        self.bench = self._bench(bench)
        await self.bench.start()


@settings(max_examples=40)
@given(st.lists(BROKER_STEP, max_size=16))
@example([("send", 15), ("down", 0), ("send", 15), ("pass", 3000), ("send", 3), ("up", 0), ("pass", 1000), ("cut", 0)])
@example([("slow", 400), ("send", 15), ("pass", 3000), ("send", 15), ("slow", 0)])
@example([("send", 11), ("down", 0), ("send", 6), ("disk", False), ("pass", 150)])
def test_the_namespace_is_complete_in_the_end_and_never_goes_back(steps: list[tuple[str, Any]]) -> None:
    async def run() -> None:
        space = Namespace()
        await space.bench.start()
        for what, value in [*steps, ("disk", True), ("slow", 0), ("up", 0), ("pass", 70_000)]:
            bench = space.bench
            if what == "send":
                space.send(value)
            elif what == "pass":
                await bench.pass_ms(value)
            elif what == "down":
                bench.broker.go_down()
            elif what == "up":
                bench.broker.up = True
            elif what == "lose" and bench.broker.sessions:
                bench.broker.lose(bench.broker.sessions[0])
            elif what == "disk":
                set_disk(bench.host, value)
            elif what == "slow":
                space.delay_ms = value
            elif what == "cut":
                await space.power_cut()
        space.settle()
        await space.bench.pass_ms(60_000)
        for tag, sent in space.sent.items():
            check(space.bench.published(f"acme/site/{tag}"), sent, "disk" not in dict(steps))
            if sent and "disk" not in dict(steps):
                assert space.bench.at(f"acme/site/{tag}")["v"] == sent[-1]
        assert space.bench.count("backlog") == 0

    asyncio.run(run())


def check(published: list[tuple[int, bool]], sent: list[int], disk_worked: bool) -> None:
    """Everything arrived, and while the disk works nothing else; what is retained never goes back; what came late came
    in order."""
    values = {value for value, _ in published}
    assert values == set(sent) if disk_worked else values >= set(sent)
    live = [value for value, retain in published if retain]
    assert live == sorted(live)
    seen: set[int] = set()
    late = []
    for value, retain in published:
        if value not in seen and not retain:
            late.append(value)
        seen.add(value)
    assert late == sorted(late)
