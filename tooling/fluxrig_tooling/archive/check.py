"""One segment: its chain, at the speed of the hash.

Within a group only the lengths are looked at, to get from frame to frame: each message takes a position. The frames are
hashed in one go, and the link behind them says whether they are what was written. Only where that fails, or the frames
end otherwise, does `fluxrig_tooling.archive.locate` look at every CRC.

A segment depends on the others only by what its header says and what the header after it says. So segments are checked
in any order, and in several processes.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from hashlib import sha256
from io import FileIO
from itertools import count
from pathlib import Path
from struct import Struct, error

from fluxrig.errors import FluxError, RemoteError
from fluxrig.journal.frames import CURSOR, CURSOR_SIZE, FRAME, LINK, LINK_SIZE, MAX_HEADER, MESSAGE, SEAL
from fluxrig_tooling.archive.segments import frame_is_whole, opened, read_at, unpack_header

WINDOW = 1 << 20
"""Bytes that are read at once, and held."""

# A frame begins with its kind and three bytes of length. Here the kind and the first of them are one number, and the
# length of short messages is the other.
_SHORT_MESSAGE = MESSAGE << 8
_CURSOR = CURSOR << 8
_LINKS = (LINK << 8, SEAL << 8)
_BEYOND = -1  # the frame begins behind the window
_head_at = Struct(">HH").unpack_from
_link_at = Struct(">QQ32s").unpack_from
_tail_of = Struct(">BQQ").pack


@dataclass(frozen=True)
class Problem:
    """Where an archive is not what was written. `byte` counts from 0 in the file `segment`."""

    segment: str
    position: int
    byte: int
    reason: str

    def __str__(self) -> str:
        return f"{self.segment}, position {self.position}, byte {self.byte}: {self.reason}"


@dataclass(frozen=True)
class Task:
    """A segment to check.

    `end`: bytes of it that count, as the header after it says; None when that cannot be read, or there is none.
    `is_last`: no segment follows, so a Rack may be writing it. `anchors`: (position, head, time) of links to look for.
    """

    path: Path
    first: int
    end: int | None = None
    is_last: bool = True
    anchors: tuple[tuple[int, bytes, int], ...] = ()
    records: bool = False

    @property
    def name(self) -> str:
        return self.path.name


@dataclass
class Checked:
    """What a segment holds. `position`, `head` and `end` are where what counts of it ends.

    time          of the last link, `first_time` of the first; 0 without one
    link          (position, head, time) of the last link at a message of this segment
    link_end      the byte behind the last link: what a reader may show of a segment that is being written
    uncommitted   whole messages after it, in a last segment; torn: other bytes after them that are not zero
    ignored       bytes after `end` that count for nothing
    backwards     how often the time of a link is less than that of the one before, first_back: (position, from, to)
    found         the anchors that are there
    gone          the file is not there any more
    noted         up to which position the messages of the archive itself say that it was removed; 0 if they do not
    """

    position: int = 0
    head: bytes = b""
    end: int = 0
    messages: int = 0
    links: int = 0
    sealed: bool = False
    first_time: int = 0
    time: int = 0
    link: tuple[int, bytes, int] | None = None
    link_end: int = 0
    uncommitted: int = 0
    torn: int = 0
    ignored: int = 0
    backwards: int = 0
    first_back: tuple[int, int, int] | None = None
    found: list[tuple[int, bytes, int]] = field(default_factory=list)
    gone: bool = False
    noted: int = 0
    problem: Problem | None = None


def check(task: Task) -> Checked:
    """Check the segment of `task`. Raises nothing: what is wrong is the result's `problem`, the first one."""
    from fluxrig_tooling.archive.locate import judge

    attempts = 10 if task.is_last else 1
    before = None
    for _ in range(attempts):
        result, broken_at = _walk(task)
        if broken_at is not None:
            judge(task, result, broken_at)
        # A Rack may have been writing while this was read. What is damaged looks the same again.
        if result.problem is None or result.problem == before:
            break
        before = result.problem
    if task.records and result.problem is None and not result.gone:
        from fluxrig_tooling.archive.records import check_records

        check_records(task, result)
    return result


def _walk(task: Task) -> tuple[Checked, tuple[int, int] | None]:
    """Follow the chain. Also returns (byte, last position before) of the group that has no fitting link, if any."""
    result = Checked(position=task.first - 1)
    try:
        with opened(task.path) as file:
            return result, _follow(file, task, result)
    except FileNotFoundError:
        result.gone = True
    except FluxError as exc:
        result.problem = Problem(task.name, task.first, 0, str(exc))
    except OSError as exc:
        result.problem = Problem(task.name, result.position + 1, result.end, f"cannot be read: {exc.strerror}")
    return result, None


def _follow(file: FileIO, task: Task, result: Checked) -> tuple[int, int] | None:
    size = os.fstat(file.fileno()).st_size
    limit = size if task.end is None else min(task.end, size)
    buffer = memoryview(bytearray(WINDOW))
    window = buffer[: file.readinto(buffer[: min(WINDOW, limit)])]
    unread = limit - len(window)
    try:
        unpack_header(bytes(window[: FRAME + MAX_HEADER]))
    except RemoteError as exc:
        _miss_header(file, task, result, bytes(window[: FRAME + MAX_HEADER]), exc)
        return None
    start = pos = FRAME + int.from_bytes(window[1:4], "big")  # of the group, and of the frame, in the window
    head = sha256(window[:pos]).digest()
    group = None  # the hash, once part of the group has left the window
    base = 0  # the byte of the file that the window begins with
    begun = pos, task.first - 1
    position = task.first - 1
    wanted = {anchor[0] for anchor in task.anchors}
    result.head, result.end, result.link_end = head, pos, pos
    while True:
        try:
            # It goes on where the loop before has stopped, one too far.
            for position in count(position + 1):  # noqa: B007, B020
                kind, length = _head_at(window, pos)
                if kind != _SHORT_MESSAGE:
                    break
                pos += length + FRAME
        except error:
            kind = _BEYOND
        position -= 1
        if kind >> 8 == MESSAGE:
            pos += ((kind & 0xFF) << 16 | length) + FRAME
            position += 1
            continue
        if kind == _CURSOR and length == CURSOR_SIZE - FRAME:
            pos += CURSOR_SIZE
            continue
        if kind != _BEYOND and (kind not in _LINKS or length != LINK_SIZE - FRAME):
            return begun
        if kind != _BEYOND and pos + LINK_SIZE <= len(window):
            link = window[pos : pos + LINK_SIZE]
            said, time, said_head = _link_at(link, FRAME)
            if group is None:
                group = sha256(head)
            group.update(window[start:pos])
            group.update(_tail_of(kind >> 8, said, time))
            if group.digest() != said_head or said != position or not frame_is_whole(link):
                return begun
            start = pos = pos + LINK_SIZE
            head, group = said_head, None
            begun = base + pos, position
            _take_link(result, task, position, time, head, base + pos)
            if position in wanted and (position, head, time) in task.anchors:
                result.found.append((position, head, time))
            if kind >> 8 == SEAL:
                result.sealed = True
                _end_sealed(file, task, result, size)
                return None
            continue
        if not unread:
            if base + pos != limit or start != pos or group is not None:
                return begun
            if task.end is not None:
                result.ignored = size - limit
            return None if limit == (task.end or limit) else begun
        # What is hashed leaves the window; of a frame that is not whole in it, the beginning stays.
        if group is None:
            group = sha256(head)
        group.update(window[start:pos])
        rest = bytes(window[pos:])
        buffer[: len(rest)] = rest
        got = file.readinto(buffer[len(rest) : min(WINDOW, len(rest) + unread)])
        unread = unread - got if got else 0  # a file that has become shorter
        base += len(window) - len(rest)
        pos = max(pos - len(window), 0)
        window = buffer[: len(rest) + got]
        start = 0


def _miss_header(file: FileIO, task: Task, result: Checked, data: bytes, exc: RemoteError) -> None:
    from fluxrig_tooling.archive.locate import is_begun, torn_bytes

    if task.is_last and is_begun(file, data):
        result.torn = torn_bytes(file, 0)
    else:
        result.problem = Problem(task.name, task.first, exc.fields.get("offset", 0), str(exc))


def _take_link(result: Checked, task: Task, position: int, time: int, head: bytes, end: int) -> None:
    if time < result.time:
        result.backwards += 1
        result.first_back = result.first_back or (position, result.time, time)
    result.first_time = result.first_time or time
    result.time = time
    result.links += 1
    result.messages = position - task.first + 1
    result.position, result.head, result.end, result.link_end = position, head, end, end
    if position >= task.first:
        result.link = position, head, time


def _end_sealed(file: FileIO, task: Task, result: Checked, size: int) -> None:
    """Behind a seal there is nothing but room that was reserved."""
    if task.end is not None and task.end != result.end:
        reason = f"the seal ends the segment here, and the segment after it says {task.end} bytes of it count"
        result.problem = Problem(task.name, result.position, result.end, reason)
        return
    offset = result.end
    while offset < size:
        data = read_at(file, offset, WINDOW)
        if not data:
            return
        if data.strip(b"\0"):
            byte = offset + len(data) - len(data.lstrip(b"\0"))
            result.problem = Problem(task.name, result.position, byte, "bytes follow the seal, which is the end")
            return
        offset += len(data)
