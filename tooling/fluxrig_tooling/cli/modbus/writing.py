"""Writes one or more values with one request, and finds out whether the device holds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fluxrig.decimal import Decimal
from fluxrig.errors import FluxError, LocalError
from fluxrig.modbus import pdu
from fluxrig.modbus.pdu import ExceptionResponse
from fluxrig.modbus.request import Request
from fluxrig.modbus.write_plan import WritePlan
from fluxrig_tooling.cli.modbus.reading import items
from fluxrig_tooling.cli.modbus.session import Session
from fluxrig_tooling.cli.modbus.trouble import NO_ANSWER, Trouble, exception_trouble, line_trouble, read_trouble, span

CONFIRMED, ACCEPTED, SENT = "confirmed", "accepted", "sent"
NOT_CONFIRMED, REFUSED, UNKNOWN, NOT_SENT = "not_confirmed", "refused", "unknown", "not_sent"

GOOD = (CONFIRMED, ACCEPTED, SENT)
"""How a write may end well: read back, taken by the device, or sent to all units, of which none answers."""

MAY_BE_CARRIED_OUT = (5, 11)
"""Exceptions that refuse nothing (MB section 7): the device works on it, or did not answer the gateway."""

READ_BACK_MS = (0, 20, 80, 200)
"""Pauses before each look at what was written: a PLC may take it over only at the end of its cycle."""

OTHER_FUNCTION = {5: 15, 6: 16, 15: 5, 16: 6, 23: 16}
"""Which function to try, if a device does not have one."""

_REGISTERS_AT = {6: 3, 16: 6, 23: 10}
"""Where the registers begin in a request with these functions."""


class Write(Request):
    """A request that may be carried out once."""

    repeatable = False


@dataclass(frozen=True)
class Outcome:
    """How it ended: one of the words above. `found` is what the device holds, None where that is not known."""

    result: str
    found: list[Any] | None = None
    trouble: Trouble | None = None


class Job:
    """Values for neighbouring tags of one kind; `entries` are those of their write plans. `part` says which part of a
    register they are, empty for all of it.

    Raises LocalError when a tag cannot have its value, or the request would be too long.
    """

    def __init__(self, entries: Sequence[list[Any]], values: Sequence[Any], part: str, is_broadcast: bool):
        self._part = part
        self.values = list(values)
        self._plans = [WritePlan(entry) for entry in entries]
        first = self._plans[0]
        self.unit_id = first.unit_id
        self.function = first.function
        self._reads, self._first, self._width = first.read_back
        self._count = self._width * len(self._plans)
        self._verify = first.verify
        self._is_broadcast = is_broadcast
        self._table = pdu.TABLES[self._reads]
        self._pdu = self._request()

    @property
    def where(self) -> str:
        return span(self._table, self._first, self._count) + (f" {self._part}" if self._part else "")

    async def look(self, session: Session) -> list[Any] | Trouble:
        """What the device holds now."""
        data = await self._read(session)
        return data if isinstance(data, Trouble) else self._values(data)

    async def write(self, session: Session) -> Outcome:
        """Send the request, once, and see what became of it."""
        request = Write(self.unit_id, self._pdu)
        await session.ask([request])
        error = request.error
        if error is not None and not request.sent:
            return Outcome(NOT_SENT, trouble=line_trouble(error, self.unit_id))
        if isinstance(error, ExceptionResponse) and error.exception_code not in MAY_BE_CARRIED_OUT:
            return Outcome(REFUSED, trouble=self._refusal(error))
        doubt = None if error is None else _trouble(error, self.unit_id)
        if self._is_broadcast:
            return Outcome(SENT, trouble=doubt)
        if not self._verify:
            return Outcome(ACCEPTED if doubt is None else UNKNOWN, trouble=doubt)
        found = await self._settled(session)
        if isinstance(found, Trouble):
            return Outcome(UNKNOWN, trouble=doubt or found)
        if self._holds(found):
            return Outcome(CONFIRMED, self._values(found), doubt)
        # What was sent and not answered may still come to be.
        return Outcome(UNKNOWN if doubt else NOT_CONFIRMED, self._values(found), doubt)

    async def _settled(self, session: Session) -> bytes | Trouble:
        """What the device holds, as soon as that is what was written, or has had time to become it."""
        found: bytes | Trouble = b""
        for pause_ms in READ_BACK_MS:
            if pause_ms:
                await session.clock.sleep_ms(pause_ms)
            found = await self._read(session)
            if isinstance(found, Trouble):
                if found.reason in NO_ANSWER:
                    break
            elif self._holds(found):
                break
        return found

    async def _read(self, session: Session) -> bytes | Trouble:
        request = Request(self.unit_id, pdu.read_request(self._reads, self._first, self._count))
        await session.ask([request])
        if request.data is None:
            return read_trouble(request.error, self.unit_id, self._table, self._first, self._count)
        return request.data

    def _request(self) -> bytes:
        each = [plan.request(value) for plan, value in zip(self._plans, self.values, strict=True)]
        if self.function in _REGISTERS_AT:
            self._refuse_rounding([request[_REGISTERS_AT[self.function] :] for request in each])
        if len(each) == 1:
            return each[0]
        if self.function == pdu.WRITE_MULTIPLE_COILS:
            packed = sum(request[-1] << index for index, request in enumerate(each))
            return pdu.write_coils(self._first, self._count, packed.to_bytes((self._count + 7) // 8, "little"))
        if self.function not in (pdu.WRITE_MULTIPLE_REGISTERS, pdu.READ_WRITE_MULTIPLE_REGISTERS):
            raise LocalError(f"function {self.function} writes one value, and here are {len(each)}")
        registers = b"".join(request[_REGISTERS_AT[self.function] :] for request in each)
        if self.function == pdu.WRITE_MULTIPLE_REGISTERS:
            return pdu.write_registers(self._first, registers)
        return pdu.read_write(self._first, self._count, self._first, registers)

    def _refuse_rounding(self, registers: list[bytes]) -> None:
        """A Gear takes the nearest step. Who types a number means that number, as far as a float can have it."""
        for plan, value, each in zip(self._plans, self.values, registers, strict=True):
            nearest = plan.value(each)[0]
            if isinstance(value, int | Decimal) and isinstance(nearest, int | Decimal) and value != nearest:
                raise LocalError(f"{value} is between two steps of the register: the nearest is {nearest}")

    def _parts(self, data: bytes) -> list[bytes]:
        """The part of an answer that each plan reads."""
        if pdu.reads_bits(self._reads):
            return [bytes([bit]) for bit in items(self._table, data, self._count)]
        size = 2 * self._width
        return [data[at : at + size] for at in range(0, len(data), size)]

    def _values(self, data: bytes) -> list[Any]:
        """The values in an answer; why there is none, where there is none."""
        pairs = [plan.value(part) for plan, part in zip(self._plans, self._parts(data), strict=True)]
        return [value if reason is None else f"bad:{reason}" for value, reason in pairs]

    def _holds(self, data: bytes) -> bool:
        parts = zip(self._plans, self._parts(data), self.values, strict=True)
        return all(plan.holds(part, value) for plan, part, value in parts)

    def _refusal(self, error: ExceptionResponse) -> Trouble:
        trouble = exception_trouble(error, self.unit_id)
        hint = trouble.hint
        if error.exception_code == 1 and self.function == pdu.MASK_WRITE_REGISTER:
            hint = "it cannot write a part of a register: write the whole register"
        elif error.exception_code == 1 and self.function in OTHER_FUNCTION:
            hint = f"try --function {OTHER_FUNCTION[self.function]}"
        elif error.exception_code in (2, 3):
            hint = "is it writable, and at this address? many manuals count from 1; some devices are locked"
        return Trouble(trouble.reason, trouble.text, hint)


def _trouble(error: FluxError, unit_id: int) -> Trouble:
    if isinstance(error, ExceptionResponse):
        return exception_trouble(error, unit_id)
    return line_trouble(error, unit_id)
