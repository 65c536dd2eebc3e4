"""Says which polls a serial line cannot carry, by how much, and what would do."""

from __future__ import annotations

from collections.abc import Iterator

from fluxrig_tooling.rig.lower.io_modbus.busload import Load, Overload
from fluxrig_tooling.rig.lower.io_modbus.bustime import time_text
from fluxrig_tooling.rig.lower.io_modbus.lines import BusLine
from fluxrig_tooling.rig.lower.io_modbus.polls import PlannedPoll
from fluxrig_tooling.rig.model import Problems
from fluxrig_tooling.wording.suggest import listed
from fluxrig_tooling.wording.units import DURATIONS, duration_text

BAUDS = (9600, 19_200, 38_400, 57_600, 115_200)
"""What devices usually offer."""

LONGEST_MS = DURATIONS["d"]
"""No slower rate is suggested."""

SLOWER = (2, 3, 4, 5, 10, 20, 50, 100)
"""By how much everything is slowed down, where no single change is enough."""

_MANTISSAS = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8)
ROUND_MS = sorted({int(mantissa * 10**power) for mantissa in _MANTISSAS for power in range(1, 8)} | {60_000, 3_600_000})
"""Periods and timeouts that somebody would write."""


def check_load(line: BusLine, problems: Problems) -> None:
    """Report what a serial line cannot carry, at the period of the group that would miss its deadlines."""
    if not line.link.is_serial:
        return
    load = line.load()
    overload = load.overload()
    if overload is None:
        return
    poll, _ = line.polls[load.tasks.index(overload.task)]
    needs, window = overload.demand, overload.window
    dead = load.dead_units.limit
    with_dead = f"with {dead} of {len(line.units)} units dead, " if dead else ""
    message = (
        f"group {poll.group!r} of gear {poll.gear!r} cannot be polled every {duration_text(poll.every_ms)}: {with_dead}"
        f"the line {line.link.line} may need {time_text(needs)} for what is due in {time_text(window)}, "
        f"{time_text(needs - window)} too much"
    )
    remedies = list(_remedies(line, poll, load, overload))
    hint = f"it holds with {listed(remedies, 'or')}" if remedies else _everything_slower(line)
    problems.error(poll.every_at, message, hint)


def _remedies(line: BusLine, poll: PlannedPoll, load: Load, overload: Overload) -> Iterator[str]:
    """Single changes with which the line can carry everything, as text."""

    def holds(every: int | None = None, **changes: int) -> bool:
        periods = {(poll.gear, poll.group): every} if every else None
        return line.load(every=periods, **changes).overload() is None

    slower = next((ms for ms in ROUND_MS if poll.every_ms < ms <= LONGEST_MS and holds(every=ms)), None)
    if slower:
        yield f"every: {duration_text(slower)}"
    baud = next((baud for baud in BAUDS if baud > line.link.options["baud"] and holds(baud=baud)), None)
    if baud:
        yield f"baud: {baud}"
    fewer = _registers_too_many(line, poll, overload)
    if fewer:
        yield f"about {fewer} registers fewer"
    if load.dead_units.limit:
        longest = max(member.response_ms for member in line.members)
        shorter = [ms for ms in reversed(ROUND_MS) if 2 * longest <= ms < line.link.options["timeout"]]
        timeout = next((ms for ms in shorter if holds(timeout=ms)), None)
        if timeout:
            yield f"timeout: {duration_text(timeout)}"
        least, most = (line.link.options[key] for key in ("reconnect_min", "reconnect_max"))
        pause = next((ms for ms in ROUND_MS if least < ms <= most and holds(reconnect_min=ms)), None)
        if pause:
            yield f"reconnect_min: {duration_text(pause)}"
        if holds(max_dead=0):
            yield "max_dead: 0 (deadlines may then be missed while a unit is dead)"


def _everything_slower(line: BusLine) -> str:
    """What to say where no single change is enough."""
    for factor in SLOWER:
        every = {(poll.gear, poll.group): factor * poll.every_ms for poll, _ in line.polls}
        if line.load(every=every).overload() is None:
            return f"it holds if everything on this line is polled {factor} times as slowly"
    return "poll less, poll it more slowly, or use another line for some of it"


def _registers_too_many(line: BusLine, poll: PlannedPoll, overload: Overload) -> int:
    """How many registers less in each poll would do; 0 when it does not have as many."""
    register_us = 2 * line.link.character_bits * 1_000_000 / line.link.options["baud"]
    polls = overload.window // (1000 * poll.every_ms)
    if not polls:
        return 0
    fewer = int((overload.demand - overload.window) / polls / register_us) + 1
    has = sum(request.count for request in poll.requests if request.function in (3, 4))
    return fewer if fewer < has else 0
