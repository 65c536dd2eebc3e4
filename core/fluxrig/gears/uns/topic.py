"""What stands on one topic of the Unified Namespace: the last value, its time and its quality."""

import json


class Topic:
    """The state of one topic, rendered as `{"v","t","q"}`.

    `v` and `t` (source time, integer Unix milliseconds: nanoseconds exceed what JavaScript holds) are those of the last
    good sample, also while `q` says that newer ones are bad.
    """

    def __init__(self, name: str):
        self.name = name
        self.pending = False
        self.sampled = False
        self._value: object = None
        self._ms: int | None = None
        self._quality = "good"

    def update(self, value, quality: str, ts: int) -> None:
        """Take a sample; `ts` is Unix ns. A number that JSON cannot carry is `bad:not_a_number`."""
        self.sampled = True
        if isinstance(value, float) and value - value != 0:  # NaN and both infinities
            quality = "bad:not_a_number"
        self._quality = quality
        if quality == "good":
            self._value = value.hex() if isinstance(value, bytes) else value
            self._ms = ts // 1_000_000

    def payload(self) -> bytes:
        """UTF-8 JSON, members always in this order: MicroPython's dicts keep none."""
        parts = (json.dumps(self._value), json.dumps(self._ms), json.dumps(self._quality))
        return ('{"v": %s, "t": %s, "q": %s}' % parts).encode()
