"""A volume in RAM that remembers each operation, and can lose power at any byte of any of them.

volume = host.volumes["archive"] = RecordedVolume()
…                                            # what is written is in volume.log
for count in range(len(volume.log) + 1):
    after = volume.cut(count)                # another volume: as it was when the power went
"""

from fluxrig.host import Appender
from fluxrig_ports.memory.volume import MemoryVolume

CREATE, APPEND, REPLACE, REMOVE, SETTLE = "create", "append", "replace", "remove", "settle"


class Write:
    """One operation of a log.

    kind    CREATE, APPEND, REPLACE, REMOVE or SETTLE
    name    the file
    start   APPEND: size of the file before
    end     size of the file after it; of an append that failed or goes on, as far as it came
    synced  whether it has returned without an error, so that no power cut can undo it
    """

    def __init__(self, kind: str, name: str, content):
        self.kind = kind
        self.name = name
        self.start = len(content) if kind == APPEND else 0
        self.synced = kind != APPEND
        self._content = content  # the file, which only grows: an append needs no copy of what it wrote
        self._end = -1 if kind == APPEND else len(content)

    @property
    def end(self) -> int:
        return len(self._content) if self._end < 0 else self._end

    def done(self, synced: bool) -> None:
        """The append has ended, without an error or with one."""
        self._end = len(self._content)
        self.synced = synced

    def data(self) -> bytes:
        """What was written."""
        return bytes(memoryview(self._content)[self.start : self.end])

    def blocks(self, size: int) -> range:
        """The numbers of the blocks of `size` bytes, counted from the start of the file, that it touches."""
        return range(self.start // size, (self.end - 1) // size + 1) if self.end > self.start else range(0)


class RecordedVolume(MemoryVolume):
    """As `MemoryVolume`. `log` has a `Write` for each operation since it was made, or since `record` was called."""

    def __init__(self, files: dict | None = None, free: int = 1 << 30, total: int = 1 << 30):
        super().__init__(files, free, total)
        self.log: list[Write] = []
        self._before = _copies(self.files)  # when the log began

    def record(self) -> None:
        """Forget the log so far, and begin another one."""
        self._before = _copies(self.files)
        self.log = []

    async def create(self, name: str, reserve: int) -> Appender:
        appender = await super().create(name, reserve)
        self.log.append(Write(CREATE, name, b""))
        return _RecordedAppender(self, name, appender)

    async def replace(self, name: str, data: bytes) -> None:
        await super().replace(name, data)
        self.log.append(Write(REPLACE, name, bytes(data)))

    async def remove(self, name: str) -> None:
        was_there = name in self.files
        await super().remove(name)
        if was_there:
            self.log.append(Write(REMOVE, name, b""))

    async def settle(self, name: str, size: int) -> None:
        await super().settle(name, size)
        self.log.append(Write(SETTLE, name, bytes(self.files[name])))

    def cut(
        self, count: int = -1, part: int = 0, blocks=None, size: int = 512, tail: int = 0, fill: int = 0
    ) -> "RecordedVolume":
        """A volume, not open, as it was when the power went after the first `count` operations of the log; -1: now.

        If an append was next, its first `part` bytes are there too. Or those of its blocks of `size` bytes whose
        numbers are in `blocks`, in a file as long as if all were; the lost ones hold bytes `fill`. That file and no
        other ends with `tail` more zeros, as where room for more had been made.

        It has all of an append that failed earlier, as far as it came: after an error a disk may do that, or not.
        """
        files = _copies(self._before)
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
        found = RecordedVolume(files, self.free + used_now - used, self.total)
        found.block = self.block
        return found


class _RecordedAppender(Appender):
    def __init__(self, volume: RecordedVolume, name: str, appender: Appender):
        self._volume = volume
        self._name = name
        self._content = volume.files[name]
        self._appender = appender

    async def append(self, pieces: list) -> None:
        write = Write(APPEND, self._name, self._content)
        self._volume.log.append(write)
        synced = False
        try:
            await self._appender.append(pieces)
            synced = True
        finally:
            write.done(synced)
            if not synced and write.end == write.start:
                self._volume.log.remove(write)

    async def close(self) -> None:
        await self._appender.close()


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
