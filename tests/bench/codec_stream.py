"""Messages to measure codecs with, the same on both interpreters: what a poller sends, second after second."""

import struct

from fluxrig.decimal import Decimal
from fluxrig.msg import FluxMsg

META = {"machine.id": "press-line-1", "group": "fast", "unit": "1", "function": "3"}
GEARS = b"poller-gear-id--", b"archive-gear-id-"
PORT = b"out-port-id-----"
NOW = 1750000000123456789


class Noise:
    """Numbers that look random and are the same everywhere."""

    def __init__(self, seed: int = 1):
        self._state = seed

    def below(self, bound: int) -> int:
        self._state = (self._state * 1103515245 + 12345) & 0x7FFFFFFF
        return (self._state >> 8) % bound


def standard(count: int) -> list:
    """Three float32 registers, one scaled register, one coil and one counter."""
    noise = Noise()

    def values(index):
        return {
            "pressure": _float32(100 + noise.below(1 << 20) / 65536),
            "temp": (200 + noise.below(100)) * 0.1,
            "flow": _float32(noise.below(1 << 20) / 77777),
            "level": _float32(noise.below(1 << 20) / 1234567),
            "running": noise.below(10) > 0,
            "parts": 123456 + index,
        }

    return [_message(index, values(index)) for index in range(count)]


def walk(count: int) -> list:
    """Six tags whose values walk: each changes its width on the wire now and then, independently of the others."""
    noise = Noise()
    registers = [0, 250, 500, 240, 2000, 300]
    messages = []
    for index in range(count):
        for place in range(len(registers)):
            registers[place] += noise.below(9) - 4
        outside, oil, speed, torque, level, load = registers
        data = {
            "outside": outside * 0.1,
            "oil": oil * 0.1,
            "speed": speed,
            "torque": torque * 0.01,
            "level": level * 0.25,
            "overload": load > 300,
        }
        messages.append(_message(index, data))
    return messages


def scaled(count: int) -> list:
    """Six scaled registers, as decimals: as those of `walk`, and a 32-bit counter times 0.01."""
    noise = Noise()
    registers = [0, 250, 500, 240, 2000]
    messages = []
    for index in range(count):
        for place in range(len(registers)):
            registers[place] += noise.below(9) - 4
        outside, oil, speed, torque, level = registers
        data = {
            "outside": Decimal(outside, -1),
            "oil": Decimal(oil, -1),
            "speed": Decimal(speed, 1),
            "torque": Decimal(torque, -2),
            "level": Decimal(level * 25, -2),
            "energy": Decimal(3_000_000_000 + 17 * index, -2),
        }
        messages.append(_message(index, data))
    return messages


def wide(count: int) -> list:
    """Forty float32 registers, as an energy meter has them."""
    noise = Noise()
    return [
        _message(index, {f"phase_{tag}": _float32(230 + noise.below(1 << 16) / 777) for tag in range(40)})
        for index in range(count)
    ]


def changed(count: int) -> list:
    """What a filter lets through of forty tags: now these few, now those."""
    noise = Noise()
    messages = []
    for index in range(count):
        chosen = [tag for tag in range(40) if noise.below(8) == 0]
        messages.append(_message(index, {f"motor_{tag}.current": noise.below(5000) * 0.01 for tag in chosen}))
    return messages


def _message(index: int, data: dict) -> FluxMsg:
    noise = Noise(index + 1)
    event = bytes([noise.below(256) for _ in range(16)])
    ts = NOW + index * 100_000_000
    return FluxMsg(
        event,
        event.hex(),
        GEARS[0],
        META,
        data,
        ts,
        ref_id=bytes(reversed(event)),
        path=tuple([(gear, PORT, ts + 5000) for gear in GEARS]),
    )


def _float32(value: float) -> float:
    return struct.unpack("f", struct.pack("f", value))[0]
