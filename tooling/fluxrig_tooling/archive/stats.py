"""What an archive holds, in figures: segments, times, sources, tags, and what the archive says of itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fluxrig.archive.marks import EVENT
from fluxrig.errors import FluxError, LocalError
from fluxrig.fast_codec import FastCodec
from fluxrig.journal.frames import STUB
from fluxrig_tooling.archive.check import check
from fluxrig_tooling.archive.findings import Checked, CheckTask, Extent, Problem, Unread
from fluxrig_tooling.archive.gaps import gaps_after, gaps_before
from fluxrig_tooling.archive.pool import in_order
from fluxrig_tooling.archive.records import TO_THE_END, Records
from fluxrig_tooling.archive.segments import (
    Placed,
    UnreadableError,
    placed,
    read_stub,
    segments,
    size_of,
    total_size,
)

MAX_KINDS = 10_000
"""Different sources or tags that are counted; what comes after them is counted together."""

SMALL = 4 << 20
"""Bytes of an archive that one process reads before another one has started."""


@dataclass
class Counts:
    """How often each source (its id), tag and event of the archive stands in messages.

    `read_bytes`: of segments, as far as messages could be read; `body_bytes`: of these messages by themselves.
    """

    messages: int = 0
    body_bytes: int = 0
    read_bytes: int = 0
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
        self.read_bytes += other.read_bytes
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
    """Of an archive. `counts` has the times of messages, `damaged` counts segments and a stub.

    `disk_bytes`: the size of all files. `gaps`: what is missing or lost, and what files cannot be read.
    """

    damaged: int = 0
    disk_bytes: int = 0
    gaps: list[Problem] = field(default_factory=list)
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
    places = list(placed(found))
    for each in places:
        if each.header:
            stats.journal, stats.machine = each.header.journal, each.header.machine
            break
    stats.disk_bytes = total_size(found) + size_of(folder / STUB)
    if found:
        stats.gaps += gaps_before(folder, found[0].first)
    tasks = [CheckTask(each.segment.path, each.segment.first, each.end, each.is_last) for each in places]
    results = in_order(_look, tasks, jobs if stats.disk_bytes > SMALL else 1)
    for done, (_, (checked, counts, reading, unread)) in enumerate(results, 1):
        if unread:
            stats.gaps.append(unread)
        else:
            following = places[done] if done < len(places) else None
            stats.gaps += _gaps(folder, places[done - 1], reading, following)
            if not checked.gone:
                _add(stats, checked, counts)
        if progress:
            progress(done, len(found))
    return stats


def _gaps(folder: Path, place: Placed, reading: Records, following: Placed | None) -> list[Problem]:
    if following is None:
        return gaps_after(folder, place.segment, reading, None, None)
    return gaps_after(folder, place.segment, reading, following.segment, following.header)


def _look(task: CheckTask) -> tuple[Checked, Counts, Records, Unread | None]:
    checked = check(task)
    counts = Counts()
    codec = FastCodec()
    # What counts, as the next header says or the last link, also where the chain does not fit.
    end = checked.end if checked.problem is None else task.end or TO_THE_END
    reading = Records(task.path, task.first, end)
    unread = None
    try:
        for _, _, body in reading:
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
    except FileNotFoundError:
        reading.gone = True
    except UnreadableError as exc:
        unread = Unread(task.name, reading.position + 1, reading.byte, exc.reason)
    except LocalError as exc:
        unread = Unread(task.name, reading.position + 1, reading.byte, f"({exc})")
    counts.read_bytes = reading.byte
    return checked, counts, reading, unread


def _add(stats: Stats, checked: Checked, counts: Counts) -> None:
    stats.add(checked)
    stats.damaged += checked.problem is not None
    stats.position = max(stats.position, checked.position)
    stats.counts.merge(counts)
