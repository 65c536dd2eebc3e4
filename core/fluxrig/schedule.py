"""Periodic work by absolute deadline.

A `Ticker` stands on a grid: epoch + phase + n * period. It never drifts, because each deadline follows from the one
before it and not from when the work ran. A deadline is *missed* when the work before it had not ended one whole period
later: it is counted and skipped, never made up for in a burst. The time between deadlines is *slack*, and garbage is
collected there, where nobody waits for it.
"""

import gc

from fluxrig.errors import LocalError
from fluxrig.histogram import Histogram

LONGEST_WAIT_US = 1 << 28
"""4.5 minutes: what is farther away in ticks is waited for in steps of this, or counts as just this far away.

Ticks wrap (see `fluxrig.host.Clock`), and with this much to spare their differences stay valid also when it is late."""


class Ticker:
    """One task's deadlines. `ticks` counts those served, `missed` those that passed unserved; `lateness` is in us.

    Where ticks wrap, the work between two calls of `tick`, and the time from the epoch to the first, must stay below
    2**29 us (9 minutes). Every wait of a Gear has a timeout well below that.
    """

    def __init__(self, schedule: "Schedule", name: str, period_ms: int, phase_ms: int = 0):
        if period_ms < 1:
            raise LocalError(f"{name}: a period is at least 1 ms, not {period_ms}")
        self.name = name
        self.period_us = period_ms * 1000
        self.ticks = 0
        self.missed = 0
        self.lateness = Histogram()
        self._schedule = schedule
        self._clock = schedule.clock
        self._remaining = phase_ms * 1000  # from self.deadline to the next grid point
        self._joining = True
        self.waiting = False
        self.deadline = schedule.epoch

    async def tick(self) -> int:
        """Wait for the next deadline. Returns how late (us, 0 or more) this wait ended.

        The first call joins the grid: it returns at once when a point has passed already, and what was late about that
        was nobody's to serve.
        """
        clock = self._clock
        if self._joining:
            self._joining = False
            if self._join_grid():
                await clock.sleep_ms(0)
                self.ticks += 1
                return 0
        while True:
            step = min(self._remaining, LONGEST_WAIT_US)
            self.deadline = clock.ticks_add(self.deadline, step)
            self._remaining -= step
            self.waiting = True
            try:
                self._schedule.use_slack()
                await clock.sleep_until(self.deadline)
            finally:
                self.waiting = False
            if not self._remaining:
                break
        late = max(clock.ticks_diff(clock.ticks_us(), self.deadline), 0)
        self.ticks += 1
        self.lateness.add(late)
        skipped = late // self.period_us
        self.missed += skipped
        self.deadline = clock.ticks_add(self.deadline, skipped * self.period_us)
        self._remaining = self.period_us
        return late

    def _join_grid(self) -> bool:
        """Stand on the last grid point before now, if there is one; True then."""
        self.deadline = self._schedule.epoch
        overdue = self._clock.ticks_diff(self._clock.ticks_us(), self.deadline) - self._remaining
        if overdue < 0:
            return False
        passed = self._remaining + overdue // self.period_us * self.period_us
        self.deadline = self._clock.ticks_add(self.deadline, passed)
        self._remaining = self.period_us
        return True


class Schedule:
    """The tickers of one Rack, and the garbage collection in their slack.

    A collection runs when the nearest deadline that a task waits for is farther away than twice what collections take.
    Where there is never that much slack, the interpreter still collects by itself when its own limits are reached.
    """

    GC_INTERVAL_MS = 1000
    """At most one collection in this time."""

    def __init__(self, clock):
        self.clock = clock
        self.tickers: list[Ticker] = []
        self.epoch = clock.ticks_us()
        self.collections = 0
        self._gc_cost_us = 1000
        self._gc_last = self.epoch

    def start(self) -> None:
        """Put the grid's epoch at this moment; call it once everything is loaded."""
        gc.collect()
        self.epoch = self.clock.ticks_us()

    def ticker(self, name: str, period_ms: int, phase_ms: int = 0) -> Ticker:
        """A new ticker. LocalError for a period below 1 ms."""
        ticker = Ticker(self, name, period_ms, phase_ms)
        self.tickers.append(ticker)
        return ticker

    def slack_us(self, now: int) -> int:
        """Microseconds from `now` to the nearest deadline that is waited for; negative when one is overdue."""
        diff = self.clock.ticks_diff
        return min([diff(ticker.deadline, now) for ticker in self.tickers if ticker.waiting])

    def use_slack(self) -> None:
        """Collect garbage if that is due and no deadline is near."""
        clock = self.clock
        now = clock.ticks_us()
        if clock.ticks_diff(now, self._gc_last) < self.GC_INTERVAL_MS * 1000:
            return
        if self.slack_us(now) < 2 * self._gc_cost_us:
            # One collection that was disturbed must not end collecting: the estimate shrinks until it fits again.
            self._gc_cost_us -= self._gc_cost_us >> 4
            return
        gc.collect()
        self._gc_last = clock.ticks_us()
        self._gc_cost_us = clock.ticks_diff(self._gc_last, now)
        self.collections += 1

    def lateness(self) -> Histogram:
        """Every ticker's lateness together."""
        total = Histogram()
        for ticker in self.tickers:
            total.merge(ticker.lateness)
        return total

    def missed(self) -> int:
        """The deadlines that passed unserved, of all tickers together."""
        return sum([ticker.missed for ticker in self.tickers])
