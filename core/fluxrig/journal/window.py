"""Frames of a file that is longer than what RAM holds of it."""

from binascii import crc32
from struct import unpack_from

from fluxrig.errors import RemoteError
from fluxrig.journal.frames import (
    CURSOR,
    CURSOR_SIZE,
    FRAME,
    HEADER,
    LINK,
    LINK_SIZE,
    MAX_HEADER,
    MESSAGE,
    SEAL,
    Header,
)


class Window:
    """Part of a file in RAM. `at` makes bytes readable, and they are valid until it is called again."""

    def __init__(self, volume, name: str, size: int):
        self.size = size
        self.chunk = volume.chunk
        self._volume = volume
        self._name = name
        self._data: bytes = b""
        self._start = 0

    async def at(self, offset: int, count: int) -> memoryview | None:
        """`count` bytes from `offset`, or None when the file ends before."""
        if offset + count > self.size:
            return None
        start = offset - self._start
        if start < 0 or start + count > len(self._data):
            self._data = b""  # its room may be needed for what comes
            self._start, start = offset, 0
            # Nothing from behind `size`: what is there now is not what will have been appended there later.
            wanted = min(max(count, self.chunk), self.size - offset)
            self._data = await self._volume.read(self._name, offset, wanted)
            if len(self._data) < count:
                self.size = offset + len(self._data)
                return None
        return memoryview(self._data)[start : start + count]

    async def frame(self, offset: int):
        """(kind, whole frame) at `offset`, or None when there is no whole one that its CRC confirms."""
        head = await self.at(offset, FRAME)
        if head is None:
            return None
        (word,) = unpack_from(">I", head, 0)
        kind, length = word >> 24, word & 0xFFFFFF
        if not _is_possible(kind, length):
            return None
        whole = await self.at(offset, FRAME + length)
        return None if whole is None or not frame_is_whole(whole) else (kind, whole)

    async def header(self) -> tuple:
        """The header that the file begins with, and its whole frame; (None, None) when that is not readable."""
        found = await self.frame(0)
        if found is not None and found[0] == HEADER:
            try:
                return Header.unpack(found[1][FRAME:]), found[1]
            except RemoteError:
                pass
        return None, None


def frame_is_whole(frame) -> bool:
    """Whether the CRC of a frame, bytes-like, is right."""
    return crc32(frame[FRAME:], crc32(frame[:4])) == unpack_from(">I", frame, 4)[0]


async def read_header(volume, name: str) -> Header | None:
    """The header of a segment, None when it is not readable. FluxError when the file is not."""
    return (await Window(volume, name, MAX_HEADER + FRAME).header())[0]


def _is_possible(kind: int, length: int) -> bool:
    if kind == MESSAGE:
        return True
    if kind == CURSOR:
        return length == CURSOR_SIZE - FRAME
    if kind == HEADER:
        return length <= MAX_HEADER
    return kind in (LINK, SEAL) and length == LINK_SIZE - FRAME
