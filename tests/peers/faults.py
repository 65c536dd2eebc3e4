"""What can go wrong between a Modbus client and a server: the faults, and what is sent instead of an answer.

Nothing here does I/O or waits: `tests.peers.proxy` plays these over sockets, tests/interop/test_modbus_drawn_faults.py
under the virtual clock.
"""

from collections.abc import Callable
from dataclasses import dataclass

HALF_OPEN = object()
"""Sent in place of bytes: from now on this connection stays open and carries nothing."""

CLOSE = object()
"""Sent in place of bytes: the connection ends."""


@dataclass(frozen=True)
class Slowly:
    """Bytes sent in pieces, `step_ms` apart. On TCP, where bytes keep their order, nothing else comes between them."""

    pieces: list[bytes]
    step_ms: int


@dataclass(frozen=True)
class Fault:
    """One fault of the kind `what`; `amount` (0 to 99) is how late, how long, which code … of it."""

    what: str
    amount: int = 0


@dataclass
class Exchange:
    """A request, and its answer if nothing goes wrong; `before` is the answer of the request before, b"" at first."""

    request: bytes
    answer: bytes
    before: bytes
    timeout_ms: int


Acts = list[tuple[int, object]]
"""(ms after the request, bytes or what stands in their place above), in order. What happens at the same time
happens without anything else in between."""


def on_tcp(fault: Fault | None, exchange: Exchange) -> Acts:
    """What a client of Modbus/TCP receives in place of the answer."""
    return [(0, exchange.answer)] if fault is None else TCP_FAULTS[fault.what](exchange, fault.amount)


def on_serial(fault: Fault | None, exchange: Exchange) -> Acts:
    """What a client on a serial line hears in place of the answer."""
    return [(0, exchange.answer)] if fault is None else SERIAL_FAULTS[fault.what](exchange, fault.amount)


# On any line.


def lost(exchange: Exchange, amount: int) -> Acts:
    return []


def pieces(exchange: Exchange, amount: int) -> Acts:
    """In odd pieces, some ms apart, together within half the timeout."""
    answer, size = exchange.answer, 1 + amount % 7
    cut = [answer[start : start + size] for start in range(0, len(answer), size)]
    return [(0, Slowly(cut, exchange.timeout_ms // 2 // len(cut)))]


# On TCP.


def delayed(exchange: Exchange, amount: int) -> Acts:
    """By up to three timeouts: other answers pass it."""
    return [(3 * exchange.timeout_ms * amount // 100, exchange.answer)]


def twice(exchange: Exchange, amount: int) -> Acts:
    return [(0, exchange.answer), *delayed(exchange, amount)]


def stale(exchange: Exchange, amount: int) -> Acts:
    """The answer before this one comes once more, and then this one."""
    return [(0, exchange.before + exchange.answer)]


def cut_off(exchange: Exchange, amount: int) -> Acts:
    """A part of the answer, and nothing more: a stream of TCP does not go on after a gap."""
    return [(0, exchange.answer[: amount % len(exchange.answer)]), (0, HALF_OPEN)]


def cut_off_and_closed(exchange: Exchange, amount: int) -> Acts:
    return [*cut_off(exchange, amount)[:1], (0, CLOSE)]


def closed(exchange: Exchange, amount: int) -> Acts:
    return [(amount % 3, CLOSE)]


def half_open(exchange: Exchange, amount: int) -> Acts:
    return [(0, HALF_OPEN)]


def unused_id(exchange: Exchange, amount: int) -> Acts:
    """A transaction id of nobody, or of one that was answered long ago."""
    number = int.from_bytes(exchange.answer[:2], "big")
    wrong = (number - 200 if amount % 2 else number + 0x8000) & 0xFFFF
    return [(0, wrong.to_bytes(2, "big") + exchange.answer[2:])]


def with_byte(index: int, xor: int) -> Callable[[Exchange, int], Acts]:
    def fault(exchange: Exchange, amount: int) -> Acts:
        wrong = bytearray(exchange.answer)
        wrong[index] ^= xor
        return [(0, bytes(wrong))]

    return fault


def refused(exchange: Exchange, amount: int) -> Acts:
    """With an exception: 1 to 6, 8, 10 or 11."""
    code = (1, 2, 3, 4, 5, 6, 6, 8, 10, 11)[amount % 10]
    pdu = bytes([exchange.answer[7] | 0x80, code])
    return [(0, exchange.answer[:4] + bytes([0, 3, exchange.answer[6]]) + pdu)]


def garbage(exchange: Exchange, amount: int) -> Acts:
    return [(0, noise(amount, 1 + amount % 30) + exchange.answer)]


TCP_FAULTS: dict[str, Callable[[Exchange, int], Acts]] = {
    "lost": lost,
    "pieces": pieces,
    "delayed": delayed,
    "twice": twice,
    "stale": stale,
    "cut off": cut_off,
    "cut off and closed": cut_off_and_closed,
    "closed": closed,
    "half open": half_open,
    "unused id": unused_id,
    "other protocol": with_byte(3, 1),
    "longer": with_byte(5, 2),
    "other unit": with_byte(6, 15),  # 7 becomes 8, the other unit of the plant
    "other function": with_byte(7, 7),
    "other size": with_byte(8, 2),
    "refused": refused,
    "garbage": garbage,
}


# On a serial line. An answer later than twice the timeout, or once more, is out of scope: nothing in a frame tells.


def late(exchange: Exchange, amount: int) -> Acts:
    """After up to nearly twice the timeout."""
    return [((2 * exchange.timeout_ms - 6) * amount // 100, exchange.answer)]


def damaged(exchange: Exchange, amount: int) -> Acts:
    """A burst of up to 16 bits is wrong, which a CRC-16 always shows."""
    answer = bytearray(exchange.answer)
    at = amount % (len(answer) - 1)
    answer[at] ^= 1 << amount % 8
    answer[at + 1] ^= amount & 0xFE
    return [(0, bytes(answer))]


def noise_before(exchange: Exchange, amount: int) -> Acts:
    return [(0, noise(amount, 1 + amount % 40) + exchange.answer)]


def noise_after(exchange: Exchange, amount: int) -> Acts:
    return [(0, exchange.answer + noise(amount, 1 + amount % 40)), (amount % 50, noise(amount + 1, 4))]


def cut_short(exchange: Exchange, amount: int) -> Acts:
    return [(0, exchange.answer[: amount % len(exchange.answer)])]


def babble(exchange: Exchange, amount: int) -> Acts:
    """More than any answer has, and then the answer, late."""
    return [(0, noise(amount, 1100)), *late(exchange, amount)]


def echoed(exchange: Exchange, amount: int) -> Acts:
    """The request comes back before the answer, which may be late."""
    return [(0, exchange.request), *late(exchange, amount)]


def of_another_unit(exchange: Exchange, amount: int) -> Acts:
    """A frame in the form of the answer, of a unit that nobody asked."""
    return [(0, framed(99, exchange.answer[1:-2])), *late(exchange, amount)]


def refused_in_rtu(exchange: Exchange, amount: int) -> Acts:
    code = (1, 2, 3, 4, 5, 6, 6, 8, 10, 11)[amount % 10]
    return [(0, framed(exchange.answer[0], bytes([exchange.answer[1] | 0x80, code])))]


SERIAL_FAULTS: dict[str, Callable[[Exchange, int], Acts]] = {
    "lost": lost,
    "pieces": pieces,
    "late": late,
    "damaged": damaged,
    "cut short": cut_short,
    "noise before": noise_before,
    "noise after": noise_after,
    "babble": babble,
    "echoed": echoed,
    "of another unit": of_another_unit,
    "refused": refused_in_rtu,
}


def noise(seed: int, size: int) -> bytes:
    """Bytes that are the same for the same seed (xorshift32, Marsaglia 2003)."""
    out = bytearray(size)
    x = seed * 2654435761 & 0xFFFFFFFF or 1
    for index in range(size):
        x ^= x << 13 & 0xFFFFFFFF
        x ^= x >> 17
        x ^= x << 5 & 0xFFFFFFFF
        out[index] = x & 0xFF
    return bytes(out)


def framed(unit: int, pdu: bytes) -> bytes:
    """A frame of a serial line."""
    body = bytes([unit]) + pdu
    crc = 0xFFFF
    for byte in body:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return body + crc.to_bytes(2, "little")
