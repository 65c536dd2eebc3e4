"""What stands on one topic of the Unified Namespace: the last value, its time and its quality."""

import json

from fluxrig.jsontext import NotANumber, json_text


class Topic:
    """The state of one topic, rendered as `{"v","t","q"}`.

    `v` and `t` (source time, integer Unix milliseconds: nanoseconds exceed what JavaScript holds) are those of the last
    good sample, also while `q` says that newer ones are bad. Bytes are hex text, and Decimals numbers with all places.
    """

    def __init__(self, name: str):
        self.name = name
        self.pending = False
        self.sampled = False
        self._value = "null"
        self._ms: int | None = None
        self._quality = "good"

    def update(self, value, quality: str, ts: int) -> None:
        """Take a sample; `ts` is Unix ns. A number that JSON cannot carry is `bad:not_a_number`.

        LocalError, and it keeps what it has, for a value that is none of those a message can hold.
        """
        if quality == "good":
            try:
                self._value = json_text(value)
                self._ms = ts // 1_000_000
            except NotANumber:
                quality = "bad:not_a_number"
        self.sampled = True
        self._quality = quality

    def payload(self) -> bytes:
        """UTF-8 JSON, members always in this order: MicroPython's dicts keep none."""
        parts = (self._value, json.dumps(self._ms), json.dumps(self._quality))
        return ('{"v": %s, "t": %s, "q": %s}' % parts).encode()
