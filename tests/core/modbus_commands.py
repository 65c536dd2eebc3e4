"""A Gear that takes commands, a source of them, a sink for what it confirms and one for what failed."""

from modbus_bench import config, poll
from modbus_device import DeviceBench, Unit
from modbus_serial import tag_block
from probes import gear, gear_of, rig

from fluxrig.gears.io_modbus import commands

LOADED = commands
"""What the Gear would import in the first test: see modbus_bench.py."""

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
