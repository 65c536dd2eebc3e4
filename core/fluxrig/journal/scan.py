"""Reads a segment from its beginning, as a crash may have left it: whole frames, a torn end, damage in between."""

from binascii import crc32
from hashlib import sha256
from struct import pack, unpack_from

from fluxrig.errors import RemoteError
from fluxrig.journal.frames import (
    CURSOR,
    CURSOR_SIZE,
    DIGEST,
    FRAME,
    HEADER,
    LINK,
    LINK_SIZE,
    MAX_HEADER,
    MESSAGE,
    SEAL,
    Header,
    unpack_link,
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
        if whole is None or crc32(whole[FRAME:], crc32(whole[:4])) != unpack_from(">I", whole, 4)[0]:
            return None
        return kind, whole


async def read_header(volume, name: str) -> Header | None:
    """The header of a segment, None when it is not readable. FluxError when the file is not."""
    frame = await Window(volume, name, MAX_HEADER + FRAME).frame(0)
    if frame is None or frame[0] != HEADER:
        return None
    try:
        return Header.unpack(frame[1][FRAME:])
    except RemoteError:
        return None


async def group_after(window: Window, offset: int, before: int):
    """(byte, last position, head) behind a group that is not readable at `offset`, where another one follows it.

    `before` is the position before `offset`. None when no group follows. Groups are written one after the other, each
    when the one before is durable: a group that was torn is therefore the last one, and no frame follows its link. What
    another group follows was once whole.
    """
    link = await _find_link(window, offset + 1)
    while link:
        found = await window.frame(link)
        if found is not None:
            position, _, head = unpack_link(found[1][FRAME:])
            # A message may hold what looks like a link; one whose messages would not fit in between it is not.
            fits = before <= position <= before + (link - offset) // FRAME
            if fits and await window.frame(link + LINK_SIZE) is not None:
                return link + LINK_SIZE, position, head
        link = await _find_link(window, link + 1)
    return None


async def _find_link(window: Window, offset: int) -> int:
    """Where a link or seal may begin, at or after `offset`; 0 when nowhere."""
    length = bytes((0, 0, LINK_SIZE - FRAME))
    while offset + LINK_SIZE <= window.size:
        count = min(window.chunk, window.size - offset)
        data = await window.at(offset, count)
        if data is None:
            break
        text = bytes(data)
        found = text.find(length, 1)
        while found > 0:
            if text[found - 1] in (LINK, SEAL):
                return offset + found - 1
            found = text.find(length, found + 1)
        offset += count - len(length)
    return 0


def _is_possible(kind: int, length: int) -> bool:
    if kind == MESSAGE:
        return True
    if kind == CURSOR:
        return length == CURSOR_SIZE - FRAME
    if kind == HEADER:
        return length <= MAX_HEADER
    return kind in (LINK, SEAL) and length == LINK_SIZE - FRAME


class Scan:
    """What a segment holds. After `run`:

    header    its `Header`, None when that is not readable
    position  of the last whole message; head: of the chain there
    end       bytes that count; torn: bytes after them that are not zero
    loose     messages and cursors after the last link: whole, and not confirmed by one
    sealed    it ends with a seal
    cursors   {id: position}
    damage    (byte, last position before, first position after) of each place that is not readable, or that its link
              denies, and that the medium once held whole: what follows proves that
    """

    def __init__(self, volume, name: str, first: int, size: int):
        self.header: Header | None = None
        self.first = first
        self.position = first - 1
        self.head = bytes(DIGEST)
        self.end = 0
        self.torn = 0
        self.loose = 0
        self.sealed = False
        self.cursors: dict = {}
        self.damage: list = []
        self._window = Window(volume, name, size)
        self._group = sha256()
        self._begun = 0  # the byte at which the group begins

    async def run(self) -> "Scan":
        await self._read_header()
        while not self.sealed:
            found = await self._window.frame(self.end)
            if found is None:
                if await self._is_damage():
                    continue
                break
            self._take(found[0], found[1])
        if self.loose:
            self._group.update(pack(">BQQ", LINK, self.position, 0))
            self.head = self._group.digest()
        self.torn = await self._last_written() - self.end
        return self

    async def _read_header(self) -> None:
        found = await self._window.frame(0)
        if found is None or found[0] != HEADER:
            return
        try:
            self.header = Header.unpack(found[1][FRAME:])
        except RemoteError:
            return
        self.head = sha256(found[1]).digest()
        self.end = len(found[1])
        self._begin_group()

    def _begin_group(self) -> None:
        self._group = sha256(self.head)
        self._begun = self.end
        self.loose = 0

    def _take(self, kind: int, frame: memoryview) -> None:
        self.end += len(frame)
        if kind in (LINK, SEAL):
            self._confirm(kind, frame)
            return
        self._group.update(frame)
        self.loose += 1
        if kind == MESSAGE:
            self.position += 1
        elif kind == CURSOR:
            cursor_id, position = unpack_from(">16sQ", frame, FRAME)
            self.cursors[cursor_id] = position

    def _confirm(self, kind: int, frame: memoryview) -> None:
        position, time, head = unpack_link(frame[FRAME:])
        self._group.update(pack(">BQQ", kind, position, time))
        if self._group.digest() != head or position != self.position:
            self.damage.append((self._begun, self.position, position + 1))
        self.position = position
        self.head = head
        self.sealed = kind == SEAL
        self._begin_group()

    async def _is_damage(self) -> bool:
        """Nothing whole stands at `end`. Whether something did once, and then go on behind it."""
        found = await group_after(self._window, self.end, self.position)
        if found is None:
            return False
        self.damage.append((self.end, self.position, found[1] + 1))
        self.end, self.position, self.head = found
        self._begin_group()
        return True

    async def _last_written(self) -> int:
        """Where the last byte ends, from `end` on, that is not zero."""
        offset = last = self.end
        while offset < self._window.size:
            count = min(self._window.chunk, self._window.size - offset)
            data = await self._window.at(offset, count)
            if data is None:
                break
            used = len(bytes(data).rstrip(b"\0"))
            if used:
                last = offset + used
            offset += count
        return last
