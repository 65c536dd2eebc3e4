"""Reads `forbidden:`, what no request may read: ranges of addresses such as hr:100-199, ir:5 or "40101-40200"."""

from __future__ import annotations

from dataclasses import dataclass

from fluxrig.errors import LocalError
from fluxrig_tooling.modbus.addresses import read_range
from fluxrig_tooling.rig.lower.io_modbus.point import Point
from fluxrig_tooling.rig.model import GearSpec, Location, Problems


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
        at = gear.location("forbidden", index)
        try:
            table, first, last = read_range(written)
        except LocalError as exc:
            problems.error(at, str(exc), exc.hint)
        else:
            ranges.append(Forbidden(table, first, last, text=written, at=at))
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
            gear.location("tags", point.name, "address"),
            f"tag {point.name!r} reads {point.table}:{point.address}{last}, and {found.text} is forbidden ({found.at})",
            "take the tag or the range out",
        )
    return allowed
