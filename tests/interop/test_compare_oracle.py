"""Comparisons of drawn streams, beside a matcher that looks at all pairs at once."""

import math
from fractions import Fraction
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st
from relating import compare_config, event

from fluxrig.decimal import Decimal
from fluxrig.gears.correlator.compare import LIVE, SHADOW, Compare, same

ALIGN = 20
Sample = tuple[int, int]
"""Time in ms and value."""


def stream(times: list[int]) -> st.SearchStrategy[list[Sample]]:
    return st.lists(st.integers(0, 3), min_size=len(times), max_size=len(times)).map(
        lambda values: list(zip(times, values, strict=True))
    )


TIMES = st.lists(st.integers(0, 300), max_size=25).map(sorted)
STREAMS = st.tuples(TIMES.flatmap(stream), TIMES.flatmap(stream))
TOLERANCE = st.integers(0, 2)


def matched_by_hand(live: list[Sample], shadow: list[Sample], tolerance: int) -> tuple[int, int, int, int]:
    """Equal, differing, only live, only shadow: all pairs within ALIGN, the closest first, each sample once."""
    pairs = sorted(
        (abs(one[0] - other[0]), min(one[0], other[0]), i, j)
        for i, one in enumerate(live)
        for j, other in enumerate(shadow)
        if abs(one[0] - other[0]) <= ALIGN
    )
    lives, shadows, equal, differing = set(range(len(live))), set(range(len(shadow))), 0, 0
    for _, _, i, j in pairs:
        if i in lives and j in shadows:
            lives.remove(i)
            shadows.remove(j)
            alike = abs(live[i][1] - shadow[j][1]) <= tolerance
            equal += alike
            differing += not alike
    return equal, differing, len(lives), len(shadows)


def compared(arrivals: list[tuple[int, Sample]], tolerance: int, steps_ms: int = 0) -> tuple[Any, list[Any]]:
    """The numbers of the report, and (live, shadow, delta) of what differs. `arrivals`: side and sample, in order."""
    told: list[Any] = []
    rule = ["x", "absolute", Decimal(tolerance, 0), Decimal(0, 0)]
    config = compare_config({"x": rule}, align_ms=ALIGN, hold_ms=10_000, max_waiting=1000)
    compare = Compare(config, lambda live, shadow, fields: told.append(fields["x"]))
    for count, (side, (ms, value)) in enumerate(arrivals):
        compare.add(side, event("", {"x": value}, ms), count * steps_ms * 1000)
        compare.expire(count * steps_ms * 1000)
    compare.expire(1 << 60)
    report = compare.report()[1]["x"]
    sides = [side for side, _ in arrivals]
    assert report["compared"] + report["only_live"] == sides.count(LIVE), "nothing waits any more"
    assert report["compared"] + report["only_shadow"] == sides.count(SHADOW)
    names = ("equal", "differing", "only_live", "only_shadow")
    return tuple(report[name] for name in names), [(each["live"], each["shadow"], each["delta"]) for each in told]


def interleaved(live: list[Sample], shadow: list[Sample], order: list[bool]) -> list[tuple[int, Sample]]:
    """Both streams in their own order, mixed as `order` says."""
    waiting = ([(LIVE, each) for each in live], [(SHADOW, each) for each in shadow])
    mixed = []
    for from_live in order:
        side = waiting[0 if from_live else 1] or waiting[1 if from_live else 0]
        if side:
            mixed.append(side.pop(0))
    return mixed + waiting[0] + waiting[1]


ORDER = st.lists(st.booleans(), max_size=50)


@given(STREAMS, ORDER, TOLERANCE)
def test_the_counts_are_those_of_matching_all_pairs_closest_first(streams, order, tolerance):
    live, shadow = streams
    numbers, told = compared(interleaved(live, shadow, order), tolerance)
    assert numbers == matched_by_hand(live, shadow, tolerance)
    assert len(told) == numbers[1]
    assert all(shadow - live == delta and abs(delta) > tolerance for live, shadow, delta in told)


@given(STREAMS, st.data(), TOLERANCE)
def test_no_sample_is_counted_twice_or_lost_in_whatever_order_it_comes(streams, data, tolerance):
    live, shadow = streams
    everything = [(LIVE, each) for each in live] + [(SHADOW, each) for each in shadow]
    numbers, _ = compared(data.draw(st.permutations(everything)), tolerance, data.draw(st.integers(0, 3000)))
    equal, differing, only_live, only_shadow = numbers
    assert equal + differing + only_live == len(live)
    assert equal + differing + only_shadow == len(shadow)


@given(STREAMS, ORDER, TOLERANCE)
def test_with_the_paths_exchanged_everything_is_the_other_way_round(streams, order, tolerance):
    live, shadow = streams
    one, told = compared(interleaved(live, shadow, order), tolerance)
    other, told_other = compared(interleaved(shadow, live, [not each for each in order]), tolerance)
    assert other == (one[0], one[1], one[3], one[2])
    assert sorted((b, a, -delta) for a, b, delta in told) == sorted(told_other)


@given(TIMES.flatmap(stream), ORDER)
def test_a_path_compared_with_itself_is_the_same(samples, order):
    assume(samples)
    numbers, told = compared(interleaved(samples, samples, order), 0)
    assert numbers == (len(samples), 0, 0, 0)
    assert told == []


DECIMALS = st.builds(Decimal, st.integers(-(10**6), 10**6) | st.integers(-(1 << 64), 1 << 64), st.integers(-6, 3))
EXACT = st.integers(-(10**20), 10**20) | DECIMALS


def fraction(number: Any) -> Fraction:
    return number.mantissa * Fraction(10) ** number.exponent if isinstance(number, Decimal) else Fraction(number)


@given(EXACT, EXACT | DECIMALS, DECIMALS.map(abs), st.integers(0, 100))
def test_tolerances_of_exact_numbers_are_exact(live, shadow, floor, percent):
    for shadow in (shadow, live + floor, live - floor, live + floor * Decimal(1, -1)):  # noqa: B020
        distance = abs(fraction(live) - fraction(shadow))
        assert same(live, shadow, "absolute", floor, Decimal(0, 0))[0] == (distance <= fraction(floor))
        limit = max(abs(fraction(live)) * percent / 100, fraction(floor))
        equal, delta = same(live, shadow, "relative", Decimal(percent, -2), floor)
        assert equal == (distance <= limit)
        assert fraction(delta) == fraction(shadow) - fraction(live)


VALUES = st.none() | st.booleans() | st.floats() | EXACT | st.text(max_size=3) | st.binary(max_size=3)


@given(VALUES, VALUES, DECIMALS.map(abs))
def test_an_absolute_tolerance_has_no_direction(one, other, width):
    there, delta = same(one, other, "absolute", width, Decimal(0, 0))
    back, negative = same(other, one, "absolute", width, Decimal(0, 0))
    assert there == back
    assert (delta is None) == (negative is None)
    assert delta is None or (delta == -negative and math.isfinite(float(delta)))
    assert same(one, one, "absolute", width, Decimal(0, 0))[0]
