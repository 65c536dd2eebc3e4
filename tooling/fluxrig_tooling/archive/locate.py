"""Where a segment breaks, in words: the slow look at the group that the chain does not confirm."""

from __future__ import annotations

import os
import re
from hashlib import sha256
from io import FileIO
from struct import pack
from typing import Any

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
from fluxrig_tooling.archive.findings import Checked, Problem, Task
from fluxrig_tooling.archive.segments import chunks, read_at

_LINK = re.compile(rb"[LS]\x00\x00" + re.escape(bytes([LINK_SIZE - FRAME])))
_SECTOR = 512  # bytes that a disk writes whole, or not at all
_SIZES = {CURSOR: CURSOR_SIZE, LINK: LINK_SIZE, SEAL: LINK_SIZE}

CHANGED = "its CRC does not fit: bytes of this record were changed"
CHANGED_LINK = "its CRC does not fit: bytes of the link after this position were changed"


def judge(file: FileIO, task: Task, result: Checked) -> None:
    """Say in `result` what is the matter with what comes after the last link that fits, where `result` stands.

    It may be that nothing is: the group at the end of a segment that was left, or that is still being written.
    """
    found = _look(file, task, result, result.end, result.position)
    if found:
        result.problem = Problem(task.name, *found)


def _look(file: FileIO, task: Task, result: Checked, byte: int, position: int) -> tuple[int, int, str] | None:
    """(position, byte, reason) of what is wrong, if anything is."""
    size = os.fstat(file.fileno()).st_size
    limit = size if task.end is None else min(task.end, size)
    begin, before = byte, position
    group = sha256(result.head)
    while byte < limit:
        frame, reason = _frame_at(file, byte, limit)
        if reason:
            return _at_fault(file, task, result, (byte, position, before, limit), frame, reason, group)
        kind = frame[0]
        if kind in (LINK, SEAL):
            said, time, head = unpack_link(frame[FRAME:])
            group.update(link_tail(kind, said, time))
            if said != position:
                return before + 1, begin, f"the link says position {said}, and its records count to {position}"
            if group.digest() != head:
                return before + 1, begin, _rewritten(before + 1, position)
            return before + 1, begin, "the file changed while it was read: try again"
        group.update(frame)
        position += kind == MESSAGE
        byte += len(frame)
    return _at_end(task, result, (byte, position, before, size), group)


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


def _at_fault(
    file: FileIO, task: Task, result: Checked, where: tuple[int, int, int, int], frame: bytes, reason: str, group: Any
) -> tuple[int, int, str] | None:
    """What a place means that is no whole record."""
    byte, position, before, limit = where
    if task.end is not None and limit < task.end and byte + FRAME > limit:
        reason = f"the file ends here, and the segment after it says {task.end} bytes of it count"
    elif (task.is_last and _is_torn(file, result.end, byte, frame)) or (
        (task.is_last or task.end is None)
        and not (_is_changed_link(file, byte, position, group) or link_after(file, byte + 1) is not None)
    ):
        result.uncommitted = position - before
        result.torn = torn_bytes(file, byte)
        return None
    # A link stands at the last position of its group, a record at the next one.
    of_link = _kind_before(file, byte, frame) in (LINK, SEAL)
    return (
        (position if of_link else position + 1),
        byte,
        reason if not of_link else reason.replace(CHANGED, CHANGED_LINK),
    )


def _kind_before(file: FileIO, byte: int, frame: bytes) -> int:
    """What kind the frame had before it was changed: the one that its CRC fits, or else what it says."""
    if len(frame) < FRAME:
        return 0
    whole = frame[1:FRAME] + read_at(file, byte + FRAME, int.from_bytes(frame[1:4], "big"))
    return next((kind for kind in (MESSAGE, *_SIZES) if frame_is_whole(bytes([kind]) + whole)), frame[0])


def _is_changed_link(file: FileIO, byte: int, position: int, group: Any) -> bool:
    """Whether a link stands there that was once whole. `group` is the hash up to it.

    A link that a power cut has torn is the beginning of the right one, and then zeros or nothing.
    """
    link = read_at(file, byte, LINK_SIZE)
    size = LINK_SIZE - FRAME
    looks_so = link[:1] in (b"L", b"S") and int.from_bytes(link[1:4], "big") == size
    if len(link) < LINK_SIZE or not any(link):
        return False
    for kind in (LINK, SEAL):
        frame = pack(">I", kind << 24 | size) + link[4:]
        if frame_is_whole(frame):
            return True
        _, time, head = unpack_link(link[FRAME:])
        digest = group.copy()
        digest.update(link_tail(kind, position, time))
        if head == digest.digest():
            return True
        looks_so = looks_so and not digest.digest().startswith(head.rstrip(b"\0"))
    return looks_so


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


def _at_end(task: Task, result: Checked, where: tuple[int, int, int, int], group: Any) -> tuple[int, int, str] | None:
    """All frames are whole up to the byte where the segment ends."""
    byte, position, before, size = where
    if task.is_last:
        result.uncommitted = position - before
        return None
    if task.end is not None and byte < task.end:
        return position + 1, byte, f"the file ends here, and the segment after it says {task.end} bytes of it count"
    # Confirmed by the header after it, as by a link of time 0.
    group.update(link_tail(LINK, position, 0))
    result.head = group.digest()
    result.messages += position - before
    result.position, result.end = position, byte
    result.ignored = size - byte
    return None
