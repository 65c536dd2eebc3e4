"""What is written with a unit, in rig files and options: durations, sizes, percentages, and secrets by name.

Each `parse_…` raises LocalError that says what was expected and what was found.
"""

from __future__ import annotations

import re
from fractions import Fraction

from fluxrig.errors import LocalError

DURATIONS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
"""Milliseconds in each unit."""

SIZES = {
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
    "TiB": 1 << 40,
}
"""Bytes in each unit."""

MAX_DURATION_MS = 36_500 * DURATIONS["d"]
"""A century: what 64-bit nanoseconds hold, with room."""

MAX_SIZE = 2**63 - 1

_QUANTITY = re.compile(r"([0-9]{1,20}(?:\.[0-9]{1,20})?)([A-Za-z]{1,3})")
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,20})?)%")
_SECRET = re.compile(r"secret:([A-Za-z0-9_-]{1,64})")


def parse_duration(text: str) -> int:
    """`100ms`, `5s`, `1.5s`, `2m`, `1h` or `30d` in milliseconds, a whole number of them."""
    ms = _quantity(text, DURATIONS, "a duration such as 100ms")
    if ms > MAX_DURATION_MS:
        raise LocalError(f"{text} is longer than {MAX_DURATION_MS // DURATIONS['d']}d, the longest duration")
    if ms.denominator != 1:
        raise LocalError(f"{text} is not a whole number of milliseconds, the finest a duration can be")
    return int(ms)


def duration_text(ms: int) -> str:
    """A duration as `parse_duration` reads it, in the largest unit of which it has a whole number."""
    unit = max((unit for unit, factor in DURATIONS.items() if ms % factor == 0), key=DURATIONS.__getitem__)
    return f"{ms // DURATIONS[unit]}{unit}" if ms else "0ms"


def parse_size(text: str) -> int:
    """`512B`, `110KiB`, `2GiB` or `2GB` in bytes, a whole number of them."""
    size = _quantity(text, SIZES, "a size such as 2GiB")
    if size > MAX_SIZE:
        raise LocalError(f"{text} is more than any storage holds")
    if size.denominator != 1:
        raise LocalError(f"{text} is not a whole number of bytes")
    return int(size)


def size_text(size: int) -> str:
    """A size as `parse_size` reads it, in the largest unit of which it has a whole number."""
    unit = max((unit for unit, factor in SIZES.items() if size % factor == 0), key=SIZES.__getitem__)
    return f"{size // SIZES[unit]}{unit}" if size else "0B"


def parse_percent(text: str) -> Fraction:
    """`5%` or `0.5%` as a fraction of one, exactly; at most 100%."""
    match = _PERCENT.fullmatch(text)
    if not match:
        raise LocalError(f"expected a percentage such as 5%, got {text}")
    percent = Fraction(match[1])
    if percent > 100:
        raise LocalError(f"{text} is more than 100%")
    return percent / 100


def parse_secret(text: str) -> str | dict[str, str]:
    """The compiled form of text that may be `secret:NAME`: the text itself, or {"secret": NAME}."""
    if not text.startswith("secret:"):
        return text
    match = _SECRET.fullmatch(text)
    if not match:
        raise LocalError(f"expected secret:NAME, with letters, digits, _ and - in the name, got {text!r}")
    return {"secret": match[1]}


def _quantity(text: str, units: dict[str, int], expected: str) -> Fraction:
    match = _QUANTITY.fullmatch(text)
    if match and match[2] in units:
        return Fraction(match[1]) * units[match[2]]
    known = ", ".join(units)
    if re.fullmatch(r"[0-9.]+", text):
        raise LocalError(f"expected {expected}, got {text} without a unit", hint=f"units are {known}")
    raise LocalError(f"expected {expected}, got {text!r}", hint=f"write a number and a unit, one of {known}")
