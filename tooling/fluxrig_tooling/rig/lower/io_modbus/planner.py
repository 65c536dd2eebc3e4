"""From tags to requests: the fewest that read them all, and among those plans one that reads the fewest items.

One request reads a span of one table. It may not be longer than the device answers (`max_registers`, `max_bits`), not
read more than `max_gap` items in a row that nobody wants, and nothing that is forbidden; no tag is split.

Why what follows finds the best plan:
1. A tag inside another one is read with it, and asks nothing of a plan. Without such tags, both the starts and the ends
   of the tags increase strictly.
2. Then there is a best plan whose requests each read neighbours in that order: give every tag to the first request that
   spans it. That takes from a request only tags that end before all it keeps, so it opens no gap and only shortens.
3. Between neighbours that are too far apart, or have something forbidden between them, every plan is cut. Within a
   *run*, between two such cuts, only the length of a request counts.
4. The best plan for the first n tags of a run is the best one for the first m, and one request for those from m on, for
   the best m of those that this request can still span. Those m are a window that only moves forward, and its minimum
   is kept in a queue: the effort grows with the number of tags, not with the length of requests.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fluxrig.modbus.pdu import MAX_BITS, MAX_REGISTERS, read_size, span_text
from fluxrig_tooling.modbus.tables import BIT_TABLES, READ_FUNCTIONS
from fluxrig_tooling.rig.lower.io_modbus.forbidden import Forbidden
from fluxrig_tooling.rig.lower.io_modbus.point import Point, layout_of


@dataclass(frozen=True)
class ReadLimits:
    """What one request may read."""

    max_registers: int = MAX_REGISTERS
    max_bits: int = MAX_BITS
    max_gap: int = 0
    forbidden: Sequence[Forbidden] = ()

    def longest(self, table: str) -> int:
        """How many items of `table` one request may read."""
        return self.max_bits if table in BIT_TABLES else self.max_registers


@dataclass(frozen=True)
class PlannedRead:
    """One read of `count` items of a table from `address` on, and the tags that it is for."""

    function: int
    address: int
    count: int
    points: tuple[Point, ...]

    @property
    def wanted(self) -> int:
        """How many of its items a tag asks for."""
        wanted, end = 0, 0
        for point in self.points:
            wanted += max(point.end - max(point.address, end), 0)
            end = max(end, point.end)
        return wanted

    @property
    def span(self) -> str:
        """What it reads, such as `hr:0-12`."""
        return span_text(self.function, self.address, self.count)

    def compiled(self) -> list[Any]:
        """[function, address, count, order, layout, slots], as the runtime takes it: see `fluxrig.modbus.values`."""
        picks = [byte for point in self.points for byte in point.picks(self.address)]
        in_order = picks == list(range(read_size(self.function, self.count)))
        slots = [point.slot(self.address) for point in self.points]
        return [
            self.function,
            self.address,
            self.count,
            b"" if in_order else bytes(picks),
            layout_of(self.points),
            slots,
        ]


def plan(points: Sequence[Point], limits: ReadLimits) -> list[PlannedRead]:
    """The requests for `points`, which are all of one unit, by function and address.

    Every point fits into a request, and none is forbidden: that is for the caller to see to.
    """
    requests = []
    for table in sorted({point.table for point in points}, key=READ_FUNCTIONS.__getitem__):
        members = sorted([point for point in points if point.table == table], key=lambda each: (each.address, each.end))
        spans = [span for run in _runs(_outermost(members), limits) for span in _cut(run, limits.longest(table))]
        requests += _filled(READ_FUNCTIONS[table], spans, members)
    return requests


def _outermost(points: list[Point]) -> list[Point]:
    """Those of `points` that are not inside another one; of equal ones the first."""
    outermost: list[Point] = []
    for point in sorted(points, key=lambda each: (each.address, -each.end)):
        if not outermost or point.end > outermost[-1].end:
            outermost.append(point)
    return outermost


def _runs(points: list[Point], limits: ReadLimits) -> Iterator[list[Point]]:
    """`points` cut where no request may go on."""
    run: list[Point] = []
    for point in points:
        if run:
            end = run[-1].end
            forbidden = any(each.overlaps(point.table, end, point.address) for each in limits.forbidden)
            if point.address - end > limits.max_gap or forbidden:
                yield run
                run = []
        run.append(point)
    if run:
        yield run


def _cut(run: list[Point], longest: int) -> list[tuple[int, int]]:
    """(start, end) of the fewest spans no longer than `longest` that hold all of `run`, and then of the shortest."""
    best = [
        (0, 0)
    ]  # of each number of points from the left: spans, and items in all of them but for the last one's end
    begins: list[int] = []  # of each point: the first point of the span that ends with it, in the best plan up to there
    window: deque[int] = deque()  # points that the span can begin with, the best first, and behind it only later ones

    def before(index: int) -> tuple[int, int]:
        """What the plan up to point `index`, and a span that begins with it, costs without the end of that span."""
        spans, items = best[index]
        return spans + 1, items - run[index].address

    for index, point in enumerate(run):
        while window and before(window[-1]) > before(index):
            window.pop()
        window.append(index)
        while point.end - run[window[0]].address > longest:
            window.popleft()
        spans, items = before(window[0])
        begins.append(window[0])
        best.append((spans, items + point.end))
    cut = []
    last = len(run) - 1
    while last >= 0:
        first = begins[last]
        cut.append((run[first].address, run[last].end))
        last = first - 1
    return cut[::-1]


def _filled(function: int, spans: list[tuple[int, int]], points: list[Point]) -> list[PlannedRead]:
    """The requests for `spans`, each point in the first that holds it."""
    ends = [end for _, end in spans]
    members: list[list[Point]] = [[] for _ in spans]
    for point in points:
        members[bisect_left(ends, point.end)].append(point)
    return [
        PlannedRead(function, start, end - start, tuple(inside))
        for (start, end), inside in zip(spans, members, strict=True)
    ]
