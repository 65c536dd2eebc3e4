"""What umqtt.simple is given for a socket."""

# mypy: disable-error-code="attr-defined"
import errno
import time

from fluxrig.errors import RemoteError
from fluxrig_ports.micropython.net import send_at_once


class Link:
    """A socket whose every read and write is bounded, in time and in size.

    It stands in for the `ssl` module too: `wrap_socket` is where both umqtt.simple 1.3 and its successors hand over the
    socket they have connected, and where TLS belongs.
    """

    READ_LIMIT = 1024
    """Bytes at once. A session that only publishes is sent no more than four."""

    def __init__(self, timeout_ms: int):
        self.sock: object = None
        self.within(timeout_ms)

    def within(self, timeout_ms: int) -> None:
        """From now on everything must be done in `timeout_ms`."""
        self._deadline = time.ticks_add(time.ticks_ms(), timeout_ms)

    def wrap_socket(self, sock, server_hostname=None) -> "Link":
        send_at_once(sock)
        self.sock = sock
        return self

    def read(self, size: int) -> bytes:
        """Exactly `size` bytes. OSError when the time is up or the broker closes."""
        if size > self.READ_LIMIT:
            raise RemoteError(f"the broker sends {size} bytes at once, more than {self.READ_LIMIT}")
        data = b""
        while len(data) < size:
            self._limit_wait()
            chunk = self.sock.read(size - len(data))
            if chunk is None:
                raise OSError(errno.ETIMEDOUT)
            if not chunk:
                raise OSError(errno.ECONNRESET)
            data += chunk
        return data

    def write(self, data: bytes, size: int | None = None) -> None:
        """All of `data`, or its first `size` bytes. OSError when the time is up or the broker is gone."""
        rest = memoryview(data)[: len(data) if size is None else size]
        while rest:
            self._limit_wait()
            sent = self.sock.write(rest)
            if sent is None:
                raise OSError(errno.ETIMEDOUT)
            rest = rest[sent:]

    def setblocking(self, flag: bool) -> None:
        """Ignored: umqtt.simple would take the time limit away."""

    def close(self) -> None:
        sock, self.sock = self.sock, None
        if sock is not None:
            sock.close()

    def _limit_wait(self) -> None:
        left_ms = time.ticks_diff(self._deadline, time.ticks_ms())
        if left_ms <= 0:
            raise OSError(errno.ETIMEDOUT)
        self.sock.settimeout(left_ms / 1000)
