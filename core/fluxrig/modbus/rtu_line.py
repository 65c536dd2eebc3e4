"""A serial line, or a TCP connection to one: one request at a time, told apart by silence.

What a late answer could do: a unit answers after its timeout, and that is taken for the answer to the next request.
So a unit that was silent is left alone for at least as long again as it had to answer, and what has come by then is
thrown away. Another unit may be asked meanwhile, because frames carry the id of the unit that answers. What a unit says
later than twice its timeout cannot be told from an answer: there is nothing in a frame that would tell.
"""

from fluxrig.compat import TYPE_CHECKING
from fluxrig.errors import RemoteError
from fluxrig.modbus.line import Line, Lost, Unanswered, Unreachable
from fluxrig.modbus.pdu import ExceptionResponse
from fluxrig.modbus.request import Request
from fluxrig.modbus.retry_pause import RetryPause
from fluxrig.modbus.rtu import BROADCAST, MAX_FRAME, Receiver, frame

if TYPE_CHECKING:
    from fluxrig.host import Host, Stream


class RtuLine(Line):
    """Config (compiled): as `Line`, and {"byte_us", "silence_us": times of one character and of 3.5 characters (0 over
    TCP, where the gateway keeps them), "turnaround_ms": the pause after a broadcast, "local_echo": the adapter returns
    what is sent}.
    """

    QUIET_US = 50_000
    """A damaged answer is given up when nothing more has come for so long."""

    def __init__(self, host: "Host", name: str, config: dict, log):
        super().__init__(host, name, config, log)
        self._receiver = Receiver()
        self._byte_us = config["byte_us"]
        self._gap_us = max(config["silence_us"], config["request_delay_ms"] * 1000)
        self._turnaround_ms = config["turnaround_ms"]
        self._local_echo = config["local_echo"]
        self._ready_at: int | None = None

    async def _exchange(self, stream: "Stream", unit: RetryPause, requests: list, deadline: int | None) -> None:
        first = self._next
        for index in range(first, len(requests)):
            self._next = index
            if index > first and self._turns.is_wanted(deadline):
                return
            request = requests[index]
            try:
                data = await self._ask_one(stream, request)
            except ExceptionResponse as exc:
                self._heard = False
                self._alive = True
                self.exceptions += 1
                self._late.pop(request.unit_id, None)
                request.fail(exc)
                if exc.unreachable:
                    self._next = index + 1
                    raise Unreachable(str(exc), reason=exc.reason)
            else:
                self._late.pop(request.unit_id, None)
                request.take(data, self._clock.wall_ns())
        self._next = len(requests)

    async def _ask_one(self, stream: "Stream", request: Request) -> bytes:
        """The data of the answer. An answer that came damaged is asked for once more, if that does no harm."""
        if not request.frame:
            request.frame = frame(request.unit_id, request.pdu)
        await self._send(stream, request)
        if request.unit_id == BROADCAST:
            await self._clock.sleep_ms(self._turnaround_ms)
            return b""
        answer = await self._receive(stream, request)
        if answer is None and request.repeatable:
            self.protocol_errors += 1
            await self._send(stream, request)
            answer = await self._receive(stream, request)
        if answer is None:
            raise RemoteError("the answer came damaged: its checksum is wrong")
        return answer

    async def _send(self, stream: "Stream", request: Request) -> None:
        clock = self._clock
        if self._ready_at is not None and self._gap_us:
            left_us = clock.ticks_diff(self._ready_at, clock.ticks_us())
            if 0 < left_us <= self._gap_us:  # more than that is a clock that has wrapped since
                await clock.sleep_until(self._ready_at)
        self.strays += stream.discard() > 0
        self._receiver.expect(request.unit_id, request.prefix, request.size, request.frame)
        longest_us = self._longest_us(request)
        if request.unit_id != BROADCAST:
            self._late[request.unit_id] = clock.ticks_add(clock.ticks_us(), longest_us + self._timeout_us)
        if self._is_serial:
            # An adapter that hangs takes nothing more, and nobody else would notice.
            await clock.wait_for(stream.write(request.frame), (longest_us + 999) // 1000)
        else:
            await stream.write(request.frame)

    async def _receive(self, stream: "Stream", request: Request) -> bytes | None:
        """The data of the answer, None when it came damaged."""
        clock = self._clock
        receiver = self._receiver
        echo = request.frame if self._local_echo else b""
        left_us = self._longest_us(request)
        limit = clock.ticks_add(clock.ticks_us(), left_us)
        self._late[request.unit_id] = clock.ticks_add(limit, self._timeout_us)
        while left_us > 0:
            if receiver.damaged:
                left_us = min(left_us, self.QUIET_US)
            data = await stream.read(MAX_FRAME, (left_us + 999) // 1000)
            if data is None:
                break
            if not data:
                raise Lost("the link was closed at the other end")
            self._heard = True
            now = clock.ticks_us()
            self._ready_at = clock.ticks_add(now, self._gap_us)
            if echo:
                data, echo = _without_echo(data, echo)
            answer = receiver.feed(data)
            if answer is not None:
                self._heard = False
                self._alive = True
                return answer
            left_us = clock.ticks_diff(limit, now)
        if receiver.damaged:
            return None
        waited = f"no answer within {self._timeout_us // 1000} ms"
        raise Unanswered(f"{waited}, {receiver.received} bytes came" if receiver.received else waited)

    def _longest_us(self, request: Request) -> int:
        """How long a request and its answer may take, their time on the wire included."""
        answer_size = MAX_FRAME if request.size is None else len(request.prefix) + request.size + 3
        return self._timeout_us + (len(request.frame) + answer_size) * self._byte_us

    def _late_until(self, unit_id: int) -> int | None:
        # Its pause is nearly always longer. Not after a step of the wall clock, a failure before the timeout, or when
        # whoever asked has ended; nor for what is asked all the same. A new connection makes no difference to the unit.
        late: int = self._late[unit_id]
        left_us = self._clock.ticks_diff(late, self._clock.ticks_us())
        if 0 < left_us <= 2 * (self._timeout_us + MAX_FRAME * self._byte_us):  # more: the ticks have wrapped since
            return late
        return None

    def _unanswered(self) -> list:
        return []  # the request under way is the one at `_next`

    def _first_pause_ms(self) -> int:
        return max(super()._first_pause_ms(), self._timeout_us // 1000)


def _without_echo(data: bytes, echo: bytes) -> tuple:
    """(what follows the echo in `data`, what of the echo is still to come). RemoteError when something else came."""
    size = min(len(data), len(echo))
    if data[:size] != echo[:size]:
        raise RemoteError("what was sent came back changed: two talk at once, or local_echo is wrong")
    return data[size:], echo[size:]
