"""Addresses on the command line: `hr:0`, `ir:10-19`, `40001`, `pressure=hr:0/float32/CDAB`, `hr:2/int16/x0.1`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import click

from fluxrig.errors import LocalError
from fluxrig_tooling.cli.modbus.trouble import span
from fluxrig_tooling.modbus.addresses import read_address, read_range, read_reference
from fluxrig_tooling.modbus.orders import ALL_ORDERS
from fluxrig_tooling.modbus.tables import BIT_TABLES, REGISTER_TABLES
from fluxrig_tooling.modbus.types import LAYOUTS, RAW, STRING, registers_of

_ARGUMENT = re.compile(r"(?:([A-Za-z0-9_-]+)=)?([^/=]+)((?:/[^/=]+)*)")
_PARTS = {
    "bit": re.compile(r"bit([0-9]|1[0-5])"),
    "string": re.compile(r"string([0-9]{1,3})"),
    "raw": re.compile(r"raw([0-9]{1,3})"),
}
GRAMMAR = "[NAME=]ADDRESS[-LAST][/TYPE][/ORDER][/xSCALE]"


@dataclass(frozen=True)
class AddressRequest:
    """What one argument asks for: `count` items of `table` from `first` on, None if it does not say how many.

    `keys` are those of a tag in a rig, such as `type`. Without any, the items are wanted as they are.
    """

    text: str
    name: str
    table: str
    first: int
    count: int | None
    keys: dict[str, Any] = field(default_factory=dict)

    @property
    def is_bits(self) -> bool:
        return self.table in BIT_TABLES

    @property
    def width(self) -> int:
        """Items that one value takes."""
        kind = self.keys.get("type", "uint16")
        # What is not a type is refused when the rig is read.
        return registers_of(kind, self.keys.get("length", 1)) if kind in (*LAYOUTS, STRING, RAW) else 1

    def tags(self, count: int | None) -> list[tuple[str, dict[str, Any]]]:
        """(label, tag of a rig) of each value; `count` values unless the argument says how many items."""
        if self.count is not None:
            count, rest = divmod(self.count, self.width)
            if rest:
                expected = f"expected a multiple of the {self.width} items that a value takes"
                raise click.UsageError(f"{self.text}: {expected}, got {self.count}")
        tags = []
        for index in range(count or 1):
            address = span(self.table, self.first + index * self.width, 1)
            label = f"{self.name}_{index}" if self.name and index else self.name
            tags.append((label or address, {"address": address, **self.keys}))
        return tags


def parse_address(text: str, defaults: dict[str, Any]) -> AddressRequest:
    """What an argument says; `defaults` are keys of a tag for those that say nothing. Wrong usage if it is none."""
    match = _ARGUMENT.fullmatch(text)
    if not match:
        raise click.UsageError(f"expected an address of the form {GRAMMAR}, got {text!r}")
    name, where, parts = match.groups(default="")
    table, first, count = _span(where)
    keys = dict(defaults) if table in REGISTER_TABLES else {}
    for part in parts.split("/")[1:]:
        keys |= part_keys(part)
    return AddressRequest(text, name, table, first=first, count=count, keys=keys)


def part_keys(part: str) -> dict[str, Any]:
    """The keys of a tag that one part says: a type, an order, or a scale such as x0.1."""
    if part in ALL_ORDERS:
        return {"order": part}
    if part in ("high", "low"):
        return {"byte": part}
    if part[0] == "x":
        return {"scale": number(part[1:])}
    for name, pattern in _PARTS.items():
        if match := pattern.fullmatch(part):
            value = int(match[1])
            return {"bit": value} if name == "bit" else {"type": name, "length": value}
    return {"type": part}


def tag_keys(kind: str | None, order: str | None, scale: str | None) -> dict[str, Any]:
    """The keys of a tag that --type, --order and --scale say."""
    keys = part_keys(kind) if kind else {}
    keys |= {"order": order} if order else {}
    return keys | ({"scale": number(scale)} if scale else {})


def number(text: str) -> int | float:
    """A number as YAML has it. Wrong usage if it is none."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        raise click.UsageError(f"expected a number, got {text!r}")
    return value


def _span(text: str) -> tuple[str, int, int | None]:
    """Table, first address, and how many there are, if it says so: `hr:0`, `hr:0-9`, `40001-40010`."""
    try:
        if "-" not in text:
            return *read_address(_number_or_text(text)), None
        table, first, last = read_range(text)
    except LocalError as exc:
        # The hint of a rig speaks of quotes, which a shell takes away.
        hint = exc.hint.replace(" in quotes", "").replace('"', "")
        raise click.UsageError(f"{exc}\n    {hint}" if hint else str(exc)) from exc
    return table, first, last - first + 1


def _number_or_text(text: str) -> int | str:
    """A bare number is told apart from a reference by its length, which a rig does with quotes."""
    return int(text) if text.isdecimal() and len(text) < 20 and not read_reference(text) else text
