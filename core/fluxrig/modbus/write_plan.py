"""From the value of one tag to the request that writes it, and from what is read back to whether the device holds it.

The way of `ReadPlan` backwards: the slot turns the value into a raw one, a `struct` layout packs that, and `order` says
which byte of the registers each of its bytes is. Which bits are the tag's own is known, so that a bit or a byte of a
register is written with a mask, and is compared without its neighbours.
"""

import struct

from fluxrig.decimal import EXPONENT, Decimal, is_number
from fluxrig.errors import LocalError
from fluxrig.modbus import pdu
from fluxrig.modbus.values import ReadPlan, is_finite
from fluxrig.scalars import is_unicode

_SINGLE = 3.4028234663852886e38
_DOUBLE = 1.7976931348623157e308
_SHOWN = 40  # characters of a refused value that an error repeats


class WritePlan:
    """How one tag is written, and read back.

    `entry` is [tag, unit_id, function, address, count, order, layout, slot, low, high, verify, idempotent]: `function`
    is 5, 6, 15, 16, 22 or 23; `order`, `layout` and `slot` are those of a `ReadPlan` for `count` items from `address`
    on; `low` and `high` are the bounds of the raw number, None where only the registers limit it. `verify`: the value
    is read back. `idempotent`: writing it twice does no harm.

    `read_back` is (function, address, count) of the read that shows what the device holds.
    """

    def __init__(self, entry: list):
        tag, unit_id, function, address, count, order, layout, slot, low, high, verify, idempotent = entry
        self.tag = tag
        self.unit_id = unit_id
        self.function = function
        self.verify = verify
        self.idempotent = idempotent
        self._address = address
        self._layout = layout
        _, kind, *parameters = slot
        is_coil = function in (pdu.WRITE_SINGLE_COIL, pdu.WRITE_MULTIPLE_COILS)
        reads = pdu.READ_COILS if is_coil else pdu.READ_HOLDING_REGISTERS
        self.read_back = (reads, address, count)
        self._own = bytearray(pdu.read_size(reads, count))  # the bits of the tag
        self._order = order or bytes(range(len(self._own)))
        for byte in self._order:
            self._own[byte] |= parameters[0] if kind == "bit" else 0xFF
        self._encode, self._limits = _encoder(layout, kind, parameters)
        if self._limits:
            lowest, highest = self._limits
            self._limits = (lowest if low is None else low, highest if high is None else high)
        self._slot = slot
        self._plan = ReadPlan(order, layout, [slot])

    def request(self, value) -> bytes:
        """The PDU that writes `value`. A number between two steps of the scale becomes the nearest, half to even.

        Raises LocalError (fields: `tag`, `given`) when the tag cannot have that value.
        """
        image = self._image(value)
        function = self.function
        if function == pdu.WRITE_SINGLE_REGISTER:
            return pdu.write_register(self._address, image)
        if function == pdu.WRITE_MULTIPLE_REGISTERS:
            return pdu.write_registers(self._address, image)
        if function == pdu.WRITE_SINGLE_COIL:
            return pdu.write_coil(self._address, image[0] != 0)
        if function == pdu.WRITE_MULTIPLE_COILS:
            return pdu.write_coils(self._address, 1, image)
        if function == pdu.MASK_WRITE_REGISTER:
            others = 0xFFFF ^ int.from_bytes(self._own, "big")
            return pdu.mask_write(self._address, others, int.from_bytes(image, "big"))
        if function == pdu.READ_WRITE_MULTIPLE_REGISTERS:
            return pdu.read_write(self._address, self.read_back[2], self._address, image)
        raise LocalError(f"{self.tag}: function {function} does not write", function=function)

    def holds(self, payload: bytes, value) -> bool:
        """Whether the device, which answered `read_back` with `payload`, holds what `request(value)` writes."""
        image = self._image(value)
        return all([(there ^ wanted) & own == 0 for there, wanted, own in zip(payload, image, self._own)])

    def value(self, payload: bytes) -> tuple:
        """(value, reason) of the tag in the answer to `read_back`. The reason is None when the value is good."""
        return _read(self._plan, self.tag, payload)

    def _image(self, value) -> bytes:
        """The coil or the registers with `value` in them, and zeros where others stand."""
        raw = self._encode(value)
        if raw is None or (self._limits and not self._limits[0] <= raw <= self._limits[1]):
            text = f"{self.tag}: {_shown(value)} cannot be written, want {self._wanted()}"
            raise LocalError(text, tag=self.tag, given=value)
        packed = struct.pack(self._layout, raw)
        image = bytearray(len(self._own))
        for index, byte in enumerate(self._order):
            image[byte] = packed[index]
        return bytes(image)

    def _wanted(self) -> str:
        """What can be written, for those who wanted something else."""
        _, kind, *parameters = self._slot
        if kind == "bit":
            return f"{parameters[1]!r} or {parameters[2]!r}"
        if kind == "label":
            return "one of " + ", ".join([repr(label) for _, label in parameters[0]])
        if not self._limits:
            size = struct.calcsize(self._layout)
            return f"text of at most {size} bytes in UTF-8" if kind == "text" else f"{size} bytes"
        plan = ReadPlan(b"", self._layout, [self._slot])
        ends = [_read(plan, self.tag, struct.pack(self._layout, raw))[0] for raw in self._limits]
        if ends[0] > ends[1]:  # a negative scale
            ends.reverse()
        return f"a number from {ends[0]} to {ends[1]}"


def _encoder(layout: str, kind: str, parameters: list) -> tuple:
    """(encode, limits): `encode(value)` is the raw value as the registers hold it, or None when they cannot.

    `limits` are the lowest and the highest raw number, which `encode` leaves to be checked; None for what is no number.
    """
    size = struct.calcsize(layout)
    if kind == "bit":
        return _bit(*parameters), None
    if kind == "label":
        return _label(parameters[0]), None
    if kind == "text":
        return _text(size), None
    if kind == "bytes":
        return _bytes(size), None
    if kind in ("float", "linear"):
        limit = _SINGLE if size == 4 else _DOUBLE
        return _float(layout, *parameters), (-limit, limit)
    if kind == "bcd":
        return _bcd(*parameters), (0, int("9" * (2 * size), 16))
    half = 1 << 8 * size - 1
    return _integer(*parameters), (-half, half - 1) if layout[-1].islower() else (0, 2 * half - 1)


def _bit(mask, off, on):
    def encode(value):
        for choice, raw in ((off, 0), (on, mask)):
            # The type as well, because 1 == True.
            if type(value) is type(choice) and value == choice:
                return raw
        return None

    return encode


def _label(pairs):
    raws = {label: raw for raw, label in pairs}
    return lambda value: raws.get(value) if isinstance(value, str) else None


def _text(size):
    def encode(value):
        if not isinstance(value, str):
            return None
        try:
            raw = value.encode()
        except UnicodeError:  # surrogates, which MicroPython lets pass
            return None
        return raw if len(raw) <= size and is_unicode(value, len(raw)) else None

    return encode


def _bytes(size):
    def encode(value):
        return bytes(value) if isinstance(value, (bytes, bytearray)) and len(value) == size else None

    return encode


def _float(layout, mul=1, add=0, div=1):
    def encode(value):
        if not _is_writable_number(value):
            return None
        try:
            raw = (float(value) * div - add) / mul
            # As the registers hold it, so that bounds hold for what is written.
            return struct.unpack(layout, struct.pack(layout, raw))[0] if is_finite(raw) else None
        except OverflowError:
            return None

    return encode


def _integer(mul=1, add=0, exponent=0):
    """Backwards from Decimal(raw * mul + add, exponent), without a float in between."""

    def encode(value):
        if not _is_writable_number(value):
            return None
        numerator, denominator = _ratio(value)
        if exponent < 0:
            numerator *= 10**-exponent
        else:
            denominator *= 10**exponent
        return _nearest(numerator - add * denominator, mul * denominator)

    return encode


def _bcd(mul, add, exponent):
    digits_of = _integer(mul, add, exponent)

    def encode(value):
        digits = digits_of(value)
        return None if digits is None or digits < 0 else int(str(digits), 16)

    return encode


def _is_writable_number(value) -> bool:
    """Whether `value` is a finite number, and no Decimal of which the powers of ten would fill the memory."""
    if isinstance(value, Decimal):
        return EXPONENT[0] <= value.exponent <= EXPONENT[1]
    return is_number(value) and is_finite(value)


def _ratio(value) -> tuple:
    """(numerator, denominator) of a finite number, exact."""
    if isinstance(value, Decimal):
        if value.exponent < 0:
            return value.mantissa, 10**-value.exponent
        return value.mantissa * 10**value.exponent, 1
    if isinstance(value, int):
        return value, 1
    # A float is an integer times a power of two. Doubling is exact, and so is taking the integer when nothing is left.
    denominator = 1
    while value != int(value):
        value *= 2
        denominator *= 2
    return int(value), denominator


def _nearest(numerator: int, denominator: int) -> int:
    """The integer nearest to numerator / denominator, half to even."""
    if denominator < 0:
        numerator, denominator = -numerator, -denominator
    whole, rest = divmod(numerator, denominator)
    # Twice the rest is beyond the denominator above the half; at the half, an odd number tips the scales.
    return whole + 1 if 2 * rest + (whole & 1) > denominator else whole


def _read(plan: ReadPlan, tag: str, payload: bytes) -> tuple:
    data: dict = {}
    bad: dict = {}
    plan.read(payload, data, bad)
    return data[tag], bad.get(tag)


def _shown(value) -> str:
    if isinstance(value, Decimal) and _is_writable_number(value):
        return str(value)
    text = repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
