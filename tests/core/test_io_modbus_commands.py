"""Commands: written once, in order, ahead of reads, and each one confirmed or reported."""

from modbus_bench import config, poll
from modbus_commands import EXPIRES_MS, UNIT, WRITES, Bench
from modbus_serial import tag_block


async def test_each_kind_of_write_arrives_and_is_confirmed_with_what_the_device_holds():
    for tag, value, pdu in (
        ("setpoint", 21.5, b"\x06\x00\x00\x00\xd7"),
        ("setpoint", -3, b"\x06\x00\x00\xff\xe2"),
        ("speed", 70000, b"\x10\x00\x01\x00\x02\x04\x00\x01\x11\x70"),
        ("run", True, b"\x05\x00\x03\xff\x00"),
        ("both", 9, b"\x17\x00\x07\x00\x01\x00\x07\x00\x01\x02\x00\x09"),
        ("flag", True, b"\x16\x00\x08\xff\xfb\x00\x04"),
    ):
        bench = Bench()
        msg = await bench.command({tag: value})
        assert bench.writes() == [pdu], tag
        assert bench.results() == [(tag, value, "confirmed")]
        answer = bench.got[-1]
        assert answer.ref_id == msg.id and answer.trace == msg.trace and answer.id != msg.id
        assert answer.src_id == b"plc" + bytes(13)
        assert answer.meta["unit_id"] == "7" and answer.meta["function"] == str(pdu[0])
        assert bench.failures() == []
        assert bench.gear.writes_confirmed == 1 and bench.gear.writes_failed == 0


async def test_a_bit_is_written_without_its_neighbours():
    bench = Bench()
    bench.unit.registers[8] = 0xAAA1
    await bench.command({"flag": True})
    assert bench.unit.registers[8] == 0xAAA5


async def test_commands_go_in_order_and_one_by_one():
    bench = Bench()
    await bench.run(10)
    for value in range(5):
        bench.source.emit({"safe": value})
    await bench.run(100)
    assert [pdu[-1] for pdu in bench.writes()] == [0, 1, 2, 3, 4]
    functions = [pdu[0] for pdu in bench.unit.requests if pdu[1:3] == b"\x00\x05"]
    assert functions == [6, 3] * 5, "each is read back before the next is written"
    assert [value for _, value, _ in bench.results()] == [0, 1, 2, 3, 4]


async def test_several_values_of_one_message_are_several_commands_in_the_order_of_the_rig():
    bench = Bench()
    msg = await bench.command({"speed": 5, "setpoint": 1, "run": True})
    assert [pdu[0] for pdu in bench.writes()] == [6, 16, 5]
    assert {answer.ref_id for answer in bench.got if "write" in answer.meta} == {msg.id}


async def test_a_command_goes_ahead_of_the_reads_that_wait():
    polls = [poll("all", [tag_block("a", 1, address) for address in range(10)], every_ms=1000, unit_id=UNIT)]
    bench = Bench(config(polls, address="gateway", writes=WRITES, expires_ms=EXPIRES_MS))
    bench.plant.delay_ms = 10
    await bench.run(25)
    bench.source.emit({"safe": 3})
    await bench.run(300)
    functions = [pdu[0] for pdu in bench.unit.requests]
    assert functions.index(6) == 3, "after the request that was under way"
    assert functions == [3, 3, 3, 6, 3] + [3] * 7
    assert bench.results() == [("safe", 3, "confirmed")]


async def test_what_is_not_writable_or_no_value_for_it_is_rejected_and_nothing_is_sent():
    for data, words in (
        ({"a0": 1}, "writable"),
        ({"setpoint": 100.1}, "100"),
        ({"setpoint": "hot"}, "setpoint"),
        ({"speed": -1}, "speed"),
        ({"run": 7}, "run"),
        ({"safe": 1, "speed": None}, "speed"),
    ):
        bench = Bench()
        msg = await bench.command(data)
        assert bench.writes() == [], data
        assert [failed.ref_id for failed in bench.failed] == [msg.id]
        assert words in bench.failed[0].meta["error"]


async def test_a_refused_write_is_reported():
    bench = Bench()
    bench.unit.read_only.add(5)
    await bench.command({"safe": 1})
    assert bench.failures() == [("safe", 1, "refused")]
    assert "illegal_address" in bench.failed[0].meta["error"]
    assert len(bench.writes()) == 1 and bench.results() == []
    assert bench.gear.writes_failed == 1


async def test_a_device_that_holds_something_else_is_reported():
    bench = Bench()
    plain = bench.unit.store

    def stubborn(address, data):
        plain(address, b"\x00\x00\x00\x02")

    bench.unit.store = stubborn  # type: ignore[method-assign]
    await bench.command({"speed": 5})
    assert bench.failures() == [("speed", 5, "not_confirmed")]
    assert "holds 2" in bench.failed[0].meta["error"]


async def test_a_plc_that_takes_a_value_over_later_is_given_the_time():
    bench = Bench()
    await bench.run(10)
    plain = bench.unit.store
    held: list = []
    bench.unit.store = lambda address, data: held.append((address, data))  # type: ignore[method-assign]
    bench.source.emit({"speed": 5})
    await bench.run(30)
    plain(*held[0])
    await bench.run(300)
    assert bench.results() == [("speed", 5, "confirmed")]


async def test_what_is_not_to_be_read_back_is_accepted():
    bench = Bench()
    await bench.command({"pulse": 1})
    assert bench.results() == [("pulse", 1, "accepted")]
    assert [pdu[0] for pdu in bench.unit.requests if pdu[1:3] == b"\x00\x06"] == [6]
