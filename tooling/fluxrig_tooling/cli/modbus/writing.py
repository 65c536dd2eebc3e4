"""Writes one or more values with one request, and finds out whether the device holds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fluxrig.decimal import Decimal
from fluxrig.errors import FluxError, LocalError
from fluxrig.modbus import exceptions, pdu
from fluxrig.modbus.confirmed_write import ACCEPTED, CONFIRMED, REFUSED, UNKNOWN, Write, outcome_of
from fluxrig.modbus.pdu import ExceptionResponse
from fluxrig.modbus.request import Request
from fluxrig.modbus.write_plan import WritePlan
from fluxrig_tooling.cli.modbus.reading import items
from fluxrig_tooling.cli.modbus.session import Session
from fluxrig_tooling.cli.modbus.trouble import Trouble, exception_trouble, line_trouble, read_trouble, span

SENT = "sent"
"""How a write to all units ends, which none of them answers."""

GOOD = (CONFIRMED, ACCEPTED, SENT)
"""How a write may end well."""

OTHER_FUNCTION = {
    pdu.WRITE_SINGLE_COIL: pdu.WRITE_MULTIPLE_COILS,
    pdu.WRITE_SINGLE_REGISTER: pdu.WRITE_MULTIPLE_REGISTERS,
    pdu.WRITE_MULTIPLE_COILS: pdu.WRITE_SINGLE_COIL,
    pdu.WRITE_MULTIPLE_REGISTERS: pdu.WRITE_SINGLE_REGISTER,
    pdu.READ_WRITE_MULTIPLE_REGISTERS: pdu.WRITE_MULTIPLE_REGISTERS,
}
"""Which function to try, if a device does not have one."""

_REGISTERS_AT = {
    pdu.WRITE_SINGLE_REGISTER: 3,
    pdu.WRITE_MULTIPLE_REGISTERS: 6,
    pdu.READ_WRITE_MULTIPLE_REGISTERS: 10,
}
"""Where the registers begin in a request with these functions."""


@dataclass(frozen=True)
class Outcome:
    """How it ended: what `outcome_of` says, or SENT. `found` is what the device holds, None where that is not known."""

    result: str
    found: list[Any] | None = None
    trouble: Trouble | None = None


class Job:
    """Values for neighbouring tags of one kind, of which `plans` are the write plans. `part` says which part of a
    register they are, empty for all of it.

    A Gear writes one tag at a time, and knows when it is too late for that. Here several may go out in one request,
    once; `outcome_of` tells how it ended, as it does for the Gear.

    Raises LocalError when a tag cannot have its value, or the request would be too long.
    """

    def __init__(self, plans: Sequence[WritePlan], values: Sequence[Any], part: str, is_broadcast: bool):
        self._part = part
        self.values = list(values)
        self._plans = list(plans)
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
        look = self._look_request() if self._verify and not self._is_broadcast else None
        how, found = await outcome_of(request, look, self._holds, session)
        if self._is_broadcast and how in (ACCEPTED, UNKNOWN):
            how = SENT
        values = None if found is None else self._values(found)
        return Outcome(how, values, self._trouble(how, request.error, look))

    def _trouble(self, how: str, error: FluxError | None, look: Request | None) -> Trouble | None:
        """What was not as it should be: with the write, else with the last look at what the device holds."""
        if how == REFUSED:
            assert isinstance(error, ExceptionResponse)
            return self._refusal(error)
        if isinstance(error, ExceptionResponse):
            return exception_trouble(error, self.unit_id)
        if error is not None:
            return line_trouble(error, self.unit_id)
        return self._look_trouble(look) if how == UNKNOWN and look else None

    async def _read(self, session: Session) -> bytes | Trouble:
        look = self._look_request()
        await session.ask([look])
        return self._look_trouble(look) if look.data is None else look.data

    def _look_request(self) -> Request:
        return Request(self.unit_id, pdu.read_request(self._reads, self._first, self._count))

    def _look_trouble(self, look: Request) -> Trouble:
        return read_trouble(look.error, self.unit_id, table=self._table, first=self._first, count=self._count)

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
        if error.exception_code == exceptions.ILLEGAL_FUNCTION and self.function == pdu.MASK_WRITE_REGISTER:
            hint = "it cannot write a part of a register: write the whole register"
        elif error.exception_code == exceptions.ILLEGAL_FUNCTION and self.function in OTHER_FUNCTION:
            hint = f"try --function {OTHER_FUNCTION[self.function]}"
        elif error.exception_code in exceptions.NO_SUCH_ITEM:
            hint = "is it writable, and at this address? many manuals count from 1; some devices are locked"
        return Trouble(trouble.reason, trouble.text, hint)
