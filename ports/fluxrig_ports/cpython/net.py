"""TCP on CPython."""

import asyncio
import socket
import struct

from fluxrig.errors import FluxError, LocalError, TransientError
from fluxrig_ports.cpython.descriptor import DescriptorStream
from fluxrig_ports.cpython.faults import link_error


async def connect(address: str, port: int, timeout_ms: int) -> "TcpStream":
    """An open TCP connection. TransientError when nobody answers in time, LocalError for an impossible address."""
    try:
        async with asyncio.timeout(timeout_ms / 1000):
            sock = await open_socket(address, port)
    except TimeoutError:
        raise no_answer(address, port, timeout_ms) from None
    return TcpStream(sock, address, port)


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


class TcpStream(DescriptorStream):
    """One TCP connection. What `write` has returned from is sent, also after `close`, by the kernel."""

    def __init__(self, sock: socket.socket, address: str, port: int):
        super().__init__(sock.fileno(), sock.recv, sock.send)
        self._sock = sock
        self._address = address
        self._port = port

    def _end(self, fault: OSError | None) -> bytes:
        if fault:
            raise link_error(fault, self._address, self._port)
        return b""  # the peer has only finished sending: what it still wants to receive can be written

    def _lost(self, fault: OSError | None) -> FluxError:
        fault = fault or ConnectionAbortedError("the connection is closed")
        return link_error(fault, self._address, self._port)

    async def abort(self) -> None:
        if not self._closed:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await self.close()

    async def _release(self) -> None:
        self._sock.close()
