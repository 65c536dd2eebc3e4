"""What a volume does on the disk, call by call, as its thread runs it. Everything here may raise OSError.

A file that grows makes its file system write down the new size at every `fdatasync`. So room is made in steps, of real
zeros, and most appends overwrite some of those: measured on ext4, 210 us instead of 340 for a record of 256 bytes, and
240 instead of 410 for 20 KiB. The zeros are a second write of every byte, so appends that are too long to gain by it
get none.
"""

import os
import sys
from contextlib import suppress
from pathlib import Path

from fluxrig.errors import TransientError
from fluxrig_ports.cpython.store import make_folder, names_in, replace_file, sync_folder

LOCK = "lock"

PAGE = 4096
ROOM = 256 * 1024
"""Bytes of zeros that are put behind the content at most; of a file that will be small, a sixteenth of it."""
LONG = ROOM // 4
"""Appends of more bytes than this get no zeros."""

KEPT_OPEN = 8
"""Files that stay open for reading, of those read last."""

_force = getattr(os, "fdatasync", os.fsync)  # macOS and Windows have no fdatasync
_BINARY = getattr(os, "O_BINARY", 0)  # Windows would translate line ends


class Files:
    """A folder, from `take` to `release`."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._lock = -1
        self._readers: dict[str, int] = {}
        self._tails: set[Tail] = set()

    def take(self) -> None:
        """Make the folder and lock it. TransientError when another process has it."""
        make_folder(self.folder)
        path = self.folder / LOCK
        self._lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        if not _locked(self._lock):
            owner = os.read(self._lock, 20).decode(errors="replace")
            by = f"process {owner}" if owner.isdecimal() else "another process"
            raise TransientError(
                f"{self.folder} is in use by {by}: stop that one first", path=str(self.folder), busy=True
            )
        with suppress(OSError):  # a full disk can be read all the same
            os.ftruncate(self._lock, 0)
            os.write(self._lock, b"%d" % os.getpid())

    def names(self) -> list[str]:
        return [name for name in names_in(self.folder) if name != LOCK]

    def size(self, name: str) -> int:
        return (self.folder / name).stat().st_size

    def read(self, name: str, offset: int, limit: int) -> bytes:
        descriptor = self._readers.pop(name, -1)
        if descriptor < 0:
            if len(self._readers) >= KEPT_OPEN:
                self._stop_reading(next(iter(self._readers)))
            descriptor = os.open(self.folder / name, os.O_RDONLY | _BINARY)
        self._readers[name] = descriptor  # at the end: the first one is the one that was not read for longest
        os.lseek(descriptor, offset, os.SEEK_SET)
        data = os.read(descriptor, limit)
        if not data or len(data) == limit:
            return data
        pieces = [data]
        while data and (limit := limit - len(data)):
            data = os.read(descriptor, limit)
            pieces.append(data)
        return b"".join(pieces)

    def create(self, name: str, reserve: int) -> "Tail":
        tail = Tail(os.open(self.folder / name, os.O_RDWR | os.O_CREAT | os.O_EXCL | _BINARY, 0o600), reserve)
        self._tails.add(tail)
        try:
            sync_folder(self.folder)
        except OSError:
            self.end(tail)
            raise
        return tail

    def end(self, tail: "Tail") -> None:
        """Close a file that `create` has opened, if it is open."""
        if tail in self._tails:
            self._tails.remove(tail)
            tail.close()

    def replace(self, name: str, data: bytes) -> None:
        self._stop_reading(name)
        replace_file(self.folder / name, data)

    def remove(self, name: str) -> None:
        self._stop_reading(name)
        with suppress(FileNotFoundError):
            (self.folder / name).unlink()
            sync_folder(self.folder)

    def settle(self, name: str, size: int) -> None:
        descriptor = os.open(self.folder / name, os.O_RDWR | _BINARY)
        try:
            if os.fstat(descriptor).st_size > size:
                os.ftruncate(descriptor, size)
            os.fsync(descriptor)
        finally:
            _close(descriptor)

    def release(self) -> None:
        """Close every file, and unlock the folder. No error."""
        for name in list(self._readers):
            self._stop_reading(name)
        for tail in list(self._tails):
            self.end(tail)
        if self._lock >= 0:
            _close(self._lock)
            self._lock = -1

    def _stop_reading(self, name: str) -> None:
        descriptor = self._readers.pop(name, -1)
        if descriptor >= 0:
            _close(descriptor)


class Tail:
    """A file that grows: its content ends at `_at`, all of it is durable, and zeros follow up to `_room`."""

    def __init__(self, descriptor: int, reserve: int):
        self._descriptor = descriptor
        self._at = 0
        self._room = 0
        self._step = max(PAGE, min(ROOM, reserve // 16 // PAGE * PAGE))

    def append(self, data: bytes) -> None:
        end = self._at + len(data)
        _write(self._descriptor, self._at, data)
        if end > self._room and self._step and len(data) <= LONG:
            self._make_room(end)
        _force(self._descriptor)
        self._at = end

    def close(self) -> None:
        """Cut off the zeros, and what an append that failed has left. No error."""
        with suppress(OSError):  # if not, whoever reads it finds the zeros, as after a crash
            os.ftruncate(self._descriptor, self._at)
            _force(self._descriptor)
        _close(self._descriptor)

    def _make_room(self, end: int) -> None:
        room = (end + self._step) // PAGE * PAGE
        try:
            _write(self._descriptor, end, bytes(room - end))
            self._room = room
        except OSError:
            self._step = 0  # the disk is full: without zeros it may take some more


def _write(descriptor: int, offset: int, data: bytes) -> None:
    """All of `data`: a disk that fills up takes a part of it, and says why only the next time."""
    written = _write_at(descriptor, data, offset)
    while written < len(data):
        written += _write_at(descriptor, memoryview(data)[written:], offset + written)


def _close(descriptor: int) -> None:
    with suppress(OSError):  # it is closed whatever the disk says, and nothing that was to last depends on it
        os.close(descriptor)


if sys.platform == "win32":
    import msvcrt

    def _write_at(descriptor: int, data: bytes | memoryview, offset: int) -> int:
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.write(descriptor, data)

    def _locked(descriptor: int) -> bool:
        """Whether the lock is ours now. Windows keeps others from reading what is locked: a byte that is not there."""
        os.lseek(descriptor, 1 << 20, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)
        return True

else:
    import fcntl

    def _write_at(descriptor: int, data: bytes | memoryview, offset: int) -> int:
        # One call: after each, the thread waits for a loop that is busy.
        return os.pwrite(descriptor, data, offset)

    def _locked(descriptor: int) -> bool:
        """Whether the lock is ours now. The kernel releases it when this process ends, however that happens."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
