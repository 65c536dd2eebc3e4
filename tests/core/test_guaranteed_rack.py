"""Guaranteed wires of a Rack, on its real archive."""

from probes import chain, gear, gear_of, rig, settings, stop

from fluxrig import registry
from fluxrig.errors import TransientError
from fluxrig.gear import Gear
from fluxrig.rack import Rack
from fluxrig_ports.memory import MemoryHost

OPTIONS = {"max_attempts": 2, "retry_min_ms": 100, "retry_max_ms": 1000}
NAME = "a.out -> b.in"


class Moody(Gear):
    """Takes messages when it is well, for all of its kind; never one whose `n` is 13."""

    well = True

    def init(self, ctx):
        self.got = []
        self.sizes = []  # of what it was handed

    async def deliver_in(self, msgs):
        self.sizes.append(len(msgs))
        if not Moody.well:
            raise TransientError("not now")
        if 13 in [msg.data["n"] for msg in msgs]:
            raise ValueError("13")
        self.got += msgs


class Watcher(Gear):
    """Says what it is shown, and what it is given."""

    def init(self, ctx):
        self.log = []

    def preview_in(self, msg):
        self.log.append(("shown", msg.data["n"]))

    async def deliver_in(self, msgs):
        self.log += [("given", msg.data["n"]) for msg in msgs]


registry.register("moody", "test_guaranteed_rack", "Moody")
registry.register("watcher", "test_guaranteed_rack", "Watcher")


class Bench:
    """A Rack with source `a` and consumer `b` between which is a guaranteed wire, on the disks of `after` if given."""

    def __init__(self, consumer="moody", after=None, on_error="drop", **changes):
        Moody.well = True
        gears = [gear("a", "source"), gear("b", consumer, on_error=on_error)]
        self.host = MemoryHost(0 if after is None else 1)
        for name in ("archive", "dead-letter"):
            if after is not None and name in after.host.volumes:
                self.host.volumes[name] = after.host.volumes[name].cut()
        wires = [("a", "out", "b", "in", "guaranteed", OPTIONS)]
        self.rack = Rack(self.host, rig(gears, wires, settings(**changes)))
        self.consumer = gear_of(self.rack, "b")

    async def start(self):
        await self.rack.start()
        await self.pass_ms(0)
        return self

    async def pass_ms(self, ms):
        await self.host.clock.advance(ms)

    def send(self, *numbers):
        for n in numbers:
            gear_of(self.rack, "a").emit({"n": n})

    def got(self):
        return [msg.data["n"] for msg in self.consumer.got]

    def wire(self):
        return self.rack.stats()["wires"][NAME]


async def test_what_a_gear_sends_is_archived_and_then_delivered():
    for consumer in ("sink", "moody"):
        bench = await Bench(consumer).start()
        bench.send(1, 2, 3)
        await bench.pass_ms(900)
        assert bench.got() == [], "not durable yet"
        await bench.pass_ms(200)
        assert bench.got() == [1, 2, 3]
        assert [msg.meta["archive.pos"] for msg in bench.consumer.got] == ["1", "2", "3"]
        assert len(bench.consumer.got[0].path) == 2
        assert bench.wire()["delivered"] == bench.rack.stats()["gears"]["b"]["in"] == 3


async def test_after_a_power_cut_it_goes_on_where_the_consumer_was():
    bench = await Bench().start()
    bench.send(1, 2)
    await bench.pass_ms(3000)
    Moody.well = False
    bench.send(3, 4)
    await bench.pass_ms(3000)
    bench.send(5)  # never durable
    after = await Bench(after=bench).start()
    after.send(6)
    await after.pass_ms(3000)
    assert (bench.got(), after.got()) == ([1, 2], [3, 4, 6])


async def test_a_stop_delivers_what_came_and_remembers_it():
    bench = await Bench().start()
    bench.send(1, 2)
    await stop(bench.rack)
    assert bench.got() == [1, 2]
    after = await Bench(after=bench).start()
    await after.pass_ms(3000)
    assert after.got() == []


async def test_a_stop_while_the_consumer_is_away_loses_nothing():
    bench = await Bench().start()
    Moody.well = False
    bench.send(1, 2)
    await stop(bench.rack)
    after = await Bench(after=bench).start()
    await after.pass_ms(3000)
    assert after.got() == [1, 2]


async def test_what_is_refused_again_and_again_is_in_the_dead_letter_journal():
    bench = await Bench().start()
    bench.send(12, 13, 14)
    await bench.pass_ms(5000)
    assert bench.got() == [12, 14]
    assert (bench.wire()["dead_letters"], bench.wire()["attempts"]) == (1, 3)
    name = sorted(each for each in bench.host.volumes["dead-letter"].files if each.endswith(".seg"))[0]
    found = bytes(bench.host.volumes["dead-letter"].files[name])
    assert b"ValueError: 13" in found and NAME.encode() in found


async def test_a_killed_consumer_gets_the_rest_after_the_next_start():
    bench = await Bench(on_error="kill").start()
    bench.send(1)
    await bench.pass_ms(2000)
    bench.send(12, 13, 14)
    await bench.pass_ms(5000)
    assert not bench.rack.stats()["gears"]["b"]["alive"] and bench.got() == [1]
    bench.send(15)
    await bench.pass_ms(2000)
    await stop(bench.rack)
    after = await Bench(after=bench).start()
    await after.pass_ms(20_000)
    assert after.got() == [12, 14, 15]


async def test_while_the_disk_is_away_messages_go_on_and_come_once():
    bench = await Bench(ram_bytes=1 << 14).start()
    bench.send(1)
    await bench.pass_ms(2000)
    bench.host.volumes["archive"].fail = TransientError("no answer")
    bench.send(2, 3)
    await bench.pass_ms(2000)
    bench.send(4)
    await bench.pass_ms(100)
    assert bench.got() == [1, 2, 3, 4]
    assert ["archive.volatile" in msg.meta for msg in bench.consumer.got] == [False, True, True, True]
    bench.host.volumes["archive"].fail = None
    await bench.pass_ms(120_000)
    assert bench.got() == [1, 2, 3, 4]
    after = await Bench(after=bench).start()
    await after.pass_ms(3000)
    assert after.got() == []


async def test_what_became_durable_at_different_times_is_delivered_together():
    bench = await Bench(commit_count=1).start()
    Moody.well = False
    for n in range(12):
        bench.send(n)
        await bench.pass_ms(10)
    assert bench.rack.stats()["archive"]["groups"] >= 12
    Moody.well = True
    bench.consumer.sizes = []
    await bench.pass_ms(1000)
    assert (bench.got(), bench.consumer.sizes) == (list(range(12)), [12])


async def test_a_disk_that_cannot_be_read_on_loses_nothing_of_what_was_read():
    bench = await Bench(commit_count=1).start()
    Moody.well = False
    for n in range(12):
        bench.send(n)
        await bench.pass_ms(10)
    Moody.well = True
    volume = bench.host.volumes["archive"]
    read, reads = volume.read, []

    async def fails_in_between(*arguments):
        reads.append(arguments)
        if len(reads) in (2, 3, 5):
            raise TransientError("cannot be read")
        return await read(*arguments)

    volume.read = fails_in_between
    await bench.pass_ms(20_000)
    assert len(reads) >= 5 and bench.got() == list(range(12))


async def test_behind_a_correlator_the_archive_has_one_copy_of_each():
    gears = [gear("a", "source"), gear("c", "correlator", {}, outputs=("out", "checkpoint", "err")), gear("b", "moody")]
    wires = [("a", "out", "c", "in"), ("c", "out", "b", "in", "guaranteed", OPTIONS)]
    Moody.well = True
    rack = Rack(MemoryHost(), rig(gears, wires, settings()))
    await rack.start()
    for n in range(3):
        gear_of(rack, "a").emit({"n": n})
    await rack.host.clock.advance(3000)
    assert [msg.data["n"] for msg in gear_of(rack, "b").got] == [0, 1, 2]
    assert rack.stats()["archive"]["archived"] == 3
    await stop(rack)


async def test_a_rack_without_guaranteed_wires_has_none_in_its_stats():
    assert "wires" not in Rack(MemoryHost(), chain(gear("a", "source"), gear("b", "sink"))).stats()


async def test_what_waits_is_shown_before_it_is_given_also_when_the_disk_was_away_at_the_start():
    first = await Bench().start()
    Moody.well = False
    first.send(*range(5))
    await first.pass_ms(1100)
    await first.rack.supervisor.end(1)
    bench = Bench("watcher", first)
    volume = bench.host.volumes["archive"]
    volume.fail_reads = TransientError("input/output error")
    await bench.start()
    bench.send(5)
    await bench.pass_ms(500)
    assert bench.consumer.log == [("shown", 5), ("given", 5)], "it is volatile"
    volume.fail_reads = None
    await bench.pass_ms(60_000)
    waited = list(range(5))
    assert bench.consumer.log[2:] == [("shown", n) for n in waited] + [("given", n) for n in waited]
    assert bench.wire()["pending"] == 0
    await stop(bench.rack)
