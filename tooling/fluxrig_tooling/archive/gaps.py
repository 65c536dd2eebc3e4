"""Positions that should be there, and are not: their segments are gone, or they cannot be found in them any more."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fluxrig.errors import FluxError
from fluxrig.journal.frames import STUB, Header
from fluxrig_tooling.archive.findings import Problem
from fluxrig_tooling.archive.records import Records
from fluxrig_tooling.archive.segments import SegmentFile, read_stub
from fluxrig_tooling.wording.text import counted


@dataclass(frozen=True)
class Gap(Problem):
    """The positions from `position` to `last`, which is None when nobody knows how many there were.

    `segment` and `byte`: from where on they are lost; "" and None when their segments are not there at all.
    """

    first: int
    last: int | None

    @property
    def is_missing(self) -> bool:
        """Whether their segments are not there."""
        return not self.segment

    @property
    def count(self) -> int:
        """How many positions; 0 when that is not known."""
        return self.last - self.first + 1 if self.last is not None else 0

    def within(self, since: int, until: int | None) -> Gap | None:
        """What of it lies between these positions, both included."""
        first, last = max(self.first, since), self.last
        if until is not None:
            last = until if last is None else min(last, until)
        if last is not None and first > last:
            return None
        return (
            missing(first, last) if self.is_missing and last is not None else lost(self.segment, self.byte, first, last)
        )

    def __str__(self) -> str:
        return self.reason if self.is_missing else f"{self.segment}, byte {self.byte}: {self.reason}"


def missing(first: int, last: int) -> Gap:
    """Positions whose segments are not there."""
    if first == last:
        text = f"position {first} is missing: its segment is not here"
    else:
        text = f"positions {first} to {last} are missing: their segments are not here"
    return Gap("", first, None, text, first, last)


def lost(segment: str, byte: int | None, first: int, last: int | None) -> Gap:
    """Positions of a segment that is here, in which they cannot be found."""
    if last is None:
        what = f"positions from {first} on are lost"
    elif first == last:
        what = f"position {first} is lost (1 message)"
    else:
        what = f"positions {first} to {last} are lost ({counted(last - first + 1, 'message')})"
    return Gap(segment, first, byte, what, first, last)


def gaps_before(folder: Path, first: int, reached: int = 0) -> list[Problem]:
    """What is missing between the position `reached` and the segment that begins with `first`, the oldest there is.
    What retention has removed is not."""
    if first <= reached + 1:
        return []
    try:
        return without_removed(folder, missing(reached + 1, first - 1))
    except FluxError as exc:
        doubt = f"whether retention has removed the positions {reached + 1} to {first - 1} is not known"
        return [Problem(STUB, None, None, f"{exc}; {doubt}")]


def gaps_after(
    folder: Path, segment: SegmentFile, reading: Records, following: SegmentFile | None, header: Header | None
) -> list[Problem]:
    """What should come after `reading`, which has gone over `segment`, before `following` with its `header`.

    `header` is None when it cannot be read. After the last segment only what is damaged is known to be lost.
    """
    first = reading.position + 1
    if following is None:
        return [lost(segment.name, reading.byte, first, None)] if reading.broken else []
    last = following.first - 1
    if first > last:
        return []
    # The segment before `following` is the one at `begin`; where no header says so, a seal says it was this one.
    begin = header.previous if header else (following.first if reading.sealed else segment.first)
    if reading.gone:
        begin = following.first
    found: list[Problem] = []
    if begin <= segment.first or reading.broken:
        end = min(begin - 1, last) if begin > segment.first else last
        if first <= end:
            found.append(lost(segment.name, reading.byte, first, end))
            first = end + 1
    if first <= last:
        try:
            found += without_removed(folder, missing(first, last))
        except FluxError:
            found.append(missing(first, last))
    return found


def without_removed(folder: Path, gap: Gap) -> list[Problem]:
    """The gap without what retention has removed, which may have happened a moment ago. FluxError."""
    stub = read_stub(folder)
    rest = gap.within(stub.last + 1 if stub else 1, None)
    return [rest] if rest else []
