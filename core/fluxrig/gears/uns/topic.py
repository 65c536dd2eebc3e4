"""What stands on one topic of the Unified Namespace: the last value, its time and its quality; and what stood there."""

import json

from fluxrig.compat import TYPE_CHECKING
from fluxrig.jsontext import NotANumber, json_text
from fluxrig.msg import GOOD

if TYPE_CHECKING:
    from fluxrig.gears.uns.sent import Sent

_NOT_A_NUMBER = "bad:not_a_number"


class Topic:
    """The state of one topic, rendered as `{"v","t","q"}`.

    `v` and `t` (source time, integer Unix milliseconds: nanoseconds exceed what JavaScript holds) are those of the last
    good sample, also while `q` says that newer ones are bad. Bytes are hex text, and Decimals numbers with all places.

    pending   it waits in the queue of what is to be published
    flight    what `begin` returned, while that is under way; else None
    newest    id of the message that the newest sample is from, ts its source time (Unix ns); shown: id of the one that
              the broker has acknowledged last
    late      since when (ticks) the broker does not have the newest sample; None when it does
    behind    samples come faster than they are delivered, or the broker was away: the newest is published before those
              that came earlier
    held      the newest sample is one from before the start, and there may be newer ones that are not known yet
    sent      which samples the broker has, of those that came by guaranteed wires; None where none came
    position  the highest in the archive of a sample that was the newest; 0 while none is known
    """

    # Of the class, so that a topic to which only hot wires lead has no room taken by them.
    late: int | None = None
    behind = False
    held = False
    position = 0
    sent: "Sent | None" = None
    _at = 0

    def __init__(self, name: str):
        self.name = name
        self.pending = False
        self.flight: tuple | None = None
        self.newest = b""
        self.ts = 0
        self.shown = b""
        self._value = "null"
        self._ms: int | None = None
        self._quality = GOOD

    def take(self, msg, tag: str, position: int = 0) -> None:
        """Take the newest sample: that of `tag` in `msg`, which stands at `position` in the archive (0: not known).

        One that JSON cannot carry is `bad:not_a_number`. LocalError, and it keeps what it has, for a value that is none
        of those a message can hold.
        """
        quality = msg.quality(tag)
        if quality == GOOD:
            try:
                self._value = json_text(msg.data[tag])
                self._ms = msg.ts // 1_000_000
            except NotANumber:
                quality = _NOT_A_NUMBER
        self._quality = quality
        self.newest = msg.id
        self.ts = msg.ts
        if self.sent is not None:
            self.position = position or self.position
            self._at = position
            self.sent.next(position)

    def payload(self) -> bytes:
        """The state, as UTF-8 JSON."""
        return _payload(self._value, self._ms, self._quality)

    def begin(self) -> tuple:
        """The state is about to be published. `end` takes what this returns."""
        self.flight = (self.newest, self._at, 0 if self.sent is None else self.sent.before)
        return self.flight

    def end(self, flight: tuple, arrived: bool) -> None:
        """The broker has acknowledged that state, or has not."""
        self.flight = None
        if arrived:
            self.shown, position, before = flight
            if self.late is not None and self.shown == self.newest:
                self.late = None
            if position and self.sent is not None:
                self.sent.add(position, before)


def sample_payload(msg, tag: str) -> bytes:
    """One sample exactly as it was: `t` is its own time and `v` its own value, null where it has none."""
    quality = msg.quality(tag)
    try:
        value = json_text(msg.data[tag])
    except NotANumber:
        value, quality = "null", _NOT_A_NUMBER if quality == GOOD else quality
    return _payload(value, msg.ts // 1_000_000, quality)


def _payload(value: str, ms: int | None, quality: str) -> bytes:
    # Members always in this order: MicroPython's dicts keep none.
    return ('{"v": %s, "t": %s, "q": %s}' % (value, json.dumps(ms), json.dumps(quality))).encode()
