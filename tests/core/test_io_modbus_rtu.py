"""The Gear on a serial line: several units, silences, dead neighbours."""

from modbus_bench import EVERY_MS, poll
from modbus_device import Plant, Unit
from modbus_serial import bench_of, good, serial, tag_block, two_polls
from probes import counted, gear, gear_of, rig, stop

from fluxrig.rack import Rack
from fluxrig_ports.memory import MemoryHost


async def test_units_on_one_line_are_polled_in_turn():
    bench = await bench_of(serial(two_polls())).run(1000)
    assert [msg.data for msg in bench.of("one")] == [{"a0": 10, "a1": 11}] * 11
    assert [msg.data for msg in bench.of("two")] == [{"b0": 20, "b1": 21}] * 10
    assert {msg.meta["unit_id"] for msg in bench.of("two")} == {"2"}
    assert bench.plant.connections == 1


async def test_between_frames_the_line_is_silent_for_three_and_a_half_characters():
    bench = bench_of(serial([poll("one", [tag_block("a"), tag_block("c", 1)], unit_id=1)]))
    times = []
    serve = bench.plant._answer

    async def answer(unit_id, pdu):
        times.append(bench.host.clock.wall_ns())
        return await serve(unit_id, pdu)

    bench.plant._answer = answer
    await bench.run(2 * EVERY_MS - 1)
    gaps = [(later - earlier) // 1000 for earlier, later in zip(times, times[1:])]
    assert gaps[0] == gaps[2] == 2006, "after an answer, before the next request"


async def test_a_dead_unit_costs_its_neighbour_one_timeout_for_each_attempt():
    bench = bench_of(serial(two_polls()))
    bench.units[2].always = "silent"
    await bench.run(2500)
    assert good(bench, "one") == len(bench.of("one")) == 26, "the neighbour keeps its rate"
    assert {frozenset(quality) for quality in bench.qualities("two")} == {frozenset({"bad:timeout"})}
    # At the polls that follow the end of each pause, each timeout being 39 ms: 40 +150 240 +300 640 +600 1340 2040.
    assert len(bench.units[2].requests) == 5
    assert bench.rack.stats()["missed"] == 0
    bench.units[2].always = None
    await bench.run(700)
    assert bench.qualities("two")[-1] == {"good"}, "and again, and again, until it answers"


async def test_a_dead_unit_is_asked_one_request_at_each_attempt_however_many_it_has():
    polls = two_polls()
    polls[1]["requests"] = [tag_block("b", 1, address) for address in range(5)]
    bench = bench_of(serial(polls))
    bench.units[2].always = "silent"
    await bench.run(150)
    assert len(bench.units[2].requests) == 1


async def test_two_gears_on_one_line_share_it_and_it_outlives_the_one_that_is_killed():
    first = gear("plc", "io_modbus", serial([two_polls()[0]]))
    second = gear("meter", "io_modbus", serial([two_polls()[1]]))
    host = MemoryHost(seed=1)
    plant = Plant(host, {1: Unit({0: 10, 1: 11}), 2: Unit({0: 20, 1: 21})})
    wires = [("plc", "out", "sink", "in"), ("meter", "out", "sink", "in")]
    rack = Rack(host, rig([first, second, gear("sink", "sink")], wires))
    await rack.start()
    await host.clock.advance(500)
    got = gear_of(rack, "sink").got
    assert len(got) == 11 and {msg.quality(tag) for msg in got for tag in msg.data} == {"good"}
    assert plant.connections == 1, "a second opener would have found the line busy"
    rack.station("plc").kill()
    got.clear()
    await host.clock.advance(500)
    good = [msg for msg in got if {msg.quality(tag) for tag in msg.data} == {"good"}]
    assert len(good) == 5 and {msg.meta["unit_id"] for msg in good} == {"2"}
    assert (plant.connections, plant.closed) == (1, 0)
    await stop(rack)
    assert (plant.connections, plant.closed) == (1, 1)
    assert rack.stats()["lines"] == {"modbus serial:///dev/ttyUSB0": counted(rack)}
    assert not set(counted(rack)) & set(rack.stats()["gears"]["plc"]), "counted once, not by each Gear"
