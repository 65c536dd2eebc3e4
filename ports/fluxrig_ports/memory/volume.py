"""A volume in RAM that can fill up, fail, hang, and lose power at any byte.

volume = host.volume("archive")
volume.record()
…                                            # what is written is in volume.log from here on
for count in range(len(volume.log) + 1):
    after = volume.cut(count)                # another volume: as it was when the power went
"""

import asyncio

from fluxrig.errors import FluxError, LocalError, TransientError
from fluxrig.host import Appender, Volume

_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789._-"

CREATE, APPEND, REPLACE, REMOVE, SETTLE = "create", "append", "replace", "remove", "settle"


class Write:
    """One operation of a log.

    kind    CREATE, APPEND, REPLACE, REMOVE or SETTLE
    name    the file
    start   APPEND: size of the file before
    end     size of the file after it; of an append that failed, as far as it came
    synced  whether it has returned without an error, so that no power cut can undo it
    """

    def __init__(self, kind: str, name: str, content, start: int, end: int):
        self.kind = kind
        self.name = name
        self.start = start
        self.end = end
        self.synced = False
        self._content = content  # the file, which only grows: an append needs no copy of what it wrote

    def data(self) -> bytes:
        """What was written."""
        return bytes(memoryview(self._content)[self.start : self.end])

    def blocks(self, size: int) -> range:
        """The numbers of the blocks of `size` bytes, counted from the start of the file, that it touches."""
        return range(self.start // size, (self.end - 1) // size + 1) if self.end > self.start else range(0)


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
        self.log: list = []  # of Write; empty unless `record` was called
        self._before: dict | None = None  # the files when the log began

    async def open(self) -> None:
        await self._wait()
        if self.is_open:
            raise TransientError("the volume is in use: close it first", busy=True)
        self.is_open = True

    async def names(self) -> list[str]:
        await self._wait()
        return sorted(self.files)

    async def size(self, name: str) -> int:
        await self._wait()
        return len(self._file(name)) + self._zeros(name)

    async def read(self, name: str, offset: int, limit: int) -> bytes:
        await self._wait()
        if self.fail_reads is not None:
            raise self.fail_reads
        content = self._file(name)
        data = bytes(memoryview(content)[offset : offset + limit])
        end = min(offset + limit, len(content) + self._zeros(name))
        return data + bytes(max(0, end - offset - len(data)))

    async def create(self, name: str, reserve: int) -> Appender:
        await self._wait()
        if _checked(name) in self.files:
            raise LocalError(f"cannot create {name}: it is there already", name=name)
        self._may_write()
        content = bytearray()
        self.files[name] = content
        self._growing.add(name)
        self._note(CREATE, name, content, 0, 0).synced = True
        return MemoryAppender(self, name, content)

    async def replace(self, name: str, data: bytes) -> None:
        await self._wait()
        before = len(self.files.get(_checked(name), b""))
        self._may_write()
        if len(data) > self.free:  # old and new are there together, for a moment
            raise _full(name)
        self.files[name] = bytearray(data)
        self.free += before - len(data)
        self._note(REPLACE, name, self.files[name], 0, len(data)).synced = True

    async def remove(self, name: str) -> None:
        await self._wait()
        if _checked(name) in self.files:
            self._may_write()
            self.free += len(self.files.pop(name))
            self._growing.discard(name)
            self._note(REMOVE, name, b"", 0, 0).synced = True

    async def settle(self, name: str, size: int) -> None:
        await self._wait()
        content = self._file(name)
        self._may_write()
        if len(content) > size:
            self.free += len(content) - size
            content = self.files[name] = bytearray(content[:size])
        self._note(SETTLE, name, content, 0, len(content)).synced = True

    async def room(self) -> tuple:
        await self._wait()
        return self.free, self.total

    async def close(self) -> None:
        self.is_open = False
        self._growing.clear()

    def ended(self, name: str, content) -> None:
        """The appender of that file is closed."""
        if self.files.get(name) is content:
            self._growing.discard(name)

    def record(self) -> None:
        """Log what is written from now on, and forget the log so far."""
        self._before = _copies(self.files)
        self.log = []

    def cut(
        self, count: int = -1, part: int = 0, blocks=None, size: int = 512, tail: int = 0, fill: int = 0
    ) -> "MemoryVolume":
        """A volume, not open, as it was when the power went after the first `count` operations of the log; -1: now.

        If an append was next, its first `part` bytes are there too. Or those of its blocks of `size` bytes whose
        numbers are in `blocks`, in a file as long as if all were; the lost ones hold bytes `fill`. That file and no
        other ends with `tail` more zeros, as where room for more had been made.

        It has all of an append that failed earlier, as far as it came: after an error a disk may do that, or not.
        """
        if self._before is None and count >= 0:
            raise LocalError("there is no log: call record() first")
        files = _copies(self.files if self._before is None else self._before)
        count = len(self.log) if count < 0 else count
        last = None
        for write in self.log[:count]:
            last = write.name if write.kind == APPEND else None
            if write.kind == APPEND:
                files[write.name] += write.data()
            elif write.kind == REMOVE:
                del files[write.name]
            else:
                files[write.name] = bytearray(write.data())
        if count < len(self.log) and self.log[count].kind == APPEND:
            write = self.log[count]
            last = write.name
            files[last] += write.data()[:part] if blocks is None else _survivors(write, blocks, size, fill)
        if last is not None:
            files[last] += bytes(tail)
        used = sum([len(content) for content in files.values()])
        used_now = sum([len(content) for content in self.files.values()])
        found = MemoryVolume(files, self.free + used_now - used, self.total)
        found.block = self.block
        return found

    async def _wait(self) -> None:
        if self.hang is not None:
            await self.hang.wait()

    def _file(self, name: str) -> bytearray:
        content = self.files.get(_checked(name))
        if content is None:
            raise LocalError(f"cannot read {name}: no such file", name=name)
        return content

    def _zeros(self, name: str) -> int:
        return self.ahead if name in self._growing else 0

    def _may_write(self) -> None:
        if self.fail is not None:
            raise self.fail

    def _note(self, kind: str, name: str, content, start: int, end: int) -> Write:
        write = Write(kind, name, content, start, end)
        if self._before is not None:
            self.log.append(write)
        return write


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
        volume._may_write()
        start = len(self._content)
        write = volume._note(APPEND, self._name, self._content, start, start)
        for piece in pieces:
            fits = min(len(piece), volume.free)
            self._content.extend(memoryview(piece)[:fits])
            volume.free -= fits
            write.end += fits
            if fits < len(piece):
                raise _full(self._name)
        await volume._wait()
        volume._may_write()
        write.synced = True
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


def _copies(files: dict) -> dict:
    return {name: bytearray(content) for name, content in files.items()}


def _survivors(write: Write, blocks, size: int, fill: int) -> bytearray:
    """What is found where `write` was, when only these blocks of it came to the disk."""
    found = bytearray(write.data())
    for number in write.blocks(size):
        if number not in blocks:
            start = max(number * size - write.start, 0)
            end = min((number + 1) * size, write.end) - write.start
            found[start:end] = bytes([fill]) * (end - start)
    return found
