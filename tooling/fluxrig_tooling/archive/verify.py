"""A whole archive: every segment, and how they follow one another.

Segments are checked by several processes, and what they found is put together here, in order. Little is kept of each,
so memory is the same whatever the archive's size.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fluxrig.errors import FluxError
from fluxrig.journal.frames import NO_HEAD, STUB, Header, segment_name
from fluxrig.journal.removal import RemovedRange
from fluxrig_tooling.archive.anchor import (
    CONFIRMED,
    CONTRADICTED,
    MISSING,
    PASSED_OVER,
    UNKNOWN,
    Anchor,
    Answer,
)
from fluxrig_tooling.archive.answers import Known, missing, positions
from fluxrig_tooling.archive.check import check
from fluxrig_tooling.archive.findings import Checked, CheckTask, Extent, Problem, Unread
from fluxrig_tooling.archive.pool import in_order
from fluxrig_tooling.archive.segments import (
    SegmentFile,
    UnreadableError,
    header_or_none,
    placed,
    read_stub,
    segments,
    strangers,
    total_size,
)

MAX_LISTED = 50
"""Problems, files that cannot be read and remarks that are kept; the rest is counted."""

SMALL = 32 << 20
"""Bytes of an archive that one process checks before another one has started."""

Progress = Callable[[int, int], None]
"""Called with the segments that are done, and all of them."""

Check = Callable[[CheckTask], Checked]
"""Checks one segment, as `check` does."""


@dataclass
class Report(Extent):
    """What verifying found. `position` is of the last link, `machine` what the newest segment says.

    last      position of the last message that a link or a header confirms
    is_empty  no segment has a header, and nothing was removed either
    """

    folder: Path = Path()
    messages: int = 0
    last: int = 0
    torn: int = 0
    is_empty: bool = False
    problems: list[Problem] = field(default_factory=list)
    more_problems: int = 0
    unread: list[Unread] = field(default_factory=list)
    more_unread: int = 0
    remarks: list[str] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """All was verified and nothing is wrong; and if there are anchors, one confirms it and none contradicts it."""
        results = {answer.result for answer in self.answers}
        anchored = not results or (CONFIRMED in results and not results & {CONTRADICTED, MISSING})
        return anchored and not (self.problems or self.unread or self.is_empty)

    @property
    def confirmed(self) -> list[Anchor]:
        """The anchors that the archive has as links, in order of position."""
        return [answer.anchor for answer in self.answers if answer.result == CONFIRMED]

    @property
    def passed_over(self) -> list[Anchor]:
        """The anchors of other machines."""
        return [answer.anchor for answer in self.answers if answer.result == PASSED_OVER]

    def blame(self, problem: Problem) -> None:
        if isinstance(problem, Unread):
            if len(self.unread) < MAX_LISTED:
                self.unread.append(problem)
            else:
                self.more_unread += 1
        elif len(self.problems) < MAX_LISTED:
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
        self.anchors = sorted(anchors, key=lambda anchor: (anchor.position, anchor.time))
        self.records = records
        self.check = check
        self.known = Known()
        self.headers: dict[str, Header | None] = {}
        self.begun = False  # some segment has a header
        self.noted = 0  # the last position of which a note in the archive says that it was removed
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
        known, report = self.known, self.report
        known.stub, known.is_stub_known = None, True
        problem: Problem | None = None
        try:
            known.stub = read_stub(report.folder)
        except UnreadableError as exc:
            problem = Unread(STUB, None, None, exc.reason)
        except FluxError as exc:
            problem = Problem(STUB, None, exc.fields.get("offset"), str(exc))
        if problem:
            known.is_stub_known = False
            if problem not in report.problems + report.unread:
                report.blame(problem)
        if known.stub:
            report.removed = known.stub.ranges

    @property
    def _ranges(self) -> list[RemovedRange]:
        return self.known.stub.ranges if self.known.stub else []

    def _tasks(self, found: list[SegmentFile]) -> Iterator[CheckTask]:
        """What is to be checked, each with what the header after it says."""
        at = [anchor.position for anchor in self.anchors]
        for index, each in enumerate(placed(found)):
            segment = each.segment
            self.headers[segment.name] = each.header
            end = len(at) if each.is_last else bisect_left(at, found[index + 1].first)
            anchors = self.anchors[bisect_left(at, segment.first - 1) : end]
            links = tuple(anchor.link for anchor in anchors)
            yield CheckTask(segment.path, segment.first, each.end, each.is_last, links, self.records)

    def _join(self, task: CheckTask, checked: Checked) -> None:
        """Take what one segment holds, and see whether it follows the one before."""
        segment = SegmentFile(task.path, task.first)
        header = self.headers.pop(segment.name)
        report, known = self.report, self.known
        known.end_gap(segment.first)
        if checked.gone:
            self._gone(segment)
            return
        if header is None and checked.end:
            header = header_or_none(segment.path)  # the Rack has begun it meanwhile
        if header is not None:
            self.begun = True
            self._identify(segment, header)
            self._follow(segment, header)
        if checked.problem is not None:
            report.blame(checked.problem)
            if isinstance(checked.problem, Unread):
                known.begin_gap(segment.first, UNKNOWN, "in a segment that cannot be read")
            else:
                known.begin_gap(segment.first, CONTRADICTED, "in a segment that is damaged before that position")
        if report.time and 0 < checked.first_time < report.time:
            back = (report.time - checked.first_time) / 1e9
            report.remark(f"{segment.name}: the clock went back by {back:.3f} s since the segment before")
        report.add(checked)
        report.messages += checked.messages
        report.torn = checked.torn
        if checked.messages:
            report.last = max(report.last, checked.position)
        if checked.link:
            report.position = checked.link.position
        known.found.update(checked.found)
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
        known = self.known
        if known.is_stub_known and (known.stub is None or known.stub.last < segment.first):
            self.report.blame(Problem(segment.name, segment.first, None, "the file is not there any more"))
            known.begin_gap(segment.first, MISSING, "in a segment that is not there any more")
        else:
            self._before = None

    def _identify(self, segment: SegmentFile, header: Header) -> None:
        report, known = self.report, self.known
        if header.first != segment.first:
            reason = f"the file is called so, and its header says it begins with position {header.first}"
            report.blame(Problem(segment.name, segment.first, 0, f"{reason}: renamed or exchanged"))
        if not report.journal:
            report.journal = header.journal
            if known.stub and known.stub.journal != header.journal:
                report.blame(Problem(STUB, None, None, "the stub is of another journal than the segments"))
        if header.journal != report.journal:
            reason = f"the segment is of journal {header.journal.hex()}, those before of {report.journal.hex()}"
            report.blame(Problem(segment.name, segment.first, 0, reason))
        elif not known.machines or known.machines[-1][1] != header.machine:
            # Whoever renames a machine goes on in the same journal; the header is hashed, so the chain has that too.
            if known.machines:
                report.remark(f"from position {segment.first} on the machine is called {header.machine!r}")
            known.machines.append((segment.first, header.machine))
            report.machine = header.machine

    def _follow(self, segment: SegmentFile, header: Header) -> None:
        if self._before is None:
            self._begin(segment, header)
            return
        before, checked = self._before
        blame = self.report.blame
        if checked.problem is not None:
            if before.first < header.previous < segment.first:
                self._miss(header.previous, segment.first - 1, "their segments are not here")
        elif header.previous != before.first and segment.first > checked.position + 1:
            self._miss(checked.position + 1, segment.first - 1, "their segments are not here")
        elif header.previous != before.first:
            reason = f"the header says it follows the segment of position {header.previous}, and {before.name} is here"
            blame(Problem(segment.name, segment.first, 0, reason))
        elif header.previous_head != checked.head:
            reason = (
                f"the chain does not go on in {segment.name}, which names another head: "
                "this segment, or all from the next one on, were replaced"
            )
            blame(Problem(before.name, checked.position, checked.end, reason))
        elif segment.first > checked.position + 1:
            self._miss(checked.position + 1, segment.first - 1, "the disk has lost them", segment.name)
        elif segment.first <= checked.position:
            reason = f"the segment before has positions up to {checked.position}"
            blame(Problem(segment.name, segment.first, 0, reason))
        elif any(each.last == checked.position and each.head != checked.head for each in self._ranges):
            reason = f"the stub has another head at position {checked.position} than the segment that is still here"
            blame(Problem(STUB, None, None, reason))

    def _miss(self, first: int, last: int, why: str, name: str = "") -> None:
        """Positions are missing: that is a problem of the file `name`, by default of the one they should begin."""
        if last == first:
            why = why.replace("their segments are", "its segment is").replace("lost them", "lost it")
        self.report.blame(Problem(name or segment_name(first), first, None, f"{positions(first, last)} missing: {why}"))
        self.known.missing.append(missing(first, last))

    def _begin(self, segment: SegmentFile, header: Header) -> None:
        """The first segment follows what was removed, or nothing."""
        blame = self.report.blame
        stub = self.known.stub
        before = [each for each in self._ranges if each.last == segment.first - 1]
        if segment.first == 1:
            if header.previous or header.previous_head != NO_HEAD:
                blame(Problem(segment.name, 1, 0, "the header says that something comes before position 1"))
        elif not self.known.is_stub_known:
            return  # said already
        elif stub is None:
            self._miss(1, segment.first - 1, f"there is no file {STUB!r}, so retention has not removed them")
        elif stub.last < segment.first - 1:
            why = f"retention removed only up to {stub.last}" if stub.last else "retention has removed nothing"
            self._miss(stub.last + 1, segment.first - 1, why)
        elif not before:
            reason = f"the stub has no head at position {segment.first - 1}, after which {segment.name} goes on"
            blame(Problem(STUB, None, None, reason))
        elif before[0].head != header.previous_head:
            reason = f"the stub has another head at position {segment.first - 1} than {segment.name} continues from"
            blame(Problem(STUB, None, None, reason))
        elif not before[0].first <= header.previous <= before[0].last:
            reason = f"the header says it follows position {header.previous}, and the stub has {before[0].first}"
            blame(Problem(segment.name, segment.first, 0, reason))

    def _end(self) -> None:
        report, known = self.report, self.known
        stub = known.stub
        if not report.journal and stub:
            report.journal, report.machine = stub.journal, stub.machine
            report.position = report.position or stub.last
            if not (report.problems or report.unread):
                report.remark("no segment has a header: all there is is the stub of what was removed")
        report.is_empty = not (self.begun or stub or report.problems or report.unread)
        checked = self._before[1] if self._before else None
        if checked and report.position < checked.position and not checked.problem:
            report.remark(f"positions {report.position + 1} to {checked.position} are confirmed by a header alone")
        if self.records and stub and self.noted < stub.last and not report.unread:
            report.remark(
                f"the stub says that positions up to {stub.last} were removed, and no note in the archive does: "
                "the power went at that moment, or somebody else than the Rack removed them"
            )
        known.journal = report.journal
        known.first = report.first
        known.last = checked.position if checked else report.position
        report.answers = known.answers(self.anchors)
