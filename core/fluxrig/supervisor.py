"""The tasks of a Rack: each has an owner, is restarted with back-off when it fails, and ends with its owner."""

import asyncio

from fluxrig.compat import cancel_requested
from fluxrig.errors import TransientError, failure_text
from fluxrig.gear import KILL


class Supervisor:
    """`restarts` counts the failures that were answered with another start."""

    RESTART_MIN_MS = 500
    RESTART_MAX_MS = 60_000
    """The back-off doubles from the first to the second, and starts over after a run that lasted longer than it."""

    def __init__(self, clock, log):
        self.restarts = 0
        self._clock = clock
        self._log = log
        self._work: list = []  # (owner, name, coroutine function), until `start`
        self._running: list = []  # (owner, task)
        self._ending = False
        self._none_left = asyncio.Event()

    def add(self, owner, name: str, work) -> None:
        """Register the coroutine function `work`; it runs from `start` on.

        The `owner`, such as a `Station`, has a `name`, `alive`, `on_error`, and `errors`, which is counted up for each
        failure. Where `on_error` is `kill`, the first failure that is not transient ends it, by its `kill()`.
        """
        self._work.append((owner, name, work))

    def start(self) -> None:
        for owner, name, work in self._work:
            self._running.append((owner, asyncio.create_task(self._run(owner, name, work))))
        self._work = []

    def end_of(self, owner) -> None:
        """End the tasks of one owner, but not the one that is asking for it."""
        for each, task in self._running:
            if each is owner and task is not asyncio.current_task():
                task.cancel()

    async def end(self, limit_ms: int) -> None:
        """End every task, and wait until they have cleaned up. TransientError when one has not within `limit_ms`."""
        self._ending = True
        await self._clock.sleep_ms(0)  # what is cancelled before it began never gets as far as to leave `_running`
        for _, task in self._running:
            task.cancel()
        if self._running:
            await self._clock.wait_for(self._none_left.wait(), limit_ms)

    async def _run(self, owner, name: str, work) -> None:
        try:
            await self._keep_running(owner, name, work)
        finally:
            task = asyncio.current_task()
            self._running = [entry for entry in self._running if entry[1] is not task]
            if not self._running:
                self._none_left.set()

    async def _keep_running(self, owner, name: str, work) -> None:
        clock = self._clock
        pause = self.RESTART_MIN_MS
        while owner.alive:
            began = clock.wall_ns()
            try:
                await work()
                return
            except asyncio.CancelledError:
                # Either we are told to end, or something that the work waited for was cancelled under it.
                if self._ending or not owner.alive or cancel_requested():
                    raise
                why, transient = "what it waited for was cancelled", False
            except Exception as exc:
                why = failure_text(exc)
                transient = isinstance(exc, TransientError)
            owner.errors += 1
            if owner.on_error == KILL and not transient:
                self._log("error", owner.name, f"task {name!r} failed: {why}")
                owner.kill()
                return
            # By the wall clock, because ticks wrap within minutes: a step of it changes one pause, within its limits.
            if clock.wall_ns() - began > pause * 1_000_000:
                pause = self.RESTART_MIN_MS
            self.restarts += 1
            self._log("error", owner.name, f"task {name!r} failed, again in {pause} ms: {why}")
            await clock.sleep_ms(pause)
            pause = min(pause * 2, self.RESTART_MAX_MS)
