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
| [tag, "linear", mul, add, div] | (raw * mul + add) / div |
| [tag, "label", [[raw, label], …]] | the label of the raw integer |

A scale such as 0.1 comes as mul 1, div 10: an integer divided once by a power of ten is the nearest float to the
decimal number (206 / 10 is 20.6), where 206 * 0.1 is not. Where floats are single precision (ESP32, RP2040) the result
is the nearest single: seven digits, and 64-bit floats lose the rest of theirs.
"""

import struct

NOT_A_NUMBER = "not_a_number"
NOT_IN_ENUM = "not_in_enum"


class ReadPlan:
    """Where the values in the responses to one request go.

    `order` (bytes) is empty when it would be 0, 1, 2, …; `layout` is a big-endian `struct` format; `slots` are as
    above, in the order of the layout.
    """

    def __init__(self, order: bytes, layout: str, slots: list):
        self.tags = [slot[0] for slot in slots]
        self._gather = Gather(order) if order else None
        self._layout = layout
        self._converts = [_CONVERTERS[slot[1]](*slot[2:]) for slot in slots]
        self._reasons = {slot[0]: NOT_IN_ENUM if slot[1] == "label" else NOT_A_NUMBER for slot in slots}

    def read(self, payload: bytes, data: dict, bad: dict) -> None:
        """Put the value of every tag into `data`. One that is not good is None there, with its reason in `bad`."""
        picked = payload if self._gather is None else self._gather.pick(payload)
        for tag, convert, raw in zip(self.tags, self._converts, struct.unpack(self._layout, picked)):
            value = raw if convert is None else convert(raw)
            data[tag] = value
            if value is None:
                bad[tag] = self._reasons[tag]

    def fail(self, reason: str, data: dict, bad: dict) -> None:
        """There is no response: every tag is None in `data`, with `reason` in `bad`."""
        for tag in self.tags:
            data[tag] = None
            bad[tag] = reason


class TranslatingGather:
    """Picks bytes by index. `bytes.translate` with the payload as its table is the fastest way where it exists."""

    def __init__(self, order: bytes):
        self._order = order

    def pick(self, payload: bytes) -> bytes:
        return self._order.translate(payload.ljust(256))


class LoopingGather:
    """Picks bytes by index, into one buffer that the next call overwrites."""

    def __init__(self, order: bytes):
        self._order = order
        self._picked = bytearray(len(order))

    def pick(self, payload: bytes) -> bytearray:
        order = self._order
        picked = self._picked
        for index in range(len(order)):
            picked[index] = payload[order[index]]
        return picked


Gather = TranslatingGather if hasattr(bytes, "translate") else LoopingGather


def _finite(value):
    # NaN and both infinities differ from themselves by NaN.
    return value if value - value == 0 else None


def _bit(mask, off, on):
    return lambda raw: on if raw & mask else off


def _integer(mul, add):
    return lambda raw: raw * mul + add


def _linear(mul, add, div):
    return lambda raw: _finite((raw * mul + add) / div)


def _label(pairs):
    return dict(pairs).get


_CONVERTERS: dict = {
    "raw": lambda: None,
    "float": lambda: _finite,
    "bit": _bit,
    "integer": _integer,
    "linear": _linear,
    "label": _label,
}
