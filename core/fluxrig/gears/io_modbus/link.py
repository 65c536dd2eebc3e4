"""One Modbus/TCP connection, shared by the groups of a Gear: one request at a time, reconnect with back-off.

No answer may ever be taken for another's, so a connection is kept only by an exchange that ended well: after a timeout,
a wrong transaction id or anything else that is not the answer, it is closed, and what may still come over it is lost
with it. Transaction ids go on counting over reconnects, because a gateway may answer late into the next connection.
"""

import asyncio

from fluxrig.errors import FluxError, RemoteError, TransientError
from fluxrig.host import Host, Stream
from fluxrig.modbus.pdu import MAX_FRAME, ExceptionResponse, frame_tail, read_response, unframe

NOT_CONNECTED = "not_connected"
TIMEOUT = "timeout"
PROTOCOL_ERROR = "protocol_error"


class LinkError(TransientError):
    """There is no answer. `reason` (field): `not_connected`, `timeout` or `protocol_error`."""


class _Lost(FluxError):
    """The connection ended before the answer; `midway` (field): within it. No TransientError, which is the timeout."""


class Link:
    """The connection to one peer, opened by the first request that needs it.

    Config (compiled): {"address", "port", "unit_id", "timeout_ms", "connect_timeout_ms", "reconnect_min_ms",
    "reconnect_max_ms"}. After a failure, requests fail at once, with its reason, until the back-off has passed; it
    doubles from the minimum to the maximum and starts over with the first answer.

    `tally` has the counters that this class raises: `timeouts`, `connect_failures`, `reconnects`, `disconnects` and
    `protocol_errors`. `log(level, text)` hears of each change between working and not, once.
    """

    def __init__(self, host: Host, config: dict, tally, log):
        self._host = host
        self._clock = host.clock
        self._tally = tally
        self._log = log
        self._address = config["address"]
        self._port = config["port"]
        self._unit_id = config["unit_id"]
        self._timeout_ms = config["timeout_ms"]
        self._connect_timeout_ms = config["connect_timeout_ms"]
        self._pause_min_ms = config["reconnect_min_ms"]
        self._pause_max_ms = config["reconnect_max_ms"]
        self._turn = asyncio.Lock()
        self._stream: Stream | None = None
        self._transaction = 0
        self._connected_before = False
        self._works = False
        self._reason: str | None = None  # why nothing has worked since `_failed_ns`
        self._why = ""
        self._failed_ns = 0
        self._pause_ms = 0

    def prepare(self, pdu: bytes) -> bytes:
        """What `read` sends for the request `pdu`, but for the transaction id. It is made once, not for every poll."""
        return frame_tail(self._unit_id, pdu)

    async def read(self, prepared: bytes, function: int, size: int) -> bytes:
        """The data that the peer answers to a prepared read request; see `read_response`.

        Waits for its turn, then at most the connect timeout and the timeout, each at most twice. Raises LinkError when
        there is no answer, ExceptionResponse when the answer is no.
        """
        async with self._turn:
            while True:
                stream, self._stream = self._stream, None
                reused = stream is not None
                if stream is None:
                    stream = await self._connect()
                try:
                    return await self._ask(stream, prepared, function, size)
                except _Lost as exc:
                    self._tally.disconnects += 1
                    # A server may close a connection that stood idle, which shows only now. A read may be repeated.
                    if not reused or exc.midway:
                        raise self._failing(NOT_CONNECTED, str(exc)) from None

    async def close(self) -> None:
        """Release the connection."""
        stream, self._stream = self._stream, None
        if stream is not None:
            await stream.close()

    async def _connect(self) -> Stream:
        if self._reason is not None and self._backing_off():
            raise LinkError(self._why, reason=self._reason)
        try:
            stream = await self._host.connect(self._address, self._port, self._connect_timeout_ms)
        except FluxError as exc:
            self._tally.connect_failures += 1
            raise self._failing(NOT_CONNECTED, str(exc)) from None
        if self._connected_before:
            self._tally.reconnects += 1
        self._connected_before = True
        return stream

    async def _ask(self, stream: Stream, prepared: bytes, function: int, size: int) -> bytes:
        """One exchange over `stream`, which is kept if it ends well, and closed otherwise."""
        try:
            answer = await self._clock.wait_for(self._exchange(stream, prepared), self._timeout_ms)
            data = read_response(answer, function, size)
            self._keep(stream)
            return data
        except ExceptionResponse:
            self._keep(stream)
            raise
        except RemoteError as exc:
            self._tally.protocol_errors += 1
            raise self._failing(PROTOCOL_ERROR, str(exc)) from None
        except TransientError:
            self._tally.timeouts += 1
            raise self._failing(TIMEOUT, f"no answer within {self._timeout_ms} ms") from None
        finally:
            if self._stream is None:
                await stream.close()

    async def _exchange(self, stream: Stream, prepared: bytes) -> bytes:
        """Send a request; the PDU of the answer. _Lost when the link ends first, RemoteError on any other answer."""
        self._transaction = transaction = (self._transaction + 1) & 0xFFFF
        received = b""
        used = 0
        try:
            await stream.write(transaction.to_bytes(2, "big") + prepared)
            while not used:
                chunk = await stream.read(MAX_FRAME - len(received))
                if not chunk:
                    raise TransientError("the peer closed the connection")
                received += chunk
                used, answered, unit_id, answer = unframe(received)
        except TransientError as exc:
            raise _Lost(str(exc), midway=len(received) > 0) from None
        if answered != transaction:
            raise RemoteError(f"transaction {transaction} was answered with {answered}", transaction_id=answered)
        if unit_id != self._unit_id:
            raise RemoteError(f"unit {self._unit_id} was asked, unit {unit_id} answered", unit_id=unit_id)
        if used != len(received):
            raise RemoteError(f"{len(received) - used} bytes follow the answer", length=len(received))
        return answer

    def _backing_off(self) -> bool:
        # By the wall clock, because ticks wrap within minutes and polls may be hours apart. When it is stepped, the
        # next attempt only comes early.
        elapsed_ns = self._clock.wall_ns() - self._failed_ns
        return 0 <= elapsed_ns < self._pause_ms * 1_000_000

    def _failing(self, reason: str, why: str) -> LinkError:
        """Take note of a failure; the error to raise for it."""
        if self._reason is None:
            self._pause_ms = self._pause_min_ms
        else:
            self._pause_ms = min(self._pause_ms * 2, self._pause_max_ms)
        if reason != self._reason:
            self._log("warning", f"{self._address}:{self._port}: {why}; values are bad:{reason} until it answers")
        self._works = False
        self._reason = reason
        self._why = why
        self._failed_ns = self._clock.wall_ns()
        return LinkError(why, reason=reason)

    def _keep(self, stream: Stream) -> None:
        self._stream = stream
        if not self._works:
            self._works = True
            self._reason = None
            self._log("info", f"{self._address}:{self._port} answers")
