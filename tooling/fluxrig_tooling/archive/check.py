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
from zlib import crc32

from fluxrig.errors import FluxError, RemoteError
from fluxrig.journal.frames import CURSOR, CURSOR_SIZE, FRAME, LINK, LINK_SIZE, MAX_HEADER, MESSAGE, SEAL
from fluxrig_tooling.archive.findings import Checked, Problem, Task
from fluxrig_tooling.archive.segments import chunks, opened, unpack_header
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
_strides = Strides()  # of this process
_head_at = Struct(">HH").unpack_from
_link_at = Struct(">IQQ32s").unpack_from  # from the CRC on
_tail_of = Struct(">BQQ").pack


def check(task: Task) -> Checked:
    """Check the segment of `task`. Raises nothing: what is wrong is the result's `problem`, the first one."""
    attempts = 10 if task.is_last else 1
    before = None
    for _ in range(attempts):
        result = Checked(position=task.first - 1)
        try:
            _walk(task, result)
        except FileNotFoundError:
            result.gone = True
        except FluxError as exc:
            result.problem = Problem(task.name, result.position + 1, result.end, str(exc))
        except OSError as exc:
            result.problem = Problem(task.name, result.position + 1, result.end, f"cannot be read: {exc.strerror}")
        # A Rack may have been writing while this was read. What is damaged looks the same again.
        if result.problem is None or result.problem == before:
            break
        before = result.problem
    if task.records and result.problem is None and not result.gone:
        from fluxrig_tooling.archive.records import check_records

        check_records(task, result)
    return result


def _walk(task: Task, result: Checked) -> None:
    from fluxrig_tooling.archive.locate import judge

    with opened(task.path) as file:
        size = os.fstat(file.fileno()).st_size
        window = _Window(file, size if task.end is None else min(task.end, size))
        try:
            unpack_header(bytes(window.view[: FRAME + MAX_HEADER]))
        except RemoteError as exc:
            _miss_header(file, task, result, bytes(window.view[: FRAME + MAX_HEADER]), exc)
            return
        if not _follow(window, task, result):
            judge(file, task, result)
        elif result.sealed:
            _end_sealed(file, task, result)
        elif task.end is not None:
            result.ignored = size - result.end


class _Window:
    """The part of a segment that is in RAM: `view` begins at its byte `base`, and `unread` bytes of it follow."""

    def __init__(self, file: FileIO, limit: int):
        self._file = file
        self._buffer = memoryview(bytearray(WINDOW))
        self.base = 0
        self.view = self._buffer[: file.readinto(self._buffer[: min(WINDOW, limit)])]
        self.unread = limit - len(self.view)

    def move(self, pos: int) -> int:
        """Go on: what is before `pos` goes, which may be behind the end. Returns where it is then."""
        rest = bytes(self.view[pos:])
        self._buffer[: len(rest)] = rest
        got = self._file.readinto(self._buffer[len(rest) : min(WINDOW, len(rest) + self.unread)])
        self.unread = self.unread - got if got else 0  # the file may have become shorter
        self.base += len(self.view) - len(rest)
        pos = max(pos - len(self.view), 0)
        self.view = self._buffer[: len(rest) + got]
        return pos


def _follow(window: _Window, task: Task, result: Checked) -> bool:
    """Go from link to link. `result` is what the last fitting one says; False when something else comes after it."""
    view = window.view
    start = pos = FRAME + int.from_bytes(view[1:4], "big")  # of the group, and of the frame, in the window
    head = sha256(view[:pos]).digest()
    end, linked, links, first_time, last_time = pos, task.first - 1, 0, 0, 0  # of the last link
    group = None  # the hash, once part of the group has left the window
    position = single = linked  # from `single` on, messages were taken in single steps
    wanted = {anchor[0] for anchor in task.anchors}
    stride = _strides.match
    try:
        while True:
            if stride is not None:
                while match := stride(view, pos):
                    pos = match.end()
                    position += BATCH
                single = position
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
                crc, said, time, said_head = _link_at(view, pos + 4)
                tail = _tail_of(kind >> 8, said, time)
                if group is None and pos - start < _SMALL_GROUP:
                    digest = sha256(b"".join((head, view[start:pos], tail))).digest()
                else:
                    group = group or sha256(head)
                    group.update(view[start:pos])
                    group.update(tail)
                    digest = group.digest()
                    group = None
                if digest != said_head or said != position:
                    return False
                if crc32(view[pos + FRAME : pos + LINK_SIZE], _LINKS[kind]) != crc:
                    return False
                if position - single >= 2 * BATCH and window.base + start == end:
                    _strides.after_group(view, start, pos, position - single)
                    stride = _strides.match
                start = pos = pos + LINK_SIZE
                head, end, linked, links = said_head, window.base + pos, position, links + 1
                if time < last_time:
                    _note_back(result, position, last_time, time)
                last_time = time
                first_time = first_time or time
                single = position
                if position in wanted and (position, head, time) in task.anchors:
                    result.found.append((position, head, time))
                if kind == _SEAL:
                    result.sealed = True
                    return True
            elif kind >> 8 == MESSAGE:
                pos += ((kind & 0xFF) << 16 | length) + FRAME
                position += 1
            elif kind == _CURSOR and length == CURSOR_SIZE - FRAME:
                pos += CURSOR_SIZE
            elif kind != _BEYOND and (kind not in _LINKS or length != LINK_SIZE - FRAME):
                return False
            elif window.unread:
                # What is hashed leaves the window; of a frame that is not whole in it, the beginning stays.
                group = group or sha256(head)
                group.update(view[start:pos])
                pos = window.move(pos)
                view, start = window.view, 0
            else:
                return end == window.base + len(view) == (task.end or end)
    finally:
        result.head, result.end, result.position, result.links = head, end, linked, links
        result.first_time, result.time, result.link_end = first_time, last_time, end
        result.messages = linked - task.first + 1
        if linked >= task.first:
            result.link = linked, head, last_time


def _miss_header(file: FileIO, task: Task, result: Checked, data: bytes, exc: RemoteError) -> None:
    from fluxrig_tooling.archive.locate import is_begun, torn_bytes

    if task.is_last and is_begun(file, data):
        result.torn = torn_bytes(file, 0)
    else:
        result.problem = Problem(task.name, task.first, exc.fields.get("offset", 0), str(exc))


def _note_back(result: Checked, position: int, before: int, after: int) -> None:
    result.backwards += 1
    result.first_back = result.first_back or (position, before, after)


def _end_sealed(file: FileIO, task: Task, result: Checked) -> None:
    """Behind a seal there is nothing but room that was reserved."""
    if task.end is not None and task.end != result.end:
        reason = f"the seal ends the segment here, and the segment after it says {task.end} bytes of it count"
        result.problem = Problem(task.name, result.position, result.end, reason)
        return
    for at, data in chunks(file, result.end):
        if data.strip(b"\0"):
            byte = at + len(data) - len(data.lstrip(b"\0"))
            result.problem = Problem(task.name, result.position, byte, "bytes follow the seal, which is the end")
            return
