"""What sockets, ttys and UARTs have in common: reads and writes that never wait, and a loop that polls for input."""

# mypy: disable-error-code="attr-defined"
import asyncio
import time

from fluxrig.errors import FluxError
from fluxrig_ports.micropython.contract import Stream

_TIME_UP = "time up"
_CLOSED = "closed"
_NOTHING = bytearray(0)  # to read nothing is to wait until there is something


class PolledStream(Stream):
    """A stream over `file`, which `select.poll` knows. One task may read while another one writes.

    A subclass says how to receive and send without waiting, what an end and an error mean, and releases the file.
    """

    BURST = 16
    """Calls in a row that need not wait, before the other tasks get their turn."""

    WRITE_POLL_MS = 5
    """How often a full buffer is looked at. A wait in the queue of the loop would not survive a cancelled read."""

    DISCARD_LIMIT = 16_384
    DISCARD_AT_ONCE = 256

    def __init__(self, file):
        self._file = file
        self._input = asyncio.StreamReader(file)
        self._calls = 0
        self._reader: asyncio.Task | None = None  # while it waits
        self._deadline: int | None = None  # of the read that waits, in ticks_ms
        self._watchdog: asyncio.Task | None = None
        self._watchdog_wakes = 0  # in ticks_ms

    @property
    def closed(self) -> bool:
        return self._file is None

    async def read(self, limit: int, timeout_ms: int = 0) -> bytes | None:
        self._calls += 1
        if self._calls > self.BURST:
            self._calls = 0
            await asyncio.sleep_ms(0)
        if self._file is None:
            return b""
        try:
            data = self._receive(limit)
            if data is None:
                self._calls = 0
                self._reader = asyncio.current_task()
                self._limit_wait(timeout_ms)
            while data is None:
                await self._input.readinto(_NOTHING)
                data = b"" if self._file is None else self._receive(limit)
        except OSError as exc:
            raise self._lost(exc)
        except asyncio.CancelledError as exc:
            if exc.args == (_TIME_UP,):
                return None
            if exc.args == (_CLOSED,):
                return b""
            raise
        finally:
            self._reader = None
        if not data and self._file is not None:
            return self._end()
        return data

    async def abort(self) -> None:
        await self.close()

    def discard(self) -> int:
        dropped = 0
        while dropped < self.DISCARD_LIMIT:
            try:
                data = b"" if self._file is None else self._receive(self.DISCARD_AT_ONCE)
            except OSError as exc:
                raise self._lost(exc)
            if data is None:
                break
            if not data:
                raise self._lost(None)
            dropped += len(data)
        return dropped

    async def write(self, data: bytes) -> None:
        self._calls += 1
        if self._calls > self.BURST:
            self._calls = 0
            await asyncio.sleep_ms(0)
        rest: bytes | memoryview = data
        while self._file is not None:
            try:
                sent = self._send(rest)
            except OSError as exc:
                raise self._lost(exc)
            if sent == len(rest):
                return
            if sent:
                rest = memoryview(rest)[sent:]
            await asyncio.sleep_ms(self.WRITE_POLL_MS)
        raise self._lost(None)

    async def close(self) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        if self._reader is not None:
            _interrupt(self._reader, _CLOSED)
        if self._watchdog is not None:
            self._watchdog.cancel()
        self._release(file)

    # What subclasses know.

    def _receive(self, limit: int) -> bytes | None:
        """At most `limit` bytes that are there: b"" when nothing more will come, None when nothing is there now."""
        return self._file.read(limit)

    def _send(self, data) -> int | None:
        """Send what can be sent at once: how many bytes that was, 0 or None for none."""
        return self._file.write(data)

    def _end(self) -> bytes:
        """What `read` returns, or raises, when nothing more will come."""
        raise NotImplementedError

    def _lost(self, fault: OSError | None) -> FluxError:
        """The error of a stream that failed with `fault`; without one, of a stream that has been closed."""
        raise NotImplementedError

    def _release(self, file) -> None:
        """Close `file`. Called once; must not raise."""
        raise NotImplementedError

    # Waiting. asyncio can only wait for input without limit, and its wait_for makes two tasks each time. Here one task,
    # the watchdog, serves many reads: it is not moved when an answer comes, and ends when it wakes and nobody waits.

    def _limit_wait(self, timeout_ms: int) -> None:
        if not timeout_ms:
            self._deadline = None
            return
        self._deadline = deadline = time.ticks_add(time.ticks_ms(), timeout_ms)
        if self._watchdog is not None:
            if time.ticks_diff(self._watchdog_wakes, deadline) <= 0:
                return
            self._watchdog.cancel()
        self._watchdog = asyncio.create_task(self._watch())
        self._watchdog_wakes = deadline

    async def _watch(self) -> None:
        """End the read that runs out of time."""
        while self._reader is not None and self._deadline is not None:
            left_ms = time.ticks_diff(self._deadline, time.ticks_ms())
            if left_ms <= 0:
                _interrupt(self._reader, _TIME_UP)
                break
            self._watchdog_wakes = self._deadline
            await asyncio.sleep_ms(left_ms)
        self._watchdog = None


def _interrupt(task: asyncio.Task, why: str) -> None:
    """End the wait of `task` for input, if it still waits, by a CancelledError that says why.

    A real cancellation that comes after it takes its place, and one that came before it is left alone: the task is then
    no longer in the queue of those that wait for input. asyncio's wait_for tells its own in the same way.
    """
    if isinstance(task.data, asyncio.IOQueue) and task.cancel():
        task.data = asyncio.CancelledError(why)
