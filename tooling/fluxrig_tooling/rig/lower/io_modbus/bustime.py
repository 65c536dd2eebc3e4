"""How long a request occupies the line of an `io_modbus` Gear, in whole microseconds, rounded up.

On a serial line (MODBUS over Serial Line V1.02, section 2.5.1): the silence before the request, or the longer delay
that the device wants; the request, 8 characters; the silence by which the device knows its end; what the device takes
to begin its answer; the answer, 5 characters around the data. An answer that does not come costs the timeout, which
begins when the request is sent, and the characters that the runtime waits for beyond it, in whole milliseconds.

Over TCP nobody knows what the way costs: what is said there is an estimate, the device's time for each request.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fluxrig.modbus.pdu import (
    MASK_WRITE_REGISTER,
    READ_WRITE_MULTIPLE_REGISTERS,
    WRITE_MULTIPLE_COILS,
    WRITE_MULTIPLE_REGISTERS,
    read_size,
)
from fluxrig_tooling.modbus.tables import BIT_TABLES
from fluxrig_tooling.rig.lower.io_modbus.link import RTU, RTU_OVER_TCP, TCP, Link
from fluxrig_tooling.rig.lower.io_modbus.planner import PlannedRead
from fluxrig_tooling.rig.lower.io_modbus.point import Point

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

    def answered(self, request: PlannedRead) -> int:
        """The time of one request with its answer."""
        return self._exchange(REQUEST_BYTES, answer_bytes(request))

    def unanswered(self, request: PlannedRead) -> int:
        """The time of one request whose answer does not come."""
        waited_ms = self.link.options["timeout"] + -(
            -self.link.byte_us * (REQUEST_BYTES + answer_bytes(request)) // 1000
        )
        return self._pause + self._characters(REQUEST_BYTES) + 1000 * waited_ms

    def poll(self, requests: Sequence[PlannedRead]) -> int:
        """The time of all of `requests`, of which the link may carry some at once."""
        times = [self.answered(request) for request in requests]
        at_once = self.link.options["pipeline"]
        return sum(times) if at_once == 1 else -(-len(times) // at_once) * max(times)

    def write(self, point: Point) -> int:
        """The time of writing a point once, and of reading it back once where that is asked for."""
        write = point.write
        if write is None:
            return 0
        count = point.width
        packed = (count + 7) // 8 if point.table in BIT_TABLES else 2 * count
        asked, answered = {
            WRITE_MULTIPLE_COILS: (9 + packed, 8),
            WRITE_MULTIPLE_REGISTERS: (9 + packed, 8),
            MASK_WRITE_REGISTER: (10, 10),
            READ_WRITE_MULTIPLE_REGISTERS: (13 + packed, 5 + packed),
        }.get(write.function, (8, 8))
        time = self._exchange(asked, answered)
        reads_back = write.verify and write.function != READ_WRITE_MULTIPLE_REGISTERS
        return time + self._exchange(REQUEST_BYTES, ANSWER_BYTES + packed) if reads_back else time

    def bytes_of(self, request: PlannedRead) -> int:
        """Bytes of the request and its answer."""
        data = read_size(request.function, request.count)
        if self.link.kind == TCP:
            return TCP_REQUEST_BYTES + TCP_ANSWER_BYTES + data
        return REQUEST_BYTES + ANSWER_BYTES + data

    def _exchange(self, asked: int, answered: int) -> int:
        """The time of a request of `asked` bytes and its answer."""
        wire = self._characters(asked) + self._characters(answered)
        return self._pause + wire + self.link.silence_us + self.response_ms * 1000

    @property
    def _pause(self) -> int:
        return max(self.link.silence_us, self.link.options["request_delay"] * 1000)

    def _characters(self, count: int) -> int:
        """The time of `count` characters."""
        if not self.link.is_serial:
            return 0
        return -(-count * self.link.character_bits * 1_000_000 // self.link.options["baud"])


def answer_bytes(request: PlannedRead) -> int:
    """Bytes of the answer on a serial line."""
    return ANSWER_BYTES + read_size(request.function, request.count)


def time_text(us: int) -> str:
    """A time for people: `47.5 ms`, or from ten seconds on `12.3 s`."""
    return f"{us / 1000:.1f} ms" if abs(us) < 10_000_000 else f"{us / 1_000_000:.1f} s"
