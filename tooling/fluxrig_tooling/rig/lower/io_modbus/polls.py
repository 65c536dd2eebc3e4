"""Makes polls of the tags of one `io_modbus` Gear: what is asked of which unit for which group, how often."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fluxrig.modbus.rtu import BROADCAST
from fluxrig_tooling.modbus.tables import BIT_TABLES
from fluxrig_tooling.modbus.unit_ids import MAX_SERIAL_UNIT_ID
from fluxrig_tooling.rig.lower.io_modbus.forbidden import check_forbidden, read_forbidden
from fluxrig_tooling.rig.lower.io_modbus.link import TCP
from fluxrig_tooling.rig.lower.io_modbus.planner import PlannedRead, ReadLimits, plan
from fluxrig_tooling.rig.lower.io_modbus.point import Point
from fluxrig_tooling.rig.lower.io_modbus.tags import DEFAULT_GROUP
from fluxrig_tooling.rig.model import GearSpec, Location, Problems
from fluxrig_tooling.rig.ranges import check_range
from fluxrig_tooling.wording.units import duration_text


@dataclass(frozen=True)
class PlannedPoll:
    """The requests to one unit for one group of a Gear. `phase_ms` is None until it is found."""

    gear: str
    name: str
    group: str
    unit_id: int
    every_ms: int
    every_at: Location
    phase_ms: int | None
    requests: tuple[PlannedRead, ...]

    def compiled(self) -> dict[str, Any]:
        """One of `polls`, as the runtime takes it: see `fluxrig.gears.io_modbus.io_modbus`."""
        return {
            "name": self.name,
            "group": self.group,
            "unit_id": self.unit_id,
            "every_ms": self.every_ms,
            "phase_ms": self.phase_ms,
            "requests": [request.compiled() for request in self.requests],
        }


def read_polls(gear: GearSpec, kind: str | None, points: list[Point], problems: Problems) -> list[PlannedPoll]:
    """The polls for those of `points` that are read, over a link of `kind` (None when it is not known).

    What is wrong is reported, and left out.
    """
    _check_units(gear, kind, points, problems)
    limits = _limits(gear, problems)
    wanted = check_forbidden(gear, [point for point in points if point.readable], list(limits.forbidden), problems)
    wanted = [point for point in wanted if _fits(gear, point, limits, problems)]
    return [
        poll for group, timing in _groups(gear, problems) for poll in _of_group(gear, group, timing, wanted, limits)
    ]


def _of_group(
    gear: GearSpec, group: str, timing: dict[str, Any], points: list[Point], limits: ReadLimits
) -> Iterator[PlannedPoll]:
    members = [point for point in points if point.group == group]
    units = sorted({point.unit_id for point in members})
    for unit_id in units:
        yield PlannedPoll(
            gear=gear.name,
            name=group if len(units) == 1 else f"{group}.{unit_id}",
            group=group,
            unit_id=unit_id,
            every_ms=timing["every"],
            every_at=gear.location("every") if group == DEFAULT_GROUP else gear.location("groups", group, "every"),
            phase_ms=timing.get("phase"),
            requests=tuple(plan([point for point in members if point.unit_id == unit_id], limits)),
        )


def _groups(gear: GearSpec, problems: Problems) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each group with its timing, the default group last."""
    declared = gear.config.get("groups", {})
    named = {tag.get("group") for tag in gear.config["tags"].values()}
    if DEFAULT_GROUP in declared:
        problems.error(
            gear.key_location("groups", DEFAULT_GROUP),
            f"the group of the tags that name none is called {DEFAULT_GROUP!r} already",
            "set their period with `every:` beside `tags:`, or call this group something else",
        )
    for name, timing in declared.items():
        if not check_range(gear.location("groups", name, "every"), "every", timing["every"], (1, None), problems):
            continue
        if timing.get("phase", 0) >= timing["every"]:
            problems.error(
                gear.location("groups", name, "phase"),
                f"phase: expected less than the period, {duration_text(timing['every'])}, "
                f"got {duration_text(timing['phase'])}",
                "a phase says where in its period a group is polled",
            )
        elif name not in named | {DEFAULT_GROUP}:
            unused = f"no tag is in group {name!r}"
            problems.warning(gear.key_location("groups", name), unused, f"put `group: {name}` at a tag")
        else:
            yield name, timing
    if check_range(gear.location("every"), "every", gear.config["every"], (1, None), problems):
        yield DEFAULT_GROUP, {"every": gear.config["every"]}


def _limits(gear: GearSpec, problems: Problems) -> ReadLimits:
    config = gear.config
    forbidden = read_forbidden(gear, problems)
    return ReadLimits(config["max_registers"], config["max_bits"], config["max_gap"], forbidden)


def _fits(gear: GearSpec, point: Point, limits: ReadLimits, problems: Problems) -> bool:
    """Whether one request can read the point: no tag is split, because its halves could be of different moments."""
    longest = limits.longest(point.table)
    if point.width <= longest:
        return True
    key = "max_bits" if point.table in BIT_TABLES else "max_registers"
    message = f"tag {point.name!r} takes {point.width} registers, and a request reads at most {longest} ({key})"
    problems.error(
        gear.location("tags", point.name, "address"), message, f"raise {key}: no tag is split over two requests"
    )
    return False


def _check_units(gear: GearSpec, kind: str | None, points: list[Point], problems: Problems) -> None:
    """Unit ids are 1 to 247 on a serial line, where 0 means all units (MODBUS over Serial Line V1.02, section 2.2)."""
    if kind in (None, TCP):
        return
    for point in points:
        own = "unit_id" in gear.config["tags"][point.name]
        at = gear.location("tags", point.name, "unit_id") if own else gear.location("unit_id")
        if point.unit_id > MAX_SERIAL_UNIT_ID:
            hint = f"units have 1 to {MAX_SERIAL_UNIT_ID}"
            problems.error(at, f"unit_id {point.unit_id} is reserved on a serial line", hint)
        elif point.unit_id == BROADCAST and point.readable:
            hint = f"give the unit that has the tags: 1 to {MAX_SERIAL_UNIT_ID}"
            problems.error(at, f"unit_id {BROADCAST} means all units on a serial line, and none of them answers", hint)
