"""A compiled rig as a process: it runs until told to stop, and ends in order."""

import asyncio
import gc
import signal
import threading
from collections.abc import Awaitable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from fluxrig.host import Host
from fluxrig.rack import Rack


async def run_rack(rig: dict, host: Host, until: Awaitable[object] | None = None) -> dict[str, Any]:
    """Run `rig` on `host` until `until` is done, or SIGINT or SIGTERM comes. Returns the Rack's stats.

    The first signal drains and stops the Gears; a second one ends the process at once. Raises what refuses the rig, and
    what `until` raises.
    """
    stopped = asyncio.Event()
    waits = [asyncio.ensure_future(each) for each in (stopped.wait(), until) if each is not None]
    ending = asyncio.ensure_future(_first(waits))
    try:
        with _stop_signals(stopped, host):
            rack = Rack(host, rig)
            with _garbage_settled():
                await rack.run(ending)
    finally:
        for each in (ending, *waits):
            each.cancel()
    return rack.stats()


async def _first(futures: Iterable[asyncio.Future[Any]]) -> None:
    """Wait for one of `futures`. Raises what it raised."""
    done, _ = await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
    for future in done:
        future.result()


@contextmanager
def _garbage_settled() -> Iterator[None]:
    """Within it, collections pass over what is loaded by now, and run when the Rack's schedule has slack for them.

    The interpreter's own collector stays as the backstop, with thresholds that are seldom reached.
    """
    thresholds = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


@contextmanager
def _stop_signals(stopped: asyncio.Event, host: Host) -> Iterator[None]:
    """Within it, the first SIGINT or SIGTERM sets `stopped`. Only the main thread can receive signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()

    def stop(number: int) -> None:
        host.log("info", "rack", f"stopping ({signal.Signals(number).name}); once more ends at once")
        stopped.set()

    def received(number: int, _frame: object) -> None:
        for each in before:
            signal.signal(each, signal.SIG_DFL)
        loop.call_soon_threadsafe(stop, number)

    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    for each in before:
        signal.signal(each, received)
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
