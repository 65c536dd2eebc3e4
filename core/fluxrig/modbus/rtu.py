"""Modbus on a serial line: frames with a checksum, told apart by silence. Nothing here does I/O.

Source: MODBUS over Serial Line Specification and Implementation Guide V1.02 ("SL" below). A frame is the unit id, the
PDU and a CRC-16. It says neither how long it is nor which request it answers, so a client looks for exactly one thing:
the answer to the request it has just sent, wherever that begins among noise, echoes and what others left on the line.
"""

from array import array

from fluxrig.errors import RemoteError
from fluxrig.modbus.pdu import EXCEPTION_FLAG, MAX_PDU, exception_response

BROADCAST = 0
"""The unit id that every server hears and none answers (SL section 2.2)."""

MAX_FRAME = MAX_PDU + 3

_POLYNOMIAL = 0xA001  # x**16 + x**15 + x**2 + 1, lowest bit first (SL appendix B)
_EXCEPTION_SIZE = 5

_table: array | None = None


def crc16(data, start: int = 0, end: int | None = None) -> int:
    """The CRC-16 of `data[start:end]` (SL section 2.5.1.2). It is sent low byte first: with it, the CRC is 0."""
    global _table
    if _table is None:
        _table = _make_table()
    table = _table
    crc = 0xFFFF
    for index in range(start, len(data) if end is None else end):
        crc = crc >> 8 ^ table[(crc ^ data[index]) & 0xFF]
    return crc


def frame(unit_id: int, pdu: bytes) -> bytes:
    """The frame that carries `pdu`."""
    body = bytes((unit_id,)) + pdu
    return body + crc16(body).to_bytes(2, "little")


class Receiver:
    """Finds the answer to one request at a time in what a line receives.

    `expect` says what is wanted, `feed` takes bytes as they come. `damaged`: a frame that began as the answer was there
    in full, with a wrong checksum. `received` counts the bytes since `expect`, of which at most `MAX_RECEIVED` are
    taken.

    Where an adapter returns what was sent, the request of a read comes first, and it may look like an answer: 8 bytes,
    the third of them an address or a length. So a read is never answered with the very bytes of its request.
    """

    MAX_RECEIVED = 1024
    """A line that has said more than this without an answer among it is not going to give one."""

    def __init__(self):
        self._buffer = b""
        self.expect(0, b"\0", 0, b"")

    def expect(self, unit_id: int, prefix: bytes, size: int | None, sent: bytes) -> None:
        """Wait for the answer of `unit_id` to the frame `sent`; (prefix, size) is the `answer_shape` of its request."""
        self._buffer = b""
        self._unit_id = unit_id
        self._prefix = prefix
        self._size = size
        self._echo = sent if size else b""  # a write is answered with itself
        self.received = 0
        self.damaged = False

    def feed(self, data: bytes) -> bytes | None:
        """The data of the answer, as soon as it is there in full.

        Raises ExceptionResponse when the answer refuses, RemoteError when the line has said too much.
        """
        self.received += len(data)
        if self.received > self.MAX_RECEIVED:
            raise RemoteError(f"{self.received} bytes came, and no answer among them", length=self.received)
        buffer = self._buffer = self._buffer + data
        keep = None
        start = buffer.find(bytes((self._unit_id,)))
        while start >= 0:
            size = self._frame_size(start)
            if size is None or start + size > len(buffer):
                if keep is None and size != 0:
                    keep = start
            elif size:
                if crc16(buffer, start, start + size):
                    if not self._echo.startswith(buffer[start : start + size]):
                        self.damaged = True
                elif buffer[start : start + size] != self._echo:
                    return self._answer(start, size)
            start = buffer.find(bytes((self._unit_id,)), start + 1)
        self._buffer = buffer[keep:] if keep is not None else b""
        return None

    def _frame_size(self, start: int) -> int | None:
        """Bytes of the frame that begins at `start`: 0 when it is not the answer, None while that cannot be told."""
        buffer, prefix = self._buffer, self._prefix
        there = len(buffer) - start - 1
        if there < 1:
            return None
        if buffer[start + 1] == prefix[0] | EXCEPTION_FLAG:
            return _EXCEPTION_SIZE
        if there < len(prefix):
            return None if prefix.startswith(buffer[start + 1 :]) else 0
        if not buffer.startswith(prefix, start + 1):
            return 0
        size = self._size
        if size is None:
            from fluxrig.modbus.identification import pdu_size

            size = pdu_size(buffer[start + 1 :])
            return None if size is None else size + 3 if size else 0
        return 1 + len(prefix) + size + 2

    def _answer(self, start: int, size: int) -> bytes:
        buffer = self._buffer
        self._buffer = b""
        if buffer[start + 1] == self._prefix[0] | EXCEPTION_FLAG:
            raise exception_response(self._prefix[0], buffer[start + 2])
        return buffer[start + 1 + len(self._prefix) : start + size - 2]


def _make_table() -> array:
    table = array("H", bytes(512))
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ _POLYNOMIAL if crc & 1 else crc >> 1
        table[byte] = crc
    return table
