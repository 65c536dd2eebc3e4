"""Reads a segment from its beginning, as a crash may have left it: whole frames, a torn end, damage in between."""

from hashlib import sha256
from struct import unpack_from

from fluxrig.journal.frames import (
    CURSOR,
    DIGEST,
    FRAME,
    LINK,
    LINK_SIZE,
    MESSAGE,
    SEAL,
    Header,
    link_tail,
    unpack_link,
)
from fluxrig.journal.window import Window


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


class Damage:
    """A place that is not readable, or that its link denies, at the byte `offset` of a segment: between the positions
    `before` and `after`."""

    __slots__ = ("after", "before", "offset")

    def __init__(self, offset: int, before: int, after: int):
        self.offset = offset
        self.before = before
        self.after = after


class Scan:
    """What a segment holds. After `run`:

    header    its `Header`, None when that is not readable
    position  of the last whole message; head: of the chain there
    end       bytes that count; torn: bytes after them that are not zero
    time      of the last link (Unix ns), of the header where there is none
    loose     messages and cursors after the last link: whole, and not confirmed by one
    sealed    it ends with a seal
    cursors   {id: position}
    damage    `Damage` of each place that the medium once held whole: what follows proves that
    """

    def __init__(self, volume, name: str, first: int, size: int):
        self.header: Header | None = None
        self.first = first
        self.position = first - 1
        self.head = bytes(DIGEST)
        self.time = 0
        self.end = 0
        self.torn = 0
        self.loose = 0
        self.sealed = False
        self.cursors: dict = {}
        self.damage: list[Damage] = []
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
            self._group.update(link_tail(LINK, self.position, 0))
            self.head = self._group.digest()
        self.torn = await self._last_written() - self.end
        return self

    async def _read_header(self) -> None:
        self.header, frame = await self._window.header()
        if self.header is not None:
            self.head = sha256(frame).digest()
            self.time = self.header.created
            self.end = len(frame)
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
        self._group.update(link_tail(kind, position, time))
        if self._group.digest() != head or position != self.position:
            self.damage.append(Damage(self._begun, self.position, position + 1))
        self.position = position
        self.time = time
        self.head = head
        self.sealed = kind == SEAL
        self._begin_group()

    async def _is_damage(self) -> bool:
        """Nothing whole stands at `end`. Whether something did once, and then go on behind it."""
        found = await group_after(self._window, self.end, self.position)
        if found is None:
            return False
        self.damage.append(Damage(self.end, self.position, found[1] + 1))
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
