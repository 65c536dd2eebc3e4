"""Time-ordered unique ids: UUIDv7 (RFC 9562 section 5.7), strictly monotonic within a node."""

import struct
from binascii import hexlify, unhexlify

from fluxrig.errors import LocalError

ID_SIZE = 16
"""Bytes of an id."""

NIL_ID = bytes(ID_SIZE)
"""The nil UUID (RFC 9562 section 5.9): no reference."""

_COUNTER_BITS = 30  # counting stays within the small ints of 32-bit MicroPython
_COUNTER_LIMIT = 1 << _COUNTER_BITS


class IdSource:
    """Mints 16-byte UUIDv7 values, each greater than the one before.

    `wall_ns` returns Unix nanoseconds, `entropy(n)` returns n random bytes. A new millisecond draws fresh random
    bits; within one millisecond, and while the clock stands or runs backward, the trailing 30 bits count up
    (RFC 9562 section 6.2, method 2). A counter that runs over borrows the next millisecond.
    """

    def __init__(self, wall_ns, entropy):
        self._wall_ns = wall_ns
        self._entropy = entropy
        self._ms = -1
        self._counter = 0
        self._buffer = bytearray(ID_SIZE)

    def mint(self) -> bytes:
        """The next id."""
        ms = self._wall_ns() // 1_000_000
        buffer = self._buffer
        if ms > self._ms:
            self._restart(ms)
        else:
            self._counter += 1
            if self._counter == _COUNTER_LIMIT:
                self._restart(self._ms + 1)
            else:
                struct.pack_into(">I", buffer, 12, self._tail | self._counter)
        return bytes(buffer)

    def _restart(self, ms: int) -> None:
        buffer = self._buffer
        self._ms = ms
        struct.pack_into(">Q", buffer, 0, (ms & 0xFFFFFFFFFFFF) << 16)
        buffer[6:16] = self._entropy(10)
        buffer[6] = 0x70 | (buffer[6] & 0x0F)
        buffer[8] = 0x80 | (buffer[8] & 0x3F)
        seed = struct.unpack_from(">I", buffer, 12)[0]
        self._tail = seed & ~(_COUNTER_LIMIT - 1)
        # The counter starts in the lower half so that a burst has at least 2**29 ids before it must borrow.
        self._counter = seed & (_COUNTER_LIMIT // 2 - 1)
        struct.pack_into(">I", buffer, 12, self._tail | self._counter)


def id_text(value: bytes) -> str:
    """The canonical 8-4-4-4-12 form of a 16-byte id (RFC 9562 section 4)."""
    text = hexlify(value).decode()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def id_bytes(text: str) -> bytes:
    """The 16 bytes of an id in canonical form. Raises LocalError on anything else."""
    parts = text.split("-")
    if [len(part) for part in parts] != [8, 4, 4, 4, 12]:
        raise LocalError(f"not a UUID: {text!r} (want 8-4-4-4-12 hex digits)")
    try:
        return unhexlify("".join(parts))
    except ValueError:
        raise LocalError(f"not a UUID: {text!r} (want hex digits)")
