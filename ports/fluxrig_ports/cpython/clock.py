"""Time on CPython: the monotonic clock, and the timers of the running asyncio loop."""

import asyncio
from time import monotonic_ns, time_ns

from fluxrig.errors import TransientError
from fluxrig.host import Clock

SPIN_US = 250
"""The last stretch before a deadline, spent turning the loop. It bounds the cost: at most this much CPU a deadline."""


class LoopClock(Clock):
    """Ticks are the microseconds of `time.monotonic`, which is also the time of asyncio's loop. They never wrap.

    How exact `sleep_until` is depends on the loop: see `fluxrig_ports.cpython.loop`.
    """

    def wall_ns(self) -> int:
        return time_ns()

    def ticks_us(self) -> int:
        return monotonic_ns() // 1000

    def ticks_add(self, ticks: int, us: int) -> int:
        return ticks + us

    def ticks_diff(self, later: int, earlier: int) -> int:
        return later - earlier

    async def sleep_ms(self, ms: int) -> None:
        await asyncio.sleep(ms / 1000)

    async def sleep_until(self, ticks: int) -> None:
        """Sleeps on a timer to shortly before the deadline, then gives way to other tasks until it is due.

        That covers what the kernel needs to wake a sleeping processor. And whoever comes back here again and again has
        all that leads back to the caller in the caches by the time it counts.
        """
        early = ticks - SPIN_US
        if early > monotonic_ns() // 1000:
            loop = asyncio.get_running_loop()
            awake = loop.create_future()
            timer = loop.call_at(early / 1e6, _finish, awake)
            try:
                await awake
            finally:
                timer.cancel()
        await asyncio.sleep(0)
        while ticks > monotonic_ns() // 1000:  # noqa: ASYNC110 - no event comes when time passes
            await asyncio.sleep(0)

    async def wait_for(self, awaitable, ms: int):
        try:
            async with asyncio.timeout(ms / 1000) as scope:
                return await awaitable
        except TimeoutError:
            if not scope.expired():
                raise
            raise TransientError(f"timed out after {ms} ms", timeout_ms=ms) from None


def _finish(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
