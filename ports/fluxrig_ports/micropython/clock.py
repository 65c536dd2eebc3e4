"""Time on MicroPython: ticks that wrap, and deadlines finer than the loop's milliseconds."""

# mypy: disable-error-code="attr-defined"
import asyncio
import time

from fluxrig.errors import TransientError
from fluxrig_ports.micropython.contract import Clock

_YEAR_2000_NS = 946_684_800_000_000_000  # after 1970: where some ports begin to count


class TicksClock(Clock):
    """Ticks are `time.ticks_us`. `tick_ms` is how coarse the loop sleeps: 1 on unix and RP2040, 10 on ESP32."""

    def __init__(self, tick_ms: int = 1):
        self._tick_ms = tick_ms
        self._epoch_ns = _YEAR_2000_NS if time.gmtime(0)[0] == 2000 else 0
        self.ticks_us = time.ticks_us  # type: ignore[method-assign] # the function itself: one call less a look
        self.ticks_add = time.ticks_add  # type: ignore[method-assign]
        self.ticks_diff = time.ticks_diff  # type: ignore[method-assign]

    def wall_ns(self) -> int:
        return time.time_ns() + self._epoch_ns

    async def sleep_ms(self, ms: int) -> None:
        await asyncio.sleep_ms(ms)

    async def sleep_until(self, ticks: int) -> None:
        """Sleeps to one tick of the loop before the deadline, then gives way to other tasks until it is due."""
        ticks_diff, ticks_us = time.ticks_diff, time.ticks_us
        early_ms = ticks_diff(ticks, ticks_us()) // 1000 - self._tick_ms
        await asyncio.sleep_ms(max(early_ms, 0))
        while ticks_diff(ticks, ticks_us()) > 0:
            await asyncio.sleep_ms(0)

    async def wait_for(self, awaitable, ms: int):
        try:
            return await asyncio.wait_for_ms(awaitable, ms)
        except asyncio.TimeoutError:
            raise TransientError(f"timed out after {ms} ms", timeout_ms=ms)
