"""Whatever a peer answers, no value is attributed to the wrong tag.

What each register holds says where and when it was read: see modbus_server.py.
"""

from modbus_bench import Bench
from modbus_server import BROKEN, answered_again_later, answered_twice, close, late
from probes import counted


async def test_a_broken_answer_in_the_middle_spares_what_was_answered_before():
    for fault, reason in BROKEN:
        bench = Bench()
        bench.server.faults = [None, None, None, fault]
        await bench.run(1000)
        second = bench.got[1]
        assert [second.quality(tag) for tag in "abc"] == ["good"] * 3, fault
        if fault is close:
            # A connection that was closed before anything of the answer came is opened again at once.
            assert bench.qualities() == [{"good"}] * len(bench.got)
        else:
            assert [second.quality(tag) for tag in "xy"] == ["bad:" + reason] * 2, fault
        assert bench.qualities()[-1] == {"good"}, fault
        bench.check_attribution()


async def test_a_late_answer_is_never_taken_for_that_of_the_next_request():
    bench = Bench()
    bench.server.faults = [late] * 8
    for _ in range(6):
        bench.got.clear()  # there is not much room
        await bench.run(1000)
        bench.check_attribution()
    assert counted(bench.rack)["timeouts"] == 8
    assert bench.qualities()[-1] == {"good"}


async def test_an_answer_that_comes_twice_is_a_stray():
    bench = Bench()
    bench.server.faults = [None, None, answered_twice, answered_again_later]
    await bench.run(1000)
    assert bench.qualities() == [{"good"}] * 11
    counters = counted(bench.rack)
    assert counters["strays"] == 2 and counters["protocol_errors"] == 0
    assert bench.server.connections == 1
    bench.check_attribution()
