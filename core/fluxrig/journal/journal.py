"""The writing end of a journal: messages in, groups made durable together, one chain through all segments.

    journal = Journal(volume, "press-1", clock.wall_ns, host.entropy, 1 << 20)
    recovery = await journal.open()
    journal.append(wire)
    first, last = await journal.commit()      # these positions survive a power cut now: last == journal.durable

One task appends, commits and seals. A commit that fails changes nothing: what it was to write waits for the next one,
which begins a new segment, because nobody knows what a failed write left in a file.
"""

from hashlib import sha256
from struct import pack

from fluxrig.compat import SCARCE_RAM, TYPE_CHECKING
from fluxrig.errors import LocalError
from fluxrig.journal.frames import (
    CURSOR,
    FRAME,
    LINK,
    LINK_SIZE,
    MAX_BODY,
    NO_TAIL,
    SEAL,
    Header,
    Segment,
    Tail,
    chain,
    message_frames,
    pack_frame,
    pack_link,
    segment_name,
)

if TYPE_CHECKING:
    from fluxrig.host import Appender
    from fluxrig.journal.removal import RemovedRange


class Journal:
    """See the top of this module.

    durable   the last position that no power cut can take; 0 when there is none
    head      of the chain, there; time: Unix ns of that link
    pending   messages that wait; in_flight: those that are being written; pending_bytes: of both, with their frames
    segments  oldest first; a removed one leaves only its entry in the stub
    removed   the newest entry of the stub, `removal.RemovedRange`; None without one
    cursors   {id: position}, as they will be written with the next group
    segment_bytes  a segment ends before it is longer; to be set before the first commit, where it depends on the disk
    """

    MAX_GROUP = 1 << 20
    """Bytes of one group, unless a single message has more: what a reader must hold at once."""

    def __init__(self, volume, machine: str, wall_ns, entropy, segment_bytes: int = 0):
        self.volume = volume
        self.machine = machine
        self.id = b""
        self.durable = 0
        self.head = b""
        self.time = 0
        self.segments: list[Segment] = []
        self.cursors: dict = {}
        self.removed: RemovedRange | None = None
        self.segment_bytes = segment_bytes
        self.in_flight = 0
        self._wall_ns = wall_ns
        self._entropy = entropy
        self._before = NO_TAIL  # of the segment before the last one
        self._empty = 0  # first position of a file that has cursors and no message, and is not in `segments`
        self._appender: Appender | None = None
        self._sealed: Appender | None = None  # of a segment that has its seal, to be closed
        self._pending: list = []  # bodies of frames
        self.pending_bytes = 0
        self._moved: set = set()  # cursors that are to be written
        self._safe: dict = {}  # {id: position} of cursors behind which nothing waits that came before

    @property
    def pending(self) -> int:
        return len(self._pending)

    @property
    def next_bytes(self) -> int:
        """How much of that the next group may have."""
        return min(self.pending_bytes, self.MAX_GROUP)

    async def open(self):
        """Take the folder and find out where the journal ends. Returns what was found: `recovery.Recovery`.

        FluxError when the folder cannot be taken or read.
        """
        from fluxrig.journal.recovery import recover

        await self.volume.open()
        try:
            recovery = await recover(self.volume)
        except BaseException:
            await self.volume.close()
            raise
        self.id = recovery.journal or self._entropy(16)
        self.durable = recovery.position
        self.head = recovery.head
        self.segments = recovery.segments
        self.time = recovery.time
        self.cursors = recovery.cursors
        self._safe = dict(recovery.cursors)
        self.removed = recovery.removed
        self._before = recovery.before
        self._empty = recovery.empty
        return recovery

    def append(self, data: bytes) -> None:
        """Take a message, as bytes that nobody changes any more. LocalError when they are more than `MAX_BODY`."""
        if len(data) > MAX_BODY:
            raise LocalError(f"a message of {len(data)} bytes is longer than the {MAX_BODY} of a record")
        self._pending.append(data)
        self.pending_bytes += FRAME + len(data)

    def set_cursor(self, cursor_id: bytes, position: int, write: bool = True) -> None:
        """The consumer `cursor_id` has acknowledged all up to `position`: made durable with the next group.

        Without `write` that alone is no reason for a group: what it passed over were no messages of its own.
        """
        self.cursors[cursor_id] = position
        self._safe.setdefault(cursor_id, position)
        if write:
            self._moved.add(cursor_id)

    def drop_cursor(self, cursor_id: bytes) -> None:
        """Forget a cursor: the next segment does not have it any more."""
        self.cursors.pop(cursor_id, None)
        self._safe.pop(cursor_id, None)
        self._moved.discard(cursor_id)

    @property
    def cursors_moved(self) -> bool:
        """Whether acknowledgements wait to be written."""
        return bool(self._moved)

    @property
    def begins_segment(self) -> bool:
        """Whether the next group is the first of a segment."""
        return self._appender is None

    async def commit(self) -> tuple:
        """Make a group of what is pending durable, `MAX_GROUP` of it at most. Returns its (first, last) position.

        (p + 1, p) when there was no message, p being the last position before; cursors alone are written as well.
        """
        group, size = self._take_group()
        cursors, moved = self._safe, set()
        if not self._pending:
            # An acknowledgement may have led to messages that came before it: it is durable with the last of them, not
            # earlier.
            cursors = dict(self.cursors)
            moved, self._moved = self._moved, moved
        first = self.durable + 1
        self.in_flight = len(group)
        try:
            if group or moved:
                await self._write(group, size, moved, cursors)
        except BaseException:
            self._pending = group + self._pending
            self._moved.update(moved)
            await self._abandon()
            raise
        finally:
            self.in_flight = 0
        self.pending_bytes -= size
        self._safe = cursors
        return first, self.durable

    def forget(self, size: int) -> int:
        """Drop the oldest messages that wait, `size` bytes of frames or a little more: they will never have a position.

        Returns how many.
        """
        least = self.pending_bytes - size
        count = 0
        while count < len(self._pending) and self.pending_bytes > least:
            self.pending_bytes -= FRAME + len(self._pending[count])
            count += 1
        self._pending = self._pending[count:]
        return count

    async def seal(self) -> None:
        """End the segment, if one was begun and has messages, with a seal. The next group begins another one."""
        if self._appender is None or self.segments[-1].first > self.durable:
            return
        try:
            await self._write_group([], 0, SEAL)
        except BaseException:
            await self._abandon()
            raise

    async def close(self) -> None:
        """Release the folder. What is pending is not written: commit it before."""
        try:
            await self._abandon()
        finally:  # also when a disk that hangs has used up the time
            await self.volume.close()

    def _take_group(self) -> tuple:
        """(messages, bytes of their frames) of the next group."""
        group = self._pending
        if self.pending_bytes <= self.MAX_GROUP:
            self._pending = []
            return group, self.pending_bytes
        size = count = 0
        for data in group:
            grown = size + FRAME + len(data)
            if count and grown > self.MAX_GROUP:
                break
            size = grown
            count += 1
        self._pending = group[count:]
        return group[:count], size

    async def _write(self, group: list, size: int, moved: set, cursors: dict) -> None:
        messages = len(group)
        if self._appender is None:
            await self._begin_segment(group, cursors)
            return
        frames = message_frames(group) + _cursor_frames(cursors, moved)
        # What would make it longer than a segment ends it: one link less, and one wait for the disk.
        full = messages and self.segments[-1].end + size + 2 * LINK_SIZE > self.segment_bytes
        await self._write_group(frames, messages, SEAL if full else LINK)

    async def _begin_segment(self, group: list, cursors: dict) -> None:
        await self._abandon()
        first = self.durable + 1
        name = segment_name(first)
        # One that has no message yet is replaced: nobody holds a position or a head of it. In one step, because the
        # cursors in it are nowhere else. Nothing is appended to it then.
        is_last = bool(self.segments) and self.segments[-1].first == first
        replaces = is_last or self._empty == first
        if not is_last:
            self._before = self._tail()
        if not replaces:
            await self.volume.remove(name)  # what a write that failed has left
        # Never earlier than what stands before it: a clock that starts in the past would make that look old.
        created = max(self._wall_ns(), self.time, self.segments[-1].created if self.segments else 0)
        before = self._before
        header = Header(self.id, first, created, before.first, before.end, before.head, self.machine).pack()
        if not replaces:
            self._appender = await self.volume.create(name, self.segment_bytes)
        # Header and group are one write: a segment is there with its first group, or not at all.
        frames = _cursor_frames(cursors, cursors) + message_frames(group)
        await self._write_group(frames, len(group), LINK, header)
        self.segments[-1].created = created

    async def _write_group(self, frames: list, messages: int, kind: int, header: bytes = b"") -> None:
        """Write frames and the link behind them, and a header before them, which begins a segment."""
        position = self.durable + messages
        time = self._wall_ns()
        if not SCARCE_RAM:
            frames = [b"".join(frames)]  # one hash and one write take less time, and twice the room
        head = chain(sha256(header).digest() if header else self.head, frames, kind, position, time)
        frames = frames + [pack_link(kind, position, time, head)]
        size = len(header) + sum([len(piece) for piece in frames])
        if header:
            frames = [header] + frames
        if self._appender is not None:
            await self._appender.append(frames)
        else:
            await self.volume.replace(segment_name(self.durable + 1), b"".join(frames))
        if header:
            if self.segments and self.segments[-1].first > self.durable:
                self.segments.pop()  # replaced
            self.segments.append(Segment(self.durable + 1, 0))
        self.segments[-1].end += size
        self.durable = position
        self.head = head
        self.time = time
        if kind == SEAL:
            # Closed later: nothing may fail, or be cancelled, between becoming durable and saying so.
            self._appender, self._sealed = None, self._appender

    def _tail(self) -> Tail:
        """That of the last segment."""
        if self.segments:
            return Tail(self.segments[-1].first, self.segments[-1].end, self.head)
        if self.removed is not None:
            return Tail(self.removed.first, self.removed.size, self.removed.head)
        return NO_TAIL

    async def _abandon(self) -> None:
        """Leave the segment as it is. The next group begins another one."""
        appender = self._appender or self._sealed
        self._appender = self._sealed = None
        if appender is not None:
            await appender.close()


def _cursor_frames(cursors: dict, which) -> list:
    return [pack_frame(CURSOR, pack(">16sQ", each, cursors[each])) for each in sorted(which)]
