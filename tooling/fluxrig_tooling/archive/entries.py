"""The messages of an archive in order, while a Rack may be appending to it.

What the last link of the last segment does not confirm is not committed yet, and is not read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fluxrig.errors import FluxError, LocalError
from fluxrig.fast_codec import FastCodec
from fluxrig.journal.frames import FRAME, LINK, LINK_SIZE, SEAL, Header
from fluxrig.journal.window import frame_is_whole
from fluxrig.msg import FluxMsg
from fluxrig_tooling.archive.check import check
from fluxrig_tooling.archive.findings import CheckTask, Problem, Unread
from fluxrig_tooling.archive.gaps import Gap, gaps_after, gaps_before
from fluxrig_tooling.archive.records import TO_THE_END, Records
from fluxrig_tooling.archive.segments import (
    SegmentFile,
    UnreadableError,
    header_or_none,
    opened,
    read_at,
    segments,
    size_of,
    total_size,
)

MAX_LISTED = 20
POLL_S = 0.3


@dataclass(frozen=True)
class ArchivedMessage:
    """A message as it was archived: `body` is its bytes, which begin in the record at `byte` of `segment`."""

    position: int
    segment: str
    byte: int
    body: bytes


@dataclass
class Damage:
    """What could not be read: the first places, and how many there are."""

    problems: list[Problem] = field(default_factory=list)
    count: int = 0

    def add(self, problem: Problem) -> None:
        self.count += 1
        if len(self.problems) < MAX_LISTED:
            self.problems.append(problem)


class ArchiveReader:
    """Reads the archive in `folder`. LocalError when there is none. What is damaged is left out, and in `damage`."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.damage = Damage()
        self._codec = FastCodec()
        self._found = segments(folder)

    @property
    def size(self) -> int:
        """Bytes of all segments."""
        return total_size(self._found)

    @property
    def machine(self) -> str:
        """The machine it is of, as its newest readable header says; "" when there is none."""
        for segment in reversed(self._found):
            header = header_or_none(segment.path)
            if header is not None:
                return header.machine
        return ""

    def last_position(self) -> int:
        """The position of the last message that is committed; 0 when there is none."""
        if not self._found:
            return 0
        last = self._found[-1]
        checked = check(CheckTask(last.path, last.first))
        return checked.position if not checked.gone else last.first - 1

    def require_readable(self) -> None:
        """LocalError when there are segments, and the system lets none of them be read."""
        reason = ""
        for segment in self._found:
            try:
                opened(segment.path).close()
            except UnreadableError as exc:
                reason = exc.reason
            except (FileNotFoundError, LocalError):
                return  # to be said of this one
            else:
                return
        if reason:
            raise LocalError(f"no segment in {self.folder} can be read {reason}")

    def entries(
        self,
        since: int = 0,
        needles: Sequence[bytes] = (),
        progress: Callable[[int], None] | None = None,
        until: int | None = None,
    ) -> Iterator[ArchivedMessage]:
        """The messages from position `since` to `until`; with `needles`, only those with one of them in their bytes.

        Which of these positions are not there is in `damage`. `progress` is called with the bytes of each segment that
        is done.
        """
        if self._found and (until is None or until >= since):
            self._add(gaps_before(self.folder, self._found[0].first, max(since - 1, 0)), since, until)
        for index, segment in enumerate(self._found):
            following = self._found[index + 1] if index + 1 < len(self._found) else None
            if until is not None and segment.first > until:
                return
            if following is None or following.first > since:
                header = header_or_none(following.path) if following else None
                reading = yield from self._of(segment, _end(segment, following, header), since, needles, until)
                if reading is not None:
                    self._add(gaps_after(self.folder, segment, reading, following, header), since, until)
            if progress:
                progress(size_of(segment.path))

    def follow(self, since: int = 0) -> Iterator[ArchivedMessage | None]:
        """The messages from the position `since` on, without end. None each time that all were read: wait then."""
        segment = self._found[0] if self._found else None
        for found in self._found:
            if found.first <= since:
                segment = found
        byte, position = 0, 0
        reached = max(since - 1, 0)  # up to there nothing is missing, or that is said
        link: bytes | None = None  # the last one that was read
        while True:
            known = segments(self.folder)
            if segment is not None and byte and _before(segment, byte) not in (link, None):
                byte = 0  # it had no messages yet, and the Rack has begun it again
            if segment is None or (not byte and not segment.path.exists()):
                segment = next((each for each in known if each.first >= since), known[0] if known else None)
            if segment is not None:
                following = next((each for each in known if each.first > segment.first), None)
                header = header_or_none(following.path) if following else None
                end = _end(segment, following, header) if following else _last_link(segment, byte)
                if not byte:
                    position = segment.first - 1
                    self._add(gaps_before(self.folder, segment.first, reached), since)
                    reached = max(reached, position)
                reading = None
                if following is not None or end > byte:
                    reading = yield from self._of(segment, end, since, byte=byte, first=position + 1)
                    byte, link = end, _before(segment, end)
                if reading is not None:
                    position = reading.position
                    reached = max(reached, position)
                if following is not None:
                    if reading is not None:
                        self._add(gaps_after(self.folder, segment, reading, following, header), since)
                    reached = max(reached, following.first - 1)
                    segment, byte = following, 0
                    continue
            yield None

    def message(self, entry: ArchivedMessage) -> FluxMsg | None:
        """The message in `entry`; None, noted in `damage`, when it is none."""
        try:
            return self._codec.decode(entry.body)
        except FluxError as exc:
            byte = entry.byte + FRAME + exc.fields.get("offset", 0)
            self.damage.add(Problem(entry.segment, entry.position, byte, f"the record is not a message: {exc}"))
            return None

    def _add(self, problems: list[Problem], since: int, until: int | None = None) -> None:
        """Note what of these problems concerns positions from `since` to `until`."""
        for problem in problems:
            part = problem.within(since, until) if isinstance(problem, Gap) else problem
            if part is not None:
                self.damage.add(part)

    def _of(
        self,
        segment: SegmentFile,
        end: int,
        since: int,
        needles: Sequence[bytes] = (),
        until: int | None = None,
        byte: int = 0,
        first: int = 0,
    ) -> Generator[ArchivedMessage, None, Records | None]:
        """Returns how far it has come; None when it could not or need not go on."""
        reading = Records(segment.path, first or segment.first, end, since, needles, byte)
        try:
            for position, at, body in reading:
                if until is not None and position > until:
                    return None
                if body is None:
                    reason = "the record is damaged, and left out"
                    self.damage.add(Problem(segment.name, position, at, reason))
                elif not needles or any(needle in body for needle in needles):
                    yield ArchivedMessage(position, segment.name, at, body)
            if not byte and end and not reading.broken and header_or_none(segment.path) is None:
                self.damage.add(Problem(segment.name, segment.first, 0, "the header is damaged"))
        except FileNotFoundError:
            reading.gone = True  # retention was faster, or somebody else
        except UnreadableError as exc:
            self.damage.add(Unread(segment.name, reading.position + 1, reading.byte, exc.reason))
            return None
        except LocalError as exc:
            self.damage.add(Problem(segment.name, segment.first, 0, str(exc)))
            return None
        return reading


def _end(segment: SegmentFile, following: SegmentFile | None, header: Header | None) -> int:
    """How many bytes of the segment are to be read, as the `header` of the one after it says."""
    if following is not None:
        return header.previous_end if header is not None and header.previous == segment.first else TO_THE_END
    checked = check(CheckTask(segment.path, segment.first))
    return checked.end if checked.problem is None else TO_THE_END


def wait() -> None:
    """Until there may be something new."""
    time.sleep(POLL_S)


def _before(segment: SegmentFile, byte: int) -> bytes | None:
    """The link that ends at `byte`; None when the segment is not there any more."""
    try:
        with opened(segment.path) as file:
            return read_at(file, max(byte - LINK_SIZE, 0), LINK_SIZE)
    except (FileNotFoundError, LocalError):
        return None


def _last_link(segment: SegmentFile, begin: int) -> int:
    """The byte behind the last link that stands after the byte `begin`, which is that of a record; `begin` if none."""
    end = begin
    try:
        with opened(segment.path) as file:
            byte = begin
            while len(head := read_at(file, byte, FRAME)) == FRAME and head[0]:
                length = int.from_bytes(head[1:4], "big")
                if head[0] in (LINK, SEAL) and length == LINK_SIZE - FRAME:
                    if not frame_is_whole(read_at(file, byte, LINK_SIZE)):
                        break
                    end = byte + LINK_SIZE
                byte += FRAME + length
    except (FileNotFoundError, LocalError):
        pass
    return end
