import asyncio

from expect import raises, raises_async
from probes import chain, gear, gear_of, rig, stop

from fluxrig import registry
from fluxrig.errors import LocalError, TransientError
from fluxrig.gear import Gear
from fluxrig.rack import Rack
from fluxrig_ports.memory import MemoryHost

LOG: list = []


class Noted(Gear):
    """Writes its life down in LOG. Config: {"start": None | "fail" | "hang", "drain": None | "hang"}."""

    def init(self, ctx):
        self.ctx = ctx

    def on_in(self, msg):
        pass

    async def start(self):
        await self._step("start")

    async def drain(self):
        await self._step("drain")

    async def stop(self):
        await self._step("stop")

    async def _step(self, step):
        LOG.append(step + " " + self.ctx.name)
        what = self.ctx.config.get(step)
        if what == "fail":
            raise LocalError("cannot")
        if what == "hang":
            await asyncio.Event().wait()


class Flaky(Gear):
    """A task that fails `fails` times with `error`, then counts as well."""

    error: type = TransientError

    def init(self, ctx):
        self.runs = []
        self._clock = ctx.clock
        self._fails = ctx.config["fails"]
        ctx.spawn("work", self._work)

    async def _work(self):
        self.runs.append(self._clock.wall_ns() // 1_000_000)
        if len(self.runs) <= self._fails:
            raise self.error("not yet")


class Broken(Flaky):
    error = ValueError


class Interrupted(Flaky):
    """Its first run waits for a helper that is cancelled under it."""

    async def _work(self):
        self.runs.append(self._clock.wall_ns() // 1_000_000)
        if len(self.runs) == 1:
            helper = asyncio.create_task(asyncio.Event().wait())
            await asyncio.sleep(0)
            helper.cancel()
            await helper


class Stubborn(Gear):
    """A task whose cleanup never ends."""

    def init(self, ctx):
        ctx.spawn("work", self._work)

    async def _work(self):
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.Event().wait()


registry.register("interrupted", "test_rack", "Interrupted")
registry.register("stubborn", "test_rack", "Stubborn")
registry.register("noted", "test_rack", "Noted")
registry.register("flaky", "test_rack", "Flaky")
registry.register("broken", "test_rack", "Broken")


def noted(*configs):
    LOG.clear()
    names = ["a", "b", "c"]
    return chain(*[gear(name, "noted", config) for name, config in zip(names, configs)])


async def test_receivers_start_first_and_sources_stop_first():
    rack = Rack(MemoryHost(), noted({}, {}, {}))
    await rack.start()
    await stop(rack)
    assert LOG == [
        "start c", "start b", "start a",
        "drain a", "drain b", "drain c",
        "stop a", "stop b", "stop c",
    ]  # fmt: skip


async def test_a_gear_that_cannot_start_refuses_the_rack_and_the_others_are_stopped():
    rack = Rack(MemoryHost(), noted({}, {"start": "fail"}, {}))
    starting = asyncio.create_task(rack.start())
    await rack.host.clock.advance(60_000)
    error = await raises_async(LocalError, starting)
    assert str(error) == "gear 'b': it did not start: cannot"
    assert LOG == ["start c", "start b", "drain c", "stop c"]


async def test_a_start_that_is_cancelled_stops_what_had_started():
    rack = Rack(MemoryHost(), noted({}, {"start": "hang"}, {}))
    until = asyncio.create_task(asyncio.Event().wait())
    running = asyncio.create_task(rack.run(until))
    await rack.host.clock.advance(100)
    running.cancel()
    await rack.host.clock.advance(100)
    assert running.done()
    until.cancel()
    assert LOG == ["start c", "start b", "drain c", "stop c"]


def test_a_config_that_does_not_fit_refuses_the_rig_and_names_the_gear():
    error = raises(LocalError, Rack, MemoryHost(), rig([gear("f", "flaky", {})], []))
    assert "gear 'f'" in str(error) and "fails" in str(error)


async def test_a_gear_that_hangs_while_draining_is_given_up_and_said():
    rack = Rack(MemoryHost(), noted({}, {"drain": "hang"}, {}))
    await rack.start()
    await stop(rack)
    assert "stop b" in LOG and "stop c" in LOG
    assert [who for level, who, text in rack.host.logged if "drain: timed out" in text] == ["b"]


async def flaky(type_name, fails, on_error, total_ms):
    host = MemoryHost()
    rack = Rack(host, rig([gear("f", type_name, {"fails": fails}, on_error)], []))
    await rack.start()
    start = host.clock.wall_ns() // 1_000_000
    await host.clock.advance(total_ms)
    return rack, [ms - start for ms in gear_of(rack, "f").runs]


async def test_a_failing_task_is_restarted_with_doubling_back_off():
    rack, runs = await flaky("flaky", 4, "drop", 60_000)
    assert runs == [0, 500, 1500, 3500, 7500]
    assert rack.supervisor.restarts == 4


async def test_the_back_off_is_bounded():
    rack, runs = await flaky("flaky", 1000, "drop", 3_600_000)
    gaps = [b - a for a, b in zip(runs, runs[1:])]
    assert max(gaps) == rack.supervisor.RESTART_MAX_MS
    assert gaps[-1] == rack.supervisor.RESTART_MAX_MS


async def test_on_error_kill_ends_the_gear_at_its_first_real_failure_only():
    rack, runs = await flaky("broken", 1, "kill", 60_000)
    assert runs == [0]
    assert not rack.stats()["gears"]["f"]["alive"]
    rack, runs = await flaky("flaky", 1, "kill", 60_000)
    assert runs == [0, 500], "a transient error is no reason to end"


async def test_work_that_is_cancelled_under_the_supervisor_is_a_failure_like_any_other():
    rack, runs = await flaky("interrupted", 0, "drop", 60_000)
    assert runs == [0, 500]
    assert rack.supervisor.restarts == 1
    assert any("cancelled" in text for _, _, text in rack.host.logged)


async def test_a_task_that_does_not_end_is_given_up_and_said():
    rack = Rack(MemoryHost(), rig([gear("s", "stubborn")], []))
    await rack.start()
    await stop(rack)
    assert any("ending the tasks: timed out" in text for _, _, text in rack.host.logged)


async def test_a_killed_gear_is_released_at_once_and_only_once():
    rack = Rack(MemoryHost(), noted({}, {}))
    await rack.start()
    LOG.clear()
    rack.station("b").kill()
    await rack.host.clock.advance(10)
    assert LOG == ["stop b"]
    await stop(rack)
    assert LOG == ["stop b", "drain a", "stop a"]


async def test_a_killed_gear_does_no_more_work():
    host = MemoryHost()
    rack = Rack(host, rig([gear("a", "source", {"every_ms": 100}), gear("s", "sink")], [("a", "out", "s", "in")]))
    await rack.start()
    await host.clock.advance(250)
    rack.station("a").kill()
    await host.clock.advance(1_000)
    assert [msg.data["n"] for msg in gear_of(rack, "s").got] == [0, 1, 2]
    await stop(rack)


async def test_an_unexpected_failure_is_logged_with_its_traceback():
    rack, _ = await flaky("broken", 1, "drop", 1_000)
    assert any("ValueError: not yet" in text for _, _, text in rack.host.logged)


async def one_run(seed):
    host = MemoryHost(seed)
    rack = Rack(host, chain(gear("a", "source", {"every_ms": 70}), gear("b", "sink")))
    await rack.start()
    await host.clock.advance(1_000)
    await stop(rack)
    return [(msg.id, msg.ts, msg.data["n"]) for msg in gear_of(rack, "b").got]


async def test_the_same_seed_gives_the_same_messages():
    first, again, other = await one_run(1), await one_run(1), await one_run(2)
    assert len(first) >= 15
    assert first == again
    assert [ts for _, ts, _ in first] == [ts for _, ts, _ in other]
    assert [i for i, _, _ in first] != [i for i, _, _ in other]


async def test_stats_tell_what_ran():
    host = MemoryHost()
    rack = Rack(host, chain(gear("a", "source", {"every_ms": 100}), gear("b", "picky"), gear("c", "sink")))
    await rack.start()
    await host.clock.advance(1_000)
    stats = rack.stats()
    assert stats["gears"]["b"]["in"] == 11
    assert (stats["gears"]["b"]["errors"], stats["gears"]["c"]["in"]) == (5, 6)
    assert stats["tickers"]["a.count"]["ticks"] == 11
    assert (stats["missed"], stats["restarts"]) == (0, 0)
