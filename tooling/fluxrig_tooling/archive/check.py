"""One segment: its chain, at the speed of the hash.

Within a group only the lengths are looked at, to get from frame to frame: each message takes a position. The frames are
hashed in one go, and the link behind them says whether they are what was written. Only where that fails, or the frames
end otherwise, does `fluxrig_tooling.archive.locate` look at every CRC.

A segment depends on the others only by what its header says and what the header after it says. So segments are checked
in any order, and in several processes.
"""

from __future__ import annotations

import os
from hashlib import sha256
from io import FileIO
from itertools import count
from struct import Struct, error, pack
from typing import Any
from zlib import crc32

from fluxrig.errors import FluxError, RemoteError
from fluxrig.journal.frames import CURSOR, CURSOR_SIZE, FRAME, LINK, LINK_SIZE, MAX_HEADER, MESSAGE, SEAL
from fluxrig_tooling.archive.findings import ChainLink, Checked, CheckTask, Problem, Unread
from fluxrig_tooling.archive.segments import UnreadableError, chunks, opened, unpack_header, unreadable_because
from fluxrig_tooling.archive.strides import BATCH, Strides

WINDOW = 1 << 20
"""Bytes that are read at once, and held."""

# A frame begins with its kind and three bytes of length. Here the kind and the first of them are one number, and the
# length of short messages is the other.
_SHORT_MESSAGE = MESSAGE << 8
_CURSOR = CURSOR << 8
_SEAL = SEAL << 8
_LINKS = {kind << 8: crc32(pack(">I", kind << 24 | LINK_SIZE - FRAME)) for kind in (LINK, SEAL)}  # CRC of its head
_BEYOND = -1  # the frame begins behind the window
_SMALL_GROUP = 4096  # bytes that are copied in less time than the hash is called again
_STRIDES = Strides()  # of this process
_head_at = Struct(">HH").unpack_from
_link_at = Struct(">IQQ32s").unpack_from  # from the CRC on
_tail_of = Struct(">BQQ").pack


def check(task: CheckTask, strides: Strides = _STRIDES, window: int = WINDOW) -> Checked:
    """Check the segment of `task`. Raises nothing: what is wrong is the result's `problem`, the first one.

    `strides` learns the lengths of its messages; by default all segments teach the same one. `window`: bytes that are
    read at once, 2 KiB or more.
    """
    attempts = 10 if task.is_last else 1
    before = None
    for _ in range(attempts):
        result = check_chain(task, strides, window)
        # A Rack may have been writing while this was read. What is damaged looks the same again.
        if result.problem is None or result.problem == before:
            break
        before = result.problem
    if task.records and result.problem is None and not result.gone:
        from fluxrig_tooling.archive.records import check_records

        check_records(task, result)
    return result


def check_chain(task: CheckTask, strides: Strides = _STRIDES, window: int = WINDOW) -> Checked:
    """Check the segment's chain alone, and once. Arguments and result as those of `check`."""
    result = Checked(first=task.first, position=task.first - 1)
    try:
        with opened(task.path) as file:
            result.problem = _problem(file, task, result, strides, window)
    except FileNotFoundError:
        result.gone = True
    except UnreadableError as exc:
        result.problem = Unread(task.name, result.position + 1, result.end, exc.reason)
    except FluxError as exc:
        result.problem = Problem(task.name, result.position + 1, result.end, str(exc))
    except OSError as exc:
        result.problem = Unread(task.name, result.position + 1, result.end, unreadable_because(exc))
    return result


def _problem(file: FileIO, task: CheckTask, result: Checked, strides: Strides, window_size: int) -> Problem | None:
    """Go over the segment, and take into `result` what it holds. Returns what is wrong with it, if anything is."""
    size = os.fstat(file.fileno()).st_size
    window = _Window(file, size if task.end is None else min(task.end, size), window_size)
    beginning = bytes(window.view[: FRAME + MAX_HEADER])
    try:
        unpack_header(beginning)
    except RemoteError as exc:
        return _without_header(file, task, result, beginning, exc)
    walk = _Walk(window, task, result, strides)
    try:
        fits = walk.run()
    finally:
        if result.position >= task.first:
            result.link = ChainLink(result.position, result.head, result.time)
    if not fits:
        from fluxrig_tooling.archive.locate import judge

        return judge(file, task, result)
    if result.sealed:
        return _behind_seal(file, task, result)
    if task.end is not None:
        result.ignored = size - result.end
    return None


class _Window:
    """The part of a segment that is in RAM: `view` begins at its byte `base`, and `unread` bytes of it follow."""

    def __init__(self, file: FileIO, limit: int, size: int):
        self._file = file
        self._buffer = memoryview(bytearray(size))
        self.base = 0
        self.view = self._buffer[: file.readinto(self._buffer[: min(size, limit)])]
        self.unread = limit - len(self.view)

    def move(self, pos: int) -> int:
        """Go on: what is before `pos` goes, which may be behind the end. Returns where it is then."""
        rest = bytes(self.view[pos:])
        self._buffer[: len(rest)] = rest
        got = self._file.readinto(self._buffer[len(rest) : len(rest) + self.unread])
        self.unread = self.unread - got if got else 0  # the file may have become shorter
        self.base += len(self.view) - len(rest)
        pos = max(pos - len(self.view), 0)
        self.view = self._buffer[: len(rest) + got]
        return pos


class _Walk:
    """The way through a segment from link to link. `result` has what the last one says that fits.

    start    the first frame of the group, as far as it is in the window
    group    the hash, once part of the group has left the window
    single   from this position on, messages of the group were taken in single steps
    """

    def __init__(self, window: _Window, task: CheckTask, result: Checked, strides: Strides):
        self._window = window
        self._task = task
        self._result = result
        self._strides = strides
        self._anchors = frozenset(task.anchors)
        self._view = window.view
        self._start = FRAME + int.from_bytes(self._view[1:4], "big")
        self._group: Any = None
        self._single = result.position
        result.head = sha256(self._view[: self._start]).digest()
        result.end = self._start

    def run(self) -> bool:
        """Go to the end. False when something else comes after a link."""
        view, pos, position = self._view, self._start, self._single
        stride = self._strides.match
        while True:
            if stride is not None:
                while match := stride(view, pos):
                    pos = match.end()
                    position += BATCH
                self._single = position
            try:
                # It goes on where the loop before has stopped, one too far.
                for position in count(position + 1):  # noqa: B007, B020
                    kind, length = _head_at(view, pos)
                    if kind != _SHORT_MESSAGE:
                        break
                    pos += length + FRAME
            except error:
                kind = _BEYOND
            position -= 1
            if kind in _LINKS and length == LINK_SIZE - FRAME and pos + LINK_SIZE <= len(view):
                if not self._take_link(kind, pos, position):
                    return False
                if kind == _SEAL:
                    self._result.sealed = True
                    return True
                pos += LINK_SIZE
                stride = self._strides.match
            elif kind >> 8 == MESSAGE:
                pos += ((kind & 0xFF) << 16 | length) + FRAME
                position += 1
            elif kind == _CURSOR and length == CURSOR_SIZE - FRAME:
                pos += CURSOR_SIZE
            elif kind != _BEYOND and (kind not in _LINKS or length != LINK_SIZE - FRAME):
                return False
            elif self._window.unread:
                pos = self._move(pos)
                view = self._view
            else:
                return self._ends_with_link()

    def _take_link(self, kind: int, pos: int, position: int) -> bool:
        """The link at `pos`, behind the message at `position`. False when it does not fit."""
        view, start, result = self._view, self._start, self._result
        crc, said, time, head = _link_at(view, pos + 4)
        tail = _tail_of(kind >> 8, said, time)
        if self._group is None and pos - start < _SMALL_GROUP:
            digest = sha256(b"".join((result.head, view[start:pos], tail))).digest()
        else:
            group = self._hash_up_to(pos)
            group.update(tail)
            digest = group.digest()
            self._group = None
        if digest != head or said != position:
            return False
        if crc32(view[pos + FRAME : pos + LINK_SIZE], _LINKS[kind]) != crc:
            return False
        if position - self._single >= 2 * BATCH and self._window.base + start == result.end:
            self._strides.after_group(view, start, pos, position - self._single)
        self._start = pos + LINK_SIZE
        self._single = position
        if time < result.time:
            result.backwards += 1
            result.first_back = result.first_back or (position, result.time, time)
        if self._anchors and (position, head, time) in self._anchors:
            result.found.append(ChainLink(position, head, time))
        result.position = position
        result.head = head
        result.time = time
        if not result.first_time:
            result.first_time = time
        result.end = self._window.base + pos + LINK_SIZE
        result.links += 1
        return True

    def _hash_up_to(self, pos: int) -> Any:
        """The hash of the group up to there."""
        self._group = self._group or sha256(self._result.head)
        self._group.update(self._view[self._start : pos])
        return self._group

    def _move(self, pos: int) -> int:
        """What is hashed leaves the window; of a frame that is not whole in it, the beginning stays. Returns where it
        is then."""
        self._hash_up_to(pos)
        pos = self._window.move(pos)
        self._view = self._window.view
        self._start = 0
        return pos

    def _ends_with_link(self) -> bool:
        end = self._result.end
        return end == self._window.base + len(self._view) == (self._task.end or end)


def _without_header(file: FileIO, task: CheckTask, result: Checked, data: bytes, exc: RemoteError) -> Problem | None:
    from fluxrig_tooling.archive.locate import is_begun, torn_bytes

    if task.is_last and is_begun(file, data):
        result.torn = torn_bytes(file, 0)
        return None
    return Problem(task.name, task.first, exc.fields.get("offset", 0), str(exc))


def _behind_seal(file: FileIO, task: CheckTask, result: Checked) -> Problem | None:
    """Behind a seal there is nothing but room that was reserved."""
    if task.end is not None and task.end != result.end:
        reason = f"the seal ends the segment here, and the segment after it says {task.end} bytes of it count"
        return Problem(task.name, result.position, result.end, reason)
    for at, data in chunks(file, result.end):
        if data.strip(b"\0"):
            byte = at + len(data) - len(data.lstrip(b"\0"))
            return Problem(task.name, result.position, byte, "bytes follow the seal, which is the end")
    return None
