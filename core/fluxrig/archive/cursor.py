"""Where the consumer of a guaranteed wire stands in the archive: what it has, and what comes next."""

import asyncio
from binascii import hexlify

from fluxrig.archive.marks import at_position, marked_volatile, position_of
from fluxrig.errors import FluxError
from fluxrig.journal.reader import Group, Reader


class Cursor:
    """The messages that left one output port, in order, from the first that was not acknowledged.

    A port's messages carry its id in their last hop. Everything else in the archive is passed over. While the archive
    is volatile, its messages come from RAM, with that mark, after those that are on the medium.

    unreadable   positions that are not there any more, or that the medium has spoilt
    """

    PATIENCE = 8
    """Readings that fail one after the other, while the disk takes what is written: then the place is passed over."""

    def __init__(self, archive, cursor_id: bytes, port_id: bytes):
        self._failures = 0  # readings since the last one that did not fail
        self._groups = 0  # that the archive had written at the first of them
        self._archive = archive
        self._id = cursor_id
        self._port = port_id
        self._reader: Reader | None = None
        self._undecoded = 0  # records that are no messages
        self._group: Group | None = None  # that is being given
        self._head = ""  # of the chain after it, in hex
        self._index = 0  # of the next record in it
        self._unacknowledged: list = []  # positions that were given
        self._volatile: list = []  # entries that were given
        self._looked = 0  # how many entries, from the first one that the archive ever had, were looked at
        self._passed = 0  # the last position that was not given
        self._taken: set = set()  # positions that the consumer had before they were durable

    @property
    def acknowledged(self) -> int:
        """The position up to which the consumer has everything."""
        return self._archive.journal.cursors.get(self._id, 0)

    @property
    def unreadable(self) -> int:
        return self._undecoded + (0 if self._reader is None else self._reader.unreadable)

    async def take(self, limit: int) -> list:
        """The next messages, at least one and at most `limit`; waits for one. FluxError when the disk fails."""
        batch: list = []
        while not batch:
            try:
                batch = await self._take_durable(limit)
                self._failures = 0
            except FluxError:
                if not self._archive.volatile:
                    if not self._passes_over():
                        raise
                    continue
            if not batch and self._archive.volatile:
                batch = self._take_volatile(limit)
            if not batch:
                await self._archive.changed()
        return batch

    def _passes_over(self) -> bool:
        """Reading has failed: pass over a place that has failed again and again. False where that has to be waited for.

        One bad place on a disk must not stop the wire for good. Where nothing was written meanwhile, it may be all of
        the disk.
        """
        if not self._failures:
            self._groups = self._archive.groups
        self._failures += 1
        if self._failures < self.PATIENCE:
            return False
        self._failures = 0
        if self._reader is None or self._archive.groups == self._groups:
            return False
        self._reader.pass_segment()
        return True

    def rewind(self) -> None:
        """Take again from the first message that was not acknowledged."""
        self._group = None
        self._unacknowledged = []
        self._volatile = []
        self._passed = 0
        self._looked = 0
        if self._reader is not None:
            self._reader.seek(self.acknowledged + 1)

    def done(self, msg) -> None:
        """The consumer has acknowledged `msg` and all before it."""
        position = position_of(msg)
        if position:
            self._acknowledge(position)
            return
        for entry in self._volatile:
            entry.taken += (self,)
            if entry.position:  # it became durable while the consumer had it
                self.has_taken(entry.position)
            if self._archive.outbox.message(entry).id == msg.id:
                break
        self._volatile = [entry for entry in self._volatile if self not in entry.taken]

    def has_taken(self, position: int) -> None:
        """A message that the consumer had while it was volatile stands at `position` now."""
        self._taken.add(position)

    async def survey(self, see) -> None:
        """Call `see(msg)` for every message that is durable and not acknowledged, oldest first."""
        if not self._archive.journal.segments:
            return
        reader = Reader(self._archive.journal, self.acknowledged + 1)
        while True:
            group = await reader.next()
            if group is None:
                return
            head = hexlify(group.head).decode()
            for index in range(len(group.records)):
                msg = self._message(group, index, head)
                if msg is not None and group.first + index not in self._taken:
                    see(msg)
            await asyncio.sleep(0)  # where reading waits for nothing, a whole archive must not keep the others waiting

    async def _take_durable(self, limit: int) -> list:
        batch: list = []
        while len(batch) < limit:
            if self._is_used_up():
                # On over the end of a group: where each message is one of its own, each would wait for the consumer.
                try:
                    if not await self._next_group():
                        break
                except FluxError:
                    if not batch:
                        raise
                    break  # these are given first, and the next call meets the error again
            assert self._group is not None
            position = self._group.first + self._index
            msg = self._message(self._group, self._index, self._head)
            self._index += 1
            if msg is None or position in self._taken:
                self._pass(position)
                continue
            self._unacknowledged.append(position)
            batch.append(msg)
        return batch

    def _is_used_up(self) -> bool:
        return self._group is None or self._index == len(self._group.records)

    async def _next_group(self) -> bool:
        if not self._archive.is_open:
            return False  # where it begins is not known yet
        if self._reader is None:
            self._reader = Reader(self._archive.journal, self.acknowledged + 1)
        self._group = None
        self._group = await self._reader.next()
        self._index = 0
        if self._group is None:
            return False
        self._head = hexlify(self._group.head).decode()
        await asyncio.sleep(0)  # there may be a long way to the next message of this port
        return True

    def _message(self, group, index: int, head: str):
        """The message of a record, or None when it is another port's, or cannot be read."""
        data = group.records[index]
        if self._port not in data:
            return None
        try:
            msg = self._archive.codec.decode(data)
        except FluxError:
            self._undecoded += 1
            return None
        if not msg.path or msg.path[-1][1] != self._port:
            return None
        return at_position(msg, group.first + index, head)

    def _take_volatile(self, limit: int) -> list:
        batch: list = []
        gone, entries = self._archive.gone, self._archive.entries
        # Only what is new: a disk that is away for long leaves many entries, and each that comes leads here.
        index = max(self._looked - gone, 0)
        while index < len(entries) and len(batch) < limit:
            entry = entries[index]
            index += 1
            if self in entry.taken or entry in self._volatile:
                continue
            msg = self._archive.outbox.message(entry)
            if msg.path and msg.path[-1][1] == self._port:
                self._volatile.append(entry)
                batch.append(marked_volatile(msg))
        self._looked = gone + index
        return batch

    def _pass(self, position: int) -> None:
        """Nothing at `position` is for this consumer, or it has that already: only this is worth a write."""
        self._passed = position
        if not self._unacknowledged:
            self._move(position, position in self._taken)
            self._taken.discard(position)

    def _acknowledge(self, position: int) -> None:
        self._unacknowledged = [each for each in self._unacknowledged if each > position]
        if not self._unacknowledged:
            position = max(position, self._passed)
        if self._taken:
            # Not before: after a rewind it comes to them again.
            self._taken = {each for each in self._taken if each > position}
        if position > self.acknowledged:
            self._move(position, True)

    def _move(self, position: int, write: bool) -> None:
        self._archive.journal.set_cursor(self._id, position, write)
        if write:
            self._archive.cursor_moved()
