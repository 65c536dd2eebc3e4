"""TCP on MicroPython."""

# mypy: disable-error-code="attr-defined, arg-type"
import asyncio
import errno
import select
import socket
import struct
import time

from fluxrig.errors import FluxError, LocalError, TransientError
from fluxrig_ports.micropython.faults import link_error, name_error, no_answer
from fluxrig_ports.micropython.polled import PolledStream

_CONNECT_POLL_MS = 5
_TCP = 6  # IPPROTO_TCP and TCP_NODELAY have no names in MicroPython's socket module
_NODELAY = 1
_SOCKET = 1  # SOL_SOCKET and SO_LINGER, as Linux has them
_LINGER = 13


async def connect(address: str, port: int, timeout_ms: int) -> "TcpStream":
    """An open TCP connection. TransientError when nobody answers in time, LocalError for an impossible port.

    Looking a name up blocks the whole program while it lasts: MicroPython's resolver knows no other way.
    """
    if not 0 < port < 65_536:
        raise LocalError(f"{address}:{port}: a port is 1 to 65535", address=address, port=port)
    deadline = time.ticks_add(time.ticks_ms(), timeout_ms)
    try:
        info = socket.getaddrinfo(address, port, 0, socket.SOCK_STREAM)[0]
    except OSError as exc:
        raise name_error(exc, address, port)
    sock = socket.socket(info[0], info[1], info[2])
    # asyncio.open_connection loses its socket when it is cancelled, and no garbage collection closes it.
    try:
        sock.setblocking(False)
        send_at_once(sock)
        await _connected(sock, info[-1], deadline)
    except OSError as exc:
        sock.close()
        if exc.args[0] == errno.ETIMEDOUT:
            raise no_answer(address, port, timeout_ms)
        raise link_error(exc, address, port)
    except BaseException:
        sock.close()
        raise
    return TcpStream(sock, address, port)


def send_at_once(sock) -> None:
    """Set TCP_NODELAY, where the platform has it: a request must not wait for the acknowledgement of the last one."""
    try:
        sock.setsockopt(_TCP, _NODELAY, 1)
    except OSError:
        pass


async def _connected(sock, where, deadline: int) -> None:
    """Open the connection, or raise the OSError that says why not."""
    try:
        sock.connect(where)
    except OSError as exc:
        if exc.args[0] != errno.EINPROGRESS:
            raise
    poller = select.poll()
    poller.register(sock, select.POLLOUT)
    ready = poller.poll(0)
    while not ready:
        if time.ticks_diff(deadline, time.ticks_ms()) <= 0:
            raise OSError(errno.ETIMEDOUT)
        await asyncio.sleep_ms(_CONNECT_POLL_MS)
        ready = poller.poll(0)
    if ready[0][1] & (select.POLLERR | select.POLLHUP):
        sock.recv(1)  # raises what went wrong; there is no other way to ask
        raise OSError(errno.ECONNABORTED)


class TcpStream(PolledStream):
    """One TCP connection."""

    def __init__(self, sock, address: str, port: int):
        super().__init__(sock)
        self._address = address
        self._port = port

    def _end(self) -> bytes:
        return b""

    def _lost(self, fault: OSError | None) -> FluxError:
        if fault is not None:
            return link_error(fault, self._address, self._port)
        return TransientError(
            f"{self._address}:{self._port}: the connection is closed", address=self._address, port=self._port
        )

    async def abort(self) -> None:
        if self._file is not None:
            try:
                self._file.setsockopt(_SOCKET, _LINGER, struct.pack("ii", 1, 0))
            except OSError:
                pass  # not every device can
        await self.close()

    def _release(self, file) -> None:
        file.close()
