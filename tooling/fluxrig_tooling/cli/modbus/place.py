"""One way to read a number out of a device: its registers, their encoding, and the scale."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import frexp, ulp
from typing import Any

from fluxrig.decimal import Decimal
from fluxrig_tooling.cli.modbus.encodings import Encoding

_SINGLE_DIGITS = 24  # binary digits of a float32


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

    def value(self, raw: int | float) -> Fraction:
        return Fraction(raw) * Fraction(10) ** self.exponent

    def step(self, raw: int | float) -> Fraction:
        """How far the next value is from that of `raw`."""
        if not self.encoding.is_float:
            return self.value(1)
        return self.value(ulp(raw) if self.encoding.type == "float64" else 2.0 ** (frexp(raw)[1] - _SINGLE_DIGITS))

    def text(self, raw: int | float) -> str:
        """The value with the digits that the register has; of a float, six of them."""
        if isinstance(raw, float):
            return f"{float(self.value(raw)):.6g}"
        return str(Decimal(raw, self.exponent))

    def overlaps(self, other: Place) -> bool:
        """Whether both have a register in common."""
        end, others_end = self.address + self.encoding.width, other.address + other.encoding.width
        return self.table == other.table and self.address < others_end and other.address < end

    def tag(self) -> dict[str, Any]:
        """The tag that a rig has for it."""
        tag: dict[str, Any] = {"address": self.where, "type": self.encoding.type}
        if self.encoding.order not in ("", "ABCD"):
            tag["order"] = self.encoding.order
        if self.exponent:
            tag["scale"] = 10**self.exponent
        return tag
