"""Report by exception: a value passes only when it has moved far enough from the last one sent.

The percent deadband is that of OPC UA Part 8 (section 7.2, PercentDeadband): percent of the tag's engineering range.
The reference is always the last value *sent*, so a slow drift is reported once it adds up.
"""

from fluxrig.decimal import Decimal, is_number
from fluxrig.gear import Gear
from fluxrig.msg import GOOD, QUALITY

CHANGE = "change"
ABSOLUTE = "absolute"
RELATIVE = "relative"


class Deadband:
    """The memory of one tag.

    `kind`: `change` (any difference), `absolute` (|value - sent| > width), `relative` (> width * |sent|, and at least
    more than `floor`). `max_interval_ms` (0: never) repeats a value that has not moved for that long.

    Decimals are compared exactly with a `width` and a `floor` that are Decimals; floats are compared as floats.
    """

    def __init__(self, kind: str, width: Decimal | float, floor: Decimal | float, max_interval_ms: int):
        self._kind = kind
        self._exact = (width, floor)
        self._rounded = (float(width), float(floor))
        self._max_interval_ns = max_interval_ms * 1_000_000
        self._sent = None
        self._sent_at = 0
        self._quality = ""  # no quality: the first sample differs, whatever it is

    def moved(self, value, quality: str, ts: int) -> bool:
        """Whether the sample (Unix ns `ts`) is to be sent; if so it becomes the reference."""
        if (
            quality == self._quality
            and not self._differ(value, self._sent)
            # A clock that was set back makes the age negative: the value is repeated, on the new time.
            and (not self._max_interval_ns or 0 <= ts - self._sent_at < self._max_interval_ns)
        ):
            return False
        self._sent = value
        self._sent_at = ts
        self._quality = quality
        return True

    def _differ(self, value, sent) -> bool:
        if self._kind == CHANGE or not is_number(value) or not is_number(sent):
            return value != sent
        distance = abs(value - sent)
        width, floor = self._exact if isinstance(distance, Decimal) else self._rounded
        if self._kind == RELATIVE:
            width = max(width * abs(sent), floor)
        return not distance <= width  # true for NaN as well: what cannot be compared passes


class Filter(Gear):
    """Inputs: in. Outputs: out, err.

    Config (compiled): {"tags": {tag: (kind, width, floor, max_interval_ms)}, "default": (…)}. A tag that the rig does
    not declare gets the default rule when it is first seen, up to `MAX_UNDECLARED` tags; further ones always pass.
    """

    MAX_UNDECLARED = 64

    counters = ("passed", "held_back")
    passed = 0
    held_back = 0

    def init(self, ctx):
        self._bands = {tag: Deadband(*rule) for tag, rule in ctx.config["tags"].items()}
        self._default = ctx.config["default"]
        self._room = self.MAX_UNDECLARED

    def on_in(self, msg):
        meta = msg.meta
        ts = msg.ts
        moved = {}
        for tag, value in msg.data.items():
            if self._band(tag, value).moved(value, meta.get(QUALITY + tag, GOOD), ts):
                moved[tag] = value
        count = len(moved)
        self.passed += count
        self.held_back += len(msg.data) - count
        if count == len(msg.data):
            self.out(msg)
        elif count:
            self.out(msg.derive(moved, _without_absent(meta, moved)))

    def _band(self, tag: str, value):
        band = self._bands.get(tag)
        if band is None:
            band = Deadband(*self._default)
            if self._room:
                self._room -= 1
                self._bands[tag] = band
        return band


def _without_absent(meta: dict, data: dict) -> dict:
    """`meta` without the qualities of tags that are not in `data`; the same dict when there is nothing to remove."""
    kept = {key: value for key, value in meta.items() if not key.startswith(QUALITY) or key[len(QUALITY) :] in data}
    return meta if len(kept) == len(meta) else kept
