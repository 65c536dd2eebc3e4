"""Time that stands still until it is told to pass."""

import asyncio

from fluxrig.errors import TransientError
from fluxrig.host import Clock

_WRAP = 1 << 30
_HALF = _WRAP >> 1


class VirtualClock(Clock):
    """A clock that stands still until `advance`. Its ticks wrap at 2**30 us, as on a 32-bit device.

    Sleepers wake in the order of their deadlines, then of their calls. Between two deadlines every other task runs
    until it waits, bounded by `SETTLE_TURNS` turns of the event loop.
    """

    SETTLE_TURNS = 50

    def __init__(self, wall_ns: int = 1_767_225_600_000_000_000, ticks: int = _WRAP - 1_000_000):
        # The default ticks wrap one second after the start, so that every test crosses the wrap.
        self._wall_start = wall_ns
        self._ticks_start = ticks
        self._now_us = 0
        self._alarms: list = []
        self._order = 0

    def wall_ns(self) -> int:
        return self._wall_start + self._now_us * 1000

    def step_wall(self, ns: int) -> None:
        """Correct the wall clock by `ns`, as a time server does; ticks do not notice."""
        self._wall_start += ns

    def ticks_us(self) -> int:
        return (self._ticks_start + self._now_us) % _WRAP

    def ticks_add(self, ticks: int, us: int) -> int:
        return (ticks + us) % _WRAP

    def ticks_diff(self, later: int, earlier: int) -> int:
        return (later - earlier + _HALF) % _WRAP - _HALF

    async def sleep_ms(self, ms: int) -> None:
        await self._sleep(max(ms, 0) * 1000)

    async def sleep_until(self, ticks: int) -> None:
        await self._sleep(max(self.ticks_diff(ticks, self.ticks_us()), 0))

    async def wait_for(self, awaitable, ms: int):
        done = asyncio.Event()
        outcome: list = []
        task = asyncio.create_task(_settle_into(outcome, done, awaitable))
        alarm = self.alarm(ms * 1000, done)
        try:
            await done.wait()
            timed_out = not outcome
            if timed_out:
                # As on a real loop, whoever is timed out has cleaned up before the caller hears of it.
                task.cancel()
                done.clear()
                while not outcome:
                    await done.wait()
        finally:
            alarm.disarm()
            task.cancel()
        if timed_out:
            raise TransientError(f"timed out after {ms} ms", timeout_ms=ms)
        result, error = outcome[0]
        if error is not None:
            raise error
        return result

    async def advance(self, ms: int) -> None:
        """Let `ms` of virtual time pass."""
        end = self._now_us + ms * 1000
        await self._settle()
        while self._alarms:
            alarm = min(self._alarms, key=_due)
            if alarm.due_us > end:
                break
            self._now_us = max(self._now_us, alarm.due_us)
            alarm.ring()
            await self._settle()
        self._now_us = end

    def alarm(self, us: int, event: asyncio.Event) -> "Alarm":
        """An alarm that sets `event` once `us` have passed. Whoever asks for it disarms it."""
        self._order += 1
        return Alarm(self._alarms, self._now_us + us, self._order, event)

    async def _sleep(self, us: int) -> None:
        if us == 0:
            await asyncio.sleep(0)
            return
        event = asyncio.Event()
        alarm = self.alarm(us, event)
        try:
            await event.wait()
        finally:
            alarm.disarm()

    async def _settle(self) -> None:
        for _ in range(self.SETTLE_TURNS):
            await asyncio.sleep(0)


class Alarm:
    """Sets an event when its clock reaches `due_us`; `rang` tells that from other reasons to set the event."""

    def __init__(self, armed: list, due_us: int, order: int, event: asyncio.Event):
        self.due_us = due_us
        self.order = order
        self.rang = False
        self._armed = armed
        self._event = event
        armed.append(self)

    def ring(self) -> None:
        self.disarm()
        self.rang = True
        self._event.set()

    def disarm(self) -> None:
        """It is no longer needed, whether it rang or not."""
        if self in self._armed:
            self._armed.remove(self)


def _due(alarm: Alarm) -> tuple:
    return alarm.due_us, alarm.order


async def _settle_into(outcome: list, done, awaitable) -> None:
    try:
        outcome.append((await awaitable, None))
    except (Exception, asyncio.CancelledError) as exc:
        outcome.append((None, exc))
    done.set()
