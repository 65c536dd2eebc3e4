"""When in their periods the polls of one line begin, against a list of all the times at which they use it."""

from itertools import combinations
from math import gcd, lcm

from hypothesis import given
from hypothesis import strategies as st

from fluxrig_tooling.rig import compile_rig, load_text
from fluxrig_tooling.rig.lower.io_modbus.phases import Use, in_free_places, spread

HARMONIC = [20, 40, 80, 240, 480]
PERIODS = [*HARMONIC, 30, 50, 70]


def overlap(uses: list[Use], offsets: list[int]) -> bool:
    """Whether any two of them ever use the line at the same time, once both have begun."""
    for (one, first), (other, second) in combinations(zip(uses, offsets, strict=True), 2):
        circle = lcm(one.period, other.period)
        busy = [
            {
                (start + time) % circle
                for start in range(offset, offset + circle, use.period)
                for time in range(use.length)
            }
            for use, offset in ((one, first), (other, second))
        ]
        if busy[0] & busy[1]:
            return True
    return False


lengths = st.integers(1, 12)


@given(st.lists(st.builds(Use, st.integers(1, 4), st.sampled_from(HARMONIC)), min_size=1, max_size=5))
def test_polls_that_fit_into_the_shortest_period_never_collide(uses: list[Use]):
    assert sum(use.length for use in uses) <= min(HARMONIC)
    offsets = in_free_places(uses)
    assert not overlap(uses, offsets)
    assert min(offsets) == 0


@given(st.builds(Use, lengths, st.sampled_from(PERIODS)), st.builds(Use, lengths, st.sampled_from(PERIODS)))
def test_two_polls_never_collide_if_they_can_help_it(one: Use, other: Use):
    offsets = in_free_places([one, other])
    assert overlap([one, other], offsets) == (one.length + other.length > gcd(one.period, other.period))


@given(st.lists(st.builds(Use, lengths, st.sampled_from(PERIODS), st.none() | st.integers(0, 19)), max_size=8))
def test_offsets_are_within_the_period_and_given_ones_stay(uses: list[Use]):
    offsets = in_free_places(uses)
    assert len(offsets) == len(uses)
    for use, offset in zip(uses, offsets, strict=True):
        assert 0 <= offset < use.period
        assert use.offset in (None, offset)


def test_a_place_between_two_others_is_found():
    fast = Use(10, 100, 0)
    assert in_free_places([fast, Use(30, 1000), Use(61, 1000)]) == [0, 10, 110]
    assert in_free_places([Use(30, 1000, 15), fast, Use(5, 100)]) == [15, 0, 10]


@given(st.lists(st.tuples(st.sampled_from(PERIODS), st.none() | st.integers(0, 19)), min_size=1, max_size=9))
def test_over_tcp_they_are_spread_over_the_shortest_period(polls: list[tuple[int, int | None]]):
    periods = [period for period, _ in polls]
    given_offsets = [offset for _, offset in polls]
    offsets = spread(periods, given_offsets)
    for period, wanted, offset in zip(periods, given_offsets, offsets, strict=True):
        assert 0 <= offset < period
        assert wanted in (None, offset)
    if not any(offset is not None for offset in given_offsets):
        assert len(set(offsets)) == min(len(polls), min(periods)) or len(polls) > min(periods)
        assert max(offsets) < min(periods)


RIG = """\
fluxrig: 1
meta: {name: test, version: 1.0.0}
gears:
  - name: a
    type: io_modbus
    config:
      link: LINK
      every: 10s
      groups: {fast: {every: 2s}, fixed: {every: 4s, phase: 1s}}
      tags:
        x: {address: hr:0}
        y: {address: hr:1, group: fast}
        z: {address: hr:2, group: fixed}
  - {name: b, type: io_modbus, config: {link: LINK, unit_id: 2, every: 2s, tags: {x: {address: hr:0}}}}
  - {name: c, type: io_modbus, config: {link: OTHER, every: 2s, tags: {x: {address: hr:0}}}}
  - {name: show, type: console}
wires:
  - {from: [a, b, c], to: show}
"""


def phases(link: str, other: str) -> dict[str, int]:
    model, problems = load_text(RIG.replace("LINK", link).replace("OTHER", other))
    assert model, list(map(str, problems))
    gears = compile_rig(model)["gears"]
    return {
        f"{gear['name']}.{poll['name']}": poll["phase_ms"] for gear in gears for poll in gear["config"].get("polls", ())
    }


def test_gears_on_one_serial_line_get_offsets_together():
    # One register at 19200 baud: 15 characters of 573 us, two silences of 2 ms, 20 ms for the answer: 33 ms.
    assert phases("serial:///dev/ttyS0", "serial:///dev/ttyS1") == {
        "a.fast": 0,
        "b.default": 33,
        "a.fixed": 1000,
        "a.default": 1033,
        "c.default": 0,
    }


def test_gears_on_one_tcp_link_get_offsets_together():
    assert phases("tcp://h", "tcp://h:503") == {
        "a.fast": 0,
        "b.default": 500,
        "a.fixed": 1000,
        "a.default": 1500,
        "c.default": 0,
    }
