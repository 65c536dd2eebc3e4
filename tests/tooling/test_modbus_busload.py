"""Whether a serial line can carry its polls: the analysis against a simulation of such a line; what a user is told."""

import heapq
import random
import re
from dataclasses import dataclass, field
from math import lcm
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fluxrig_tooling.rig import load_text
from fluxrig_tooling.rig.lower.io_modbus import lines_of
from fluxrig_tooling.rig.lower.io_modbus.busload import DeadUnits, Load, PollTask
from fluxrig_tooling.rig.model import Problem, Problems, RigModel

# The analysis, against a line that serves one request at a time


@dataclass
class Polled:
    """A task of the simulation: what its requests cost, and when its first poll is."""

    unit: int
    period: int
    costs: list[int]
    phase: int = 0

    @property
    def task(self) -> PollTask:
        return PollTask(self.unit, self.period, sum(self.costs), max(self.costs))


@dataclass
class Simulation:
    """A line with units that die and come back, as the runtime drives it. Time is a number."""

    polled: list[Polled]
    dead_units: DeadUnits
    dice: random.Random
    eager: float
    """How likely a request is not answered, where that is allowed."""
    rests: dict[int, int] = field(default_factory=dict)
    """Of each dead unit, when it is tried again."""

    def misses(self, horizon: int) -> list[tuple[int, int]]:
        """(release, end) of every poll that ended after its deadline."""
        releases = sorted(
            (release, index)
            for index, each in enumerate(self.polled)
            for release in range(each.phase, horizon, each.period)
        )
        waiting: list[tuple[int, int, int, int]] = []  # (deadline, index, release, requests done)
        missed = []
        now = 0
        while releases or waiting:
            while releases and releases[0][0] <= now:
                release, index = releases.pop(0)
                heapq.heappush(waiting, (release + self.polled[index].period, index, release, 0))
            if not waiting:
                now = releases[0][0]
                continue
            deadline, index, release, done = heapq.heappop(waiting)
            each = self.polled[index]
            is_answered, taken = self._ask(each, each.costs[done], now)
            now += taken
            if is_answered and done + 1 < len(each.costs):
                heapq.heappush(waiting, (deadline, index, release, done + 1))
            elif now > deadline:
                missed.append((release, now))
        return missed

    def _ask(self, polled: Polled, cost: int, now: int) -> tuple[bool, int]:
        """Whether a request is answered, and how long it uses the line."""
        unit = polled.unit
        if self.rests.get(unit, 0) > now:
            return False, 0
        may_die = unit in self.rests or len(self.rests) < self.dead_units.limit
        if may_die and self.dice.random() < self.eager:
            self.rests[unit] = now + self.dead_units.apart * self.dice.choice((1, 1, 2))
            return False, cost + self.dead_units.extra
        self.rests.pop(unit, None)
        return True, cost


def load_of(polled: list[Polled], dead_units: DeadUnits | None = None) -> Load:
    return Load([each.task for each in polled], dead_units)


@st.composite
def lines(draw: Any, most_requests: int = 3, shares: tuple[int, int] = (2, 8)) -> list[Polled]:
    """A few tasks, each of which uses a part of the line: at most one of `shares`."""
    share = draw(st.integers(*shares))
    found = []
    for _ in range(draw(st.integers(1, 5))):
        period = draw(st.sampled_from([20, 30, 50, 60, 100, 101, 150, 200, 400]))
        room = max(period // share, 1)
        costs = draw(st.lists(st.integers(1, max(room // 2, 1)), min_size=1, max_size=most_requests))
        found.append(Polled(draw(st.integers(1, 3)), period, costs, draw(st.integers(0, period - 1))))
    return found


@settings(max_examples=400)
@given(lines(), st.integers(0, 1000))
def test_what_is_accepted_never_misses(polled: list[Polled], seed: int):
    assume(load_of(polled).overload() is None)
    assert Simulation(polled, DeadUnits(), random.Random(seed), 0).misses(3000) == []


@settings(max_examples=600)
@given(
    lines(),
    st.integers(1, 2),
    st.integers(1, 60),
    st.integers(1, 100),
    st.integers(0, 1000),
    st.sampled_from([0.1, 0.5, 1.0]),
)
def test_what_is_accepted_never_misses_while_units_are_dead(
    polled: list[Polled], limit: int, extra: int, apart: int, seed: int, eager: float
):
    # What comes next to a dead unit comes after the request that it did not answer.
    dead_units = DeadUnits(limit, extra, apart + extra + max(max(each.costs) for each in polled))
    assume(load_of(polled, dead_units).overload() is None)
    assert Simulation(polled, dead_units, random.Random(seed), eager).misses(3000) == []


@given(lines(most_requests=1, shares=(1, 3)))
def test_what_is_refused_for_a_window_does_miss_in_one(polled: list[Polled]):
    load = load_of(polled)
    overload = load.overload()
    if overload is None or load.utilisation >= 1:
        return
    window = overload.window
    # At worst the longest request of those that have more time has just begun when all others are due.
    others = [Polled(each.unit, each.period, each.costs, 1) for each in polled if each.period <= window]
    longest = max([each for each in polled if each.period > window], key=lambda each: each.costs[0], default=None)
    first = [Polled(longest.unit, longest.period, longest.costs)] if longest else []
    if overload.demand - window > 1:  # it has to begin a moment before
        assert Simulation([*first, *others], DeadUnits(), random.Random(0), 0).misses(1 + window)


@given(lines(), st.integers(0, 2), st.integers(1, 60), st.integers(1, 400))
def test_the_search_finds_what_trying_every_window_finds(polled: list[Polled], limit: int, extra: int, apart: int):
    load = load_of(polled, DeadUnits(limit, extra, apart))
    if load.worst_utilisation > 0.9:
        return
    found = load.overload()
    # Beyond 2 * 60 / (1 - 0.9) the test holds.
    windows = {window for each in polled for window in range(each.period, 1200, each.period)}
    failing = [window for window in windows if load.demand(window) > window]
    assert (found is None) == (not failing)
    if found:
        assert found.window in failing
        assert found.demand == load.demand(found.window)


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(10, 400)), min_size=1, max_size=8))
def test_a_line_with_short_requests_that_is_used_for_three_fifths_is_accepted(found: list[tuple[int, int]]):
    longest = max(cost for cost, _ in found)
    tasks = [PollTask(1, 10 * longest + more, cost, cost) for cost, more in found]
    load = Load(tasks)
    assume(load.utilisation <= 0.6)
    assert load.overload() is None


def test_a_line_that_is_asked_more_than_there_is_time_is_refused():
    load = Load([PollTask(1, 100, 60, 10), PollTask(2, 100, 50, 10)])
    found = load.overload()
    assert found and (found.task, found.window, found.demand) == (load.tasks[0], 100, 110)
    assert Load([PollTask(1, 100, 60, 10), PollTask(2, 1000, 399, 10)]).overload() is None
    assert Load([PollTask(1, 100, 60, 10), PollTask(2, 1000, 399, 41)]).overload()
    assert Load([]).overload() is None


def test_a_dead_unit_is_tried_as_often_as_its_pauses_let_it_however_often_it_is_polled():
    tasks = [PollTask(1, 200, 10, 10), PollTask(2, 10_000, 2600, 20)]
    assert Load(tasks, DeadUnits(limit=1, extra=150, apart=1000)).overload() is None
    assert Load(tasks, DeadUnits(limit=1, extra=150, apart=200)).overload()


def test_a_full_line_with_periods_that_hardly_ever_meet_is_decided_at_once():
    periods = [997, 1009, 1013, 1019, 1021, 86_399_989]
    assert lcm(*periods) > 10**20
    tasks = [PollTask(unit, period * 1000, period * 170, 10_000) for unit, period in enumerate(periods, 1)]
    assert 0.99 < Load(tasks[:5]).utilisation + tasks[5].cost / tasks[5].period < 1.1
    assert Load(tasks).overload()
    assert Load(tasks[:5], DeadUnits(1, 100_000, 2_000_000)).overload() is None


# What the user is told

RIG = """\
fluxrig: 1
meta: {name: test, version: 1.0.0}
gears:
  - name: meter
    type: io_modbus
    config:
      link: serial:///dev/ttyUSB0
      baud: 9600
      every: 1s
      groups:
        fast: {every: 100ms}
      tags:
        power: {address: hr:0, type: float32, group: fast}
        energy: {address: hr:100, type: float64}
  - name: pump
    type: io_modbus
    config: {link: serial:///dev/ttyUSB0, baud: 9600, unit_id: 2, every: 2s, tags: {speed: {address: ir:0}}}
  - {name: show, type: console}
wires:
  - {from: [meter, pump], to: show}
"""


def loaded(**changes: object) -> tuple[RigModel | None, Problems]:
    """The rig with other keys: `fast` is the period of that group, the others are keys of both gears."""
    overrides = {"gears.meter.config.groups.fast.every": changes.pop("fast", "100ms")}
    for key, value in changes.items():
        overrides |= {f"gears.{gear}.config.{key}": value for gear in ("meter", "pump")}
    return load_text(RIG, overrides=overrides)


def problems_of(**changes: object) -> list[Problem]:
    return list(loaded(**changes)[1])


def test_where_no_single_change_helps_everything_has_to_be_slower():
    gears = "".join(
        f"  - {{name: m{unit}, type: io_modbus, config: {{link: serial:///dev/ttyS0, unit_id: {unit}, max_dead: 0, "
        "every: 50ms, tags: {x: {address: hr:0}, y: {address: hr:2}}}}\n"
        for unit in (1, 2, 3)
    )
    text = f"fluxrig: 1\nmeta: {{name: test, version: 1.0.0}}\ngears:\n{gears}"
    (problem,) = load_text(text)[1].errors
    assert "may need 195.6 ms for what is due in 50.0 ms" in problem.message
    assert problem.hint == "it holds if everything on this line is polled 4 times as slowly"


def test_times_of_requests():
    model, problems = loaded(fast="5s")
    assert model, list(map(str, problems))
    (line,) = lines_of(model)
    times = {(poll.gear, poll.name): bus.poll(poll.requests) for poll, bus in line.polls}
    character, silence = 11 / 9600, 38.5 / 9600
    for name, registers in ((("meter", "fast"), 2), (("meter", "default"), 4), (("pump", "default"), 1)):
        wire = (8 + 5 + 2 * registers) * character + 2 * silence
        assert times[name] == pytest.approx((wire + 0.020) * 1e6, abs=4), name
    (poll, bus), *_ = line.polls
    waited = (8 + 8 + 9) * character + silence + 0.5
    assert bus.unanswered(poll.requests[0]) == pytest.approx(waited * 1e6, abs=1000)


def test_a_rate_that_cannot_hold_is_refused_where_it_stands():
    (problem,) = problems_of()
    assert (problem.line, problem.column, problem.severity) == (11, 23, "error")
    assert problem.message == (
        "group 'fast' of gear 'meter' cannot be polled every 100ms: with 1 of 2 units dead, the line "
        "serial:///dev/ttyUSB0 may need 585.7 ms for what is due in 100.0 ms, 485.7 ms too much"
    )
    assert problem.hint == (
        "it holds with every: 600ms or max_dead: 0 (deadlines may then be missed while a unit is dead)"
    )


def test_without_dead_units_it_is_a_matter_of_the_baud_rate():
    (problem,) = problems_of(baud=1200, max_dead=0)
    assert "group 'fast' of gear 'meter' cannot be polled every 100ms" in problem.message
    assert "dead" not in problem.message
    assert "baud: 9600" in problem.hint


@pytest.mark.parametrize("baud", [1200, 2400, 9600, 38_400])
@pytest.mark.parametrize(
    "more", [{}, {"max_dead": 0}, {"timeout": "100ms"}, {"timeout": "40ms"}, {"request_delay": "50ms"}]
)
def test_every_remedy_helps(baud: int, more: dict[str, Any]):
    keys = {"baud": baud, **more}
    for problem in problems_of(**keys):
        remedies = re.findall(r"(every|baud|timeout|max_dead): (\w+)", problem.hint)
        assert remedies or "everything on this line" in problem.hint
        for key, value in remedies:
            changed = {"fast" if key == "every" else key: int(value) if value.isdigit() else value}
            assert problems_of(**{**keys, **changed}) == [], (key, value)


@pytest.mark.parametrize("link", ["tcp://10.0.0.5", "rtu+tcp://10.0.0.5"])
def test_nothing_is_refused_over_tcp(link: str):
    text = RIG.replace("serial:///dev/ttyUSB0", link).replace("\n      baud: 9600", "").replace("baud: 9600, ", "")
    assert list(load_text(text.replace("100ms", "1ms"))[1]) == []


def test_a_line_that_could_not_be_read_in_full_is_not_judged():
    (problem,) = load_text(RIG.replace("hr:100", "hr:70000"))[1]
    assert problem.line == 14
