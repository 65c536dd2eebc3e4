"""Addresses as they are written: `hr:0`, counted from 0, or a reference such as "40001", counted from 1."""

import re

from fluxrig.errors import LocalError

ADDRESSES = 65_536
"""How many addresses a table has."""

BIT_TABLES = ("co", "di")
"""The others are tables of registers."""

WRITABLE_TABLES = ("co", "hr")

REFERENCE_TABLES = {"0": "co", "1": "di", "3": "ir", "4": "hr"}
"""The table that the first digit of a 1-based reference names."""

_HINT = 'write hr:0, ir:0, co:0 or di:0 (counted from 0), or a reference such as "40001" in quotes (from 1)'
_ADDRESS = re.compile(r"(co|di|hr|ir):([0-9]{1,5})")
_REFERENCE = re.compile(r"([0134])([0-9]{4,5})")


def read_address(written: int | str) -> tuple[str, int]:
    """Table and 0-based address. LocalError, its `hint` how to write it, when it has not one meaning.

    A bare number is refused, because some count from 0 and some from 1.
    """
    if isinstance(written, int):
        readings = " or ".join(_readings(written))
        meaning = f"can mean {readings}" if readings else "is no address"
        raise LocalError(f"the bare number {written} {meaning}", hint=_HINT)
    if match := _ADDRESS.fullmatch(written):
        if int(match[2]) < ADDRESSES:
            return match[1], int(match[2])
        raise LocalError(f"{written} is beyond the last address, {ADDRESSES - 1}", hint="")
    if reference := _reference(written):
        return reference
    raise LocalError(f"{written!r} is no address", hint=_HINT)


def _readings(number: int) -> list[str]:
    """The addresses that a bare number may mean."""
    readings = []
    if match := _reference(str(number)):
        readings.append("{}:{} (counted from 1)".format(*match))
    elif 1 <= number <= ADDRESSES:
        readings.append(f"hr:{number - 1} (counted from 1)")
    if 0 <= number < ADDRESSES:
        readings.append(f"hr:{number} (counted from 0)")
    return readings


def _reference(text: str) -> tuple[str, int] | None:
    """Table and 0-based address of a 1-based reference such as 40001, None when `text` is none."""
    match = _REFERENCE.fullmatch(text)
    if match and 1 <= int(match[2]) <= ADDRESSES:
        return REFERENCE_TABLES[match[1]], int(match[2]) - 1
    return None
