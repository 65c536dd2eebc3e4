"""Reads the `tags:` of an `io_modbus` Gear: addresses, types, orders and scales, and what is wrong with them."""

import re
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Any

from fluxrig_tooling.rig.model import GearSpec, Problems, Tag
from fluxrig_tooling.rig.suggest import did_you_mean

DEFAULT_GROUP = "default"
"""The group of the tags that name none."""

ADDRESSES = 65_536
"""How many addresses a table has."""

ADDRESS_HINT = 'write hr:0, ir:0, co:0 or di:0 (counted from 0), or a reference such as "40001" in quotes (from 1)'

REFERENCE_TABLES = {"0": "co", "1": "di", "3": "ir", "4": "hr"}
"""The table that the first digit of a 1-based reference names."""

BIT_TABLES = ("co", "di")
"""The others are tables of registers."""

BOOL = "bool"
BOOL_LAYOUT = "B"
LAYOUTS = {
    BOOL: BOOL_LAYOUT,
    "int16": "h",
    "uint16": "H",
    "int32": "i",
    "uint32": "I",
    "int64": "q",
    "uint64": "Q",
    "float32": "f",
    "float64": "d",
}
"""The `struct` code of each type; a bool is one bit of a byte."""

FLOAT_LAYOUTS = ("f", "d")

WIDTHS = {"B": 1, "h": 1, "H": 1, "i": 2, "I": 2, "q": 4, "Q": 4, "f": 2, "d": 4}
"""Registers (of a bool: registers or bits) that a value takes."""

EXACT = 1 << 53
"""Up to here a float holds every integer, so a scale as a fraction of larger ones would gain nothing."""

INTEGERS = range(-(1 << 64), 1 << 64)
"""What a message can carry as an integer."""

_ADDRESS = re.compile(r"(co|di|hr|ir):([0-9]{1,5})")
_REFERENCE = re.compile(r"([0134])([0-9]{4,5})")


@dataclass(frozen=True)
class Point:
    """One tag, ready to be planned: it takes `width` items of `table` from `address` on.

    `bit` is that of a register read as bool. `conversion` is the slot that the runtime wants, without the tag's name
    and, of a bool, without the mask. `readable`: it is polled.
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

    @property
    def end(self) -> int:
        return self.address + self.width

    def picks(self, start: int) -> list[int]:
        """Which bytes of a response that begins with item `start` hold the value, most significant first."""
        offset = self.address - start
        if self.table in BIT_TABLES:
            return [offset // 8]
        first = 2 * offset
        if self.layout == BOOL_LAYOUT:
            return [first if self.bit >= 8 else first + 1]
        picked = list(range(first, first + 2 * self.width))
        if self.order in ("CDAB", "DCBA"):
            picked.reverse()
        if self.order in ("CDAB", "BADC"):
            picked = [byte for pair in zip(picked[1::2], picked[::2], strict=True) for byte in pair]
        return picked

    def slot(self, start: int) -> list[Any]:
        """What the runtime does with the raw value in a response that begins with item `start`."""
        kind, *parameters = self.conversion
        if kind == "bit":
            bit = self.address - start if self.table in BIT_TABLES else self.bit
            parameters.insert(0, 1 << bit % 8)
        return [self.name, kind, *parameters]


class TagReader:
    """Reads one entry of `tags:`, and reports what is wrong with it."""

    def __init__(self, gear: GearSpec, name: str, problems: Problems):
        self._gear = gear
        self._name = name
        self._problems = problems
        self._spec: dict[str, Any] = gear.config["tags"][name]
        self._sound = True
        self._table, self._address = self._read_address()
        self._type = self._read_type()

    def tag(self) -> Tag:
        low, high = self._spec.get("range", (None, None))
        return Tag(
            name=self._name,
            gear=self._gear.name,
            gear_id=self._gear.id,
            kind=self._kind(),
            unit=self._spec.get("unit", ""),
            range=None if low is None else (float(low), float(high)),
        )

    def point(self) -> Point | None:
        """None when something is wrong."""
        layout = LAYOUTS[self._type]
        width = WIDTHS[layout]
        self._check_group()
        self._check_range()
        if self._table in BIT_TABLES:
            self._refuse("bit", f"{self._where()} is a single bit already", "bit: takes one bit out of a register")
        if self._type == BOOL or "enum" in self._spec:
            for key in ("scale", "offset", "range"):
                self._refuse(key, f"{'a bool' if self._type == BOOL else 'an enum'} has no {key}")
        if width == 1:
            self._refuse("order", f"{self._type} has no order", "order: is for values over several registers")
        if self._address + width > ADDRESSES:
            last = self._address + width - 1
            self._error("address", f"{self._type} at {self._where()} ends at address {last}, beyond {ADDRESSES - 1}")
        conversion = self._conversion(layout)
        if not self._sound:
            return None
        return Point(
            name=self._name,
            group=self._spec.get("group", DEFAULT_GROUP),
            table=self._table,
            address=self._address,
            width=width,
            layout=layout,
            order=self._spec.get("order", "ABCD"),
            bit=self._spec.get("bit", 0),
            conversion=conversion,
            unit_id=self._spec.get("unit_id", self._gear.config["unit_id"]),
        )

    def _read_address(self) -> tuple[str, int]:
        """Table and 0-based address; a holding register at 0 when it is not legible, so that the rest is checked."""
        written = self._spec["address"]
        if isinstance(written, int):
            readings = " or ".join(_readings(written))
            meaning = f"can mean {readings}" if readings else "is no address"
            self._error("address", f"the bare number {written} {meaning}", ADDRESS_HINT)
        elif match := _ADDRESS.fullmatch(written):
            if int(match[2]) < ADDRESSES:
                return match[1], int(match[2])
            self._error("address", f"{written} is beyond the last address, {ADDRESSES - 1}")
        elif reference := _reference(written):
            return reference
        else:
            self._error("address", f"{written!r} is no address", ADDRESS_HINT)
        return "hr", 0

    def _read_type(self) -> str:
        given = self._spec.get("type")
        if self._table in BIT_TABLES:
            if given not in (None, BOOL):
                self._error("type", f"{self._where()} is a single bit, it cannot be {given}", "leave out type:")
            return BOOL
        if "bit" in self._spec:
            if given not in (None, BOOL):
                self._error("bit", f"{given} is more than one bit", "leave out type: or bit:")
            return BOOL
        if given == BOOL:
            hint = "add bit: 0 to 15, where 0 is the least significant"
            self._error("type", f"{self._where()} is a register of 16 bits: which of them is the bool?", hint)
        return given or "uint16"

    def _check_group(self) -> None:
        group = self._spec.get("group", DEFAULT_GROUP)
        groups = self._gear.config.get("groups", {})
        if group != DEFAULT_GROUP and group not in groups:
            self._error("group", f"there is no group {group!r}", did_you_mean(group, groups))

    def _check_range(self) -> None:
        low, high = self._spec.get("range", (0, 1))
        if low >= high:
            self._error("range", f"a range goes from low to high, not from {low} to {high}")

    def _conversion(self, layout: str) -> tuple[Any, ...]:
        """What makes a value of the raw one: a slot of the runtime."""
        if "enum" in self._spec:
            return self._labels(layout)
        if self._type == BOOL:
            return "bit", False, True
        if self._spec.get("scale") == 0:
            self._error("scale", "with scale 0 every value would be the offset")
        mul, add, div = self._line()
        if (mul, add, div) == (1, 0, 1):
            return ("float",) if layout in FLOAT_LAYOUTS else ("raw",)
        if layout in FLOAT_LAYOUTS or not _is_whole(mul, div):
            return "linear", mul, add, div
        if any(raw * mul + add not in INTEGERS for raw in _extremes(layout)):
            self._error("scale", f"{self._type} times {mul} can exceed 64 bits", "choose a smaller scale")
        return "integer", mul, add

    def _line(self) -> tuple[Any, Any, int]:
        """(mul, add, div) with value = (raw * mul + add) / div: scale and offset over their common denominator.

        As integers they are exact, and one rounding is left. Where they would be too large they stay floats.
        """
        scale = Fraction(str(self._spec.get("scale", 1)))
        offset = Fraction(str(self._spec.get("offset", 0)))
        div = lcm(scale.denominator, offset.denominator)
        mul, add = int(scale * div), int(offset * div)
        if max(abs(mul), abs(add), div) > EXACT:
            return float(scale), float(offset), 1
        return mul, add, div

    def _labels(self, layout: str) -> tuple[Any, ...]:
        """The conversion of an enum."""
        if layout in FLOAT_LAYOUTS:
            self._error("enum", f"{self._type} cannot be an enum", "an enum names integers")
        low, high = (0, 1) if self._type == BOOL else _extremes(layout)
        labels: dict[int, str] = {}
        for key, label in self._spec["enum"].items():
            if not low <= int(key) <= high:
                self._error("enum", f"{self._type} is never {key}: it has {low} to {high}")
            elif int(key) in labels:
                self._error("enum", f"raw value {int(key)} has two names")
            else:
                labels[int(key)] = label
        if self._type != BOOL:
            return "label", [[raw, labels[raw]] for raw in sorted(labels)]
        if self._sound and len(labels) < 2:
            self._error("enum", "the enum of a bool names both 0 and 1")
        return "bit", labels.get(0), labels.get(1)

    def _kind(self) -> str:
        if "enum" in self._spec:
            return "enum"
        if self._type == BOOL:
            return "bool"
        mul, _, div = self._line()
        return "int" if LAYOUTS[self._type] not in FLOAT_LAYOUTS and _is_whole(mul, div) else "float"

    def _where(self) -> str:
        return f"{self._table}:{self._address}"

    def _refuse(self, key: str, message: str, hint: str = "") -> None:
        """`key` has no place at this tag."""
        if key in self._spec:
            self._error(key, message, hint or f"leave out {key}:")

    def _error(self, key: str, message: str, hint: str = "") -> None:
        self._sound = False
        self._problems.error(self._gear.at("tags", self._name, key), message, hint)


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


def _is_whole(mul: float, div: int) -> bool:
    return div == 1 and isinstance(mul, int)


def _extremes(layout: str) -> tuple[int, int]:
    """The least and the greatest integer of a layout."""
    bits = 16 * WIDTHS[layout]
    return (-(1 << bits - 1), (1 << bits - 1) - 1) if layout.islower() else (0, (1 << bits) - 1)
