"""An asyncio loop with fine timers.

asyncio hands its timeouts to epoll, which counts whole milliseconds: a stock loop wakes half a millisecond late on
average. `FineSelector` sleeps with epoll until shortly before the timer, then with `select`, which counts
microseconds. What is left is the time that the kernel needs to wake a sleeping processor; the clock covers that, see
`LoopClock.sleep_until`. A loop without timers sleeps as it always did, and events are never served later than before.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from select import select
from typing import Any, TypeVar

T = TypeVar("T")

COARSE_S = 0.003
"""Timers farther away than this are left to epoll, which needs one system call where `select` needs two."""

COARSE_MARGIN_S = 0.002
"""How long before its timer such a wait ends: epoll's rounding (under 1 ms) and a late wake-up stay inside."""


def new_loop() -> asyncio.AbstractEventLoop:
    """A selector loop, also on Windows, where the default loop cannot watch the sockets of other libraries."""
    return asyncio.SelectorEventLoop(_selector())


def run(main: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` on such a loop."""
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(main)


if hasattr(selectors, "EpollSelector"):

    class FineSelector(selectors.EpollSelector):
        """Waits by epoll, and ends the wait a kernel's wake-up after the timeout."""

        def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            if timeout is None or timeout <= 0:
                return super().select(timeout)
            if timeout > COARSE_S:
                return super().select(timeout - COARSE_MARGIN_S)
            select([self], [], [], timeout)
            return super().select(0)

    _selector: type[selectors.BaseSelector] = FineSelector
else:
    _selector = selectors.DefaultSelector  # kqueue counts nanoseconds; Windows' select has nothing finer to offer
