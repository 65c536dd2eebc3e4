"""What stands on one topic of the Unified Namespace: the last value, its time and its quality."""

import json

from fluxrig.errors import LocalError


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
        """Take a sample; `ts` is Unix ns. A number that JSON cannot carry is `bad:not_a_number`.

        Raises LocalError, and keeps what it has, for a value that is none of those a message can hold.
        """
        if quality == "good":
            try:
                value = plain(value)
            except NotANumber:
                quality = "bad:not_a_number"
            else:
                self._value = value
                self._ms = ts // 1_000_000
        self.sampled = True
        self._quality = quality

    def payload(self) -> bytes:
        """UTF-8 JSON, members always in this order: MicroPython's dicts keep none."""
        parts = (json.dumps(self._value), json.dumps(self._ms), json.dumps(self._quality))
        return ('{"v": %s, "t": %s, "q": %s}' % parts).encode()


class NotANumber(Exception):
    """A NaN or an infinity, which JSON has no form for."""


def plain(value):
    """`value` as JSON can carry it: bytes become hex text, also within lists and maps.

    Raises NotANumber, or LocalError for what no message holds.
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        if value - value != 0:  # NaN and both infinities
            raise NotANumber
        return value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    raise LocalError(f"a value of type {type(value).__name__} cannot be published")
