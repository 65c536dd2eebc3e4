"""Streams in RAM: null modems, and the two ends of a serial line."""

import asyncio

from fluxrig.errors import LocalError, TransientError
from fluxrig.host import Stream
from fluxrig_ports.memory.clock import VirtualClock


class Pipe:
    """One direction of a null modem: at most `CAPACITY` bytes wait in it."""

    CAPACITY = 8192

    def __init__(self, clock: VirtualClock | None = None):
        self.closed = False
        self._clock = clock
        self._bytes = b""
        self._changed = asyncio.Event()

    async def read(self, limit: int, timeout_ms: int = 0) -> bytes | None:
        if not self._bytes and not await self._arrival(timeout_ms):
            return None
        chunk, self._bytes = self._bytes[:limit], self._bytes[limit:]
        self._changed.set()
        return chunk

    def discard(self) -> int:
        if self.closed:
            raise TransientError("the peer has closed the connection")
        size = len(self._bytes)
        self._bytes = b""
        self._changed.set()
        return size

    async def write(self, data: bytes) -> None:
        while data:
            if self.closed:
                raise TransientError("the peer has closed the connection")
            room = self.CAPACITY - len(self._bytes)
            if room:
                self._bytes += data[:room]
                data = data[room:]
                self._changed.set()
            else:
                self._changed.clear()
                await self._changed.wait()

    def close(self) -> None:
        self.closed = True
        self._changed.set()

    async def _arrival(self, timeout_ms: int) -> bool:
        """Wait for bytes or the end. Whether there are some before the time is up."""
        if timeout_ms and self._clock is None:
            raise LocalError("a null modem without a clock knows no timeout: null_modem(clock)")
        alarm = self._clock.alarm(timeout_ms * 1000, self._changed) if timeout_ms and self._clock else None
        try:
            while not self._bytes and not self.closed:
                if alarm is not None and alarm.rang:
                    return False
                self._changed.clear()
                await self._changed.wait()
        finally:
            if alarm is not None:
                alarm.disarm()
        return True


class NullModem(Stream):
    """One end of a connection: what is written at one end is read at the other."""

    def __init__(self, inbound: Pipe, outbound: Pipe):
        self._inbound = inbound
        self._outbound = outbound

    @property
    def closed(self) -> bool:
        """Whether one of the two ends has been closed."""
        return self._inbound.closed

    async def read(self, limit: int, timeout_ms: int = 0) -> bytes | None:
        return await self._inbound.read(limit, timeout_ms)

    def discard(self) -> int:
        return self._inbound.discard()

    async def write(self, data: bytes) -> None:
        await self._outbound.write(bytes(data))

    async def close(self) -> None:
        self._inbound.close()
        self._outbound.close()


def null_modem(clock: VirtualClock | None = None) -> tuple:
    """The two ends of a new connection. The timeouts of both count the time of `clock`."""
    there, back = Pipe(clock), Pipe(clock)
    return NullModem(back, there), NullModem(there, back)


class SerialEnd(NullModem):
    """The end of a serial line that a Host has opened."""

    def __init__(self, path: str, inbound: Pipe, outbound: Pipe):
        super().__init__(inbound, outbound)
        self._path = path
        self._closed_here = False

    async def read(self, limit: int, timeout_ms: int = 0) -> bytes | None:
        data = await super().read(limit, timeout_ms)
        if data == b"" and not self._closed_here:
            raise TransientError(f"{self._path}: the adapter is gone", path=self._path)
        return data

    async def write(self, data: bytes) -> None:
        if self.closed:
            why = "the line is closed" if self._closed_here else "the adapter is gone"
            raise TransientError(f"{self._path}: {why}", path=self._path)
        await super().write(data)

    async def close(self) -> None:
        self._closed_here = True
        await super().close()

    async def pulled_out(self) -> None:
        """The adapter is gone: not closed from here."""
        await super().close()


class DeviceEnd(NullModem):
    """The other end of a serial line. `options` are those of `Host.serial`, for devices that answer to one baud rate.

    Closing it is pulling the adapter out: the line can be opened again.
    """

    def __init__(self, options: dict, inbound: Pipe, outbound: Pipe):
        super().__init__(inbound, outbound)
        self.options = options


def serial_line(options: dict, clock: VirtualClock) -> tuple:
    """The two ends of a line that is opened with `options`: (SerialEnd, DeviceEnd)."""
    there, back = Pipe(clock), Pipe(clock)
    return SerialEnd(options["path"], back, there), DeviceEnd(options, there, back)
