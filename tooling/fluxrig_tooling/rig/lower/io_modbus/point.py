"""A tag as the planner sees it: where it stands, and what the runtime makes of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from struct import calcsize
from typing import Any

from fluxrig_tooling.modbus.orders import byte_places
from fluxrig_tooling.modbus.tables import BIT_TABLES

BYTE_LAYOUTS = ("b", "B")
"""The `struct` codes of what is a byte of a register, or less."""


@dataclass(frozen=True)
class WriteRule:
    """How a tag is written: see `fluxrig.modbus.write_plan`."""

    function: int
    low: int | float | None = None
    high: int | float | None = None
    verify: bool = True
    idempotent: bool = False


@dataclass(frozen=True)
class Point:
    """One tag, ready to be planned: it takes `width` items of `table` from `address` on.

    `layout` is its `struct` code, `order` one of ABCD, BADC, CDAB and DCBA; `bit` is the lowest bit of a register that
    the tag has, where it does not have all. `conversion` is the slot that the runtime wants, without the tag's name
    and, of a bool, without the mask. `bounds` are the lowest and highest raw value that counts as one. A point that is
    not `readable` is in no plan; `write` is None when it is not writable.
    """

    name: str
    group: str
    table: str
    address: int
    width: int
    layout: str
    order: str
    bit: int
    conversion: tuple[Any, ...]
    unit_id: int = 1
    readable: bool = True
    bounds: tuple[int, int] | tuple[float, float] | None = None
    write: WriteRule | None = None

    @property
    def end(self) -> int:
        return self.address + self.width

    def picks(self, start: int) -> list[int]:
        """Which bytes of a response that begins with item `start` hold the value, most significant first."""
        offset = self.address - start
        if self.table in BIT_TABLES:
            return [offset // 8]
        first = 2 * offset
        if self.layout in BYTE_LAYOUTS:
            return [first if self.bit >= 8 else first + 1]
        picked = [first + place for place in byte_places(self.order, self.width)]
        return picked[: calcsize(">" + self.layout)]

    def slot(self, start: int) -> list[Any]:
        """What the runtime does with the raw value in a response that begins with item `start`."""
        name, *rest = self.unbounded_slot(start)
        return [name, "within", *self.bounds, *rest] if self.bounds else [name, *rest]

    def unbounded_slot(self, start: int) -> list[Any]:
        """The slot for values that are to be written, which have bounds of their own."""
        kind, *parameters = self.conversion
        if kind == "bit":
            bit = self.address - start if self.table in BIT_TABLES else self.bit
            parameters.insert(0, 1 << bit % 8)
        return [self.name, kind, *parameters]


def layout_of(points: Iterable[Point]) -> str:
    """The `struct` format of values one after the other. Runs are counted, which is shorter and read faster: >125H."""
    parts = []
    for code, run in groupby(point.layout for point in points):
        length = len(list(run))
        # The number before an s is its length, so each stands for itself.
        parts.append(code * length if length == 1 or len(code) > 1 else f"{length}{code}")
    return ">" + "".join(parts)
