"""Who may use a line next: writes first, then whoever's deadline is nearest.

Among polls this is Earliest Deadline First, given up between two requests: it keeps every deadline that any order can
keep (Liu and Layland 1973), and nobody waits for ever, because a deadline that has passed is the nearest of all.
"""

import asyncio


class Turns:
    """One holder at a time. `take` waits for the turn, `give` hands it to the most urgent of those who wait.

    A deadline is in ticks of `clock`; None is ahead of every deadline, and such turns come in the order of their
    asking.
    """

    def __init__(self, clock):
        self._clock = clock
        self._taken = False
        self._waiting: list = []  # [deadline, event, whether it was handed the turn]

    async def take(self, deadline: int | None) -> None:
        if not self._taken:
            self._taken = True
            return
        waiter: list = [deadline, asyncio.Event(), False]
        self._waiting.append(waiter)
        try:
            await waiter[1].wait()
        except BaseException:
            if waiter[2]:
                self.give()
            else:
                self._waiting.remove(waiter)
            raise

    def give(self) -> None:
        if not self._waiting:
            self._taken = False
            return
        first = self._waiting[0]
        for waiter in self._waiting:
            if self._is_before(waiter[0], first[0]):
                first = waiter
        self._waiting.remove(first)
        first[2] = True
        first[1].set()

    def is_wanted(self, deadline: int | None) -> bool:
        """Whether somebody waits who is more urgent than the holder, whose deadline is this one."""
        return any([self._is_before(waiter[0], deadline) for waiter in self._waiting])

    def _is_before(self, one: int | None, other: int | None) -> bool:
        if one is None or other is None:
            return one is None and other is not None
        return self._clock.ticks_diff(one, other) < 0
