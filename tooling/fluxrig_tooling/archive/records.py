"""The records of a segment, one by one, each with its CRC."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from struct import Struct
from zlib import crc32

from fluxrig.archive.marks import EVENT
from fluxrig.errors import FluxError, LocalError
from fluxrig.fast_codec import FastCodec
from fluxrig.journal.frames import CURSOR, FRAME, HEADER, LINK, MESSAGE, SEAL
from fluxrig_tooling.archive.findings import Checked, CheckTask, Problem, Unread
from fluxrig_tooling.archive.segments import UnreadableError, opened, read_at

WINDOW = 1 << 20

TO_THE_END = 1 << 62
"""An `end` that is not known."""

_OTHERS = frozenset((HEADER, CURSOR, LINK, SEAL))
_head_at = Struct(">II").unpack_from

Record = tuple[int, int, bytes | None]
"""Position, byte of the segment, and the message's bytes: None where they are damaged."""


class Records:
    """Iterates over the messages of a segment up to the byte `end`, from the position `since` on.

    With `needles`, those that cannot have one in them may be left out. `begin` is the byte of a record to begin with,
    `first` its position. Raises FileNotFoundError, LocalError.

    These say where it has come to:

    position  of the last message that was passed
    byte      where what was passed ends
    sealed    whether a seal was passed
    gone      whether the file is not there, which the caller sets
    broken    whether it ended before `end`, because nothing is certain from `byte` on: a length is damaged, or the
              file is too short
    """

    def __init__(
        self, path: Path, first: int, end: int, since: int = 0, needles: Sequence[bytes] = (), begin: int = 0
    ) -> None:
        self.position = first - 1
        self.byte = begin
        self.sealed = False
        self.gone = False
        self.broken = False
        self._path = path
        self._end = end
        self._since = since
        self._needles = needles

    def __iter__(self) -> Iterator[Record]:
        position, offset, since, needles = self.position, self.byte, self._since, self._needles
        rest = b""
        with opened(self._path) as file:
            size = os.fstat(file.fileno()).st_size
            end = min(self._end, size)
            while offset < end:
                data = read_at(file, offset, min(WINDOW, end - offset))
                if not data:
                    break
                begin = offset - len(rest)
                offset += len(data)
                data = rest + data
                wanted = not needles or any(needle in data for needle in needles)
                pos, size = 0, len(data)
                while pos + FRAME <= size:
                    word, crc = _head_at(data, pos)
                    stop = pos + FRAME + (word & 0xFFFFFF)
                    if stop > size:
                        break
                    if word >> 24 == MESSAGE:
                        position += 1
                        if wanted and position >= since:
                            body = data[pos + FRAME : stop]
                            if crc32(body, crc32(data[pos : pos + 4])) == crc:
                                yield position, begin + pos, body
                            elif _may_begin(data, stop):
                                yield position, begin + pos, None
                            else:
                                self._stop(position - 1, begin + pos, True)
                                return
                    elif word >> 24 not in _OTHERS:
                        # Zeros are room that nothing was written to.
                        self._stop(position, begin + pos, word >> 24 != 0 or self._end < TO_THE_END)
                        return
                    elif word >> 24 == SEAL:
                        self.sealed = True
                    pos = stop
                rest = data[pos:]
                self._stop(position, offset - len(rest), False)
        is_short = self._end < TO_THE_END and (bool(rest) or offset < self._end)
        self.broken = is_short or (bool(rest) and rest[0] != 0)

    def _stop(self, position: int, byte: int, broken: bool) -> None:
        self.position, self.byte, self.broken = position, byte, broken


def _may_begin(data: bytes, pos: int) -> bool:
    """Whether a record may begin there; also where that is not known yet."""
    return pos >= len(data) or data[pos] == MESSAGE or data[pos] in _OTHERS


def check_records(task: CheckTask, result: Checked) -> None:
    """Take into `result` the first record of the segment that is not whole, or no message; and what notes say."""
    codec = FastCodec()
    try:
        reading = Records(task.path, task.first, result.end)
        for position, byte, body in reading:
            if body is None:
                reason = "its CRC does not fit, and the chain does: both were made anew, and one of them wrong"
                result.problem = Problem(task.name, position, byte, reason)
                return
            try:
                msg = codec.decode(body)
            except FluxError as exc:
                at = byte + FRAME + exc.fields.get("offset", 0)
                result.problem = Problem(task.name, position, at, f"the record is not a message: {exc}")
                return
            last = msg.data.get("last")
            if msg.meta.get(EVENT) == "removed" and isinstance(last, int):
                result.noted = max(result.noted, last)
        if reading.broken:
            reason = "no record is here, and the chain fits: both were made anew, and one of them wrong"
            result.problem = Problem(task.name, reading.position + 1, reading.byte, reason)
    except FileNotFoundError:
        result.gone = True
    except UnreadableError as exc:
        result.problem = Unread(task.name, task.first, 0, exc.reason)
    except LocalError as exc:
        result.problem = Problem(task.name, task.first, 0, str(exc))
