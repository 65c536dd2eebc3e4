"""Who may use a line next: writes first, then whoever's deadline is nearest.

Among polls this is Earliest Deadline First, given up between two requests: it keeps every deadline that any order can
keep (Liu and Layland 1973), and nobody waits for ever, because a deadline that has passed is the nearest of all.
"""

import asyncio


class _Turn(asyncio.Event):
    """What one task waits for: set once it has been handed the turn."""

    deadline: int | None = None


class Turns:
    """One holder at a time. `acquire` waits for the turn, `release` hands it to the most urgent of those who wait.

    A deadline is in ticks of `clock`; None is ahead of every deadline, and such turns come in the order of their
    asking.
    """

    def __init__(self, clock):
        self._clock = clock
        self._held = False
        self._waiting: list[_Turn] = []  # in the order of their asking

    async def acquire(self, deadline: int | None) -> None:
        if not self._held:
            self._held = True
            return
        turn = _Turn()
        turn.deadline = deadline
        self._waiting.append(turn)
        try:
            await turn.wait()
        except BaseException:
            if turn.is_set():
                self.release()
            else:
                self._waiting.remove(turn)
            raise

    def release(self) -> None:
        if not self._waiting:
            self._held = False
            return
        first = self._waiting[0]
        for turn in self._waiting:
            if self._is_before(turn.deadline, first.deadline):
                first = turn
        self._waiting.remove(first)
        first.set()

    def is_wanted(self, deadline: int | None) -> bool:
        """Whether somebody waits who is more urgent than the holder, whose deadline is this one."""
        return any([self._is_before(turn.deadline, deadline) for turn in self._waiting])

    def _is_before(self, one: int | None, other: int | None) -> bool:
        if one is None or other is None:
            return one is None and other is not None
        return self._clock.ticks_diff(one, other) < 0
