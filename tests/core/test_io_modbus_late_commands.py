"""Commands that are late, lost, too many or without an answer: none is sent late, or twice where that does harm."""

from modbus_bench import poll
from modbus_commands import UNIT, Bench
from modbus_serial import TIMEOUT_MS, serial, tag_block
from probes import stop


async def test_a_write_without_an_answer_is_read_back():
    bench = await without_an_answer("deaf")
    assert bench.results() == [("speed", 5, "confirmed")] and bench.failures() == []


async def test_a_write_that_did_not_arrive_is_not_sent_again():
    bench = await without_an_answer("silent")
    assert bench.failures() == [("speed", 5, "unknown")] and bench.results() == []
    assert "holds 0" in bench.failed[0].meta["error"]


async def without_an_answer(fault):
    bench = Bench()
    await bench.run(10)
    bench.unit.faults = [fault]
    await bench.command({"speed": 5}, 700)
    assert len(bench.writes()) == 1
    return bench


async def test_a_write_that_may_be_repeated_is_sent_once_more():
    bench = Bench()
    await bench.run(10)
    bench.unit.faults = ["silent"]
    await bench.command({"safe": 5}, 700)
    assert len(bench.writes()) == 2
    assert bench.results() == [("safe", 5, "confirmed")]


async def test_a_device_that_goes_silent_leaves_the_outcome_unknown():
    bench = Bench()
    await bench.run(10)
    bench.unit.always = "silent"
    await bench.command({"speed": 5}, 700)
    assert bench.failures() == [("speed", 5, "unknown")]
    assert len(bench.writes()) == 1


async def test_an_expired_command_is_never_sent():
    bench = Bench()
    await bench.run(10)
    bench.plant.delay_ms = 45
    for value in range(8):
        bench.source.emit({"safe": value})
    await bench.run(2000)
    sent = [pdu[-1] for pdu in bench.writes()]
    assert sent == [0, 1, 2, 3, 4], "90 ms each, and 400 ms to wait"
    assert bench.failures() == [("safe", value, "not_sent") for value in (5, 6, 7)]
    assert "waited" in bench.failed[0].meta["error"]


async def test_what_waits_when_the_connection_is_lost_is_not_sent_over_the_next():
    bench = Bench()
    await bench.run(10)
    bench.unit.faults = ["silent"]
    for tag in ("speed", "setpoint", "both"):
        bench.source.emit({tag: 5})
    await bench.run(1500)
    assert [pdu[0] for pdu in bench.writes()] == [16]
    assert bench.failures() == [("speed", 5, "unknown"), ("setpoint", 5, "not_sent"), ("both", 5, "not_sent")]
    assert "connection was lost" in bench.failed[1].meta["error"]
    await bench.command({"setpoint": 5})
    assert bench.results() == [("setpoint", 5, "confirmed")]


async def test_a_command_to_what_is_known_to_be_dead_fails_at_once():
    bench = Bench()
    bench.host.network.unlisten("gateway", 502)
    await bench.command({"speed": 5}, 10)
    assert bench.failures() == [("speed", 5, "not_sent")]


async def test_an_idle_connection_that_the_peer_closed_costs_no_command():
    bench = Bench()
    await bench.run(10)
    for stream in bench.plant.streams:
        await stream.close()
    await bench.command({"speed": 5})
    assert bench.results() == [("speed", 5, "confirmed")]
    assert bench.plant.connections == 2


async def test_a_full_queue_refuses_further_commands():
    bench = Bench(write_queue=2)
    await bench.run(10)
    bench.plant.delay_ms = 20
    for value in range(5):
        bench.source.emit({"safe": value})
    await bench.run(1000)
    assert bench.failures()[0][2] == "not_sent" and "waiting" in bench.failed[0].meta["error"]
    assert len(bench.writes()) + len(bench.failed) == 5


async def test_the_end_of_the_rack_reports_what_was_not_sent():
    bench = Bench()
    await bench.run(10)
    bench.plant.delay_ms = 20
    for value in range(3):
        bench.source.emit({"safe": value})
    await bench.run(5)
    await stop(bench.rack)
    assert bench.failures() == [("safe", 1, "not_sent"), ("safe", 2, "not_sent")]
    assert [pdu[-1] for pdu in bench.writes()] == [0]


async def test_a_broadcast_is_taken_by_all_and_answered_by_none():
    write = ["all", 0, 6, 4, 1, b"", ">H", ["all", "raw"], None, None, False, False]
    bench = Bench(serial([poll("all", [tag_block("a", 1)], unit_id=UNIT)], writes=[write]))
    await bench.command({"all": 77}, 200)
    assert bench.unit.registers[4] == 77
    assert bench.results() == [("all", 77, "accepted")]
    broadcast = next(ms for ms, unit_id, _ in bench.plant.log if unit_id == 0)
    after = [ms for ms, unit_id, _ in bench.plant.log if ms > broadcast]
    assert after[0] - broadcast >= 100, "the turnaround"
    assert TIMEOUT_MS < 100
