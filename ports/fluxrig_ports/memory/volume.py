"""A volume in RAM that can fill up, fail, hang and lose power. `recorded` has one that loses it at any byte."""

import asyncio

from fluxrig.errors import FluxError, LocalError, TransientError
from fluxrig.host import Appender, Volume

_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789._-"


class MemoryVolume(Volume):
    """Files in RAM. What a test may set, at any time:

    free, total   what `room` says. Writing takes from `free`; at 0 it fails as a full disk does, in the middle of what
                  is appended, and removing gives back
    fail          None, or the FluxError that everything that writes raises
    fail_reads    None, or the FluxError that reading raises
    hang          None, or an asyncio.Event: everything but `close` waits for it. An append hangs when its bytes are
                  written and not yet durable
    ahead         how many zeros `size` and `read` find behind the content of a file until it is closed, as where room
                  for more is made in advance
    block         as in Volume
    files         {name: bytearray}: to look at, and to damage
    """

    def __init__(self, files: dict | None = None, free: int = 1 << 30, total: int = 1 << 30):
        self.files: dict = {} if files is None else files
        self.free = free
        self.total = total
        self.fail: FluxError | None = None
        self.fail_reads: FluxError | None = None
        self.hang: asyncio.Event | None = None
        self.ahead = 0
        self.is_open = False
        self._growing: set = set()  # names of files that have an appender

    async def open(self) -> None:
        await self.answer()
        if self.is_open:
            raise TransientError("the volume is in use: close it first", busy=True)
        self.is_open = True

    async def names(self) -> list[str]:
        await self.answer()
        return sorted(self.files)

    async def size(self, name: str) -> int:
        await self.answer()
        return len(self._file(name)) + self._zeros(name)

    async def read(self, name: str, offset: int, limit: int) -> bytes:
        await self.answer()
        if self.fail_reads is not None:
            raise self.fail_reads
        content = self._file(name)
        data = bytes(memoryview(content)[offset : offset + limit])
        end = min(offset + limit, len(content) + self._zeros(name))
        return data + bytes(max(0, end - offset - len(data)))

    async def create(self, name: str, reserve: int) -> Appender:
        await self.answer()
        if _checked(name) in self.files:
            raise LocalError(f"cannot create {name}: it is there already", name=name)
        self.may_write()
        content = bytearray()
        self.files[name] = content
        self._growing.add(name)
        return MemoryAppender(self, name, content)

    async def replace(self, name: str, data: bytes) -> None:
        await self.answer()
        before = len(self.files.get(_checked(name), b""))
        self.may_write()
        if len(data) > self.free:  # old and new are there together, for a moment
            raise _full(name)
        self.files[name] = bytearray(data)
        self.free += before - len(data)

    async def remove(self, name: str) -> None:
        await self.answer()
        if _checked(name) in self.files:
            self.may_write()
            self.free += len(self.files.pop(name))
            self._growing.discard(name)

    async def settle(self, name: str, size: int) -> None:
        await self.answer()
        content = self._file(name)
        self.may_write()
        if len(content) > size:
            self.free += len(content) - size
            self.files[name] = bytearray(content[:size])

    async def room(self) -> tuple:
        await self.answer()
        return self.free, self.total

    async def close(self) -> None:
        self.is_open = False
        self._growing.clear()

    def ended(self, name: str, content) -> None:
        """The appender of that file is closed."""
        if self.files.get(name) is content:
            self._growing.discard(name)

    def cut(self) -> "MemoryVolume":
        """A volume, not open, as it is when the power goes now."""
        found = MemoryVolume({name: bytearray(content) for name, content in self.files.items()}, self.free, self.total)
        found.block = self.block
        return found

    async def answer(self) -> None:
        """Wait while the volume hangs."""
        if self.hang is not None:
            await self.hang.wait()

    def _file(self, name: str) -> bytearray:
        content = self.files.get(_checked(name))
        if content is None:
            raise LocalError(f"cannot read {name}: no such file", name=name)
        return content

    def _zeros(self, name: str) -> int:
        return self.ahead if name in self._growing else 0

    def may_write(self) -> None:
        """Raise `fail`, where there is one."""
        if self.fail is not None:
            raise self.fail


class MemoryAppender(Appender):
    def __init__(self, volume: MemoryVolume, name: str, content: bytearray):
        self._volume = volume
        self._name = name
        self._content = content
        self._ended = False

    async def append(self, pieces: list) -> None:
        if self._ended:
            raise LocalError(f"cannot append to {self._name}: it was closed, or an append failed", name=self._name)
        volume = self._volume
        self._ended = True  # until it has succeeded: a cancelled one also leaves the file ended
        volume.may_write()
        for piece in pieces:
            fits = min(len(piece), volume.free)
            self._content.extend(memoryview(piece)[:fits])
            volume.free -= fits
            if fits < len(piece):
                raise _full(self._name)
        await volume.answer()
        volume.may_write()
        self._ended = False

    async def close(self) -> None:
        self._ended = True
        self._volume.ended(self._name, self._content)


def _checked(name: str) -> str:
    """`name`, where it is one that every volume takes."""
    if name in ("", ".", "..") or not all([char in _LETTERS for char in name]):
        raise LocalError(f"not a file's name: {name!r} (want only a-z, 0-9, '.', '_' and '-')", name=name)
    return name


def _full(name: str) -> TransientError:
    return TransientError(f"cannot write {name}: no space left on the volume", name=name)
