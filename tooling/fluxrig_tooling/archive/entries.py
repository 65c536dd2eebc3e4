"""The messages of an archive in order, while a Rack may be appending to it.

What the last link of the last segment does not confirm is not committed yet, and is not read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fluxrig.errors import FluxError, LocalError
from fluxrig.fast_codec import FastCodec
from fluxrig.journal.frames import FRAME, LINK, LINK_SIZE, SEAL
from fluxrig.journal.window import frame_is_whole
from fluxrig.msg import FluxMsg
from fluxrig_tooling.archive.check import check
from fluxrig_tooling.archive.findings import CheckTask, Problem
from fluxrig_tooling.archive.records import records
from fluxrig_tooling.archive.segments import (
    SegmentFile,
    header_or_none,
    opened,
    read_at,
    read_header,
    segments,
    size_of,
    total_size,
)

MAX_LISTED = 20
POLL_S = 0.3
TO_THE_END = 1 << 62


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

    def entries(
        self, since: int = 0, needles: Sequence[bytes] = (), progress: Callable[[int], None] | None = None
    ) -> Iterator[ArchivedMessage]:
        """The messages from the position `since` on. With `needles`, only those with one of them in their bytes.

        `progress` is called with the bytes of each segment that is done.
        """
        for index, segment in enumerate(self._found):
            following = self._found[index + 1] if index + 1 < len(self._found) else None
            if following is None or following.first > since:
                yield from self._of(segment, self._end(segment, following), since, needles)
            if progress:
                progress(size_of(segment.path))

    def follow(self, since: int = 0) -> Iterator[ArchivedMessage | None]:
        """The messages from the position `since` on, without end. None each time that all were read: wait then."""
        segment = self._found[-1] if self._found else None
        for found in self._found:
            if found.first <= max(since, 1):
                segment = found
        byte, position = 0, 0
        link: bytes | None = None  # the last one that was read
        while True:
            known = segments(self.folder)
            if segment is not None and byte and _before(segment, byte) not in (link, None):
                byte = 0  # it had no messages yet, and the Rack has begun it again
            if segment is None or (not byte and not segment.path.exists()):
                segment = next((each for each in known if each.first >= since), known[0] if known else None)
            if segment is not None:
                following = next((each for each in known if each.first > segment.first), None)
                end = self._end(segment, following) if following else _last_link(segment, byte)
                if not byte:
                    position = segment.first - 1
                if end > byte:
                    for entry in self._of(segment, end, since, (), byte, position + 1):
                        position = max(position, entry.position)
                        yield entry
                    byte, link = end, _before(segment, end)
                if following is not None:
                    segment, byte = following, 0
                    continue
            yield None

    def message(self, entry: ArchivedMessage) -> FluxMsg | None:
        """The message in `entry`; None, noted in `damage`, when it is none."""
        try:
            return self._codec.decode(entry.body)
        except FluxError as exc:
            byte = entry.byte + FRAME + exc.fields.get("offset", 0)
            self.damage.add(Problem(entry.segment, entry.position, byte, f"the record is no message: {exc}"))
            return None

    def _of(
        self, segment: SegmentFile, end: int, since: int, needles: Sequence[bytes], byte: int = 0, first: int = 0
    ) -> Iterator[ArchivedMessage]:
        if not byte and end and header_or_none(segment.path) is None and segment.path.exists():
            self.damage.add(Problem(segment.name, segment.first, 0, "the header is damaged"))
        try:
            for position, at, body in records(segment.path, first or segment.first, end, since, needles, byte):
                if body is None:
                    reason = "the record is damaged, and left out"
                    self.damage.add(Problem(segment.name, position, at, reason))
                elif not needles or any(needle in body for needle in needles):
                    yield ArchivedMessage(position, segment.name, at, body)
        except FileNotFoundError:
            pass  # retention was faster
        except LocalError as exc:
            self.damage.add(Problem(segment.name, segment.first, 0, str(exc)))

    def _end(self, segment: SegmentFile, following: SegmentFile | None) -> int:
        """How many bytes of the segment are to be read."""
        if following is not None:
            try:
                header = read_header(following.path)
            except (FileNotFoundError, FluxError):
                return TO_THE_END
            return header.previous_end if header.previous == segment.first else TO_THE_END
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
