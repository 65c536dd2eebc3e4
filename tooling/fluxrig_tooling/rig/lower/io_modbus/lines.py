"""The lines of a rig: each link of a Rack, and everything that `io_modbus` Gears ask of it.

Gears of one Rack with the same link share it. So their keys for it have to agree, their polls get offsets together, and
a serial line has to carry them all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from fluxrig.schedule import LONGEST_WAIT_US
from fluxrig_tooling.rig.lower.io_modbus.busload import DeadUnits, Load, PollTask
from fluxrig_tooling.rig.lower.io_modbus.bustime import RESPONSE_TIMES_MS, BusTime
from fluxrig_tooling.rig.lower.io_modbus.link import LINE_KEYS, Link, read_link
from fluxrig_tooling.rig.lower.io_modbus.phases import Use, in_free_places, spread
from fluxrig_tooling.rig.lower.io_modbus.point import Point
from fluxrig_tooling.rig.lower.io_modbus.polls import PlannedPoll, read_polls
from fluxrig_tooling.rig.lower.io_modbus.tags import TagReader
from fluxrig_tooling.rig.model import GearSpec, Problems
from fluxrig_tooling.wording.units import duration_text


@dataclass
class Member:
    """A gear on a line. `link` is as this gear writes it; None when it cannot be read."""

    gear: GearSpec
    link: Link | None
    points: list[Point]
    polls: list[PlannedPoll]

    @property
    def response_ms(self) -> int:
        kind = self.link.kind if self.link else ""
        given: int = self.gear.config.get("response_time", RESPONSE_TIMES_MS.get(kind, 0))
        return given


@dataclass
class BusLine:
    """One link of a rack, and its gears in the order of the file."""

    rack: str
    link: Link
    members: list[Member]

    @property
    def polls(self) -> list[tuple[PlannedPoll, BusTime]]:
        """Everything that is polled over the line, and what counts time for it."""
        return self._polls(self.link)

    @property
    def units(self) -> list[int]:
        return sorted({poll.unit_id for poll, _ in self.polls})

    @property
    def max_dead(self) -> int:
        """How many units may be dead at the same time: one where there are others to suffer from it."""
        given = [member.gear.config["max_dead"] for member in self.members if "max_dead" in member.gear.config]
        return min(given[0], len(self.units)) if given else int(len(self.units) > 1)

    def load(
        self, max_dead: int | None = None, every: dict[tuple[str, str], int] | None = None, **options: Any
    ) -> Load:
        """What is asked of a serial line, one task a poll, in the order of `polls`.

        With other values than the rig's for `max_dead`, for the periods (ms) of groups, by gear and group, and for keys
        of the link.
        """
        link = replace(self.link, options=self.link.options | options)
        polls = self._polls(link)
        tasks = []
        for poll, bus in polls:
            period = (every or {}).get((poll.gear, poll.group), poll.every_ms)
            times = [bus.answered(request) for request in poll.requests]
            tasks.append(PollTask(poll.unit_id, min(1000 * period, LONGEST_WAIT_US), sum(times), max(times)))
        limit = self.max_dead if max_dead is None else max_dead
        if not limit:
            return Load(tasks)
        requests = [(bus, request) for poll, bus in polls for request in poll.requests]
        extra = max((bus.unanswered(request) - bus.answered(request) for bus, request in requests), default=0)
        # The runtime leaves a unit alone as long as a late answer may take, or longer.
        apart_ms = link.options["timeout"] + max(link.options["timeout"], link.options["reconnect_min"])
        return Load(tasks, DeadUnits(limit, max(extra, 0), 1000 * apart_ms))

    def writes(self) -> list[int]:
        """What writing each tag takes that may be written, in us."""
        return [
            BusTime(self.link, member.response_ms).write(point)
            for member in self.members
            for point in member.points
            if point.write
        ]

    def place(self) -> None:
        """Give an offset to each poll without one."""
        if self.link.is_serial:
            polls = self.polls
            offsets = in_free_places(
                [Use(_ms(bus.poll(poll.requests)), poll.every_ms, poll.phase_ms) for poll, bus in polls]
            )
        else:
            asked = [poll for poll, _ in self.polls]
            offsets = spread([poll.every_ms for poll in asked], [poll.phase_ms for poll in asked])
        found = iter(offsets)
        for member in self.members:
            member.polls = [replace(poll, phase_ms=next(found)) for poll in member.polls]

    def _polls(self, link: Link) -> list[tuple[PlannedPoll, BusTime]]:
        return [(poll, BusTime(link, member.response_ms)) for member in self.members for poll in member.polls]


def survey(gears: Iterable[GearSpec], problems: Problems) -> tuple[list[Member], list[BusLine]]:
    """The gears, and the lines they are on. What is wrong with one is reported, and left out."""
    members = [_member(gear, problems) for gear in gears]
    lines: dict[tuple[str, str], BusLine] = {}
    for member in members:
        if member.link:
            line = lines.setdefault((member.gear.rack, member.link.line), BusLine(member.gear.rack, member.link, []))
            line.members.append(member)
    for line in lines.values():
        _check_agreement(line, problems)
        line.place()
    return members, list(lines.values())


def _member(gear: GearSpec, problems: Problems) -> Member:
    link = read_link(gear, problems)
    points = [point for name in gear.config["tags"] if (point := TagReader(gear, name, problems).point())]
    member = Member(gear, link, points, read_polls(gear, link.kind if link else None, points, problems))
    if link and member.response_ms > link.options["timeout"]:
        key = "response_time" if "response_time" in gear.config else "timeout"
        message = f"the timeout is shorter than the response_time, {duration_text(member.response_ms)}"
        problems.error(gear.location(key), message, "no answer would be in time")
    return member


def _check_agreement(line: BusLine, problems: Problems) -> None:
    """Gears on one line write the same of it."""
    first = line.members[0]
    for member in line.members[1:]:
        assert first.link and member.link
        for key in LINE_KEYS:
            _check_equal(line, key, first, member, first.link.options[key], member.link.options[key], problems)
    counting = [member for member in line.members if "max_dead" in member.gear.config]
    for member in counting[1:]:
        first_given, given = (each.gear.config["max_dead"] for each in (counting[0], member))
        _check_equal(line, "max_dead", counting[0], member, first_given, given, problems)


def _check_equal(
    line: BusLine, key: str, one: Member, other: Member, first: Any, second: Any, problems: Problems
) -> None:
    if first == second:
        return
    is_time = one.gear.manifest.config["properties"][key].get("format") == "duration"
    values = [duration_text(value) if is_time else str(value).lower() for value in (first, second)]
    message = (
        f"gears {one.gear.name!r} and {other.gear.name!r} share the line {line.link.line}, "
        f"but {key} is {values[0]} in the one and {values[1]} in the other"
    )
    problems.error(other.gear.location(key), message, f"write the same `{key}:` in both")


def _ms(us: int) -> int:
    return -(-us // 1000)
