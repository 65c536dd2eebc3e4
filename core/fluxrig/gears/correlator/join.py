"""Joins messages that belong together: the same key, source times close to one another. No I/O, no clock of its own.

Two clocks are involved, and they are kept apart. *Source time* (`msg.ts`) says what belongs together: all parts of a
join lie `within` one another. *Rack time*, monotonic and given by the caller, says how long to wait: a join is given up
`wait` after its first message came. So a source whose clock is set back, or a link that delivers late, changes what
matches and never what is kept; and a correction of the Rack's own clock changes neither.

- A message goes to the open join of its key that lacks its part and whose span of source time it keeps shortest, the
  one opened first where two are alike. Where none has room for it, it opens a join. So each message is in one join at
  most, and a second message of a part (a poll that repeats, many cycles to one sensor) replaces nothing: the nearest
  one finds its counterpart, the others end without.
- A join that has every part is complete: at once, and for good. What comes after it opens another, and so does what
  comes after a join was given up: late counterparts end as two partial joins with the same key.
- The same message once more (same id) is not joined with itself again while its join is open.
- Where `max_open` joins are open the oldest is given up for a new one.
- Joins are kept in memory: a crash loses those that are open, their parts are in the archive.
"""

from fluxrig.compat import is_int
from fluxrig.msg import QUALITY

TRACE = "trace"
META = "meta"
DATA = "data"

EMIT = "emit"
DROP = "drop"
WITH_FIRST = "with_first"


class Open:
    """A join that waits for parts: `parts` in the order of the rule, None where one is missing."""

    __slots__ = ("deadline", "earliest", "key", "latest", "parts")

    def __init__(self, key, count: int, ts: int, deadline: int):
        self.key = key
        self.parts: list = [None] * count
        self.earliest = ts
        self.latest = ts
        self.deadline = deadline


class Join:
    """One rule. Compiled: {"name", "parts": [[source id, gear name, prefix, key kind, key name], …], "within_ns",
    "wait_us", "partial", "max_open", "text_keys"}.

    The kind of a key is `meta`, `data` or `trace`; with `text_keys` an integer is the same key as its digits in text.
    `partial` is what happens to a join with parts missing: `emit`, `drop`, or `with_first`: emit those that have the
    first part of the rule.

    `emit(data, meta, ts, flags, cause)` is called with what the joined event consists of.

    Counters: joins_complete; joins_partial and joins_dropped (with parts missing: emitted or not); joins_overflowed
    (those of both that were given up for another); joins_unkeyed (messages without a key); joins_repeated (the same
    message again); join_collisions (tags that had to be renamed).
    """

    counters = (
        "joins_complete",
        "joins_partial",
        "joins_dropped",
        "joins_overflowed",
        "joins_unkeyed",
        "joins_repeated",
        "join_collisions",
    )
    joins_complete = joins_partial = joins_dropped = joins_overflowed = 0
    joins_unkeyed = joins_repeated = join_collisions = 0

    def __init__(self, rule: dict, emit):
        self._name = rule["name"]
        self._parts = rule["parts"]
        self._within_ns = rule["within_ns"]
        self._wait_us = rule["wait_us"]
        self._partial = rule["partial"]
        self._max_open = rule["max_open"]
        self._text_keys = rule["text_keys"]
        self._emit = emit
        self._part_of = {part[0]: index for index, part in enumerate(self._parts)}
        self._by_key: dict = {}  # key: [Open, …]
        self._order: list = []  # every Open, oldest first

    def stats(self) -> dict:
        """The counters: {name: count}."""
        return {name: getattr(self, name) for name in self.counters}

    def add(self, msg, now_us: int) -> None:
        """Take a message; one of a source that is no part of this join is none of its business."""
        index = self._part_of.get(msg.src_id)
        if index is None:
            return
        self.expire(now_us)
        key = self._key(self._parts[index], msg)
        if key is None:
            self.joins_unkeyed += 1
            return
        found = self._place(key, index, msg)
        if found is None:
            found = self._open(key, msg.ts, now_us)
        elif found.parts[index] is not None:
            self.joins_repeated += 1
            return
        found.parts[index] = msg
        found.earliest = min(found.earliest, msg.ts)
        found.latest = max(found.latest, msg.ts)
        if None not in found.parts:
            self._remove(found)
            self.joins_complete += 1
            self._send(found)

    def expire(self, now_us: int) -> None:
        """Give up the joins that have waited long enough."""
        while self._order and now_us >= self._order[0].deadline:
            self._give_up()

    def close(self) -> None:
        """Give up every join: the Rack stops."""
        while self._order:
            self._give_up()

    def _key(self, part, msg):
        """The key of a message, None where it has none. A value that is not there, NaN, a list or a map is no key."""
        kind = part[3]
        if kind == TRACE:
            return msg.trace
        if kind == META:
            return msg.meta.get(part[4])
        value = msg.data.get(part[4])
        if isinstance(value, (list, tuple, dict)) or value != value:
            return None
        return str(value) if self._text_keys and is_int(value) else value

    def _place(self, key, index: int, msg):
        """The open join that `msg` goes to, or is in already; None for one that has to be opened."""
        best = None
        best_span = self._within_ns
        for each in self._by_key.get(key, ()):
            held = each.parts[index]
            if held is not None:
                if held.id == msg.id:
                    return each
                continue
            span = max(each.latest, msg.ts) - min(each.earliest, msg.ts)
            if span < best_span or (span == best_span and best is None):
                best = each
                best_span = span
        return best

    def _open(self, key, ts: int, now_us: int) -> Open:
        if len(self._order) == self._max_open:
            self.joins_overflowed += 1
            self._give_up()
        opened = Open(key, len(self._parts), ts, now_us + self._wait_us)
        self._order.append(opened)
        if key not in self._by_key:
            self._by_key[key] = []
        self._by_key[key].append(opened)
        return opened

    def _remove(self, found: Open) -> None:
        self._order.remove(found)
        alike = self._by_key[found.key]
        alike.remove(found)
        if not alike:
            del self._by_key[found.key]

    def _give_up(self) -> None:
        """End the oldest join, which lacks parts."""
        oldest = self._order[0]
        self._remove(oldest)
        if self._partial == EMIT or (self._partial == WITH_FIRST and oldest.parts[0] is not None):
            self.joins_partial += 1
            self._send(oldest)
        else:
            self.joins_dropped += 1

    def _send(self, ended: Open) -> None:
        data: dict = {}
        meta = {"join": self._name}
        there = []
        missing = []
        flags = 0
        cause = None
        for part, msg in zip(self._parts, ended.parts):
            if msg is None:
                missing.append(part[1])
                continue
            there.append(msg)
            flags |= msg.flags
            if cause is None:
                cause = msg
            self._merge(part, msg, data, meta)
        meta["join.parts"] = ",".join([part[1] for part, msg in zip(self._parts, ended.parts) if msg is not None])
        meta["join.ids"] = ",".join([msg.id.hex() for msg in there])
        if missing:
            meta["join.missing"] = ",".join(missing)
        if self._parts[0][3] != TRACE:
            meta["join.key"] = ended.key.hex() if isinstance(ended.key, bytes) else str(ended.key)
        self._emit(data, meta, ended.latest, flags, cause)

    def _merge(self, part, msg, data: dict, meta: dict) -> None:
        """Put the values and qualities of one part to those of the others."""
        _, gear, prefix, kind, key = part
        for tag, value in msg.data.items():
            name = prefix + tag
            if name in data:
                if kind == DATA and tag == key:
                    continue  # the key is the same in all parts
                self.join_collisions += 1
                while name in data:
                    name = gear + "_" + name
            data[name] = value
            quality = msg.meta.get(QUALITY + tag)
            if quality is not None:
                meta[QUALITY + name] = quality
