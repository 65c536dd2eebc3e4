"""Peers that answer wrongly, late or not at all, and what becomes of the values.

What each register holds says where and when it was read: see modbus_server.py.
"""

import asyncio

from modbus_bench import REQUESTS, Bench, config, poll
from modbus_server import (
    ADDRESS,
    BROKEN,
    PORT,
    close,
    exception,
    garbage,
    half_then_close,
    silent,
)
from probes import counted

from fluxrig.errors import TransientError


async def test_a_peer_that_refuses_makes_every_tag_bad_and_is_not_hammered():
    bench = Bench()
    bench.server.down()
    await bench.run(3000)
    assert len(bench.got) == 31, "a message at each poll, whatever the peer does"
    assert bench.qualities() == [{"bad:not_connected"}] * 31
    assert bench.got[0].data == {"a": None, "b": None, "c": None, "y": None, "x": None}
    # Attempts at the polls that follow the end of each pause: 0 +150 200 +300 500 +600 1100 +600 1700 2300 2900.
    assert counted(bench.rack)["connect_failures"] == 7
    assert len(bench.logged("warning")) == 1
    assert "plc:502" in bench.logged("warning")[0]
    assert bench.got[1].meta is bench.got[-1].meta, "a lasting fault needs no new meta either"
    assert bench.gear.values_read == 0 and bench.gear.values_bad == 31 * 5


async def test_a_peer_that_comes_up_is_found():
    bench = Bench()
    bench.server.down()
    await bench.run(1500)
    bench.server.up()
    await bench.run(1000)
    assert bench.qualities()[-1] == {"good"}
    assert bench.check_attribution() >= 5
    assert bench.logged("info") == ["tcp://plc:502 unit 7 answers"]
    assert counted(bench.rack)["reconnects"] == 0, "the first connection is no reconnect"


async def test_a_peer_that_never_accepts_costs_the_connect_timeout():
    bench = Bench()
    waited = []

    async def unreachable(address, port, timeout_ms):
        waited.append(timeout_ms)
        await bench.host.clock.sleep_ms(timeout_ms)
        raise TransientError(f"{address}:{port} does not answer")

    bench.host.connect = unreachable  # type: ignore[method-assign]
    await bench.run(1000)
    assert set(waited) == {80}
    assert len(bench.got) == 11, "a poll that waits 80 ms misses no deadline of 100 ms"
    assert bench.qualities() == [{"bad:not_connected"}] * 11


async def test_a_broken_answer_to_the_first_request_makes_its_poll_bad():
    for fault, reason in BROKEN:
        bench = Bench()
        bench.server.faults = [fault]
        await bench.run(1000)
        assert bench.qualities()[0] == {"bad:" + reason}, fault
        assert bench.qualities()[-1] == {"good"}, fault
        assert bench.server.connections == 2, f"{fault}: the connection is not used again"
        assert counted(bench.rack)["reconnects"] == 1
        assert len(bench.logged("warning")) == 1, fault
        bench.check_attribution()


async def test_a_fault_that_lasts_keeps_its_quality_through_the_pauses():
    for fault, reason in ((silent, "timeout"), (garbage, "protocol_error"), (half_then_close, "not_connected")):
        bench = Bench()
        bench.server.always = fault
        await bench.run(3000)
        assert bench.qualities() == [{"bad:" + reason}] * len(bench.got)
        assert len(bench.logged("warning")) == 1
        # As with a peer that refuses; but each timeout of 50 ms moves the pause behind it.
        assert bench.server.connections == (6 if fault is silent else 7)


async def test_the_pause_starts_over_after_an_answer():
    bench = Bench()
    bench.server.faults = [silent] * 4
    await bench.run(5000)
    before = bench.server.connections
    bench.server.faults = [silent]
    await bench.run(400)
    assert bench.server.connections == before + 1
    assert bench.qualities()[-1] == {"good"}


async def test_an_idle_connection_that_the_peer_closed_is_opened_again_at_once():
    bench = await Bench(config([poll("slow", REQUESTS, every_ms=1000)])).run(500)

    async def serve_and_close(stream):
        serving = asyncio.create_task(bench.server.serve(stream))
        await bench.host.clock.sleep_ms(300)
        await stream.close()
        await serving

    bench.server.network.listen(ADDRESS, PORT, serve_and_close)
    bench.server.faults = [close]
    await bench.run(5000)
    assert bench.qualities() == [{"good"}] * 6
    counters = counted(bench.rack)
    assert counters["disconnects"] == counters["reconnects"] == 5
    assert bench.logged("warning") == []
    bench.check_attribution(1000)


async def test_an_exception_makes_only_the_tags_of_its_request_bad():
    for code, reason in ((4, "device_failure"), (6, "device_busy"), (77, "exception_77")):
        bench = Bench()
        bench.server.faults = [None, exception(code), None, exception(code)]
        await bench.run(250)
        for msg in bench.got[:2]:
            assert [msg.quality(tag) for tag in "abcxy"] == ["good"] * 3 + ["bad:" + reason] * 2
            assert msg.data["x"] is None and msg.data["a"] is not None
        assert bench.got[0].meta is bench.got[1].meta
        assert bench.qualities()[2] == {"good"}
        assert bench.server.connections == 1, "a refusal is an answer: the connection stays"
        assert counted(bench.rack)["exceptions"] == 2
        assert len(bench.logged("warning")) == 1 and reason in bench.logged("warning")[0]
        assert len(bench.logged("info")) == 2, "that the peer answers, and that it does so again"
        bench.check_attribution()


async def test_a_step_of_the_wall_clock_does_not_keep_it_from_reconnecting():
    for step_s in (-3600, 3600):
        bench = Bench()
        bench.server.faults = [silent]
        await bench.run(80)
        bench.clock.step_wall(step_s * 1_000_000_000)
        await bench.run(300)
        assert bench.qualities()[-1] == {"good"}, step_s
