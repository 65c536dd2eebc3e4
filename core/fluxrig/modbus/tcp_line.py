"""A line of Modbus/TCP: several requests may be under way at once, told apart by their transaction ids."""

from fluxrig.compat import TYPE_CHECKING
from fluxrig.modbus.line import Line, Lost, Unanswered, Unreachable
from fluxrig.modbus.retry_pause import RetryPause
from fluxrig.modbus.tcp import MAX_FRAME, Transactions

if TYPE_CHECKING:
    from fluxrig.host import Host, Stream


class TcpLine(Line):
    """Config (compiled): as `Line`, and {"pipeline"}: how many requests may be under way.

    A unit that is not known to answer is asked one request first.
    """

    def __init__(self, host: "Host", name: str, config: dict, log):
        super().__init__(host, name, config, log)
        self._transactions = Transactions(self)
        self._delay_us = config["request_delay_ms"] * 1000
        self._window = 1 if self._delay_us else config["pipeline"]
        self._read_limit = MAX_FRAME * self._window
        self._ready_at: int | None = None

    async def _exchange(self, stream: "Stream", unit: RetryPause, requests: list, deadline: int | None) -> None:
        clock = self._clock
        transactions = self._transactions
        under_way = transactions.under_way
        window = self._window if unit.known and unit.reason is None else 1
        first = self._next
        end = len(requests)
        if self._delay_us:
            await self._wait_delay()
        try:
            while True:
                at = self._next
                if at < end and len(under_way) < window and (at == first or not self._turns.is_wanted(deadline)):
                    self._next = min(at + window - len(under_way), end)
                    await stream.write(transactions.send(requests[at : self._next]))
                transactions.deliver()  # while the device works on the next ones
                if not under_way:
                    return
                await self._answers(stream)
                window = self._window
                if self._delay_us:
                    transactions.deliver()
                    self._ready_at = clock.ticks_add(clock.ticks_us(), self._delay_us)
                    if self._next < end and not self._turns.is_wanted(deadline):
                        await self._wait_delay()
        finally:
            transactions.deliver()
            if self._delay_us:
                self._ready_at = clock.ticks_add(clock.ticks_us(), self._delay_us)

    async def _answers(self, stream: "Stream") -> None:
        """Wait until at least one request is answered."""
        clock = self._clock
        left_us = self._timeout_us
        limit = clock.ticks_add(clock.ticks_us(), left_us)
        while left_us > 0:
            data = await stream.read(self._read_limit, (left_us + 999) // 1000)
            if data is None:
                break
            if not data:
                raise Lost("the peer closed the connection")
            self._heard = True
            if self._transactions.receive(data, clock.wall_ns()):
                self._heard = False
                self._alive = True
                refused = self._transactions.unreachable
                if refused:
                    raise Unreachable(str(refused), reason=refused.reason)
                return
            # Strays and pieces give no more time.
            left_us = clock.ticks_diff(limit, clock.ticks_us())
        raise Unanswered(f"no answer within {self._timeout_us // 1000} ms")

    async def _wait_delay(self) -> None:
        """Wait until the last answer is as long ago as the device needs."""
        if self._ready_at is not None:
            left_us = self._clock.ticks_diff(self._ready_at, self._clock.ticks_us())
            if 0 < left_us <= self._delay_us:  # more than that is a clock that has wrapped since
                await self._clock.sleep_until(self._ready_at)

    def _unanswered(self) -> list:
        return self._transactions.forget()

    def _forget(self) -> None:
        self._transactions.restart()
