"""Whether one line can carry all polls that are asked of it, in the worst case. Times are whole microseconds.

A *task* is what polls one unit for one group: every `period` it releases a poll, which has to end before the next one.
The line serves requests one at a time, and between two of them whichever poll has the nearest deadline (EDF). A request
that is under way is not given up. This is EDF with limited preemption (Jeffay, Stanat and Martel 1991; Baruah 2005).
Nothing is assumed about when the first poll of each task is. Not part of the model are writes, which go ahead of polls,
and what is asked again because it was refused or came damaged: all of them take their time from what is left.

**The test.** Let a deadline be missed for the first time, and look back to when the line last had nothing to do that
was as urgent. In the time t since then it served polls that were released and due within it, of each task at most
t // period; and before them one request that was under way, of a task that may wait longer than t. So no deadline is
missed if for every t

    sum of (t // period) * cost, over all tasks  +  longest request of a task with period > t   <=   t

**Dead units.** An unanswered request takes `extra` longer than an answered one. The runtime then leaves the unit alone:
its other requests of that poll fail without using the line, and the next attempt at it begins `apart` or more after the
last. A unit counts as dead from an unanswered request until it answers again; at most `limit` are, at any moment. They
may do so in turns, and a unit may die again as soon as it has answered: a loose plug does that. How many of the
requests in t are not answered has two bounds, and each of them costs `extra` on top of the sum above:
    - A unit all of whose polls in t had one is dead at the end, so there are at most `limit` units of which every poll
      had one, and each other unit has one poll or more without.
    - There are at most `limit` at once, and as many again `apart` later, if the line was busy until then. With w the
      sum above, and j rounds of them, it was for w + j * limit * extra at most: so after the first there are no more
      rounds than w // (apart - limit * extra). If what was under way is unanswered itself, it is one of the first.

**Which t.** The left side only rises at multiples of the periods. Beyond the longest period nothing is under way that
may wait, and the sum is at most utilisation * t + limit * extra: so there is a t from which on the test holds, as long
as utilisation is below `FULL`. Below it the t are not tried one by one, but from above, going from t on to the left
side at t where that is less (Zhang and Burns 2009), separately between each two periods, where the request under way is
the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

FULL = Fraction(999, 1000)
"""The utilisation from which on a line counts as full. The rest is for what no model has, and bounds the effort."""


@dataclass(frozen=True)
class PollTask:
    """Polls of `unit` every `period`. `cost` is the time of all requests of one, `longest` that of the longest."""

    unit: int
    period: int
    cost: int
    longest: int


@dataclass(frozen=True)
class DeadUnits:
    """How many units may be dead at once, and what an unanswered request costs: see above."""

    limit: int = 0
    extra: int = 0
    apart: int = 1


@dataclass(frozen=True)
class Overload:
    """Within `window` more may be asked of the line, `demand`. `task` is one that would miss its deadline."""

    task: PollTask
    window: int
    demand: int


class Load:
    """The tasks of one line."""

    def __init__(self, tasks: Sequence[PollTask], dead_units: DeadUnits | None = None):
        self.tasks = tasks
        self.dead_units = dead_units or DeadUnits()

    @property
    def utilisation(self) -> Fraction:
        """The part of the time in which the line is used, while every unit answers."""
        by_period: dict[int, int] = {}
        for task in self.tasks:
            by_period[task.period] = by_period.get(task.period, 0) + task.cost
        return sum((Fraction(cost, period) for period, cost in by_period.items()), Fraction(0))

    @property
    def worst_utilisation(self) -> Fraction:
        """The same in the long run with as many dead units as there may be."""
        dead = self.dead_units
        by_pauses = Fraction(dead.limit, dead.apart)
        by_polls = sum((Fraction(1, task.period) for task in self.tasks), Fraction(0)) if dead.limit else Fraction(0)
        return self.utilisation + dead.extra * min(by_pauses, by_polls)

    def demand(self, window: int) -> int:
        """The most that can be asked of the line within `window`: the left side of the test."""
        asked = sum(window // task.period * task.cost for task in self.tasks)
        patient = [task for task in self.tasks if task.period > window]
        waiting = max((task.longest for task in patient), default=0)
        limit, extra = self.dead_units.limit, self.dead_units.extra
        if not limit:
            return asked + waiting
        polls = self._released(window)
        idle = self.dead_units.apart - limit * extra
        by_pauses = limit * (1 + (asked + waiting) // idle) if idle > 0 else sum(polls.values()) + 1
        unanswered = min(_unanswered(polls, limit), by_pauses)
        if patient:
            # The other case: what was under way is one of them. Its unit is dead to the end if it has no poll in here.
            comes_back = any(task.unit in polls for task in patient)
            within = _unanswered(polls, limit if comes_back else limit - 1)
            unanswered = max(unanswered, 1 + min(within, by_pauses - 1))
        return asked + waiting + unanswered * extra

    def overload(self) -> Overload | None:
        """Where the test fails; None when the line can carry its tasks."""
        if not self.tasks:
            return None
        periods = sorted({task.period for task in self.tasks})
        for period in periods:
            if (demand := self.demand(period)) > period:
                return self._blamed(period, demand)
        busy = self.worst_utilisation
        if busy > FULL:
            return self._overfull(busy)
        settled = int(self.dead_units.limit * self.dead_units.extra / (1 - busy)) + 1
        for start, end in pairwise([*periods, max(settled, periods[-1] + 1)]):
            if failing := self._failing(start, end):
                return self._blamed(*failing)
        return None

    def _failing(self, start: int, end: int) -> tuple[int, int] | None:
        """A window from `start` to before `end`, and the demand in it, for which the test fails."""
        window = self._last_rise(end - 1)
        while window >= start:
            demand = self.demand(window)
            if demand > window:
                return window, demand
            window = self._last_rise(min(demand, window - 1))
        return None

    def _last_rise(self, window: int) -> int:
        """The longest window up to `window` at which the demand rises."""
        return max(window // task.period * task.period for task in self.tasks)

    def _released(self, window: int) -> dict[int, int]:
        """How many polls each unit has within `window`, of those that have any."""
        polls: dict[int, int] = {}
        for task in self.tasks:
            if task.period <= window:
                polls[task.unit] = polls.get(task.unit, 0) + window // task.period
        return polls

    def _blamed(self, window: int, demand: int) -> Overload:
        """Of the tasks with a deadline at the end of `window`, the one that asks for most."""
        due = [task for task in self.tasks if window % task.period == 0]
        return Overload(max(due, key=lambda task: window // task.period * task.cost), window, demand)

    def _overfull(self, busy: Fraction) -> Overload:
        """More is asked than there is time: the task that asks for most of it, and what is asked in its period."""
        task = max(self.tasks, key=lambda task: Fraction(task.cost, task.period))
        return Overload(task, task.period, int(busy * task.period) + 1)


def _unanswered(polls: dict[int, int], limit: int) -> int:
    """How many of `polls` may end unanswered, where at most `limit` units may be dead at the end."""
    return min(limit + sum(count - 1 for count in polls.values()), sum(polls.values()))
