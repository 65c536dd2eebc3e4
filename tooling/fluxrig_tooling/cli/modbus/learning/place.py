"""One way to read a number out of a device: its registers, their encoding, and the scale."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import frexp, log2
from typing import Any

from fluxrig.decimal import Decimal
from fluxrig_tooling.cli.modbus.learning.encodings import Encoding
from fluxrig_tooling.modbus.orders import ABCD

_DIGITS = {"float32": 24, "float64": 53}
"""Binary digits of a mantissa."""


@dataclass(frozen=True)
class Place:
    """Registers of `table` from `address` on, read as `encoding`. The value is the raw number times 10**exponent."""

    table: str
    address: int
    encoding: Encoding
    exponent: int

    @property
    def where(self) -> str:
        return f"{self.table}:{self.address}"

    @property
    def how(self) -> str:
        """Type, order and scale, such as `float32 CDAB` or `int16 x 0.1`."""
        scale = f"x {Decimal(1, self.exponent)}" if self.exponent else ""
        return " ".join(part for part in (self.encoding.type, self.encoding.order, scale) if part)

    def value(self, raw: int | float | Fraction) -> Fraction:
        return Fraction(raw) * Fraction(10) ** self.exponent

    def step(self, raw: int | float) -> Fraction:
        """How far apart the values are that are written with as many digits as that of `raw`, in binary for a float."""
        if isinstance(raw, int) or raw == 0:
            return self.value(1)
        numerator, denominator = raw.as_integer_ratio()
        return self.value(Fraction(numerator & -numerator, denominator))

    def information(self, raw: int | float) -> float:
        """How many bits the registers tell that hold `raw`. Small numbers, and 0 above all, are everywhere."""
        if raw == 0:
            return 1
        if isinstance(raw, int):
            size = (raw if raw >= 0 else ~raw).bit_length()
            return max(min(2 * size, 16 * -(-size // 16)), 1)  # of as many registers as it needs
        digits = _DIGITS[self.encoding.type]
        mantissa = int(abs(frexp(raw)[0]) * 2**digits)
        return 16 * self.encoding.width - log2(mantissa & -mantissa)

    def text(self, raw: int | float) -> str:
        """The value with the digits that the register has; of a float, six of them."""
        if isinstance(raw, float):
            return f"{raw * 10.0**self.exponent:.6g}"  # at worst inf, where float() of the value would overflow
        return str(Decimal(raw, self.exponent))

    def overlaps(self, other: Place) -> bool:
        """Whether both have a register in common."""
        end, others_end = self.address + self.encoding.width, other.address + other.encoding.width
        return self.table == other.table and self.address < others_end and other.address < end

    def tag(self) -> dict[str, Any]:
        """The tag that a rig has for it."""
        tag: dict[str, Any] = {"address": self.where, "type": self.encoding.type}
        if self.encoding.order not in ("", ABCD):
            tag["order"] = self.encoding.order
        if self.exponent:
            tag["scale"] = 10**self.exponent
        return tag
