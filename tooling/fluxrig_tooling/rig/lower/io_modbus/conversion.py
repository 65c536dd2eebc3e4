"""Reads what makes a value of the raw one: scale and offset, names, and the bounds that values have.

Everything is exact: numbers are taken as they are written, in decimal, and what the runtime gets are integers. Only the
floats of a device are scaled as floats.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor, lcm
from struct import pack, unpack
from typing import Any

from fluxrig.decimal import EXPONENT, MANTISSA
from fluxrig_tooling.modbus.types import BCD, BOOL, FLOATS, RAW, STRING
from fluxrig_tooling.rig.lower.io_modbus.encoding import Encoding
from fluxrig_tooling.rig.lower.io_modbus.tag_spec import TagSpec

EXACT = 1 << 53
"""Up to here a float holds every integer, so a scale as a fraction of larger ones would gain nothing."""

GREATEST = {"f": 3.4028234663852886e38, "d": 1.7976931348623157e308}
"""The greatest float of each layout."""

NUMBER_KEYS = ("scale", "offset", "range", "min", "max")
"""Keys for values that are numbers."""

Bounds = tuple[int, int] | tuple[float, float]
"""Lowest and highest raw value, as in a slot of the runtime."""


class Conversion:
    """What a tag's value is, of the raw values that its encoding gives. Mistakes are reported once, when it is made."""

    def __init__(self, tag: TagSpec, encoding: Encoding):
        self._tag = tag
        self._encoding = encoding
        self._scale = Fraction(str(tag.get("scale", 1)))
        self._offset = Fraction(str(tag.get("offset", 0)))

    @property
    def kind(self) -> str:
        """What `Tag.kind` is."""
        if "enum" in self._tag:
            return "enum"
        named = {BOOL: "bool", STRING: "text", RAW: "bytes"}.get(self._encoding.type)
        if named:
            return named
        whole = self._scale.denominator == self._offset.denominator == 1
        return "int" if whole and self._encoding.type not in FLOATS else "float"

    def slot(self) -> tuple[Any, ...]:
        """The slot of the runtime, without the tag's name and, of a bool, without the mask."""
        tag, kind = self._tag, self._encoding.type
        self._check_keys()
        if "enum" in tag:
            return self._labels()
        if kind == BOOL:
            return "bit", False, True
        if self._encoding.is_bytes:
            return ("text",) if kind == STRING else ("bytes",)
        if self._scale == 0:
            tag.error("scale", "with scale 0 every value would be the offset")
        if kind in FLOATS:
            return ("float",) if (self._scale, self._offset) == (1, 0) else ("linear", *self._as_floats())
        mul, add, exponent = self._as_integers()
        self._check_size(mul, add, exponent)
        if kind in BCD:
            return "bcd", mul, add, exponent
        if exponent:
            return "decimal", mul, add, exponent
        return ("raw",) if (mul, add) == (1, 0) else ("integer", mul, add)

    def bounds(self) -> Bounds | None:
        """The raw values from `min` to `max`; None when these let all pass."""
        low, high = self._tag.get("min"), self._tag.get("max")
        if low is not None and high is not None and low > high:
            self._tag.error("min", f"min {low} is above max {high}")
        return self._raw_bounds(low, high, "min" if low is not None else "max")

    def write_bounds(self) -> Bounds | None:
        """The raw values that may be written: `min` to `max`, and where one is not given, the end of `range`."""
        first, last = self._tag.get("range", (None, None))
        return self._raw_bounds(self._tag.get("min", first), self._tag.get("max", last), "range")

    def _check_keys(self) -> None:
        tag, kind = self._tag, self._encoding.type
        if "enum" in tag or not self._encoding.is_number:
            what = f"a {kind}" if not self._encoding.is_number else "an enum"
            for key in NUMBER_KEYS:
                tag.refuse(key, f"{what} has no {key}")
        low, high = tag.get("range", (0, 1))
        if low >= high:
            tag.error("range", f"a range goes from low to high, not from {low} to {high}")

    def _check_size(self, mul: int, add: int, exponent: int) -> None:
        """A message carries Decimals and integers of limited size."""
        tag = self._tag
        if exponent < EXPONENT[0]:
            text = f"a value has at most {-EXPONENT[0]} decimal places, and these would be {-exponent}"
            tag.error("scale" if "scale" in tag else "offset", text)
        elif any(not MANTISSA[0] <= raw * mul + add <= MANTISSA[1] for raw in self._encoding.extremes):
            made = f"{self._encoding.type} times {tag.get('scale', 1)}"
            if "offset" in tag:
                made += f" plus {tag.get('offset')}"
            hint = "write scale and offset with fewer digits, or read fewer registers"
            tag.error("scale" if "scale" in tag else "offset", f"{made} can have more digits than 64 bits hold", hint)

    def _as_integers(self) -> tuple[int, int, int]:
        """(mul, add, exponent), the exponent at most 0, with value = (raw * mul + add) * 10**exponent."""
        places = max(_places(self._scale), _places(self._offset))
        return int(self._scale * 10**places), int(self._offset * 10**places), -places

    def _as_floats(self) -> tuple[Any, Any, int]:
        """(mul, add, div) with value = (raw * mul + add) / div: scale and offset over their common denominator.

        As integers they are exact, and one rounding is left. Where they would be too large they stay floats.
        """
        div = lcm(self._scale.denominator, self._offset.denominator)
        mul, add = int(self._scale * div), int(self._offset * div)
        if max(abs(mul), abs(add), div) > EXACT:
            return float(self._scale), float(self._offset), 1
        return mul, add, div

    def _raw_bounds(self, low: float | None, high: float | None, key: str) -> Bounds | None:
        """The raw values that are from `low` to `high`. It is `key` that is wrong when there are none."""
        if (low is None and high is None) or not self._tag.sound:
            return None
        found: Bounds
        if self._encoding.type in FLOATS:
            found = self._float_bounds(low, high)
        else:
            found = self._integer_bounds(low, high)
            if found == self._encoding.extremes:
                return None
        if found[0] > found[1]:
            span = f"at least {low}" if high is None else f"at most {high}" if low is None else f"{low} to {high}"
            self._tag.error(key, f"no raw value of {self._encoding.type} makes a value of {span}")
            return None
        if self._encoding.type in BCD:
            return int(str(found[0]), 16), int(str(found[1]), 16)
        return found

    def _integer_bounds(self, low: float | None, high: float | None) -> tuple[int, int]:
        least, greatest = self._encoding.extremes
        ends = [None if end is None else (Fraction(str(end)) - self._offset) / self._scale for end in (low, high)]
        if self._scale < 0:
            ends.reverse()
        first, last = ends
        return (
            least if first is None else max(least, ceil(first)),
            greatest if last is None else min(greatest, floor(last)),
        )

    def _float_bounds(self, low: float | None, high: float | None) -> tuple[float, float]:
        """As the runtime computes with floats, so that the value of a bound is within it."""
        mul, add, div = self._as_floats()
        greatest = GREATEST[self._encoding.layout]
        ends = [None if end is None else (float(end) * div - add) / mul for end in (low, high)]
        if mul < 0:
            ends.reverse()
        first = -greatest if ends[0] is None else max(-greatest, ends[0])
        last = greatest if ends[1] is None else min(greatest, ends[1])
        return (self._nearest(first), self._nearest(last)) if first <= last else (first, last)

    def _nearest(self, value: float) -> float:
        """The float of the device's precision that is nearest to `value`."""
        layout = ">" + self._encoding.layout
        nearest: float = unpack(layout, pack(layout, value))[0]
        return nearest

    def _labels(self) -> tuple[Any, ...]:
        """The slot of an enum."""
        tag, encoding = self._tag, self._encoding
        if encoding.is_bytes or encoding.type in FLOATS or encoding.type in BCD:
            tag.error("enum", f"{encoding.type} cannot be an enum", "an enum names integers")
            return ("raw",)
        low, high = encoding.extremes
        labels: dict[int, str] = {}
        for key, label in tag.get("enum").items():
            if not low <= int(key) <= high:
                tag.error("enum", f"{encoding.type} is never {key}: it has {low} to {high}")
            elif int(key) in labels:
                tag.error("enum", f"raw value {int(key)} has two names")
            else:
                labels[int(key)] = label
        if encoding.type != BOOL:
            return "label", [[raw, labels[raw]] for raw in sorted(labels)]
        if tag.sound and len(labels) < 2:
            tag.error("enum", "the enum of a bool names both 0 and 1")
        return "bit", labels.get(0), labels.get(1)


def _places(number: Fraction) -> int:
    """How many decimal places a number has that was written in decimal."""
    places = 0
    while (number * 10**places).denominator != 1:
        places += 1
    return places
