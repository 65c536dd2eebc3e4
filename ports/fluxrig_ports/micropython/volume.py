"""Files that grow, on littlefs or on the unix port. Everything is done at once, while no other task runs.

On littlefs a flush commits what was written, and a power cut before it leaves the file as the last flush did. On the
unix port it forces the file to the disk. Neither can shorten a file, so no room is made in advance.
"""

import os
from io import IOBase

from fluxrig.errors import LocalError, TransientError
from fluxrig_ports.micropython.contract import Appender, Volume
from fluxrig_ports.micropython.faults import file_error
from fluxrig_ports.micropython.store import is_name, make_folder, names_in, replace_file

_ENOENT = 2


class FolderVolume(Volume):
    """One folder. It has one user within this program; MicroPython has no lock that keeps other programs out.

    `block` is known once it is open: the block of a file system that MicroPython itself runs on a flash chip or a card,
    which is told by its having no inodes to count.
    """

    block = 0
    allocation_unit = 1
    chunk = 2048

    def __init__(self, folder: str):
        self.folder = folder
        self.is_open = False
        self._reader: IOBase | None = None  # the file that was read last
        self._reading = ""  # its name
        self._reader_size = 0  # what of it this reader can see
        self._appenders: list = []

    async def open(self) -> None:
        if self.is_open:
            raise TransientError(f"{self.folder} is in use: this program has it open", path=self.folder, busy=True)
        try:
            make_folder(self.folder)
            status = os.statvfs(self.folder)
        except OSError as exc:
            raise file_error(exc, self.folder, "open")
        self.block = 0 if status[5] else status[0]
        self.is_open = True

    async def names(self) -> list[str]:
        self._check("list", self.folder)
        try:
            return names_in(self.folder)
        except OSError as exc:
            raise file_error(exc, self.folder, "list")

    async def size(self, name: str) -> int:
        path = self._path(name, "read")
        try:
            return os.stat(path)[6]
        except OSError as exc:
            raise file_error(exc, path, "read")

    async def read(self, name: str, offset: int, limit: int) -> bytes:
        path = self._path(name, "read")
        try:
            reader = self._reader
            if reader is None or self._reading != name or offset + limit > self._reader_size:
                self.stop_reading(self._reading)
                reader = self._reader = open(path, "rb")  # noqa: SIM115 # it stays open
                self._reading = name
                self._reader_size = reader.seek(0, 2)
            if offset >= self._reader_size:
                return b""
            reader.seek(offset)
            return reader.read(min(limit, self._reader_size - offset))
        except OSError as exc:
            self.stop_reading(name)
            raise file_error(exc, path, "read")

    async def create(self, name: str, reserve: int) -> Appender:
        path = self._path(name, "create")
        if _is_there(path):
            raise LocalError(f"cannot create {path}: it is there already", path=path)
        try:
            appender = FileAppender(self, name, path, open(path, "wb"))  # noqa: SIM115 # it stays open
        except OSError as exc:
            raise file_error(exc, path, "create")
        self._appenders.append(appender)
        return appender

    async def replace(self, name: str, data: bytes) -> None:
        path = self._path(name, "write")
        self.stop_reading(name)
        try:
            replace_file(path, data)
        except OSError as exc:
            raise file_error(exc, path, "write")

    async def remove(self, name: str) -> None:
        path = self._path(name, "remove")
        self.stop_reading(name)
        try:
            os.remove(path)
        except OSError as exc:
            if exc.args[0] != _ENOENT:
                raise file_error(exc, path, "remove")

    async def settle(self, name: str, size: int) -> None:
        path = self._path(name, "write")
        try:
            os.stat(path)  # appending would make it
            with open(path, "ab") as file:
                file.flush()
        except OSError as exc:
            raise file_error(exc, path, "write")

    async def room(self) -> tuple:
        self._check("measure", self.folder)
        try:
            status = os.statvfs(self.folder)
        except OSError as exc:
            raise file_error(exc, self.folder, "measure")
        return status[1] * status[4], status[1] * status[2]

    async def close(self) -> None:
        self.is_open = False
        self.stop_reading(self._reading)
        while self._appenders:
            self._appenders[-1].release()

    def stop_reading(self, name: str) -> None:
        """Close the reader if it is one of that file: on littlefs it would go on seeing the file as it was before."""
        if self._reader is not None and name == self._reading:
            _close(self._reader)
            self._reader = None
            self._reading = ""
            self._reader_size = 0

    def ended(self, appender: "FileAppender") -> None:
        """It is closed."""
        if appender in self._appenders:
            self._appenders.remove(appender)

    def _path(self, name: str, doing: str) -> str:
        if not is_name(name):
            raise LocalError(f"not a file's name: {name!r} (want only a-z, 0-9, '.', '_' and '-')", name=name)
        path = self.folder + "/" + name
        self._check(doing, path)
        return path

    def _check(self, doing: str, path: str) -> None:
        if not self.is_open:
            raise LocalError(f"cannot {doing} {path}: the volume is not open", path=path)


class FileAppender(Appender):
    def __init__(self, volume: FolderVolume, name: str, path: str, file):
        self._volume = volume
        self._name = name
        self._path = path
        self._file = file
        self._failed = False

    async def append(self, pieces: list) -> None:
        file = self._file
        if file is None or self._failed:
            raise LocalError(f"cannot append to {self._path}: it was closed, or an append failed", path=self._path)
        self._volume.stop_reading(self._name)
        try:
            for piece in pieces:
                written = file.write(piece)
                while written < len(piece):  # a disk fills up; what was wrong is said at the next write
                    written += file.write(memoryview(piece)[written:])
            file.flush()
        except OSError as exc:
            self._failed = True
            raise file_error(exc, self._path, "append to")

    async def close(self) -> None:
        self.release()

    def release(self) -> None:
        """Close the file, if it is open."""
        file, self._file = self._file, None
        if file is not None:
            self._volume.stop_reading(self._name)
            _close(file)
            self._volume.ended(self)


def _close(file) -> None:
    try:
        file.close()
    except OSError:
        pass  # what was to last was flushed before


def _is_there(path: str) -> bool:
    try:
        os.stat(path)
    except OSError:
        return False
    return True
