"""What a line of `io_modbus` Gears does, as data to be shown: requests, times, load, and a stretch of its timetable."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from typing import Any

from fluxrig_tooling.rig.lower.io_modbus.bustime import BusTime
from fluxrig_tooling.rig.lower.io_modbus.lines import BusLine
from fluxrig_tooling.rig.lower.io_modbus.planner import PlannedRead
from fluxrig_tooling.rig.lower.io_modbus.polls import PlannedPoll

LONGEST_STRETCH = 10
"""How many of the shortest periods the timetable shows at most."""


def report(line: BusLine) -> dict[str, Any]:
    """The line as a document for JSON. Times are us unless they say ms.

    `utilisation` is the part of the time that the line is in use, `worst_utilisation` the same with `max_dead` units
    dead. `writable` counts the tags that may be written, and `write_us` is the longest time of one write, reading back
    included: writes go ahead of polls and are not part of the load. Of each poll, `needs_us` is what may have to be
    done within one of its periods, itself included, in the worst case, and `spare_us` what is left of it. Where the
    times are an estimate, which is said, there is no worst case: it is None.
    """
    polls = line.polls
    load, link = line.load(), line.link
    needs = [load.demand(task.period) if link.is_serial else None for task in load.tasks]
    times = [bus.poll(poll.requests) for poll, bus in polls]
    writes = line.writes()
    return {
        "rack": line.rack,
        "line": link.line,
        "kind": link.kind,
        "settings": {key: link.options[key] for key in ("baud", "parity", "stop_bits") if link.is_serial},
        "gears": [member.gear.name for member in line.members],
        "units": line.units,
        "max_dead": line.max_dead if link.is_serial else 0,
        "estimated": not link.is_serial,
        "holds": not link.is_serial or load.overload() is None,
        "utilisation": sum(time / poll.every_ms / 1000 for time, (poll, _) in zip(times, polls, strict=True)),
        "worst_utilisation": float(load.worst_utilisation) if link.is_serial else None,
        "writable": len(writes),
        "write_us": max(writes, default=0),
        "polls": [_poll(poll, bus, time, need) for (poll, bus), time, need in zip(polls, times, needs, strict=True)],
    }


def timetable(line: BusLine) -> tuple[int, list[list[tuple[int, int]]]]:
    """How long a stretch it shows, and for each poll of the line when in it the line is used for it. All in us.

    It begins with the Rack, every unit answers, and the runtime's order is kept: the nearest deadline first.
    """
    polls = line.polls
    periods = [1000 * poll.every_ms for poll, _ in polls]
    stretch = min(max(periods), LONGEST_STRETCH * min(periods))
    releases = sorted(
        (release, index)
        for index, (poll, _) in enumerate(polls)
        for release in range(1000 * (poll.phase_ms or 0), stretch, periods[index])
    )
    used: list[list[tuple[int, int]]] = [[] for _ in polls]
    for index, start, end in _served(releases, periods, [_steps(poll, bus) for poll, bus in polls]):
        used[index].append((start, min(end, stretch)))
    return stretch, used


def _served(
    releases: Sequence[tuple[int, int]], periods: Sequence[int], steps: Sequence[Sequence[int]]
) -> Iterator[tuple[int, int, int]]:
    """(poll, start, end) of every request of the polls released at (time, poll), in the order of the line."""
    now = 0
    waiting: list[tuple[int, int, int]] = []  # (deadline, poll, requests done)
    coming = list(reversed(releases))
    while coming or waiting:
        if not waiting:
            now = max(now, coming[-1][0])
        while coming and coming[-1][0] <= now:
            release, index = coming.pop()
            heappush(waiting, (release + periods[index], index, 0))
        deadline, index, done = heappop(waiting)
        end = now + steps[index][done]
        yield index, now, end
        now = end
        if done + 1 < len(steps[index]):
            heappush(waiting, (deadline, index, done + 1))


def _steps(poll: PlannedPoll, bus: BusTime) -> list[int]:
    """What a poll does in one go: a request, or where several are under way at once, all of them."""
    if bus.link.options["pipeline"] > 1:
        return [bus.poll(poll.requests)]
    return [bus.answered(request) for request in poll.requests]


def _poll(poll: PlannedPoll, bus: BusTime, time: int, needs: int | None) -> dict[str, Any]:
    period = 1000 * poll.every_ms
    return {
        "gear": poll.gear,
        "poll": poll.name,
        "group": poll.group,
        "unit_id": poll.unit_id,
        "every_ms": poll.every_ms,
        "phase_ms": poll.phase_ms,
        "time_us": time,
        "utilisation": time / period,
        "needs_us": needs,
        "spare_us": None if needs is None else period - needs,
        "requests": [_request(request, bus) for request in poll.requests],
    }


def _request(request: PlannedRead, bus: BusTime) -> dict[str, Any]:
    return {
        "function": request.function,
        "span": request.span,
        "read": request.count,
        "wanted": request.wanted,
        "tags": len(request.points),
        "bytes": bus.bytes_of(request),
        "time_us": bus.answered(request),
    }
