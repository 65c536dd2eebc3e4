"""What an archive holds, in figures: segments, times, sources, tags, and what the archive says of itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fluxrig.archive.marks import EVENT
from fluxrig.errors import FluxError, LocalError
from fluxrig.fast_codec import FastCodec
from fluxrig_tooling.archive.check import check
from fluxrig_tooling.archive.findings import Checked, CheckTask, Extent
from fluxrig_tooling.archive.pool import in_order
from fluxrig_tooling.archive.records import records
from fluxrig_tooling.archive.segments import SegmentFile, placed, read_stub, segments, total_size

MAX_KINDS = 10_000
"""Different sources or tags that are counted; what comes after them is counted together."""

SMALL = 4 << 20
"""Bytes of an archive that one process reads before another one has started."""


@dataclass
class Counts:
    """How often each source (its id), tag and event of the archive stands in messages."""

    messages: int = 0
    body_bytes: int = 0
    unreadable: int = 0
    sources: Counter[bytes] = field(default_factory=Counter)
    tags: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    others: int = 0
    first_ts: int | None = None
    last_ts: int | None = None

    def add(self, counter: Counter[Any], key: bytes | str, count: int = 1) -> None:
        if key in counter or len(counter) < MAX_KINDS:
            counter[key] += count
        else:
            self.others += count

    def merge(self, other: Counts) -> None:
        self.messages += other.messages
        self.body_bytes += other.body_bytes
        self.unreadable += other.unreadable
        self.others += other.others
        for mine, theirs in ((self.sources, other.sources), (self.tags, other.tags), (self.events, other.events)):
            for key, count in theirs.items():
                self.add(mine, key, count)
        for ts in (other.first_ts, other.last_ts):
            if ts is not None:
                self.first_ts = ts if self.first_ts is None else min(self.first_ts, ts)
                self.last_ts = ts if self.last_ts is None else max(self.last_ts, ts)


@dataclass
class Stats(Extent):
    """Of an archive. `counts` has the times of messages, `damaged` counts segments and a stub."""

    damaged: int = 0
    counts: Counts = field(default_factory=Counts)

    @property
    def per_day(self) -> float:
        """Messages a day, over the time between the first and the last link; 0 when that is none."""
        span = self.time - self.first_time
        return self.counts.messages * 86_400e9 / span if span > 0 else 0.0


def survey(folder: Path, jobs: int = 1, progress: Callable[[int, int], None] | None = None) -> Stats:
    """The figures of the archive in `folder`. LocalError when there is none."""
    stats = Stats()
    found = segments(folder)
    try:
        stub = read_stub(folder)
    except FluxError:
        stub = None
        stats.damaged += 1
    if stub:
        stats.removed = stub.ranges
        stats.journal, stats.machine, stats.position = stub.journal, stub.machine, stub.last
    tasks = _tasks(stats, found)
    for done, (_, (checked, counts)) in enumerate(in_order(_look, tasks, jobs if total_size(found) > SMALL else 1), 1):
        if not checked.gone:
            _add(stats, checked, counts)
        if progress:
            progress(done, len(found))
    return stats


def _tasks(stats: Stats, found: list[SegmentFile]) -> Iterator[CheckTask]:
    for each in placed(found):
        if each.header and not stats.segments:
            stats.journal, stats.machine = each.header.journal, each.header.machine
        yield CheckTask(each.segment.path, each.segment.first, each.end, each.is_last)


def _look(task: CheckTask) -> tuple[Checked, Counts]:
    checked = check(task)
    counts = Counts()
    codec = FastCodec()
    end = checked.end if checked.problem is None else 1 << 62
    try:
        for _, _, body in records(task.path, task.first, end):
            if body is None:
                counts.unreadable += 1
                continue
            try:
                msg = codec.decode(body)
            except FluxError:
                counts.unreadable += 1
                continue
            counts.messages += 1
            counts.body_bytes += len(body)
            event = msg.meta.get(EVENT)
            if event is not None:
                counts.add(counts.events, event)
            else:
                counts.add(counts.sources, msg.src_id)
                for tag in msg.data:
                    counts.add(counts.tags, tag)
            if counts.first_ts is None or msg.ts < counts.first_ts:
                counts.first_ts = msg.ts
            if counts.last_ts is None or msg.ts > counts.last_ts:
                counts.last_ts = msg.ts
    except (FileNotFoundError, LocalError):
        pass
    return checked, counts


def _add(stats: Stats, checked: Checked, counts: Counts) -> None:
    stats.add(checked)
    stats.damaged += checked.problem is not None
    stats.position = max(stats.position, checked.position)
    stats.counts.merge(counts)
