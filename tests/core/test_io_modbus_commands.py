"""Commands: written once, in order, ahead of reads, never late, and each one confirmed or reported."""

from modbus_bench import config, poll
from modbus_device import DeviceBench, Unit
from modbus_serial import TIMEOUT_MS, serial, tag_block
from probes import gear, gear_of, rig, stop

UNIT = 7
SETPOINT = ["setpoint", UNIT, 6, 0, 1, b"", ">h", ["setpoint", "decimal", 1, 0, -1], -1000, 1000, True, False]
SPEED = ["speed", UNIT, 16, 1, 2, b"", ">I", ["speed", "raw"], None, None, True, False]
RUN = ["run", UNIT, 5, 3, 1, b"", ">B", ["run", "bit", 1, False, True], None, None, True, False]
SAFE = ["safe", UNIT, 6, 5, 1, b"", ">H", ["safe", "raw"], None, None, True, True]
PULSE = ["pulse", UNIT, 6, 6, 1, b"", ">H", ["pulse", "raw"], None, None, False, False]
BOTH = ["both", UNIT, 23, 7, 1, b"", ">H", ["both", "raw"], None, None, True, False]
FLAG = ["flag", UNIT, 22, 8, 1, b"\x01", ">B", ["flag", "bit", 4, False, True], None, None, True, False]
WRITES = [SETPOINT, SPEED, RUN, SAFE, PULSE, BOTH, FLAG]
EXPIRES_MS = 400


class Bench(DeviceBench):
    """A source of commands before the Gear, a sink for what it confirms and one for what failed."""

    def __init__(self, compiled=None, writes=WRITES, **more):
        self.unit = Unit(dict.fromkeys(range(20), 0), {3: False})
        if compiled is None:
            polls = [poll("all", [tag_block("a", 1)], every_ms=1000, unit_id=UNIT)]
            compiled = config(polls, address="gateway", writes=writes, expires_ms=EXPIRES_MS, **more)
        super().__init__(compiled, {UNIT: self.unit})
        self.failed = gear_of(self.rack, "failed").got
        self.source = gear_of(self.rack, "operator")

    def rig(self, plc):
        plc["on_error"] = "reject"
        wires = [("operator", "out", "plc", "in"), ("plc", "out", "sink", "in"), ("plc", "err", "failed", "in")]
        return rig([gear("operator", "source"), plc, gear("sink", "sink"), gear("failed", "sink")], wires)

    async def command(self, data, ms=350):
        """Send a command and let time pass. The message of the command."""
        if not self.started:
            await self.run(10)
        msg = self.source.emit(data)
        await self.run(ms)
        return msg

    def results(self):
        """(tag, value, how it ended) of each command, in the order of their ends."""
        return [
            (tag, value, msg.meta["write"])
            for msg in self.got
            if "write" in msg.meta
            for tag, value in msg.data.items()
        ]

    def failures(self):
        return [(tag, value, msg.meta.get("write")) for msg in self.failed for tag, value in msg.data.items()]

    def writes(self):
        """The write requests that the device got."""
        return [pdu for pdu in self.unit.requests if pdu[0] > 4]


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


async def test_a_write_without_an_answer_is_read_back_and_not_sent_again():
    for fault, ending in (("deaf", "confirmed"), ("silent", "unknown")):
        bench = Bench()
        await bench.run(10)
        bench.unit.faults = [fault]
        await bench.command({"speed": 5}, 700)
        assert len(bench.writes()) == 1, fault
        endings = [how for _, _, how in bench.results() + bench.failures()]
        assert endings == [ending], fault
    assert "holds 0" in bench.failed[0].meta["error"]


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
