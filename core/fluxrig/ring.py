"""A bounded queue that counts what it drops: it stands where the world is asynchronous."""

import asyncio

from fluxrig.errors import LocalError

DROP_OLDEST = "drop_oldest"
DROP_NEWEST = "drop_newest"


class Ring:
    """First in, first out, at most `capacity` items, allocated once.

    `put` never waits: when the ring is full, `policy` says which end loses an item, and `dropped` counts it.
    One consumer may wait in `get`.
    """

    def __init__(self, capacity: int, policy: str = DROP_OLDEST):
        if capacity < 1:
            raise LocalError(f"a ring needs room for at least one item, not {capacity}")
        if policy not in (DROP_OLDEST, DROP_NEWEST):
            raise LocalError(f"expected the policy of a ring to be {DROP_OLDEST} or {DROP_NEWEST}, got {policy!r}")
        self.dropped = 0
        self._drop_newest = policy == DROP_NEWEST
        self._slots: list = [None] * capacity
        self._head = 0
        self._used = 0
        self._filled = asyncio.Event()

    def __len__(self) -> int:
        return self._used

    @property
    def capacity(self) -> int:
        return len(self._slots)

    def put(self, item) -> bool:
        """Append `item`. False when something was dropped for it, or when it was dropped itself."""
        slots = self._slots
        kept = True
        if self._used == len(slots):
            self.dropped += 1
            if self._drop_newest:
                return False
            self._take()
            kept = False
        slots[(self._head + self._used) % len(slots)] = item
        self._used += 1
        self._filled.set()
        return kept

    def get_nowait(self):
        """The oldest item, or None when the ring is empty."""
        return self._take() if self._used else None

    async def filled(self) -> None:
        """Wait until there is an item. It takes none, so a wait that is given up, in whatever way, loses none."""
        while not self._used:
            self._filled.clear()
            await self._filled.wait()

    async def get(self):
        """The oldest item; waits for one."""
        await self.filled()
        return self._take()

    def _take(self):
        slots = self._slots
        item = slots[self._head]
        slots[self._head] = None
        self._head = (self._head + 1) % len(slots)
        self._used -= 1
        return item
