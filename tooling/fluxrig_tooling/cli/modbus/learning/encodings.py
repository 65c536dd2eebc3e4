"""The ways in which registers hold a number: what `learn` tries, and how much each of them supposes."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import isfinite

from fluxrig_tooling.modbus.orders import ABCD, BADC, CDAB, DCBA, byte_places
from fluxrig_tooling.modbus.types import BCD, FLOATS, LAYOUTS, registers_of

ORDERS = {ABCD: 0.0, CDAB: 0.5, DCBA: 2.0, BADC: 2.5}
"""The orders of values over several registers, and what each costs: the rarer, the more."""

TYPES = {
    "uint16": 0.0,
    "int16": 0.0,
    "float32": 0.5,
    "uint32": 1.0,
    "int32": 1.0,
    "uint64": 2.0,
    "int64": 2.0,
    "float64": 2.0,
    "bcd16": 3.0,
    "bcd32": 3.5,
}
"""The types, and what each costs likewise."""

SIGNED = {"uint16": "int16", "uint32": "int32", "uint64": "int64"}
"""The signed type that reads the same registers as an unsigned one, as long as the sign bit is 0."""

INTEGER_EXPONENTS = range(-4, 5)
FLOAT_EXPONENTS = range(-3, 4)
"""Powers of ten that a raw number may be scaled with."""


@dataclass(frozen=True)
class Encoding:
    """`type` and `order` as in a rig; the order is empty for types of one register."""

    type: str
    order: str

    @property
    def width(self) -> int:
        """Registers."""
        return registers_of(self.type)

    @property
    def cost(self) -> float:
        return TYPES[self.type] + ORDERS.get(self.order, 0.0)

    @property
    def is_float(self) -> bool:
        return self.type in FLOATS

    @property
    def is_bcd(self) -> bool:
        return self.type in BCD


def decoder(encoding: Encoding) -> Callable[[list[int]], int | float | None]:
    """What makes the raw number out of as many registers as `encoding` takes. None when they hold none."""
    places = byte_places(encoding.order or ABCD, encoding.width)
    packed, layout = f">{encoding.width}H", ">" + LAYOUTS[encoding.type]

    def decode(registers: list[int]) -> int | float | None:
        data = struct.pack(packed, *registers)
        (raw,) = struct.unpack(layout, bytes([data[place] for place in places]))
        if encoding.is_bcd:
            digits = f"{raw:x}"
            return int(digits) if digits.isdecimal() else None
        return raw if isfinite(raw) else None

    return decode


def encodings() -> Iterator[Encoding]:
    """All of them, the plainest first."""
    for name in TYPES:
        for order in ORDERS if registers_of(name) > 1 else ("",):
            yield Encoding(name, order)
