"""The read planner, against every way to put a few tags into requests, and against memory for what it reads."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fluxrig.modbus.values import ReadPlan
from fluxrig_tooling.modbus.tables import BIT_TABLES
from fluxrig_tooling.rig.lower.io_modbus.forbidden import Forbidden
from fluxrig_tooling.rig.lower.io_modbus.planner import PlannedRead, ReadLimits, plan
from fluxrig_tooling.rig.lower.io_modbus.point import Point
from fluxrig_tooling.rig.problems import WHOLE_FILE

TABLES = ("", "co", "di", "hr", "ir")
LAYOUTS = {1: "H", 2: "I", 4: "Q"}


def point(index: int, table: str, address: int, width: int) -> Point:
    """A tag of `width` items; what it makes of them is only of interest where its content is read."""
    layout = "B" if table in BIT_TABLES else LAYOUTS.get(width, f"{2 * width}s")
    conversion = ("bit", False, True) if layout == "B" else ("raw",)
    return Point(f"t{index}", "default", table, address, width, layout, "ABCD", 0, conversion)


def forbidden(table: str, first: int, last: int) -> Forbidden:
    return Forbidden(table, first, last, f"{table}:{first}-{last}", WHOLE_FILE)


def items(points: list[Point]) -> set[int]:
    return {address for each in points for address in range(each.address, each.end)}


def is_allowed(span: range, table: str, wanted: set[int], limits: ReadLimits) -> bool:
    """Whether one request may read `span`, where `wanted` are the items that anybody wants."""
    if len(span) > limits.longest(table):
        return False
    if any(each.first <= address <= each.last for each in limits.forbidden if each.table == table for address in span):
        return False
    unwanted = 0
    for address in span:
        unwanted = 0 if address in wanted else unwanted + 1
        if unwanted > limits.max_gap:
            return False
    return True


def partitions(points: list[Point]) -> Iterator[list[list[Point]]]:
    """Every way to put `points` into groups."""
    if not points:
        yield []
        return
    first, *rest = points
    for groups in partitions(rest):
        yield [[first], *groups]
        for index, group in enumerate(groups):
            yield [*groups[:index], [first, *group], *groups[index + 1 :]]


def cheapest(points: list[Point], limits: ReadLimits) -> tuple[int, int]:
    """(requests, items read) of the best plan for points of one table, by trying every one."""
    wanted = items(points)
    found = []
    for groups in partitions(points):
        spans = [range(min(items(group)), max(items(group)) + 1) for group in groups]
        if all(is_allowed(span, points[0].table, wanted, limits) for span in spans):
            found.append((len(spans), sum(map(len, spans))))
    return min(found)


def cost(requests: list[PlannedRead]) -> tuple[int, int]:
    return len(requests), sum(request.count for request in requests)


def check(points: list[Point], limits: ReadLimits) -> list[PlannedRead]:
    """The plan, having seen that it is one: every tag is read once and in one piece, and nothing that may not be."""
    requests = plan(points, limits)
    wanted = {table: items([each for each in points if each.table == table]) for table in TABLES}
    read = [each for request in requests for each in request.points]
    assert sorted(each.name for each in read) == sorted(each.name for each in points)
    for request in requests:
        table = TABLES[request.function]
        span = range(request.address, request.address + request.count)
        assert {each.table for each in request.points} == {table}
        assert items(list(request.points)) <= set(span)
        assert is_allowed(span, table, wanted[table], limits)
        assert request.wanted == len(items(list(request.points)))
    return requests


widths = st.sampled_from([1, 1, 2, 2, 3, 4, 7])
few = st.lists(st.tuples(st.integers(0, 30), widths), min_size=1, max_size=6)
ranges = st.lists(st.tuples(st.integers(0, 36), st.integers(0, 3)), max_size=3)


@settings(max_examples=1000)
@given(few, st.integers(0, 6), st.integers(7, 20), ranges)
@example([(0, 1), (5, 1), (1, 7)], 0, 8, [])
@example([(0, 4), (2, 4), (4, 4), (9, 1)], 1, 7, [])
@example([(0, 1), (3, 1), (6, 1), (9, 1)], 2, 7, [])
def test_no_plan_is_better(spans: list[tuple[int, int]], gap: int, longest: int, ruled_out: list[tuple[int, int]]):
    points = [point(index, "hr", *span) for index, span in enumerate(spans)]
    bans = [forbidden("hr", first, first + more) for first, more in ruled_out]
    points = [each for each in points if not any(ban.overlaps("hr", each.address, each.end) for ban in bans)]
    if not points:
        return
    limits = ReadLimits(max_registers=longest, max_gap=gap, forbidden=bans)
    assert cost(check(points, limits)) == cheapest(points, limits)


@given(
    st.lists(st.tuples(st.integers(0, 30), st.just(1)), min_size=1, max_size=6), st.integers(0, 5), st.integers(1, 12)
)
def test_no_plan_for_bits_is_better(spans: list[tuple[int, int]], gap: int, longest: int):
    points = [point(index, "di", *span) for index, span in enumerate(spans)]
    limits = ReadLimits(max_bits=longest, max_gap=gap, forbidden=[forbidden("co", 0, 99), forbidden("di", 7, 8)])
    points = [each for each in points if each.address not in (7, 8)]
    if points:
        assert cost(check(points, limits)) == cheapest(points, limits)


def test_of_plans_with_as_few_requests_the_one_that_reads_least_is_taken():
    points = [point(index, "hr", address, 1) for index, address in enumerate((0, 1, 5, 6, 7))]
    spans = [request.span for request in plan(points, ReadLimits(max_gap=4, max_registers=6))]
    assert spans == ["hr:0-1", "hr:5-7"], "as many as fit, in order, would be hr:0-5 and hr:6-7"


many = st.tuples(st.sampled_from(["hr", "ir"]), st.integers(0, 400), widths)
coils = st.tuples(st.sampled_from(["co", "di"]), st.integers(0, 60), st.just(1))


@given(st.lists(many | coils, max_size=60), st.integers(0, 20), st.integers(7, 125))
def test_any_tags_of_all_tables(spans: list[tuple[str, int, int]], gap: int, longest: int):
    points = [point(index, *span) for index, span in enumerate(spans)]
    requests = check(points, ReadLimits(max_registers=longest, max_bits=2 * longest, max_gap=gap))
    order = [(request.function, request.address) for request in requests]
    assert order == sorted(set(order))


@pytest.mark.parametrize("table", ["hr", "co"])
def test_thousands_of_tags(table: str):
    points = [point(index, table, index * 7919 % 65_521, 1) for index in range(5000)]
    check(points, ReadLimits(max_gap=12, forbidden=[forbidden(table, 65_530, 65_535)]))
    dense = check([point(index, table, index, 1) for index in range(5000)], ReadLimits())
    assert len(dense) == (3 if table == "co" else 40)


def test_the_limits_of_the_protocol():
    assert cost(plan([point(0, "hr", 0, 1), point(1, "hr", 124, 1)], ReadLimits(max_gap=200))) == (1, 125)
    assert cost(plan([point(0, "hr", 0, 1), point(1, "hr", 125, 1)], ReadLimits(max_gap=200))) == (2, 2)
    assert cost(plan([point(0, "co", 0, 1), point(1, "co", 1999, 1)], ReadLimits(max_gap=2000))) == (1, 2000)
    assert cost(plan([point(0, "co", 0, 1), point(1, "co", 2000, 1)], ReadLimits(max_gap=2000))) == (2, 2)
    assert cost(plan([point(0, "hr", 65_532, 4)], ReadLimits())) == (1, 4)


registers = st.tuples(st.sampled_from(["hr", "ir"]), st.integers(0, 300), st.sampled_from([1, 2, 4]))


@given(st.lists(registers | coils, min_size=1, max_size=30), st.integers(0, 9), st.randoms(use_true_random=False))
def test_every_tag_gets_its_own_content(spans: list[tuple[str, int, int]], gap: int, random: Any):
    points = [point(index, *span) for index, span in enumerate(spans)]
    memory = {table: [random.randrange(65_536) for _ in range(400)] for table in ("hr", "ir")}
    for request in plan(points, ReadLimits(max_gap=gap)):
        function, start, count, order, layout, slots = request.compiled()
        if function in (1, 2):
            payload = bytes(random.randrange(256) for _ in range((count + 7) // 8))
        else:
            words = memory["hr" if function == 3 else "ir"][start : start + count]
            payload = b"".join(word.to_bytes(2, "big") for word in words)
        data: dict[str, object] = {}
        ReadPlan(order, layout, slots).read(payload, data, {})
        assert set(data) == {each.name for each in request.points}
        for name, value in data.items():
            each = points[int(name[1:])]
            offset = each.address - start
            if function in (1, 2):
                assert value is bool(payload[offset // 8] >> offset % 8 & 1)
            else:
                assert value == int.from_bytes(payload[2 * offset : 2 * (offset + each.width)], "big")
