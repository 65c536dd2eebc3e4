"""Where a segment breaks, in words: the slow look at the group that the chain does not confirm."""

from __future__ import annotations

import os
import re
from hashlib import sha256
from io import FileIO
from struct import pack

from fluxrig.journal.frames import (
    CURSOR,
    CURSOR_SIZE,
    FRAME,
    HEADER,
    HEADER_MAGIC,
    LINK,
    LINK_SIZE,
    MESSAGE,
    SEAL,
    link_tail,
    unpack_link,
)
from fluxrig.journal.window import frame_is_whole
from fluxrig_tooling.archive.findings import Checked, CheckTask, Problem
from fluxrig_tooling.archive.segments import chunks, read_at

_LINK = re.compile(rb"[LS]\x00\x00" + re.escape(bytes([LINK_SIZE - FRAME])))
_SECTOR = 512  # bytes that a disk writes whole, or not at all
_SIZES = {CURSOR: CURSOR_SIZE, LINK: LINK_SIZE, SEAL: LINK_SIZE}

CHANGED = "its CRC does not fit: bytes of this record were changed"
CHANGED_LINK = "its CRC does not fit: bytes of the link after this position were changed"


def judge(file: FileIO, task: CheckTask, result: Checked) -> Problem | None:
    """What is the matter with what comes after the last link that fits, where `result` stands, if anything is.

    It may be that nothing is: the group at the end of a segment that was left, or that is still being written. What of
    it counts is taken into `result`.
    """
    return _Group(file, task, result).judge()


class _Group:
    """The records after the last link that fits, gone over up to `byte`. `position`: of the last message before it."""

    def __init__(self, file: FileIO, task: CheckTask, result: Checked):
        self.file = file
        self.task = task
        self.result = result
        self.size = os.fstat(file.fileno()).st_size
        self.limit = self.size if task.end is None else min(task.end, self.size)
        self.byte = result.end
        self.position = result.position
        self.hash = sha256(result.head)

    def judge(self) -> Problem | None:
        while self.byte < self.limit:
            frame, reason = _frame_at(self.file, self.byte, self.limit)
            if reason:
                return self._at_fault(frame, reason)
            if frame[0] in (LINK, SEAL):
                return self._at_link(frame)
            self.hash.update(frame)
            self.position += frame[0] == MESSAGE
            self.byte += len(frame)
        return self._at_end()

    def _problem(self, position: int, byte: int, reason: str) -> Problem:
        return Problem(self.task.name, position, byte, reason)

    def _at_link(self, frame: bytes) -> Problem:
        """Every record is whole, and the link after them does not fit: one of them is not what was written."""
        first = self.result.position + 1
        said, time, head = unpack_link(frame[FRAME:])
        self.hash.update(link_tail(frame[0], said, time))
        if said != self.position:
            reason = f"the link says position {said}, and its records count to {self.position}"
        elif self.hash.digest() != head:
            reason = _rewritten(first, self.position)
        else:
            reason = "the file changed while it was read: try again"
        return self._problem(first, self.result.end, reason)

    def _at_fault(self, frame: bytes, reason: str) -> Problem | None:
        """`frame` is no whole record, for this `reason`, or was not written to its end yet."""
        task, byte = self.task, self.byte
        if task.end is not None and self.limit < task.end and byte + FRAME > self.limit:
            reason = _ends_early(task.end)
        elif self._is_unfinished(frame):
            self.result.uncommitted = self.position - self.result.position
            self.result.torn = torn_bytes(self.file, byte)
            return None
        # A link stands at the last position of its group, a record at the next one.
        if _kind_before(self.file, byte, frame) in (LINK, SEAL):
            return self._problem(self.position, byte, reason.replace(CHANGED, CHANGED_LINK))
        return self._problem(self.position + 1, byte, reason)

    def _is_unfinished(self, frame: bytes) -> bool:
        """Whether this is where a power cut, or a look at the wrong moment, has ended what was being written."""
        if self.task.is_last and _is_torn(self.file, self.result.end, self.byte, frame):
            return True
        if not self.task.is_last and self.task.end is not None:
            return False
        return not self._is_changed_link() and link_after(self.file, self.byte + 1) is None

    def _is_changed_link(self) -> bool:
        """Whether a link stands at `byte` that was once whole.

        A link that a power cut has torn is the beginning of the right one, and then zeros or nothing.
        """
        link = read_at(self.file, self.byte, LINK_SIZE)
        size = LINK_SIZE - FRAME
        looks_so = link[:1] in (b"L", b"S") and int.from_bytes(link[1:4], "big") == size
        if len(link) < LINK_SIZE or not any(link):
            return False
        for kind in (LINK, SEAL):
            frame = pack(">I", kind << 24 | size) + link[4:]
            if frame_is_whole(frame):
                return True
            _, time, head = unpack_link(link[FRAME:])
            digest = self.hash.copy()
            digest.update(link_tail(kind, self.position, time))
            if head == digest.digest():
                return True
            looks_so = looks_so and not digest.digest().startswith(head.rstrip(b"\0"))
        return looks_so

    def _at_end(self) -> Problem | None:
        """All frames are whole up to the byte where the segment ends."""
        task, result = self.task, self.result
        if task.is_last:
            result.uncommitted = self.position - result.position
            return None
        if task.end is not None and self.byte < task.end:
            return self._problem(self.position + 1, self.byte, _ends_early(task.end))
        # Confirmed by the header after it, as by a link of time 0.
        self.hash.update(link_tail(LINK, self.position, 0))
        result.head = self.hash.digest()
        result.position, result.end = self.position, self.byte
        result.ignored = self.size - self.byte
        return None


def _ends_early(end: int) -> str:
    return f"the file ends here, and the segment after it says {end} bytes of it count"


def _rewritten(first: int, last: int) -> str:
    if last < first:
        return "the link does not fit: cursors before it, or the segments before, were changed"
    which = f"position {first} was" if first == last else f"positions {first} to {last} were"
    return f"{which} rewritten, inserted, removed or reordered: each CRC fits, the link after them does not"


def _frame_at(file: FileIO, byte: int, limit: int) -> tuple[bytes, str]:
    """The frame there, and what is wrong with it, "" if nothing is."""
    head = read_at(file, byte, FRAME)
    if len(head) < FRAME or byte + FRAME > limit:
        return head, "the file ends within a record"
    kind, length = head[0], int.from_bytes(head[1:4], "big")
    if not kind:
        return head, "nothing stands where a record should begin"
    if kind == HEADER:
        return head, "a header stands inside the segment"
    if kind != MESSAGE and kind not in _SIZES:
        return head, f"0x{kind:02x} begins no record"
    if kind in _SIZES and FRAME + length != _SIZES[kind]:
        return head, f"a record of kind {chr(kind)} has {_SIZES[kind] - FRAME} bytes, and this one says {length}"
    if byte + FRAME + length > limit:
        return head, f"the record says it has {length} bytes, which go past the end of what counts"
    frame = head + read_at(file, byte + FRAME, length)
    return frame, "" if frame_is_whole(frame) else CHANGED


def _kind_before(file: FileIO, byte: int, frame: bytes) -> int:
    """What kind the frame had before it was changed: the one that its CRC fits, or else what it says."""
    if len(frame) < FRAME:
        return 0
    whole = frame[1:FRAME] + read_at(file, byte + FRAME, int.from_bytes(frame[1:4], "big"))
    return next((kind for kind in (MESSAGE, *_SIZES) if frame_is_whole(bytes([kind]) + whole)), frame[0])


def link_after(file: FileIO, byte: int) -> int | None:
    """Where a whole link stands, the first one from `byte` on: what is before it was once whole, too, or lost a part
    of it to a power cut (`_is_torn`)."""
    for at, data in chunks(file, byte, LINK_SIZE - 1):
        for match in _LINK.finditer(data):
            link = data[match.start() : match.start() + LINK_SIZE]
            if len(link) == LINK_SIZE and frame_is_whole(link):
                return at + match.start()
    return None


def _is_torn(file: FileIO, begin: int, byte: int, frame: bytes) -> bool:
    """Whether a power cut explains that what stands at `byte` is not whole, though the link of its group is.

    A write begins at `begin`, and its sectors come to the disk in any order. Where one did not are the zeros from
    before. And it is the last write, so nothing follows its link.
    """
    link = link_after(file, byte + 1)
    if link is None or not _frame_at(file, link + LINK_SIZE, os.fstat(file.fileno()).st_size)[1]:
        return False
    length = int.from_bytes(frame[1:4], "big") if frame[0] else 0
    for start in range(byte // _SECTOR * _SECTOR, min(byte + FRAME + length, link), _SECTOR):
        first = max(start, begin)
        if start + _SECTOR <= link and not any(read_at(file, first, start + _SECTOR - first)):
            return True
    return False


def torn_bytes(file: FileIO, byte: int) -> int:
    """How many bytes there are from `byte` on, without the zeros at the end."""
    torn = 0
    for at, data in chunks(file, byte):
        if used := len(data.rstrip(b"\0")):
            torn = at + used - byte
    return torn


def is_begun(file: FileIO, data: bytes) -> bool:
    """Whether `data`, what a last segment begins with, is a header that is not written to its end yet.

    Its first group is written in one go with it: where a link stands, the header once stood, too, or did not come to
    the disk.
    """
    expected = bytes([HEADER]) + data[1:FRAME] + HEADER_MAGIC
    written = data[: len(expected)].rstrip(b"\0")
    if data and not any(data[:_SECTOR]) and _is_torn(file, 0, 0, data):
        return True
    return (not data or not data[0] or expected.startswith(written)) and link_after(file, 0) is None
