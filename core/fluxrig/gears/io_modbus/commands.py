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

from fluxrig.errors import FluxError, LocalError, worth_saying
from fluxrig.modbus.line import LineError
from fluxrig.modbus.pdu import ExceptionResponse, read_request, span_text
from fluxrig.modbus.request import Request
from fluxrig.modbus.write_plan import WritePlan
from fluxrig.ring import DROP_NEWEST, Ring
from fluxrig.schedule import LONGEST_WAIT_US

_MAY_BE_CARRIED_OUT = (5, 11)
"""Exceptions that refuse nothing (MB section 7): the device has taken the command and is busy with it, or it did not
answer the gateway, which has passed it on."""


class Write(Request):
    """A request that may be carried out once."""

    repeatable = False


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

    READ_BACK_MS = (0, 20, 80, 200)
    """Pauses before each look at what was written: a PLC may take it over only at the end of its cycle."""

    def __init__(self, gear, ctx, line):
        config = ctx.config
        self._gear = gear
        self._ctx = ctx
        self._clock = ctx.clock
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
            chosen.append((number, Command(msg, plan, value, self._clock.ticks_us(), self._line.losses)))
        for _, command in sorted(chosen, key=_number):
            if self._ending:
                self._fail(command, "not_sent", "the gear is ending")
            elif not self._waiting.put(command):
                self._fail(command, "not_sent", f"{self._waiting.capacity} commands are waiting already")

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
            self._fail(command, "not_sent", f"the gear is {why}")
            command = self._waiting.get_nowait()

    async def _carry_out(self, command: Command) -> None:
        request, plan = command.request, command.plan

        def in_time() -> None:
            if self._clock.ticks_diff(self._clock.ticks_us(), command.ticks) > self._expires_us:
                raise LineError(f"it waited longer than {self._expires_us // 1000} ms", reason="expired")

        def in_time_and_connected() -> None:
            in_time()
            if self._line.losses != command.losses:
                raise LineError("the connection was lost while it waited", reason="reconnected")

        outcome = "internal error"
        try:
            await self._line.ask([request], guard=in_time_and_connected)
            if plan.idempotent and request.sent and request.error is not None and _is_open(request.error):
                again = Write(plan.unit_id, request.pdu)
                await self._line.ask([again], guard=in_time, even_paused=True)
                # A device that is busy with the first may refuse the second, which says nothing about the first.
                if again.sent and (again.error is None or _is_open(again.error)):
                    request = again
            outcome = await self._judge(command, request)
        except asyncio.CancelledError:
            outcome = "the gear ended meanwhile"
            raise
        finally:
            if outcome:
                self._fail(command, "unknown" if request.sent else "not_sent", outcome)

    async def _judge(self, command: Command, request: Request) -> str:
        """Report how the write ended. Text when nothing could be found out, which is then reported as that."""
        plan, error = command.plan, request.error
        if error is not None and not request.sent:
            return str(error)
        if error is not None and not _is_open(error):
            self._fail(command, "refused", str(error))
            return ""
        if not plan.verify:
            if error is not None:
                return str(error)
            self._confirm(command, "accepted", command.value)
            return ""
        found = await self._look(plan, command.value, request.data or None)  # function 23 has read back already
        if found is None:
            return str(error) if error is not None else "the device took it, but what it holds cannot be read"
        value, reason = plan.value(found)
        if plan.holds(found, command.value):
            self._confirm(command, "confirmed", value)
        elif error is not None:
            return f"{error}, and the device holds {value if reason is None else reason}"
        else:
            self._fail(command, "not_confirmed", f"the device holds {value if reason is None else reason}")
        return ""

    async def _look(self, plan: WritePlan, value, found: bytes | None) -> bytes | None:
        """What the device holds, as soon as that is `value` or the last look is over; None when it cannot be read.

        `found` is what has been read already.
        """
        for pause_ms in self.READ_BACK_MS:
            if found is not None and plan.holds(found, value):
                break
            if pause_ms:
                await self._clock.sleep_ms(pause_ms)
            look = Request(plan.unit_id, read_request(*plan.read_back))
            await self._line.ask([look], even_paused=True)
            if look.data is not None:
                found = look.data
            elif not isinstance(look.error, ExceptionResponse):  # one that is busy may answer the next
                break
        return found

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
        if worth_saying(self._failed_alike):
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


def _is_open(error: FluxError) -> bool:
    """Whether a write that ended with `error` may have been carried out all the same."""
    return not isinstance(error, ExceptionResponse) or error.exception_code in _MAY_BE_CARRIED_OUT
