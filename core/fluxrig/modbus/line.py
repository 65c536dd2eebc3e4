"""A line: one link to one or more units, and the turns of everybody who uses it.

No answer may ever be taken for another's. On TCP the transaction ids see to that (`tcp_line`). A serial line has none
(`rtu_line`): there a unit that was silent is left alone for so long that a late answer meets no request of its own, and
what came in the meantime is thrown away before the next request.

What does not work is left alone for a while, longer each time: the whole link when it cannot be opened or was lost, or
one unit when it does not answer. A silent unit costs its neighbours one timeout for each of its attempts.
"""

from fluxrig.compat import TYPE_CHECKING
from fluxrig.errors import FluxError, RemoteError, TransientError
from fluxrig.modbus.request import Request
from fluxrig.modbus.retry_pause import RetryPause
from fluxrig.modbus.turns import Turns

if TYPE_CHECKING:
    from fluxrig.host import Host, Stream

NOT_CONNECTED = "not_connected"
TIMEOUT = "timeout"
PROTOCOL_ERROR = "protocol_error"


class LineError(TransientError):
    """There is no answer. `reason` (field): `not_connected`, `timeout`, `protocol_error`, or a guard's own."""


class Lost(FluxError):
    """The link ended before the answer."""


class Unanswered(FluxError):
    """No answer within the time for it."""


class Unreachable(FluxError):
    """A gateway answered that it cannot reach the unit. Field: `reason`."""


class Line:
    """The link, opened by the first request that needs it. `TcpLine` and `RtuLine` know the frames on it.

    Config (compiled): {"kind": "tcp" | "rtu" | "rtu+tcp", "timeout_ms", "connect_timeout_ms", "reconnect_min_ms",
    "reconnect_max_ms", "pause_after_connect_ms", "request_delay_ms"}, and `address` and `port`, or `serial`, the
    options of `Host.serial`.

    The integer attributes named in `counters` count what happened on the line, whoever asked: the Rack reports them.
    `losses` counts the connections that were given up: whoever may not act on a new connection compares it.
    """

    counters = (
        "timeouts",
        "connect_failures",
        "reconnects",
        "disconnects",
        "protocol_errors",
        "exceptions",
        "strays",
    )

    def __init__(self, host: "Host", name: str, config: dict, log):
        """`log(level, text)` hears of each change between working and not, once."""
        self.name = name
        self.timeouts = self.connect_failures = self.reconnects = self.disconnects = 0
        self.protocol_errors = self.exceptions = self.strays = 0
        self.losses = 0
        self._host = host
        self._clock = host.clock
        self._config = config
        self._log = log
        self._is_serial = config["kind"] == "rtu"
        self._timeout_us = config["timeout_ms"] * 1000
        self._turns = Turns(host.clock)
        self._stream: Stream | None = None
        self._connected_before = False
        self._alive = False  # an answer has come over this connection since the last timeout
        self._link = RetryPause(config["reconnect_min_ms"], config["reconnect_max_ms"])
        self._units: dict = {}
        self._late: dict = {}  # {unit id: ticks until which it may still answer what it did not}, if that does harm
        self._next = 0  # of the requests that are being asked, the first that was not sent
        self._heard = False  # a part of an answer has come

    def expect_unit(self, unit_id: int) -> None:
        """Make the unit known, so that the line knows how many share it."""
        if unit_id not in self._units:
            self._units[unit_id] = RetryPause(self._first_pause_ms(), self._config["reconnect_max_ms"])

    async def ask(self, requests: list, deadline: int | None = None, guard=None, even_paused: bool = False) -> None:
        """Ask `requests`, all of one unit, in order; each ends in its `take` or its `fail`.

        Waits for its turns: `deadline` (ticks) says how urgent it is, None goes ahead of all that have one. Then each
        request waits at most the timeout, and once the connect timeout. `guard()`, called right before anything is
        sent, may raise a LineError to call it off. `even_paused`: try also what is being left alone.
        """
        unit_id = requests[0].unit_id
        self.expect_unit(unit_id)
        requests = list(requests)  # whose order changes when some are asked again
        unit = self._units[unit_id]
        at = 0
        while at < len(requests):
            await self._turns.acquire(deadline)
            late = None
            try:
                if unit_id in self._late and (even_paused or not unit.is_on(self._clock.wall_ns())):
                    late = self._late_until(unit_id)
                if late is None:
                    at = await self._ask_some(
                        unit, requests, at, deadline=deadline, guard=guard, even_paused=even_paused
                    )
            finally:
                self._turns.release()
            if late is not None:
                await self._clock.sleep_until(late)  # while the others have their turns

    async def close(self) -> None:
        """Release the link."""
        stream, self._stream = self._stream, None
        if stream is not None:
            await stream.close()

    async def _ask_some(self, unit: RetryPause, requests: list, at: int, deadline, guard, even_paused: bool) -> int:
        """Ask requests from index `at` on, until somebody more urgent waits. The index of the first not asked."""
        self._next = at
        try:
            if unit.reason is not None and not even_paused and unit.is_on(self._clock.wall_ns()):
                raise LineError(unit.why, reason=unit.reason)
            if guard:
                guard()
            is_reused = await self._is_open(requests[at])
            stream = self._stream or await self._connect(even_paused)
            if guard:
                guard()
            requests[at].sent = True
            try:
                await self._converse(stream, unit, requests, deadline)
            except Lost as exc:
                self.disconnects += 1
                # A server may close a connection that stood idle, which shows only now. A read may be repeated.
                if not (is_reused or self._alive) or self._heard or not requests[at].repeatable:
                    self._note_link(NOT_CONNECTED, str(exc))
                    raise LineError(str(exc), reason=NOT_CONNECTED)
                # The answers may have come in another order.
                unanswered = self._unanswered()
                answered = self._next - len(unanswered)
                requests[answered : self._next] = unanswered
                self._next = answered
            return self._next
        except LineError as exc:
            for request in self._unanswered() + requests[self._next :]:
                request.fail(exc)
            return len(requests)
        finally:
            self._unanswered()  # whoever was cancelled leaves nothing under way

    async def _converse(self, stream: "Stream", unit: RetryPause, requests: list, deadline) -> None:
        """Exchange requests and answers, and judge how that ended: the stream is kept or dropped."""
        keep = False
        self._heard = False
        try:
            await self._exchange(stream, unit, requests, deadline)
            keep = True
            self._link.worked()
            if unit.worked():
                self._log("info", f"{self._called(requests)} answers")
        except Unanswered as exc:
            self.timeouts += 1
            # Behind a gateway one unit may be silent while the others go on over the same connection. Two silences
            # without an answer between them are a connection that leads nowhere.
            keep = self._is_serial or (self._alive and len(self._units) > 1)
            self._alive = False
            raise self._failed(unit, requests, TIMEOUT, str(exc))
        except Unreachable as exc:
            keep = True
            raise self._failed(unit, requests, exc.reason, str(exc))
        except RemoteError as exc:
            self.protocol_errors += 1
            keep = self._is_serial
            raise self._failed(unit, requests, PROTOCOL_ERROR, str(exc))
        except TransientError as exc:
            raise Lost(str(exc))
        finally:
            if not keep:
                await self._drop()

    async def _exchange(self, stream: "Stream", unit: RetryPause, requests: list, deadline: int | None) -> None:
        """Send requests from index `self._next` on, keeping that up to date, and take the answers to them.

        Sets `self._heard` while only a part of an answer has come, and `self._alive` with each answer. Ends when all
        that were sent are answered, and all are sent or somebody more urgent waits. Raises Unanswered, Unreachable,
        Lost, RemoteError, or the TransientError of a stream that broke.
        """
        raise NotImplementedError

    def _unanswered(self) -> list:
        """The requests that were sent and not answered, which are then forgotten."""
        raise NotImplementedError

    def _forget(self) -> None:
        """What has come over the connection so far is of no more use."""

    def _late_until(self, unit_id: int) -> int | None:
        """When the answer of a unit in `_late` can come no more, in ticks. None when that has passed."""
        return None

    def _first_pause_ms(self) -> int:
        """How long a unit is left alone at least."""
        return self._config["reconnect_min_ms"]

    async def _is_open(self, request: Request) -> bool:
        """Whether there is a connection, as far as can be known before `request` is sent.

        For what may be sent only once it is worth a look whether the peer has closed a connection that stood idle.
        """
        if self._stream is None:
            return False
        if not request.repeatable:
            try:
                self.strays += self._stream.discard() > 0
                self._forget()
            except TransientError:
                self.disconnects += 1
                self._forget()
                await self.close()
                return False
        return True

    async def _connect(self, even_paused: bool) -> "Stream":
        if self._link.is_on(self._clock.wall_ns()) and not even_paused:
            raise LineError(self._link.why, reason=self._link.reason)
        config = self._config
        try:
            if self._is_serial:
                stream = await self._host.serial(config["serial"])
            else:
                stream = await self._host.connect(config["address"], config["port"], config["connect_timeout_ms"])
        except FluxError as exc:
            self.connect_failures += 1
            self._note_link(NOT_CONNECTED, str(exc))
            raise LineError(str(exc), reason=NOT_CONNECTED)
        if self._connected_before:
            self.reconnects += 1
        self._connected_before = True
        self._stream = stream
        self._alive = False
        if config["pause_after_connect_ms"]:
            await self._clock.sleep_ms(config["pause_after_connect_ms"])
        return stream

    async def _drop(self) -> None:
        self.losses += 1
        self._forget()
        stream, self._stream = self._stream, None
        if stream is not None:
            await stream.abort()  # a write that nobody answers must not be delivered later

    def _note_link(self, reason: str, why: str) -> None:
        if self._link.failed(reason, why, self._clock.wall_ns()):
            self._log("warning", f"{self.name}: {why}; values are bad:{reason} until it answers")
        for unit in self._units.values():
            unit.known = False  # each of them tells when it answers again

    def _failed(self, unit: RetryPause, requests: list, reason: str, why: str) -> LineError:
        """Take note of a failure of one unit; the error to raise for it."""
        if unit.failed(reason, why, self._clock.wall_ns()):
            self._log("warning", f"{self._called(requests)}: {why}; values are bad:{reason} until it answers")
        return LineError(why, reason=reason)

    def _called(self, requests: list) -> str:
        """What logs call the unit that these requests are for."""
        return f"{self.name} unit {requests[0].unit_id}"
