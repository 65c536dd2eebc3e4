"""How commands end when devices are busy, slow or behind a gateway, and when the Gear ends first."""

from modbus_bench import config, poll
from modbus_commands import UNIT, WRITES, Bench
from modbus_device import BUSY
from modbus_serial import tag_block

NO_RESPONSE = 11


async def test_a_gateway_that_heard_nothing_from_the_device_leaves_it_open_whether_the_write_was_carried_out():
    bench = Bench()
    await bench.run(10)
    plain = bench.unit.answer

    def answer(pdu):
        answered = plain(pdu)
        return bytes([pdu[0] | 0x80, NO_RESPONSE]) if pdu[0] == 16 else answered

    bench.unit.answer = answer  # type: ignore[method-assign]
    await bench.command({"speed": 5}, 700)
    assert len(bench.writes()) == 1
    assert bench.results() == [("speed", 5, "confirmed")]


async def test_a_device_that_is_still_busy_with_the_first_has_not_refused_the_write():
    bench = Bench()
    await bench.run(10)
    bench.unit.faults = ["deaf", BUSY]
    await bench.command({"safe": 5}, 700)
    assert len(bench.writes()) == 2
    assert bench.results() == [("safe", 5, "confirmed")]


async def test_what_function_23_reads_too_early_is_read_again():
    bench = Bench()
    await bench.run(10)
    plain = bench.unit.store
    held: list = []
    bench.unit.store = lambda address, data: held.append((address, data))  # type: ignore[method-assign]
    bench.source.emit({"both": 5})
    await bench.run(30)
    plain(*held[0])
    await bench.run(300)
    assert bench.results() == [("both", 5, "confirmed")]


async def test_a_device_that_is_busy_when_it_is_read_back_is_given_the_time():
    bench = Bench()
    await bench.run(10)
    bench.unit.faults = [None, BUSY, BUSY]
    await bench.command({"speed": 5})
    assert bench.results() == [("speed", 5, "confirmed")]


async def test_a_command_under_way_when_the_gear_is_killed_is_reported_as_what_it_is():
    bench = Bench()
    await bench.run(10)
    bench.unit.always = "silent"
    bench.source.emit({"speed": 5})
    bench.source.emit({"safe": 5})
    await bench.run(10)
    bench.rack.station("plc").kill()
    await bench.run(10)
    assert sorted(bench.failures()) == [("safe", 5, "not_sent"), ("speed", 5, "unknown")]
    assert ["the gear" in failed.meta["error"] for failed in bench.failed] == [True] * 2


async def test_no_command_waits_longer_than_ticks_can_tell():
    polls = [poll("all", [tag_block("a", 1)], unit_id=UNIT)]
    compiled = config(polls, address="gateway", writes=WRITES, expires_ms=24 * 3_600_000)
    compiled["link"]["pause_after_connect_ms"] = 300_000  # in which the first poll has the line
    bench = Bench(compiled)
    await bench.run(10)
    bench.source.emit({"safe": 1})
    await bench.run(300_100)
    assert bench.writes() == [] and bench.failures() == [("safe", 1, "not_sent")]


async def test_commands_that_fail_again_and_again_do_not_fill_the_log():
    bench = Bench()
    bench.host.network.unlisten("gateway", 502)
    for value in range(20):
        await bench.command({"safe": value}, 10)
    assert len(bench.failed) == 20
    assert len([text for _, _, text in bench.host.logged if "writing safe" in text]) == 5
