"""Polls Modbus units: one message a poll, with every tag of a group. Writes to them what is commanded.

The protocol and the lines are in `fluxrig.modbus`; the polls in `poll`, the commands in `commands`.
"""

from fluxrig.errors import LocalError
from fluxrig.gear import Gear
from fluxrig.gears.io_modbus.poll import Poll
from fluxrig.modbus.line import Line


class IoModbus(Gear):
    """Inputs: in. Outputs: out, err.

    Config (compiled): {"line": text, "link": config of the Line, "raw": bool, "retry_refused_ms": int, "polls": [config
    of a `Poll`, …], "writes": [entry of a `WritePlan`, …], "expires_ms": int, "write_queue": int}. Gears whose `line`
    is the same share one Line.
    """

    counters = ("polls", "values_read", "values_bad", "refused_tags", "writes_confirmed", "writes_failed")
    polls = values_read = values_bad = writes_confirmed = writes_failed = 0
    polling = True

    def init(self, ctx):
        config = ctx.config
        line = ctx.shared(
            "modbus " + config["line"], lambda: open_line(ctx.host, config["line"], config["link"], ctx.log)
        )
        self._polls = [Poll(self, ctx, line, poll) for poll in config["polls"]]
        for poll in self._polls:
            ctx.spawn(poll.name, poll.run)
        self._commands = None
        if config["writes"]:
            from fluxrig.gears.io_modbus.commands import Commands

            self._commands = Commands(self, ctx, line)
            ctx.spawn("write", self._commands.run)

    def on_in(self, msg):
        if self._commands is None:
            raise LocalError("no tag of this gear is writable: say `writable: true` at the tag")
        self._commands.take(msg)

    def killed(self):
        for poll in self._polls:
            poll.give_up("killed")
        if self._commands:
            self._commands.give_up("killed")

    async def drain(self):
        self.polling = False
        if self._commands:
            await self._commands.drain()

    @property
    def refused_tags(self) -> int:
        """Tags that the device refuses: suspended until they are asked for again."""
        return sum([poll.refused_tags for poll in self._polls])


def open_line(host, name: str, config: dict, log) -> Line:
    """The line for a compiled `link`. Nothing is opened yet."""
    if config["kind"] == "tcp":
        from fluxrig.modbus.tcp_line import TcpLine

        return TcpLine(host, name, config, log)
    from fluxrig.modbus.rtu_line import RtuLine

    return RtuLine(host, name, config, log)
