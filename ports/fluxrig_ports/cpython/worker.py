"""One thread beside the event loop, for calls that wait for a disk.

Each call costs two wake-ups and nothing else: the thread waits on a pipe, and the loop on another one. Measured on two
idle cores, an executor's queue and `call_soon_threadsafe` cost 70 us more, a third of a write to a solid state disk.
"""

import asyncio
import os
import threading
from collections import deque
from collections.abc import Callable
from typing import Any


class Worker:
    """Runs calls one after another, in the order of `run`. For the event loop that it was made on.

    A call that hangs keeps neither the loop nor the end of the process waiting.
    """

    def __init__(self, name: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._calls: deque[tuple[asyncio.Future, Callable, tuple] | None] = deque()
        self._results: deque[tuple[asyncio.Future, Any, BaseException | None]] = deque()
        self._awaits_call, self._wakes_thread = os.pipe()
        try:
            self._awaits_result, self._wakes_loop = os.pipe()
        except OSError:
            os.close(self._awaits_call)
            os.close(self._wakes_thread)
            raise
        self._watched = self._watch()
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def run(self, call: Callable, *arguments: object) -> asyncio.Future:
        """The future result of `call(*arguments)`. It is done to its end even if the future is cancelled."""
        future = self._loop.create_future()
        self._put((future, call, arguments))
        return future

    def end(self) -> None:
        """End the thread after what it was given so far. No further `run`; the results so far still arrive."""
        self._put(None)

    def forget(self) -> None:
        """The loop hears no more of this worker, which was ended before."""
        if self._watched:
            self._loop.remove_reader(self._awaits_result)
        os.close(self._awaits_result)
        os.close(self._wakes_thread)

    def _watch(self) -> bool:
        """Whether this loop can watch a pipe. That of Windows cannot."""
        try:
            self._loop.add_reader(self._awaits_result, self._receive)
        except NotImplementedError:
            return False
        return True

    def _put(self, call: tuple[asyncio.Future, Callable, tuple] | None) -> None:
        self._calls.append(call)
        os.write(self._wakes_thread, b"c")

    def _receive(self) -> None:
        os.read(self._awaits_result, 64)
        self._settle()

    def _settle(self) -> None:
        while self._results:
            future, result, error = self._results.popleft()
            if future.done():
                continue  # cancelled
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

    def _work(self) -> None:
        try:
            while os.read(self._awaits_call, 1):
                given = self._calls.popleft()
                if given is None:
                    break
                future, call, arguments = given
                try:
                    self._results.append((future, call(*arguments), None))
                except BaseException as exc:
                    self._results.append((future, None, exc))
                # Held any longer, they would keep buffers alive until the next call.
                del given, future, call, arguments
                self._tell()
        finally:
            os.close(self._awaits_call)
            os.close(self._wakes_loop)

    def _tell(self) -> None:
        try:
            if self._watched:
                os.write(self._wakes_loop, b"r")
            else:
                self._loop.call_soon_threadsafe(self._settle)
        except (OSError, RuntimeError):
            pass  # the loop has ended, or forgotten this worker
