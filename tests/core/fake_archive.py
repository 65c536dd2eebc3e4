"""An archive in a list, for tests of what stands on one. Messages are durable at once, or with `commit()`."""

import asyncio

from fluxrig.archive.marks import at_position
from fluxrig.errors import TransientError


class FakeArchive:
    """`messages[p - 1]` stands at position p. `acknowledged` is {cursor id: position}, `dead` the dead letters.

    `full`: nothing is taken. `deaf`: no dead letter can be written. `broken`: nothing can be read. A FakeArchive made
    `after` another one has what that one's disk had.
    """

    is_open = True
    is_behind = False

    def __init__(self, at_once=True, after=None):
        self.messages = [] if after is None else after.messages[:]
        self.acknowledged = {} if after is None else dict(after.acknowledged)
        self.dead = []  # (message, reason, wire)
        self.full = self.deaf = self.broken = False
        self._at_once = at_once
        self._waiting = []
        self._more = asyncio.Event()

    def append(self, msg, emit=None):
        if self.full:
            raise TransientError("the archive is full")
        self._waiting.append((msg, emit))
        if self._at_once:
            self.commit()

    def commit(self):
        waiting, self._waiting = self._waiting, []
        first = len(self.messages) + 1
        self.messages += [at_position(msg, first + i, "0" * 64) for i, (msg, _) in enumerate(waiting)]
        for i, (_, emit) in enumerate(waiting):
            if emit is not None:
                emit(self.messages[first + i - 1])
        self._more.set()

    def cursor(self, cursor_id, port_id):
        return FakeCursor(self, cursor_id, port_id)

    async def dead_letter(self, msg, reason, wire):
        if self.deaf:
            raise TransientError("no room for dead letters")
        self.dead.append((msg, reason, wire))


class FakeCursor:
    unreadable = 0

    def __init__(self, archive, cursor_id, port_id):
        self._archive = archive
        self._id = cursor_id
        self._port = port_id
        self._next = 0
        self.rewind()

    def _mine(self, first):
        """(index behind it, message) of this port's messages from index `first` on."""
        messages = self._archive.messages
        return [(i + 1, messages[i]) for i in range(first, len(messages)) if messages[i].path[-1][1] == self._port]

    async def take(self, limit):
        while True:
            if self._archive.broken:
                raise TransientError("the disk does not answer")
            found = self._mine(self._next)[:limit]
            if found:
                self._next = found[-1][0]
                return [msg for _, msg in found]
            self._archive._more.clear()
            await self._archive._more.wait()

    def rewind(self):
        self._next = self._archive.acknowledged.get(self._id, 0)

    def done(self, msg):
        self._archive.acknowledged[self._id] = int(msg.meta["archive.pos"])

    async def survey(self, see):
        if self._archive.broken:
            raise TransientError("the disk does not answer")
        for _, msg in self._mine(self._archive.acknowledged.get(self._id, 0)):
            see(msg)
            await asyncio.sleep(0)
