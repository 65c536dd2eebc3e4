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
from fluxrig_tooling.archive.findings import Checked, CheckTask, Problem
from fluxrig_tooling.archive.segments import opened, read_at

WINDOW = 1 << 20
_OTHERS = frozenset((HEADER, CURSOR, LINK, SEAL))
_head_at = Struct(">II").unpack_from

Record = tuple[int, int, bytes | None]
"""Position, byte of the segment, and the message's bytes: None where they are damaged."""


def records(
    path: Path, first: int, end: int, since: int = 0, needles: Sequence[bytes] = (), begin: int = 0
) -> Iterator[Record]:
    """The messages of a segment up to the byte `end`, from the position `since` on.

    With `needles`, those that cannot have one in them may be left out. `begin` is the byte of a record to begin with,
    `first` its position. After a damaged length nothing is certain: the segment then ends with a damaged record.
    FileNotFoundError, LocalError.
    """
    position = first - 1
    rest = b""
    with opened(path) as file:
        offset = begin
        end = min(end, os.fstat(file.fileno()).st_size)
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
                        else:
                            yield position, begin + pos, None
                            if not _may_begin(data, stop):
                                return
                elif word >> 24 not in _OTHERS:
                    if word >> 24:
                        yield position + 1, begin + pos, None
                    return
                pos = stop
            rest = data[pos:]
    if rest and rest[0]:
        yield position + 1, offset - len(rest), None


def _may_begin(data: bytes, pos: int) -> bool:
    """Whether a record may begin there; also where that is not known yet."""
    return pos >= len(data) or data[pos] == MESSAGE or data[pos] in _OTHERS


def check_records(task: CheckTask, result: Checked) -> None:
    """Take into `result` the first record of the segment that is not whole, or no message; and what notes say."""
    codec = FastCodec()
    try:
        for position, byte, body in records(task.path, task.first, result.end):
            if body is None:
                reason = "its CRC does not fit, and the chain does: both were made anew, and one of them wrong"
                result.problem = Problem(task.name, position, byte, reason)
                return
            try:
                msg = codec.decode(body)
            except FluxError as exc:
                at = byte + FRAME + exc.fields.get("offset", 0)
                result.problem = Problem(task.name, position, at, f"the record is no message: {exc}")
                return
            last = msg.data.get("last")
            if msg.meta.get(EVENT) == "removed" and isinstance(last, int):
                result.noted = max(result.noted, last)
    except FileNotFoundError:
        result.gone = True
    except LocalError as exc:
        result.problem = Problem(task.name, task.first, 0, str(exc))
