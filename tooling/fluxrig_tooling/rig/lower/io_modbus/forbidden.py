"""Reads `forbidden:`, what no request may read: ranges of addresses such as hr:100-199, ir:5 or "40101-40200"."""

import re
from dataclasses import dataclass
from typing import Any

from fluxrig_tooling.rig.lower.io_modbus.addresses import ADDRESSES, REFERENCE_TABLES
from fluxrig_tooling.rig.lower.io_modbus.point import Point
from fluxrig_tooling.rig.model import GearSpec, Location, Problems

HINT = 'write hr:100-199, ir:5 (counted from 0), or references such as "40101-40200" in quotes (from 1)'

_RANGE = re.compile(r"(co|di|hr|ir):([0-9]{1,5})(?:-([0-9]{1,5}))?")
_REFERENCES = re.compile(r"([0134])([0-9]{4,5})(?:-\1([0-9]{4,5}))?")


@dataclass(frozen=True)
class Forbidden:
    """Items `first` to `last` of `table`, written as `text` at a place of the file."""

    table: str
    first: int
    last: int
    text: str
    at: Location

    def overlaps(self, table: str, start: int, end: int) -> bool:
        """Whether any item from `start` to before `end` is forbidden."""
        return table == self.table and start <= self.last and self.first < end


def read_forbidden(gear: GearSpec, problems: Problems) -> list[Forbidden]:
    """The ranges that can be read; the others are reported."""
    ranges = []
    for index, written in enumerate(gear.config.get("forbidden", ())):
        at = gear.at("forbidden", index)
        found = _parsed(written)
        if found is None:
            problems.error(at, f"{written!r} is no range of addresses", HINT)
        elif found[2] >= ADDRESSES:
            problems.error(at, f"{written} goes beyond the last address, {ADDRESSES - 1}")
        elif found[1] > found[2]:
            problems.error(at, f"{written} goes from high to low", "write the lower address first")
        else:
            ranges.append(Forbidden(*found, text=written, at=at))
    return ranges


def check_forbidden(gear: GearSpec, points: list[Point], ranges: list[Forbidden], problems: Problems) -> list[Point]:
    """Those of `points` that are not forbidden. The others are reported, with the place of the range."""
    allowed = []
    for point in points:
        found = next((each for each in ranges if each.overlaps(point.table, point.address, point.end)), None)
        if found is None:
            allowed.append(point)
            continue
        last = f"-{point.end - 1}" if point.width > 1 else ""
        problems.error(
            gear.at("tags", point.name, "address"),
            f"tag {point.name!r} reads {point.table}:{point.address}{last}, and {found.text} is forbidden ({found.at})",
            "take the tag or the range out",
        )
    return allowed


def _parsed(written: Any) -> tuple[str, int, int] | None:
    """Table, first and last item, 0-based. None when `written` is no range."""
    if not isinstance(written, str):
        return None
    if match := _RANGE.fullmatch(written):
        return match[1], int(match[2]), int(match[3] or match[2])
    if (match := _REFERENCES.fullmatch(written)) and int(match[2]) >= 1:
        return REFERENCE_TABLES[match[1]], int(match[2]) - 1, int(match[3] or match[2]) - 1
    return None
