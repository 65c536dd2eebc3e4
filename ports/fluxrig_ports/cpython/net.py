"""TCP on CPython: one asyncio Protocol is the whole Stream.

asyncio's StreamReader serves lines and exact counts, and starts a task's worth of machinery for them. A fieldbus client
wants one thing, whatever has arrived, and wants it often.
"""

import asyncio
import socket
from typing import cast

from fluxrig.errors import LocalError, TransientError
from fluxrig.host import Stream
from fluxrig_ports.cpython.faults import link_error


async def connect(address: str, port: int, timeout_ms: int) -> "TcpStream":
    """An open TCP connection. TransientError when nobody answers in time, LocalError for an impossible address."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout_ms / 1000):
            sock = await open_socket(address, port)
            _, stream = await loop.create_connection(lambda: TcpStream(address, port), sock=sock)
    except TimeoutError:
        raise no_answer(address, port, timeout_ms) from None
    return stream


async def open_socket(address: str, port: int) -> socket.socket:
    """A connected, non-blocking socket with TCP_NODELAY; the caller sets the time limit and closes it.

    A name's addresses are tried one after the other. Raises the FluxError of the last of them.
    """
    if not 0 < port < 65_536:
        raise LocalError(f"{address}:{port}: a port is 1 to 65535", address=address, port=port)
    try:
        last: Exception = OSError("the name has no address")
        for family, kind, protocol, _, where in await _resolve(address, port):
            sock = socket.socket(family, kind, protocol)
            try:
                sock.setblocking(False)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                await asyncio.get_running_loop().sock_connect(sock, where)
            except OSError as exc:
                sock.close()
                last = exc
            except BaseException:
                sock.close()
                raise
            else:
                return sock
        raise last
    except (OSError, ValueError) as exc:  # ValueError: a host name that IDNA cannot encode
        raise link_error(exc, address, port) from exc


def no_answer(address: str, port: int, timeout_ms: int) -> TransientError:
    """The error of a peer that was silent for `timeout_ms`."""
    return TransientError(
        f"{address}:{port}: timed out, no answer within {timeout_ms} ms",
        address=address,
        port=port,
        timeout_ms=timeout_ms,
    )


async def _resolve(address: str, port: int) -> list:
    try:
        # Digits need no name server, and so no thread to wait for one.
        return socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        return await asyncio.get_running_loop().getaddrinfo(address, port, type=socket.SOCK_STREAM)


class TcpStream(asyncio.Protocol, Stream):
    """One connection. One task may read and one may write at a time; `close` ends the read of another task."""

    HIGH_WATER = 65_536
    """Bytes that may wait for `read` before the peer is held back. One more receive (256 KiB) can come on top."""

    LINGER_MS = 1000
    """How long `close` lets the peer take what was written and not yet sent."""

    def __init__(self, address: str, port: int):
        self._address = address
        self._port = port
        self._received = bytearray()
        self._held_back = False
        self._at_end = False
        self._fault: Exception | None = None
        self._reader: asyncio.Future[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._gone = asyncio.Event()
        self._transport: asyncio.Transport

    async def read(self, limit: int) -> bytes:
        received = self._received
        while not received:
            if self._at_end:
                if self._fault:
                    raise link_error(self._fault, self._address, self._port)
                return b""
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        chunk = bytes(received[:limit])
        del received[:limit]
        if self._held_back and len(received) < self.HIGH_WATER // 2:
            self._held_back = False
            self._transport.resume_reading()
        return chunk

    async def write(self, data: bytes) -> None:
        if self._transport.is_closing():
            raise self._lost()
        # A copy unless it is immutable already: the transport may keep a reference, and callers reuse their buffers.
        self._transport.write(bytes(data))
        if not self._writable.is_set():
            await self._writable.wait()
            if self._gone.is_set():
                raise self._lost()

    async def close(self) -> None:
        self._end()
        self._transport.close()
        try:
            async with asyncio.timeout(self.LINGER_MS / 1000):
                await self._gone.wait()
        except TimeoutError:
            pass
        finally:
            self._transport.abort()

    def _lost(self) -> Exception:
        fault = self._fault or ConnectionAbortedError("the connection is closed")
        return link_error(fault, self._address, self._port)

    def _end(self) -> None:
        self._at_end = True
        self._wake_reader()

    def _wake_reader(self) -> None:
        if self._reader and not self._reader.done():
            self._reader.set_result(None)

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._reader:
            self._wake_reader()
        if len(self._received) > self.HIGH_WATER and not self._held_back:
            self._held_back = True
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        self._end()
        return True  # the peer has only finished sending: what it still wants to receive can be written

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fault = exc
        self._end()
        self._gone.set()
        self._writable.set()
