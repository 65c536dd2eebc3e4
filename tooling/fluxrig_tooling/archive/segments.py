"""The files of an archive: segments by their first position, their headers, and the stub of what was removed."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from fluxrig.errors import FluxError, LocalError, RemoteError
from fluxrig.journal.frames import FRAME, HEADER, MAX_HEADER, STUB, Header, segment_name
from fluxrig.journal.removal import MAX_STUB, Stub
from fluxrig.journal.window import frame_is_whole

CHUNK = 1 << 20
"""Bytes that are read at once."""

_DENIED = (errno.EACCES, errno.EPERM)
_NO_FILE = (errno.ELOOP, errno.ENXIO, errno.ENODEV)

LOCK = "lock"
_NAME = re.compile(r"[0-9]{16,19}\.seg", re.ASCII)  # with 20 digits, positions would not fit into 64 bits


class UnreadableError(LocalError):
    """The system does not let a file be read: nothing is known of what it holds. `reason` says why, and what to do."""

    def __init__(self, exc: OSError):
        self.reason = unreadable_because(exc)
        super().__init__(f"the file cannot be read {self.reason}")


def unreadable_because(exc: OSError) -> str:
    """What stands behind "cannot be read": the system's reason, and what to do about it."""
    hint = "run it as the user of the Rack" if exc.errno in _DENIED else "the disk may be failing, try a copy"
    return f"({exc.strerror}): {hint}"


@dataclass(frozen=True)
class SegmentFile:
    """One file. `first` is the position of its first message, as its name has it."""

    path: Path
    first: int

    @property
    def name(self) -> str:
        return self.path.name


def segments(folder: Path) -> list[SegmentFile]:
    """The segments in `folder`, in order. LocalError when it cannot be listed, or holds no archive."""
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError as exc:
        raise LocalError(f"{folder} cannot be read {unreadable_because(exc)}") from exc
    found = sorted((int(name[:-4]), name) for name in names if _NAME.fullmatch(name))
    if found or STUB in names:
        return [SegmentFile(folder / name, first) for first, name in found]
    nested = [name for name in ("archive", "dead-letter") if name in names and _is_folder(folder / name)]
    hint = f": did you mean {folder / nested[0]}?" if nested else f": its files are called {segment_name(1)} and so on"
    raise LocalError(f"there is no archive in {folder}{hint}")


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


@dataclass(frozen=True)
class Placed:
    """A segment with its header, if that can be read, and what the header after it says of it.

    `end`: bytes of it that count; None when that cannot be read, or no segment follows.
    """

    segment: SegmentFile
    header: Header | None
    end: int | None
    is_last: bool


def placed(found: Sequence[SegmentFile]) -> Iterator[Placed]:
    """Each segment with what the headers say, one header ahead."""
    following = header_or_none(found[0].path) if found else None
    for index, segment in enumerate(found):
        is_last = index + 1 == len(found)
        header, following = following, None if is_last else header_or_none(found[index + 1].path)
        end = following.previous_end if following and following.previous == segment.first else None
        yield Placed(segment, header, end, is_last)


def total_size(found: Iterable[SegmentFile]) -> int:
    """Bytes of these files."""
    return sum(size_of(segment.path) for segment in found)


def size_of(path: Path) -> int:
    """Bytes of the file; 0 when it is not there."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def strangers(folder: Path) -> list[str]:
    """Names in the folder that are not of an archive; none when it cannot be listed any more."""
    known = (STUB, LOCK)
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError:
        return []
    # What ends in ~ is left over from a replacement that a power cut has ended.
    return sorted(each for each in names if each not in known and not each.endswith("~") and not _NAME.fullmatch(each))


def opened(path: Path) -> FileIO:
    """The regular file at `path`, for reading. FileNotFoundError; UnreadableError; LocalError when it is not a file."""
    try:
        # What only looks like a file, such as a pipe, must not keep anybody waiting.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        raise
    except OSError as exc:
        if exc.errno in _NO_FILE:
            raise LocalError(f"this is not a regular file: {exc.strerror}") from exc
        raise UnreadableError(exc) from exc
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise LocalError("this is not a regular file")
    return FileIO(descriptor)


def read_at(file: FileIO, offset: int, size: int) -> bytes:
    """Up to `size` bytes from `offset`; fewer only where the file ends. UnreadableError."""
    try:
        file.seek(offset)
        data = file.read(size)
        while 0 < len(data) < size and (more := file.read(size - len(data))):
            data += more
    except OSError as exc:
        raise UnreadableError(exc) from exc
    return data or b""


def chunks(file: FileIO, offset: int, overlap: int = 0) -> Iterator[tuple[int, bytes]]:
    """(byte, content) of the file from `offset` on, in pieces that overlap by that many bytes.

    Holes of a sparse file, which are zeros and may be larger than any disk, are passed over.
    """
    while True:
        if hasattr(os, "SEEK_DATA"):
            try:
                offset = max(offset, os.lseek(file.fileno(), offset, os.SEEK_DATA) - overlap)
            except OSError as exc:
                if exc.errno == errno.ENXIO:  # nothing but a hole up to the end
                    return
        data = read_at(file, offset, CHUNK)
        if data:
            yield offset, data
        if len(data) < CHUNK:
            return
        offset += CHUNK - overlap


def read_header(path: Path) -> Header:
    """The header of the segment at `path`. As `opened`; RemoteError, its `offset` the byte, when it is damaged."""
    with opened(path) as file:
        return unpack_header(read_at(file, 0, FRAME + MAX_HEADER))


def header_or_none(path: Path) -> Header | None:
    """The header of the segment at `path`; None when it is not there, or damaged."""
    try:
        return read_header(path)
    except (FileNotFoundError, FluxError):
        return None


def unpack_header(data: bytes) -> Header:
    """The header that a segment begins with. RemoteError, its `offset` the byte, when it is damaged."""
    if len(data) < FRAME:
        raise RemoteError("the file ends before its header does", offset=len(data))
    word = int.from_bytes(data[:4], "big")
    length = word & 0xFFFFFF
    if word >> 24 != HEADER or length > MAX_HEADER:
        raise RemoteError("a segment begins with a header, and this one does not", offset=0)
    frame = data[: FRAME + length]
    if len(frame) < FRAME + length:
        raise RemoteError("the file ends before its header does", offset=len(data))
    if not frame_is_whole(frame):
        raise RemoteError("the header was changed: its CRC does not fit", offset=0)
    return Header.unpack(frame[FRAME:])


def read_stub(folder: Path) -> Stub | None:
    """What was removed from the archive in `folder`; None when nothing was.

    FluxError when the stub is damaged or not a file; UnreadableError.
    """
    try:
        with opened(folder / STUB) as file:
            return Stub.unpack(read_at(file, 0, MAX_STUB + 1))
    except FileNotFoundError:
        return None
