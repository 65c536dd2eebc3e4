"""A whole archive: every segment, and how they follow one another.

Segments are checked by several processes, and what they found is put together here, in order. Little is kept of each,
so memory is the same whatever the archive's size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fluxrig.errors import FluxError
from fluxrig.journal.frames import NO_HEAD, STUB, Header, segment_name
from fluxrig.journal.removal import RemovedRange, Stub
from fluxrig_tooling.archive.anchor import CONFIRMED, CONTRADICTED, UNKNOWN, Anchor, Answer
from fluxrig_tooling.archive.check import check
from fluxrig_tooling.archive.findings import ChainLink, Checked, CheckTask, Extent, Problem
from fluxrig_tooling.archive.pool import in_order
from fluxrig_tooling.archive.segments import (
    SegmentFile,
    placed,
    read_stub,
    segments,
    strangers,
    total_size,
)

MAX_LISTED = 50
"""Problems and remarks that are kept; the rest is counted."""

SMALL = 32 << 20
"""Bytes of an archive that one process checks before another one has started."""

Progress = Callable[[int, int], None]
"""Called with the segments that are done, and all of them."""

Check = Callable[[CheckTask], Checked]
"""Checks one segment, as `check` does."""


@dataclass
class Report(Extent):
    """What verifying found. `position` is of the last link."""

    folder: Path = Path()
    messages: int = 0
    torn: int = 0
    problems: list[Problem] = field(default_factory=list)
    more_problems: int = 0
    remarks: list[str] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Nothing is wrong, and if there are anchors, at least one confirms the archive and none contradicts it."""
        results = {answer.result for answer in self.answers}
        return not self.problems and CONTRADICTED not in results and (not results or bool(self.confirmed))

    @property
    def confirmed(self) -> list[Anchor]:
        """The anchors that the archive has as links, in order of position."""
        return [answer.anchor for answer in self.answers if answer.result == CONFIRMED]

    def blame(self, problem: Problem) -> None:
        if len(self.problems) < MAX_LISTED:
            self.problems.append(problem)
        else:
            self.more_problems += 1

    def remark(self, text: str) -> None:
        if len(self.remarks) < MAX_LISTED:
            self.remarks.append(text)


def verify(
    folder: Path,
    anchors: Sequence[Anchor] = (),
    records: bool = False,
    jobs: int = 1,
    progress: Progress | None = None,
    check: Check = check,
) -> Report:
    """Check the archive in `folder`. LocalError when there is none. Never stops at what is wrong with it.

    `records`: also the CRC and the content of each record. `jobs`: processes, for archives that are not small.
    """
    report = Report(folder=folder)
    found = segments(folder)
    _Verifier(report, anchors, records, check).run(found, jobs, progress)
    others = strangers(folder)
    if others:
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        report.remark(f"{others[0]!r}{more} in the folder is not of the archive")
    return report


class _Verifier:
    def __init__(self, report: Report, anchors: Sequence[Anchor], records: bool, check: Check):
        self.report = report
        self.anchors = anchors
        self.records = records
        self.check = check
        self.stub: Stub | None = None
        self.found: set[ChainLink] = set()
        self.headers: dict[str, Header | None] = {}
        self.noted = 0  # the last position of which a note in the archive says that it was removed
        self.doubtful: list[tuple[int, int]] = []  # ranges of positions in segments with problems
        self._before: tuple[SegmentFile, Checked] | None = None

    def run(self, found: list[SegmentFile], jobs: int, progress: Progress | None) -> None:
        self._read_stub()
        size = total_size(found)
        tasks = self._tasks(found)
        results = in_order(self.check, tasks, jobs if size > SMALL else 1)
        for done, (task, checked) in enumerate(results, 1):
            self._join(task, checked)
            if progress:
                progress(done, len(found))
        self._end()

    def _read_stub(self) -> None:
        try:
            self.stub = read_stub(self.report.folder)
        except FluxError as exc:
            self.report.blame(Problem(STUB, 0, 0, str(exc)))
            self.stub = None
        if self.stub:
            self.report.removed = self.stub.ranges

    @property
    def _ranges(self) -> list[RemovedRange]:
        return self.stub.ranges if self.stub else []

    def _tasks(self, found: list[SegmentFile]) -> Iterator[CheckTask]:
        """What is to be checked, each with what the header after it says."""
        for index, each in enumerate(placed(found)):
            segment = each.segment
            self.headers[segment.name] = each.header
            limit = (1 << 64) if each.is_last else found[index + 1].first
            links = tuple(anchor.link for anchor in self.anchors if segment.first - 1 <= anchor.position < limit)
            yield CheckTask(segment.path, segment.first, each.end, each.is_last, links, self.records)

    def _join(self, task: CheckTask, checked: Checked) -> None:
        """Take what one segment holds, and see whether it follows the one before."""
        segment = SegmentFile(task.path, task.first)
        header = self.headers.pop(segment.name)
        if checked.gone:
            self._gone(segment)
            return
        if header is not None:
            self._identify(segment, header)
            self._follow(segment, header)
        report = self.report
        if checked.problem is not None:
            report.blame(checked.problem)
            self.doubtful.append((segment.first, 1 << 64))
        elif self.doubtful and self.doubtful[-1][1] == 1 << 64:
            self.doubtful[-1] = (self.doubtful[-1][0], segment.first - 1)
        if report.time and 0 < checked.first_time < report.time:
            back = (report.time - checked.first_time) / 1e9
            report.remark(f"{segment.name}: the clock went back by {back:.3f} s since the segment before")
        report.add(checked)
        report.messages += checked.messages
        report.torn = checked.torn
        if checked.link:
            report.position = checked.link.position
        self.found.update(checked.found)
        self.noted = max(self.noted, checked.noted)
        if checked.first_back:
            position, before, after = checked.first_back
            report.remark(
                f"{segment.name}: the clock went back {checked.backwards} times, first at position {position} "
                f"by {(before - after) / 1e9:.3f} s"
            )
        self._before = (segment, checked)

    def _gone(self, segment: SegmentFile) -> None:
        """A segment is not there any more: retention says so first, in the stub.

        It takes the oldest away, so those before it are gone too: what follows is the first one now.
        """
        self._read_stub()
        if self.stub is None or self.stub.last < segment.first:
            self.report.blame(Problem(segment.name, segment.first, 0, "the file is not there any more"))
        else:
            self._before = None

    def _identify(self, segment: SegmentFile, header: Header) -> None:
        report = self.report
        if header.first != segment.first:
            reason = f"the file is called so, and its header says it begins with position {header.first}"
            report.blame(Problem(segment.name, segment.first, 0, f"{reason}: renamed or exchanged"))
        if not report.journal:
            report.journal, report.machine = header.journal, header.machine
            if self.stub and (self.stub.journal, self.stub.machine) != (header.journal, header.machine):
                reason = "the stub is of another journal or machine than the segments"
                report.blame(Problem(STUB, self.stub.last, 0, reason))
        if header.journal != report.journal:
            reason = f"the segment is of journal {header.journal.hex()}, those before of {report.journal.hex()}"
            report.blame(Problem(segment.name, segment.first, 0, reason))
        elif header.machine != report.machine:
            reason = f"the segment is of machine {header.machine!r}, those before of {report.machine!r}"
            report.blame(Problem(segment.name, segment.first, 0, reason))

    def _follow(self, segment: SegmentFile, header: Header) -> None:
        if self._before is None:
            self._begin(segment, header)
            return
        before, checked = self._before
        blame = self.report.blame
        if checked.problem is not None:
            return
        if segment.first != checked.position + 1 and header.previous != before.first:
            missing = segment_name(checked.position + 1)
            reason = f"positions {checked.position + 1} to {segment.first - 1} are missing: their segments are not here"
            blame(Problem(missing, checked.position + 1, 0, reason))
        elif header.previous != before.first:
            reason = f"the header says it follows the segment of position {header.previous}, and {before.name} is here"
            blame(Problem(segment.name, segment.first, 0, reason))
        elif header.previous_head != checked.head:
            reason = (
                f"the chain does not go on in {segment.name}, which names another head: "
                "this segment, or all from the next one on, were replaced"
            )
            blame(Problem(before.name, checked.position, checked.end, reason))
        elif segment.first != checked.position + 1:
            reason = f"positions {checked.position + 1} to {segment.first - 1} are missing: the disk has lost them"
            blame(Problem(segment.name, checked.position + 1, 0, reason))
        elif any(each.last == checked.position and each.head != checked.head for each in self._ranges):
            reason = f"the stub has another head at position {checked.position} than the segment that is still here"
            blame(Problem(STUB, checked.position, 0, reason))

    def _begin(self, segment: SegmentFile, header: Header) -> None:
        """The first segment follows what was removed, or nothing."""
        blame = self.report.blame
        before = [each for each in self._ranges if each.last == segment.first - 1]
        if segment.first == 1:
            if header.previous or header.previous_head != NO_HEAD:
                blame(Problem(segment.name, 1, 0, "the header says that something comes before position 1"))
        elif not before:
            if self.stub is None and any(each.segment == STUB for each in self.report.problems):
                return  # said already
            reason = f"positions up to {segment.first - 1} are missing"
            more = f"the stub ends at position {self.stub.last}" if self.stub else f"there is no file {STUB!r}"
            blame(Problem(segment.name, segment.first, 0, f"{reason}, and {more}"))
        elif before[0].head != header.previous_head:
            reason = "the stub has another head at its end than the segment after it continues from"
            blame(Problem(STUB, segment.first - 1, 0, reason))
        elif not before[0].first <= header.previous <= before[0].last:
            reason = f"the header says it follows position {header.previous}, and the stub has {before[0].first}"
            blame(Problem(segment.name, segment.first, 0, reason))

    def _end(self) -> None:
        report = self.report
        if not report.segments and self.stub:
            report.journal, report.machine = self.stub.journal, self.stub.machine
            report.position = self.stub.last
        checked = self._before[1] if self._before else None
        if checked and report.position < checked.position and not checked.problem:
            report.remark(f"positions {report.position + 1} to {checked.position} are confirmed by a header alone")
        if self.records and self.stub and self.noted < self.stub.last:
            report.remark(
                f"the stub says that positions up to {self.stub.last} were removed, and no note in the archive does: "
                "the power went at that moment, or somebody else than the Rack removed them"
            )
        last = checked.position if checked else report.position
        report.answers = [self._answer(anchor, last) for anchor in self.anchors]

    def _answer(self, anchor: Anchor, last: int) -> Answer:
        report = self.report
        if report.journal and (anchor.journal, anchor.machine) != (report.journal, report.machine):
            whose = f"machine {anchor.machine!r}, journal {anchor.journal.hex()}"
            return Answer(anchor, CONTRADICTED, f"it is of {whose}: this is another archive, or it was made anew")
        if anchor.link in self.found:
            return Answer(anchor, CONFIRMED)
        for first, end in self.doubtful:
            if first <= anchor.position <= end:
                return Answer(anchor, CONTRADICTED, "the segment it is in is damaged before it")
        if anchor.position > last:
            reason = f"the archive ends at position {last}: {anchor.position - last} positions or more were cut off"
            return Answer(anchor, CONTRADICTED, reason)
        if anchor.position < report.first or (not report.segments and self.stub):
            return self._answer_removed(anchor)
        reason = "the chain has no such link there: what is up to this position was rewritten"
        return Answer(anchor, CONTRADICTED, reason)

    def _answer_removed(self, anchor: Anchor) -> Answer:
        for each in self._ranges:
            if each.last == anchor.position and each.head == anchor.head:
                return Answer(anchor, CONFIRMED, "at the end of a segment that was removed")
        return Answer(anchor, UNKNOWN, "that part was removed, and only the ends of removed segments are known")
