"""What sockets and serial lines have in common: a non-blocking file descriptor that the loop watches.

asyncio's transports and protocols stand several calls a message between a fieldbus master and its bytes. Here the loop
calls one method when there is something, and `read` takes it from there.
"""

import asyncio
from collections.abc import Callable

from fluxrig.errors import FluxError
from fluxrig.host import Stream


class DescriptorStream(Stream):
    """A stream over the descriptor `fd`, made within the loop. One task may read while another one writes.

    `receive(limit)` and `send(data)` are its system calls: they raise BlockingIOError where they would have to wait. A
    subclass says what an end and an error mean, and releases the descriptor.
    """

    HIGH_WATER = 65_536
    """Bytes that may wait for `read` before the sender is held back. One more receive can come on top."""

    RECEIVE = 65_536
    """Bytes at once from the kernel."""

    BURST = 16
    """Reads in a row that need not wait, before the other tasks get their turn."""

    def __init__(self, fd: int, receive: Callable[[int], bytes], send: Callable[[bytes | memoryview], int]):
        self._fd = fd
        self._receive = receive
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._received: bytes | bytearray = b""
        self._burst = 0
        self._watched = False
        self._at_end = False  # nothing more will be received
        self._fault: OSError | None = None
        self._closed = False
        self._reader: asyncio.Future[bool] | None = None
        self._writer: asyncio.Future[bool] | None = None
        self._deadline: float | None = None  # of the read that waits, in the loop's time
        self._timer: asyncio.TimerHandle | None = None
        self._watch()

    async def read(self, limit: int, timeout_ms: int = 0) -> bytes | None:
        self._burst += 1
        if self._burst > self.BURST:
            self._burst = 0
            await asyncio.sleep(0)
        # While the last answer was looked at the next may have come: then there is no need to go through the loop.
        if not self._received and not self._at_end:
            self._fetch()
        while not self._received:
            if self._at_end:
                return self._end(self._fault)
            self._burst = 0
            self._limit_wait(timeout_ms)
            self._reader = self._loop.create_future()
            try:
                in_time = await self._reader
            finally:
                self._reader = None
            if not in_time and not self._received:
                return None
        return self._take(limit)

    def discard(self) -> int:
        dropped = 0
        while dropped < self.HIGH_WATER:
            if not self._at_end:
                self._fetch()
            if not self._received:
                break
            dropped += len(self._take(len(self._received)))
        if self._at_end:
            raise self._lost(self._fault)
        return dropped

    async def write(self, data: bytes) -> None:
        rest: bytes | memoryview = data
        while not self._closed:
            try:
                sent = self._send(rest)
            except BlockingIOError:
                sent = 0
            except OSError as exc:
                raise self._lost(exc) from exc
            if sent == len(rest):
                return
            rest = memoryview(rest)[sent:]
            await self._room()
        raise self._lost(None)

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._received = b""
        self._finish(None)
        self._loop.remove_writer(self._fd)
        _settle(self._writer, True)
        if self._timer:
            self._timer.cancel()
        await self._release()

    # What subclasses know.

    def _end(self, fault: OSError | None) -> bytes:
        """What `read` returns, or raises, at the end: after `fault`, after `close`, or because nothing more comes."""
        raise NotImplementedError

    def _lost(self, fault: OSError | None) -> FluxError:
        """The error of a stream that failed with `fault`; without one, of a stream that has been closed."""
        raise NotImplementedError

    async def _release(self) -> None:
        """Close the descriptor, which nobody watches any more. Called once; must not raise."""
        raise NotImplementedError

    # Receiving.

    def _watch(self) -> None:
        self._watched = True
        self._loop.add_reader(self._fd, self._fetch)

    def _unwatch(self) -> None:
        if self._watched:
            self._watched = False
            self._loop.remove_reader(self._fd)

    def _fetch(self) -> None:
        """Take over what the kernel holds. The loop calls it when there is something."""
        try:
            data = self._receive(self.RECEIVE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as exc:
            self._finish(exc)
            return
        if not data:
            self._finish(None)
            return
        if not self._received:
            self._received = data  # as it is: nearly always it is read in one piece
        else:
            self._received = _growing(self._received)
            self._received += data
            if len(self._received) > self.HIGH_WATER:
                self._unwatch()
        _settle(self._reader, True)

    def _take(self, limit: int) -> bytes:
        received = self._received
        if len(received) <= limit:
            self._received = b""
            data = bytes(received)  # the same object, unless it came in pieces
        else:
            self._received = received = _growing(received)
            data = bytes(received[:limit])
            del received[:limit]
        if not self._watched and not self._at_end and len(self._received) < self.HIGH_WATER // 2:
            self._watch()
        return data

    def _finish(self, fault: OSError | None) -> None:
        self._unwatch()
        self._at_end = True
        self._fault = fault
        _settle(self._reader, True)

    # One timer serves many reads: it is not moved when an answer comes, but when it rings too early for the read that
    # waits by then.

    def _limit_wait(self, timeout_ms: int) -> None:
        if not timeout_ms:
            self._deadline = None
            return
        self._deadline = deadline = self._loop.time() + timeout_ms / 1000
        if self._timer is None:
            self._timer = self._loop.call_at(deadline, self._ring)
        elif self._timer.when() > deadline:
            self._timer.cancel()
            self._timer = self._loop.call_at(deadline, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._reader is None or self._deadline is None:
            return
        if self._loop.time() < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._ring)
        else:
            _settle(self._reader, False)

    # Sending.

    async def _room(self) -> None:
        """Wait until the kernel takes more, or the stream is closed."""
        self._writer = self._loop.create_future()
        self._loop.add_writer(self._fd, _settle, self._writer, True)
        try:
            await self._writer
        finally:
            self._writer = None
            if not self._closed:
                self._loop.remove_writer(self._fd)


def _settle(future: asyncio.Future[bool] | None, result: bool) -> None:
    if future is not None and not future.done():
        future.set_result(result)


def _growing(data: bytes | bytearray) -> bytearray:
    return data if isinstance(data, bytearray) else bytearray(data)
