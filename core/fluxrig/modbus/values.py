"""From the data of one response to the values of tags.

A read plan is a gather and one unpack: `order` picks the bytes of the response, for every tag in turn and most
significant byte first, so that word orders, tags that overlap and bits of registers need no code of their own; then one
`struct` layout turns them into raw values, one a tag. What is left to do to a raw value is its *slot*:

| slot | value |
|---|---|
| [tag, "raw"] | the raw integer |
| [tag, "float"] | the raw float |
| [tag, "bit", mask, off, on] | `on` where `raw & mask`, else `off` |
| [tag, "integer", mul, add] | raw * mul + add |
| [tag, "decimal", mul, add, exponent] | Decimal(raw * mul + add, exponent) |
| [tag, "linear", mul, add, div] | (raw * mul + add) / div, of a float |
| [tag, "bcd", mul, add, exponent] | the digits in the nibbles as "decimal" has it, or "integer" at exponent 0 |
| [tag, "label", [[raw, label], …]] | the label of the raw integer |
| [tag, "text"] | the raw bytes as UTF-8, without the NULs and spaces at their end |
| [tag, "bytes"] | the raw bytes |
| [tag, "within", low, high, kind, …] | as [tag, kind, …] says, where low <= raw <= high |

A scaled integer is a Decimal, so it is exact also where floats are single precision (ESP32, RP2040). Only floats of the
device are scaled as floats, divided once by a power of ten: the nearest float to the decimal number.
"""

from fluxrig.compat import picker, set_all, unpacker
from fluxrig.decimal import Decimal
from fluxrig.scalars import is_unicode

NOT_A_NUMBER = "not_a_number"
NOT_IN_ENUM = "not_in_enum"
NOT_TEXT = "not_text"
NOT_BCD = "not_bcd"
OUT_OF_RANGE = "out_of_range"


class ReadPlan:
    """Where the values in the responses to one request go.

    `order` (bytes) is empty when it would be 0, 1, 2, …; `layout` is a big-endian `struct` format, in which a count may
    stand before a code; `slots` are as above, in the order of the layout.
    """

    def __init__(self, order: bytes, layout: str, slots: list):
        self.tags = [slot[0] for slot in slots]
        self._pick = picker(order) if order else None
        self._unpack = unpacker(layout)
        # What `read` does beyond unpacking. Raw values, the most frequent, are in none of these lists.
        self._bits: list = []  # (tag, mask, off, on)
        self._floats: list = []  # tags
        self._conversions: list = []  # (tag, convert, reason when that gives None)
        self._bounds: list = []  # (tag, index, low, high)
        for index, slot in enumerate(slots):
            tag, kind, *parameters = slot
            if kind == "within":
                low, high, kind, *parameters = parameters
                self._bounds.append((tag, index, low, high))
            if kind == "bit":
                mask, off, on = parameters
                self._bits.append((tag, mask, off, on))
            elif kind == "float":
                self._floats.append(tag)
            elif kind != "raw":
                reason = _REASONS.get(kind, NOT_A_NUMBER)
                self._conversions.append((tag, _CONVERTERS[kind](*parameters), reason))

        self._is_raw = not (self._bits or self._floats or self._conversions or self._bounds)

    def read(self, payload: bytes, data: dict, bad: dict) -> None:
        """Put the value of every tag into `data`. One that is not good is None there, with its reason in `bad`."""
        raws = self._unpack(payload if self._pick is None else self._pick(payload))
        set_all(data, self.tags, raws)
        if self._is_raw:
            return
        for tag, mask, off, on in self._bits:
            data[tag] = on if data[tag] & mask else off
        if self._floats:
            self._check_floats(data, bad)
        for tag, convert, reason in self._conversions:
            value = data[tag] = convert(data[tag])
            if value is None:
                bad[tag] = reason
        for tag, index, low, high in self._bounds:
            if not low <= raws[index] <= high and data[tag] is not None:
                data[tag] = None
                bad[tag] = OUT_OF_RANGE

    def fail(self, reason: str, data: dict, bad: dict) -> None:
        """There is no response: every tag is None in `data`, with `reason` in `bad`."""
        for tag in self.tags:
            data[tag] = None
            bad[tag] = reason

    def _check_floats(self, data: dict, bad: dict) -> None:
        # NaN and infinities make a NaN or an infinity of every sum that they are in, so one look at the sum will do for
        # nearly all responses.
        if is_finite(sum(map(data.__getitem__, self._floats))):
            return
        for tag in self._floats:
            if not is_finite(data[tag]):
                data[tag] = None
                bad[tag] = NOT_A_NUMBER


def is_finite(value: float) -> bool:
    """Whether a float is neither NaN nor infinite. `math.isfinite` is not everywhere."""
    return value - value == 0


def _integer(mul, add):
    return lambda raw: raw * mul + add


def _decimal(mul, add, exponent):
    return lambda raw: Decimal(raw * mul + add, exponent)


def _linear(mul, add, div):
    def convert(raw):
        value = (raw * mul + add) / div
        return value if is_finite(value) else None

    return convert


def _bcd(mul, add, exponent):
    scale = _decimal(mul, add, exponent) if exponent else _integer(mul, add)

    def convert(raw):
        try:
            digits = int(f"{raw:x}")
        except ValueError:  # a nibble above 9
            return None
        return scale(digits)

    return convert


def _label(pairs):
    return dict(pairs).get


def _text():
    return _decoded


def _bytes():
    return bytes


def _decoded(raw):
    trimmed = raw.rstrip(b"\0 ")
    try:
        text = trimmed.decode()
    except UnicodeError:
        return None
    # MicroPython's decoder lets surrogates and overlong forms pass, which no message can carry.
    return text if len(text) == len(trimmed) or is_unicode(text, len(trimmed)) else None


_CONVERTERS: dict = {
    "integer": _integer,
    "decimal": _decimal,
    "linear": _linear,
    "bcd": _bcd,
    "label": _label,
    "text": _text,
    "bytes": _bytes,
}

_REASONS = {"bcd": NOT_BCD, "label": NOT_IN_ENUM, "text": NOT_TEXT}
"""Why a conversion of each kind gives no value; of the others, because it is NOT_A_NUMBER."""
