"""How long a request occupies the line of an `io_modbus` Gear, in whole microseconds, rounded up.

On a serial line (MODBUS over Serial Line V1.02, section 2.5.1): the silence before the request, or the longer delay
that the device wants; the request, 8 characters; the silence by which the device knows its end; what the device takes
to begin its answer; the answer, 5 characters around the data. An answer that does not come costs the timeout, which
begins when the request is sent, and the characters that the runtime waits for beyond it.

Over TCP nobody knows what the way costs: what is said there is an estimate, the device's time for each request.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from fluxrig.modbus.pdu import read_size
from fluxrig_tooling.rig.lower.io_modbus.link import RTU, RTU_OVER_TCP, TCP, Link
from fluxrig_tooling.rig.lower.io_modbus.planner import Request

REQUEST_BYTES = 8
"""A read on a serial line: unit, function, address, count, CRC."""

ANSWER_BYTES = 5
"""What stands around the data of an answer: unit, function, size, CRC."""

TCP_REQUEST_BYTES = 12
TCP_ANSWER_BYTES = 9
"""The same with the header of Modbus/TCP and without CRC."""

RESPONSE_TIMES_MS = {TCP: 10, RTU: 20, RTU_OVER_TCP: 50}
"""How long a device takes to begin its answer, where the rig does not say."""


@dataclass(frozen=True)
class BusTime:
    """What requests cost on `link`, to devices that take `response_ms` to begin an answer."""

    link: Link
    response_ms: int

    def answered(self, request: Request) -> int:
        """The time of one request with its answer."""
        wire = self._characters(REQUEST_BYTES) + self._characters(answer_bytes(request))
        return self._pause + wire + self.link.silence_us + self.response_ms * 1000

    def unanswered(self, request: Request) -> int:
        """The time of one request whose answer does not come."""
        waited = self.link.byte_us * (REQUEST_BYTES + answer_bytes(request)) + self.link.options["timeout"] * 1000
        return self._pause + self._characters(REQUEST_BYTES) + waited

    def poll(self, requests: Sequence[Request]) -> int:
        """The time of all of `requests`, of which the link carries some at once."""
        total = sum(self.answered(request) for request in requests)
        return -(-total // self.link.options["pipeline"])

    def bytes_of(self, request: Request) -> int:
        """Bytes of the request and its answer."""
        data = read_size(request.function, request.count)
        if self.link.kind == TCP:
            return TCP_REQUEST_BYTES + TCP_ANSWER_BYTES + data
        return REQUEST_BYTES + ANSWER_BYTES + data

    @property
    def _pause(self) -> int:
        return max(self.link.silence_us, self.link.options["request_delay"] * 1000)

    def _characters(self, count: int) -> int:
        """The time of `count` characters."""
        if not self.link.is_serial:
            return 0
        return -(-count * self.link.character_bits * 1_000_000 // self.link.options["baud"])


def answer_bytes(request: Request) -> int:
    """Bytes of the answer on a serial line."""
    return ANSWER_BYTES + read_size(request.function, request.count)
