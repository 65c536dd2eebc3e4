"""The reading end of a journal: groups from a position on, in order, up to the watermark."""

from fluxrig.errors import FluxError
from fluxrig.journal.frames import FRAME, LINK, MESSAGE, SEAL, segment_name, unpack_link
from fluxrig.journal.window import Window, read_header


class Group:
    """Messages that were made durable together: `records` (bytes each) from position `first` on; `head` of the chain
    after them, `time` (Unix ns) of it, 0 where a crash has left it without one."""

    def __init__(self, first: int, records: list, head: bytes, time: int):
        self.first = first
        self.records = records
        self.head = head
        self.time = time


class Reader:
    """Reads from `position` on, while the journal is written. Holds one group at a time.

    `unreadable` counts positions that are not there any more, or that the medium has spoilt.
    """

    def __init__(self, journal, position: int):
        self.position = position
        self.unreadable = 0
        self._journal = journal
        self._first = 0  # of the segment that is being read
        self._offset = 0
        self._next = 0  # the position that the next message in it has
        self._window: Window | None = None

    async def next(self) -> Group | None:
        """The next group with a message at `position` or after it; None when there is none yet."""
        while self.position <= self._journal.durable:
            if not self._find_segment():
                return None
            try:
                group = await self._read_group()
            except BaseException as exc:
                first, self._first = self._first, 0  # what was read of a group is gone: read it again
                removed = self._journal.removed
                if not isinstance(exc, FluxError) or removed is None or removed.last < first:
                    raise
                self._skip_to(removed.last + 1)  # retention is removing the segment right now
                continue
            if group is not None and group.records:
                return group
        return None

    def seek(self, position: int) -> None:
        """Go on at `position`, before or after where this is."""
        if position < self.position:
            self._first = 0
        self.position = position

    def pass_segment(self) -> None:
        """Go on behind the segment that `position` is in, whatever is left of it."""
        if self._find_segment():
            self._skip_to(self._after())

    def _find_segment(self) -> bool:
        """Go to the segment with `position`, where it is another one than before. False when there is none at all."""
        segments = self._journal.segments
        if not segments:
            return False
        if self.position < segments[0].first:
            self._skip_to(segments[0].first)
        index = len(segments) - 1
        while segments[index].first > self.position:
            index -= 1
        segment = segments[index]
        if segment.first != self._first or self._window is None:
            self._first = segment.first
            self._offset, self._next = 0, segment.first
            self._window = Window(self._journal.volume, segment_name(segment.first), segment.end)
        self._window.size = segment.end
        return True

    async def _read_group(self) -> Group | None:
        """The group at the current place, without what stands before `position`."""
        window = self._window
        assert window is not None
        first, records = self._next, []
        while self._offset < window.size:
            found = await window.frame(self._offset)
            if found is None:
                await self._pass_damage()
                return None
            kind, frame = found
            self._offset += len(frame)
            if kind == MESSAGE:
                if self._next >= self.position:
                    records.append(bytes(frame[FRAME:]))
                else:
                    first = self._next + 1
                self._next += 1
            elif kind in (LINK, SEAL):
                _, time, head = unpack_link(frame[FRAME:])
                self.position = max(self.position, self._next)
                return Group(first, records, head, time)
        self.position = max(self.position, self._next)
        if not records:
            self._skip_to(self._after())  # positions that are not in any segment
            return None
        return Group(first, records, await self._head_at_end(), 0)

    def _following(self):
        """The segment after this one, None when there is none."""
        # By position: while a read took its time, segments before this one may have been removed.
        for segment in self._journal.segments:
            if segment.first > self._first:
                return segment
        return None

    def _after(self) -> int:
        """The position at which the segments after this one begin."""
        following = self._following()
        return self._journal.durable + 1 if following is None else following.first

    async def _head_at_end(self) -> bytes:
        """The head where a segment ends without a link: the next one's header has it."""
        following = self._following()
        if following is None:
            return self._journal.head
        header = await read_header(self._journal.volume, segment_name(following.first))
        return b"" if header is None else header.previous_head

    async def _pass_damage(self) -> None:
        """Go on behind what cannot be read: in this segment where that is possible, else in the next one."""
        assert self._window is not None
        from fluxrig.journal.scan import group_after  # rarely needed

        behind = await group_after(self._window, self._offset, self._next - 1)
        if behind is None:
            self._skip_to(self._after())
            return
        self._offset, last, _ = behind
        self._next = last + 1
        self._skip_to(self._next)

    def _skip_to(self, position: int) -> None:
        self.unreadable += max(0, position - self.position)
        self.position = max(self.position, position)
