"""Time on CPython: the monotonic clock, and the timers of the running asyncio loop."""

import asyncio
from time import monotonic_ns, time_ns

from fluxrig.errors import TransientError
from fluxrig.host import Clock

_RESOLUTION_S = 2e-9
"""asyncio runs a timer up to one tick of its clock (1 ns) early; a deadline must have passed."""


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
        if ticks <= monotonic_ns() // 1000:
            await asyncio.sleep(0)
            return
        loop = asyncio.get_running_loop()
        due = loop.create_future()
        timer = loop.call_at(ticks / 1e6 + _RESOLUTION_S, _finish, due)
        try:
            await due
        finally:
            timer.cancel()

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
