"""The readings of a panel, as a person types them: `230.1 V`, `49,98`, `flow = -12`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from math import log2

from fluxrig.decimal import Decimal
from fluxrig.errors import LocalError

MAX_DIGITS = 20

_READING = re.compile(r"(?:([A-Za-z0-9_-]+)\s*=\s*)?([+\u2212-]?)([0-9.,']*[0-9])(?![eE][0-9+-])\s*([^\s0-9.,'].*)?")
_PLAIN = re.compile(r"[0-9]+(?:[.,][0-9]+)?|[.,][0-9]+")
_EITHER = re.compile(r"[1-9][0-9]{0,2},[0-9]{3}")
_GROUPED = {
    ",": re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?"),
    ".": re.compile(r"[0-9]{1,3}(?:(?:\.[0-9]{3}){2,}|(?:\.[0-9]{3})+,[0-9]+)"),
    "'": re.compile(r"[0-9]{1,3}(?:'[0-9]{3})+(?:[.,][0-9]+)?"),
}
"""Numbers with each of the marks that group thousands."""


@dataclass(frozen=True)
class Reading:
    """A number as a panel shows it. `places`: its digits behind the point. `name` and `unit` are empty if not given."""

    text: str
    value: Fraction
    places: int
    name: str = ""
    unit: str = ""

    @property
    def step(self) -> Fraction:
        """What the last digit counts."""
        return Fraction(1, 10**self.places)

    @property
    def information(self) -> float:
        """How many bits the reading tells: no place for it can prove more. Few digits fit many numbers."""
        return 2 * log2(abs(self.value / self.step) + 1)

    @property
    def number(self) -> str:
        """The number alone, with the digits that the panel shows, and a point."""
        return str(Decimal(int(self.value / self.step), -self.places))


def parse_reading(text: str) -> Reading:
    """`[NAME=]NUMBER [UNIT]`, with a point or a comma before the decimals. LocalError when it is not that."""
    match = _READING.fullmatch(text.strip())
    if not match:
        raise LocalError(f'expected a reading such as 230.1, "49.98 Hz" or flow=12.5, got {text!r}')
    name, sign, number, unit = match.groups(default="")
    whole, decimals = _digits(number)
    value = Fraction(int(whole + decimals), 10 ** len(decimals))
    return Reading(text.strip(), value if sign in ("", "+") else -value, len(decimals), name, unit.strip())


def _digits(number: str) -> tuple[str, str]:
    """The digits before and behind the point."""
    if _EITHER.fullmatch(number):
        joined, point = number.replace(",", ""), number.replace(",", ".")
        raise LocalError(f"{number} can be read in two ways: write {joined} or {point}")
    for mark, grouped in _GROUPED.items():
        if grouped.fullmatch(number) and not _PLAIN.fullmatch(number):
            number = number.replace(mark, "")
            break
    if not _PLAIN.fullmatch(number):
        raise LocalError(f"expected a number such as 1234.5, got {number!r}")
    whole, _, decimals = number.replace(",", ".").partition(".")
    if len(whole + decimals) > MAX_DIGITS:
        raise LocalError(f"{number} has more than {MAX_DIGITS} digits")
    return whole, decimals
