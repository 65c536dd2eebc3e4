"""Files that grow, on a disk that may be slow: everything that touches it runs in one thread for each volume."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fluxrig.errors import LocalError, TransientError
from fluxrig.host import Appender, Volume
from fluxrig_ports.cpython.faults import file_error
from fluxrig_ports.cpython.files import LOCK, Files, Tail
from fluxrig_ports.cpython.store import is_name
from fluxrig_ports.cpython.worker import Worker


class FolderVolume(Volume):
    """One folder, readable by its owner only (0700, files 0600), and locked by the file `lock` in it.

    What was called is done even if the caller is cancelled, and before what is called after it.
    """

    chunk = 64 * 1024
    allocation_unit = 4096

    CLOSE_LIMIT_S = 5
    """How long closing waits for a disk that hangs. What it was to do is done once the disk answers; the lock is
    released then, or when the process ends."""

    def __init__(self, folder: Path):
        self.folder = folder
        # For each time that it is open, so that a thread which hangs since the last time is in nobody's way.
        self._worker: Worker | None = None
        self._files = Files(folder)

    async def open(self) -> None:
        if self._worker is not None:
            raise TransientError(f"{self.folder} is in use: this program has it open", path=str(self.folder), busy=True)
        self._files = Files(self.folder)
        try:
            self._worker = Worker(f"volume {self.folder.name}")
        except OSError as exc:
            raise file_error(exc, self.folder, "open") from exc
        try:
            await self.run("open", self.folder, self._files.take)
        except BaseException:
            await self.close()
            raise

    async def names(self) -> list[str]:
        return await self.run("list", self.folder, self._files.names)

    async def size(self, name: str) -> int:
        return await self.run("read", self._path(name), self._files.size, name)

    async def read(self, name: str, offset: int, limit: int) -> bytes:
        return await self.run("read", self._path(name), self._files.read, name, offset, limit)

    async def create(self, name: str, reserve: int) -> Appender:
        path = self._path(name)
        return FileAppender(self, path, await self.run("create", path, self._files.create, name, reserve))

    async def replace(self, name: str, data: bytes) -> None:
        await self.run("write", self._path(name), self._files.replace, name, bytes(data))

    async def remove(self, name: str) -> None:
        await self.run("remove", self._path(name), self._files.remove, name)

    async def settle(self, name: str, size: int) -> None:
        await self.run("write", self._path(name), self._files.settle, name, size)

    async def room(self) -> tuple:
        usage = await self.run("measure", self.folder, shutil.disk_usage, self.folder)
        return usage.free, usage.total

    async def close(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            released = worker.run(self._files.release)
            worker.end()
            try:
                await asyncio.wait((released,), timeout=self.CLOSE_LIMIT_S)
            finally:
                worker.forget()

    async def run(self, doing: str, path: Path, call: Callable[..., Any], *arguments: object) -> Any:
        """The result of `call(*arguments)` in the thread, its OSError translated. `doing` and `path` are for the
        error's text."""
        if self._worker is None:
            raise LocalError(f"cannot {doing} {path}: the volume is not open", path=str(path))
        try:
            return await self._worker.run(call, *arguments)
        except OSError as exc:
            raise file_error(exc, path, doing) from exc

    async def end(self, tail: Tail) -> None:
        """Close a file of `create`."""
        if self._worker is not None:
            await asyncio.wait((self._worker.run(self._files.end, tail),), timeout=self.CLOSE_LIMIT_S)

    def _path(self, name: str) -> Path:
        if not is_name(name) or name == LOCK:
            wanted = f"(want only a-z, 0-9, '.', '_' and '-', and not {LOCK!r})"
            raise LocalError(f"not a file's name: {name!r} {wanted}", name=name)
        return self.folder / name


class FileAppender(Appender):
    def __init__(self, volume: FolderVolume, path: Path, tail: Tail):
        self._volume = volume
        self._path = path
        self._tail = tail
        self._ended = False

    async def append(self, pieces: list) -> None:
        if self._ended:
            raise LocalError(f"cannot append to {self._path}: it was closed, or an append failed", path=str(self._path))
        self._ended = True  # until it has succeeded: a cancelled one also leaves the file ended
        # Joined here: the thread may still be writing when its caller was cancelled and uses the pieces again.
        await self._volume.run("append to", self._path, self._tail.append, b"".join(pieces))
        self._ended = False

    async def close(self) -> None:
        self._ended = True
        await self._volume.end(self._tail)
