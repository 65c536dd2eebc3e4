"""Addresses as they are written: `hr:0`, counted from 0, or a reference such as "40001", counted from 1."""

from __future__ import annotations

import re

from fluxrig.errors import LocalError
from fluxrig.modbus.pdu import ADDRESSES
from fluxrig_tooling.modbus.tables import REFERENCE_TABLES, TABLES

LAST_ADDRESS = ADDRESSES - 1

REFERENCE = "[0134][0-9]{4,5}"
"""The pattern of a reference: the digit of its table, and a number from 1 on."""

_HINT = 'write hr:0, ir:0, co:0 or di:0 (counted from 0), or a reference such as "40001" in quotes (from 1)'
_RANGE_HINT = 'write hr:100-199, ir:5 (counted from 0), or references such as "40101-40200" in quotes (from 1)'
_ADDRESS = re.compile(rf"({'|'.join(TABLES)}):([0-9]{{1,5}})")
_RANGE = re.compile(rf"({'|'.join(TABLES)}):([0-9]{{1,5}})(?:-(?:\1:)?([0-9]{{1,5}}))?")
_REFERENCES = re.compile(rf"({REFERENCE})(?:-({REFERENCE}))?")
_REFERENCE_DIGITS = {table: digit for digit, table in REFERENCE_TABLES.items()}


def read_address(written: int | str) -> tuple[str, int]:
    """Table and 0-based address. LocalError, its `hint` how to write it, unless it has exactly one meaning.

    A bare number is refused, because some count from 0 and some from 1.
    """
    if isinstance(written, int) and (readings := _readings(written)):
        raise LocalError(f"the bare number {written} can mean {' or '.join(readings)}", hint=_HINT)
    if isinstance(written, str):
        if match := _ADDRESS.fullmatch(written):
            if int(match[2]) <= LAST_ADDRESS:
                return match[1], int(match[2])
            raise LocalError(f"{written} is beyond the last address, {LAST_ADDRESS}", hint="")
        if reference := read_reference(written):
            return reference
    raise LocalError(f"expected an address such as hr:0, got {written!r}", hint=_HINT)


def read_range(written: int | str) -> tuple[str, int, int]:
    """Table, first and last 0-based address of `hr:100-199`, `40101-40200` or a single address. LocalError likewise."""
    table, first, last = _ends(written)
    if last > LAST_ADDRESS:
        raise LocalError(f"{written} goes beyond the last address, {LAST_ADDRESS}", hint="")
    if first > last:
        raise LocalError(f"{written} goes from high to low", hint="write the lower address first")
    return table, first, last


def read_reference(text: str) -> tuple[str, int] | None:
    """Table and 0-based address of a reference; None when `text` is not one, or there is no such address."""
    if not re.fullmatch(REFERENCE, text):
        return None
    address = int(text[1:]) - 1
    return (REFERENCE_TABLES[text[0]], address) if 0 <= address <= LAST_ADDRESS else None


def reference_text(table: str, address: int) -> str:
    """The reference of a 0-based address: 40001 for hr:0."""
    return f"{_REFERENCE_DIGITS[table]}{address + 1:04d}"


def _ends(written: int | str) -> tuple[str, int, int]:
    if isinstance(written, str):
        if match := _RANGE.fullmatch(written):
            return match[1], int(match[2]), int(match[3] or match[2])
        if match := _REFERENCES.fullmatch(written):
            begin, end = read_reference(match[1]), read_reference(match[2] or match[1])
            if begin and end and begin[0] == end[0]:
                return *begin, end[1]
    raise LocalError(f"expected a range of addresses such as hr:0-9, got {written!r}", hint=_RANGE_HINT)


def _readings(number: int) -> list[str]:
    """The addresses that a bare number may mean."""
    readings = []
    if reference := read_reference(str(number)):
        readings.append("{}:{} (counted from 1)".format(*reference))
    elif 1 <= number <= ADDRESSES:
        readings.append(f"hr:{number - 1} (counted from 1)")
    if 0 <= number <= LAST_ADDRESS:
        readings.append(f"hr:{number} (counted from 0)")
    return readings
