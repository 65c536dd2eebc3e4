"""Modbus on TCP: frames with a transaction id. Nothing here does I/O.

Source: MODBUS Messaging on TCP/IP Implementation Guide V1.0b ("TCP" below).
"""

import struct

from fluxrig.errors import RemoteError
from fluxrig.modbus.pdu import MAX_PDU, ExceptionResponse, read_answer

HEADER = 7
"""Bytes before the PDU: transaction, protocol and length, two each, and the unit id (TCP section 3.1.3)."""

MAX_FRAME = HEADER + MAX_PDU

_UNIT_AT = 6


def frame_tail(unit_id: int, pdu: bytes) -> bytes:
    """Everything of a frame that follows its 2-byte transaction id."""
    return struct.pack(">HHB", 0, 1 + len(pdu), unit_id) + pdu


def unframe(data: bytes) -> tuple:
    """The first frame in `data`, as (bytes consumed, transaction id, unit id, PDU); consumed is 0 for "need more".

    Raises RemoteError (fields: `protocol_id` or `length`) as soon as the bytes that are there cannot begin a frame, so
    a length is checked before anybody waits for it. At most `MAX_FRAME` bytes are ever needed.
    """
    if len(data) < _UNIT_AT:
        if len(data) >= 4:
            _check_protocol(struct.unpack_from(">H", data, 2)[0])
        return 0, 0, 0, b""
    transaction, protocol, length = struct.unpack_from(">HHH", data)
    _check_protocol(protocol)
    # The length counts the unit id and the PDU, and a PDU has a function code.
    if not 2 <= length <= MAX_FRAME - _UNIT_AT:
        limit = MAX_FRAME - _UNIT_AT
        raise RemoteError(f"a frame announces {length} bytes after its length, want 2 to {limit}", length=length)
    end = _UNIT_AT + length
    if len(data) < end:
        return 0, 0, 0, b""
    return end, transaction, data[_UNIT_AT], data[HEADER:end]


def _check_protocol(protocol: int) -> None:
    if protocol:
        raise RemoteError(f"a frame has protocol id {protocol}, want 0 (Modbus)", protocol_id=protocol)


class Transactions:
    """The requests under way on one connection, and the answers to them, told apart by transaction id.

    `under_way` holds (how its answer begins, request), oldest first. Answers may come in any order, and an answer that
    nobody waits for any more is a stray: it is counted and thrown away. An id that was never used is a broken peer. Ids
    go on counting over connections, because a gateway may answer late into the next one.

    `receive` and `deliver` are two, so that the device has its next requests before values are made of its answers.

    `tally` has the counters `strays` and `exceptions`. `unreachable` is the last answer of a gateway that it cannot
    reach the unit, None unless there was one since `send`.
    """

    RECENT = 4096
    """How many ids back an answer may come late."""

    def __init__(self, tally):
        self.under_way: list = []
        self.unreachable: ExceptionResponse | None = None
        self._tally = tally
        self._last = 0
        self._used = 0
        self._rest = b""
        self._answers: list = []  # (request, data, None) or (request, b"", error)
        self._arrived_ns = 0

    def send(self, requests: list) -> bytes:
        """The frames to send for `requests`, which are under way from now on."""
        out = []
        under_way = self.under_way
        last = self._last
        for request in requests:
            if not request.frame:
                _prepare(request)
            last = (last + 1) & 0xFFFF
            transaction = last.to_bytes(2, "big")
            under_way.append((transaction + request.expected, request))
            out.append(transaction)
            out.append(request.frame)
        self._last = last
        self._used = min(self._used + len(requests), self.RECENT)
        self.unreachable = None
        return b"".join(out)

    def receive(self, data: bytes, now_ns: int) -> int:
        """Take apart what has come at `now_ns` (Unix ns): how many answers are there, for `deliver`.

        Their requests are no longer under way. RemoteError for what is no answer to any of them; after that the
        connection is of no more use.
        """
        if self._rest:
            data = self._rest + data
        at = 0
        end = len(data)
        answers = self._answers
        before = len(answers)
        self._arrived_ns = now_ns
        # Nearly always the answers come whole and in order, each as its request lets expect: none is taken apart.
        for expected, request in self.under_way:
            stop = at + request.expected_size
            if stop > end or not data.startswith(expected, at):
                break
            answers.append((request, data[at + len(expected) : stop], None))
            at = stop
        del self.under_way[: len(answers) - before]
        if at < end:
            rest = data[at:]
            used, transaction_id, unit_id, pdu = unframe(rest)
            while used:
                self._resolve(transaction_id, unit_id, pdu)
                rest = rest[used:]
                used, transaction_id, unit_id, pdu = unframe(rest)
            self._rest = rest
        else:
            self._rest = b""
        return len(answers)

    def deliver(self) -> None:
        """Hand the answers that have come to their requests."""
        answers = self._answers
        if answers:
            self._answers = []
            for request, data, error in answers:
                if error is None:
                    request.take(data, self._arrived_ns)
                else:
                    request.fail(error)

    def forget(self) -> list:
        """The requests under way, whose answers will be strays from now on."""
        if not self.under_way:
            return []
        requests = [request for _, request in self.under_way]
        self.under_way = []
        return requests

    def restart(self) -> None:
        """There is a new connection, over which nothing has come yet."""
        self._rest = b""

    def _resolve(self, transaction_id: int, unit_id: int, pdu: bytes) -> None:
        entry = self._entry(transaction_id)
        if entry is None:
            if (self._last - transaction_id) & 0xFFFF >= self._used:
                text = f"the answer has transaction id {transaction_id}, which was not used"
                raise RemoteError(text, transaction_id=transaction_id)
            self._tally.strays += 1
            return
        request = entry[1]
        if unit_id != request.unit_id:
            raise RemoteError(f"unit {request.unit_id} was asked, unit {unit_id} answered", unit_id=unit_id)
        answer: tuple
        try:
            answer = (request, read_answer(pdu, request.prefix, request.size), None)
        except ExceptionResponse as exc:
            self._tally.exceptions += 1
            if exc.unreachable:
                self.unreachable = exc
            answer = (request, b"", exc)
        self._answers.append(answer)
        self.under_way.remove(entry)

    def _entry(self, transaction_id: int) -> tuple | None:
        wanted = transaction_id.to_bytes(2, "big")
        for entry in self.under_way:
            if entry[0][:2] == wanted:
                return entry
        return None


def _prepare(request) -> None:
    request.frame = frame_tail(request.unit_id, request.pdu)
    prefix, size = request.prefix, request.size
    if size is None:
        # Only the answer itself knows: it is always taken apart, because none is as long as this.
        request.expected_size = MAX_FRAME * 256
    else:
        request.expected = struct.pack(">HHB", 0, 1 + len(prefix) + size, request.unit_id) + prefix
        request.expected_size = 2 + len(request.expected) + size
