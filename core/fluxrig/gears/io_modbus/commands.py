"""Commands: values to be written, one after the other, ahead of reads, each confirmed or reported as failed.

What is written once may not be written twice, and not late. So a command goes out at most once, unless its tag says
that twice does no harm; and one that has waited too long, or over the loss of its connection, never goes out. Whether
a write took effect is not believed but read back.

| how it ends | port | meta `write` |
|---|---|---|
| the device holds the value | out | confirmed |
| the device took it, and it is not to be read back | out | accepted |
| it was not sent: too late, the link is down, the queue is full, the Gear ends | err | not_sent |
| the device refused it | err | refused |
| the device took it and holds something else | err | not_confirmed |
| it was sent, and nobody knows | err | unknown |
"""

import asyncio

from fluxrig.errors import LocalError, worth_logging
from fluxrig.modbus.confirmed_write import (
    ACCEPTED,
    CONFIRMED,
    NOT_SENT,
    UNKNOWN,
    Write,
    may_be_carried_out,
    outcome_of,
)
from fluxrig.modbus.line import LineError
from fluxrig.modbus.pdu import read_request, span_text
from fluxrig.modbus.request import Request
from fluxrig.modbus.write_plan import WritePlan
from fluxrig.ring import DROP_NEWEST, Ring
from fluxrig.schedule import LONGEST_WAIT_US


class Command:
    """One value to be written: `ticks` is when it came, `losses` what the line had lost by then."""

    __slots__ = ("losses", "msg", "plan", "request", "ticks", "value")

    def __init__(self, msg, plan: WritePlan, value, ticks: int, losses: int):
        self.msg = msg
        self.plan = plan
        self.value = value
        self.request = Write(plan.unit_id, plan.request(value))
        self.ticks = ticks
        self.losses = losses


class Commands:
    """The commands of one Gear. `take` accepts them, `run` carries them out."""

    def __init__(self, gear, ctx, line):
        config = ctx.config
        self._gear = gear
        self._ctx = ctx
        self.clock = ctx.clock
        self._line = line
        self._expires_us = min(config["expires_ms"] * 1000, LONGEST_WAIT_US)
        plans = [WritePlan(entry) for entry in config["writes"]]
        self._plans = {plan.tag: (number, plan) for number, plan in enumerate(plans)}
        self._waiting = Ring(config["write_queue"], DROP_NEWEST)
        self._failed_as = ""  # how the last command ended, if it failed
        self._failed_alike = 0  # how many in a row ended like that
        self._ending = False
        self._idle = asyncio.Event()
        self._idle.set()
        for plan in plans:
            line.expect_unit(plan.unit_id)

    def take(self, msg) -> None:
        """Queue a command for each value in `msg`, in the order in which the rig file has the tags.

        Raises LocalError, and queues none of them, when one is for a tag that is not writable, or not a value for it.
        """
        chosen = []
        for tag, value in msg.data.items():
            if tag not in self._plans:
                raise LocalError(f"the tag {tag!r} is not writable here: say `writable: true` at the tag", tag=tag)
            number, plan = self._plans[tag]
            chosen.append((number, Command(msg, plan, value, ticks=self.clock.ticks_us(), losses=self._line.losses)))
        for _, command in sorted(chosen, key=_number):
            if self._ending:
                self._fail(command, NOT_SENT, "the gear is ending")
            elif not self._waiting.put(command):
                self._fail(command, NOT_SENT, f"{self._waiting.capacity} commands are waiting already")

    async def run(self) -> None:
        """Carry out the commands, for as long as the Gear runs."""
        while True:
            command = await self._waiting.get()
            self._idle.clear()
            try:
                await self._carry_out(command)
            finally:
                self._idle.set()

    async def drain(self) -> None:
        """Give up what was not sent. The command that is under way ends, or the Rack's patience does."""
        self.give_up("stopped")
        await self._idle.wait()

    def give_up(self, why: str) -> None:
        """Nothing is sent from now on."""
        self._ending = True
        command = self._waiting.get_nowait()
        while command is not None:
            self._fail(command, NOT_SENT, f"the gear is {why}")
            command = self._waiting.get_nowait()

    async def ask(self, requests: list) -> None:
        """Ask ahead of the polls, also what is being left alone."""
        await self._line.ask(requests, even_paused=True)

    async def _carry_out(self, command: Command) -> None:
        try:
            how, found = await self._write(command)
        except BaseException as exc:
            why = "the gear ended meanwhile" if isinstance(exc, asyncio.CancelledError) else "internal error"
            self._fail(command, UNKNOWN if command.request.sent else NOT_SENT, why)
            raise
        value, reason = (command.value, None) if found is None else command.plan.value(found)
        if how in (CONFIRMED, ACCEPTED):
            self._confirm(command, how, value)
            return
        error = command.request.error
        if found is not None:
            why = f"the device holds {value if reason is None else reason}"
            if error is not None:
                why = f"{error}, and {why}"
        else:
            why = str(error) if error is not None else "the device took it, but what it holds cannot be read"
        self._fail(command, how, why)

    async def _write(self, command: Command) -> tuple:
        """Ask the request of `command`, once more where that is called for: what `outcome_of` says then."""
        request, plan = command.request, command.plan

        def in_time() -> None:
            if self.clock.ticks_diff(self.clock.ticks_us(), command.ticks) > self._expires_us:
                raise LineError(f"it waited longer than {self._expires_us // 1000} ms", reason="expired")

        def in_time_and_connected() -> None:
            in_time()
            if self._line.losses != command.losses:
                raise LineError("the connection was lost while it waited", reason="reconnected")

        await self._line.ask([request], guard=in_time_and_connected)
        if plan.idempotent and request.sent and request.error is not None and may_be_carried_out(request.error):
            again = Write(plan.unit_id, request.pdu)
            await self._line.ask([again], guard=in_time, even_paused=True)
            # A device that is busy with the first may refuse the second, which says nothing about the first.
            if again.sent and (again.error is None or may_be_carried_out(again.error)):
                command.request = again
        look = Request(plan.unit_id, read_request(*plan.read_back)) if plan.verify else None
        return await outcome_of(command.request, look, lambda data: plan.holds(data, command.value), self)

    def _confirm(self, command: Command, how: str, value) -> None:
        self._gear.writes_confirmed += 1
        self._failed_as = ""
        meta = self._meta(command, how)
        self._gear.out(self._ctx.message({command.plan.tag: value}, meta, cause=command.msg))

    def _fail(self, command: Command, how: str, why: str) -> None:
        self._gear.writes_failed += 1
        tag = command.plan.tag
        self._failed_alike = self._failed_alike + 1 if how == self._failed_as else 1
        self._failed_as = how
        # Whoever commands again and again would fill the log: so failures in a row are told ever less.
        if worth_logging(self._failed_alike):
            self._ctx.log("warning", f"writing {tag} = {command.value}: {how}: {why}")
        meta = self._meta(command, how)
        meta["error"] = why
        self._gear.err(self._ctx.message({tag: command.value}, meta, port="err", cause=command.msg))

    def _meta(self, command: Command, how: str) -> dict:
        plan = command.plan
        return self._ctx.meta(
            {
                "unit_id": str(plan.unit_id),
                "function": str(plan.function),
                "registers": span_text(*plan.read_back),
                "write": how,
            }
        )


def _number(entry: tuple) -> int:
    return entry[0]
