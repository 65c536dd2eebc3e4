"""What an archive does to flash: `journal_flash_micropython.py archive | naive`, one event a second for hours.

Runs MicroPython's littlefs on a block device in RAM that counts what is programmed and erased, with the settings of a
board (blocks of 4096 bytes, pages of 256). `archive` is the archive of a Rack with the settings of a device, `naive`
appends each event to a file as it comes and flushes. Prints JSON: what happened after the file system had filled up to
where the oldest is removed.
"""

import asyncio
import json
import os
import sys

from fluxrig.archive.archive import Archive
from fluxrig.ids import IdSource
from fluxrig.msg import FluxMsg
from fluxrig_ports.memory import MemoryHost
from fluxrig_ports.micropython.volume import FolderVolume

BLOCK = 4096
PAGE = 256
BLOCKS = 384
EVENT_MS = 1000
WARM_UP = 3_000
EVENTS = 15_000
SETTINGS = {
    "keep_ms": 0,
    "max_bytes": 0,
    "policy": "drop_oldest_sent",
    "segment_bytes": 0,
    "commit_ms": 10_000,
    "commit_bytes": 0,
    "commit_count": 4096,
    "checkpoint_ms": 3_600_000,
    "ram_bytes": 8192,
}


class Flash:
    """A block device that counts: `programmed` bytes, and `erases` of each block."""

    def __init__(self):
        self._data = memoryview(bytearray(BLOCK * BLOCKS))
        self.reset()

    def reset(self):
        self.programmed = 0
        self.erases = [0] * BLOCKS

    def readblocks(self, block, buffer, offset=0):
        start = block * BLOCK + offset
        buffer[:] = self._data[start : start + len(buffer)]

    def writeblocks(self, block, buffer, offset=0):
        start = block * BLOCK + offset
        self._data[start : start + len(buffer)] = buffer
        self.programmed += len(buffer)

    def ioctl(self, what, block):
        if what == 4:
            return BLOCKS
        if what == 5:
            return BLOCK
        if what == 6:
            self.erases[block] += 1
            return 0
        return None


def event(ids, clock, number):
    """About 200 bytes: one value, as a filter lets it pass."""
    event_id = ids.mint()
    data = {"temp": number % 1000 * 0.5}
    return FluxMsg(event_id, event_id.hex(), bytes(16), {"machine.id": "press-1"}, data, clock.wall_ns())


class Archived:
    """Events in the archive of a Rack. `released`: how many of them left it."""

    def __init__(self, host):
        self._clock = host.clock
        host.volumes["archive"] = FolderVolume("/flash/archive")
        self.archive = Archive(host, IdSource(host.clock.wall_ns, host.entropy), "press-1", SETTINGS)
        self.released = 0

    async def start(self):
        await self.archive.start()
        self._task = asyncio.create_task(self.archive.write_forever())
        await self._clock.advance(0)

    async def put(self, msg):
        self.archive.append(msg, self._release)

    async def end(self):
        self._task.cancel()
        await self.archive.close()
        assert self.released == WARM_UP + EVENTS and self.archive.removed and not self.archive.failures

    def _release(self, msg):
        self.released += 1


class Naive:
    """Events in files of a 16th of the same room, each flushed as it comes."""

    def __init__(self, host, room):
        self._codec = host.codec(None)
        self._size = room // 16
        self._names = []
        self._number = 0

    async def start(self):
        os.mkdir("/flash/naive")
        self._begin()

    async def put(self, msg):
        self._file.write(self._codec.encode(msg))
        self._file.flush()
        if self._file.tell() > self._size:
            self._file.close()
            self._begin()

    async def end(self):
        self._file.close()

    def _begin(self):
        self._number += 1
        self._names.append(f"/flash/naive/{self._number:08d}")
        self._file = open(self._names[-1], "wb")  # noqa: SIM115 # it stays open
        if len(self._names) > 16:
            os.remove(self._names.pop(0))


async def main(which):
    flash = Flash()
    os.VfsLfs2.mkfs(flash, progsize=PAGE)  # type: ignore[attr-defined] # MicroPython's
    os.mount(os.VfsLfs2(flash, progsize=PAGE), "/flash")  # type: ignore[attr-defined]
    host = MemoryHost(seed=1)
    writer = Archived(host) if which == "archive" else Naive(host, BLOCK * BLOCKS // 4)
    await writer.start()
    ids, codec, size = IdSource(host.clock.wall_ns, host.entropy), host.codec(None), 0
    for number in range(WARM_UP + EVENTS):
        if number == WARM_UP:
            flash.reset()
            size = 0
        msg = event(ids, host.clock, number)
        size += len(codec.encode(msg))
        await writer.put(msg)
        await host.clock.advance(EVENT_MS)
    found = {
        "events": EVENTS,
        "bytes": size,
        "programmed": flash.programmed,
        "erases": sum(flash.erases),
        "worst": max(flash.erases),
        "erased": sum([count > 0 for count in flash.erases]),
        "blocks": BLOCKS,
    }
    await writer.end()
    print(json.dumps(found))


asyncio.run(main(sys.argv[1]))
