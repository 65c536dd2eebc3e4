"""Compares two paths that should say the same: a legacy system (`live`) and what is to replace it (`shadow`).

The unit is the *sample*: one value of one field at one source time. A sample of one path is matched with the nearest
one of the other path, at most `align` away, and each is matched once: the closest pair is matched first, of two alike
the earlier one. As long as each path delivers in the order of its source time, that depends on the samples alone and
not on which path delivers first: a pair is matched once both paths are past the point where a nearer sample could come.
What has waited `align` + `grace` of Rack time is decided with what is there; what then has no counterpart is counted as
`only_live` or `only_shadow`.

Values are compared by what they mean: numbers by distance, whatever their types; 1 and true are the same; everything
else is the same or is not. Two bad values are alike, whatever the reasons; a bad one and a good one differ.
"""

from fluxrig.decimal import Decimal, is_number
from fluxrig.msg import QUALITY

ABSOLUTE = "absolute"
RELATIVE = "relative"

LIVE = 0
SHADOW = 1


def same(live, shadow, kind: str, width, floor) -> tuple:
    """Whether two values are the same within the tolerance, and shadow - live (None where that is no number).

    `kind`: `absolute` (at most `width` apart), `relative` (at most `width` times |live|, or `floor` if that is more).
    Exact where neither value is a float, and `width` and `floor` are Decimals.
    """
    if not is_number(live) or not is_number(shadow):
        return live == shadow, None
    delta = shadow - live
    if delta - delta != 0:  # an infinity or NaN, on one side or both
        return live == shadow or (live != live and shadow != shadow), None
    distance = abs(delta)
    if isinstance(distance, float) or isinstance(width, float) or isinstance(floor, float):
        limit = float(width) if kind == ABSOLUTE else max(float(width) * abs(float(live)), float(floor))
        return live == shadow or float(distance) <= limit, delta
    limit = width if kind == ABSOLUTE else width * abs(live)
    # The Decimal stands on the left: MicroPython has no order with an integer there.
    return limit >= distance or (kind == RELATIVE and floor >= distance), delta


class Sample:
    """One value of one field on one path. `deadline` is when it is decided at the latest, in Rack time (us)."""

    __slots__ = ("bad", "deadline", "msg", "tag", "ts", "value")

    def __init__(self, tag: str, msg, deadline: int):
        self.tag = tag
        self.value = msg.data[tag]
        self.bad = QUALITY + tag in msg.meta
        self.ts = msg.ts
        self.msg = msg
        self.deadline = deadline


class Field:
    """One field, with the counts of what was decided.

    By path: `waiting` in the order of source time; `newest`, the source time that came last; `due`, before which none
    of them has waited long enough.
    """

    def __init__(self, rule):
        self.rule = rule
        self.waiting: tuple = ([], [])
        self.newest: list = [None, None]
        self.due = [0, 0]
        self.equal = 0
        self.differing = 0
        self.only = [0, 0]
        self.worst = 0
        self._reported = (0, 0)

    def seen(self) -> int:
        """The samples and pairs that were decided."""
        return self.equal + self.differing + self.only[LIVE] + self.only[SHADOW]

    def report(self) -> dict:
        """The counts so far, the parity from the start and since the report before this."""
        seen = self.seen()
        entry = {
            "compared": self.equal + self.differing,
            "equal": self.equal,
            "differing": self.differing,
            "only_live": self.only[LIVE],
            "only_shadow": self.only[SHADOW],
            "parity": percent(self.equal, seen),
            "recent": percent(self.equal - self._reported[0], seen - self._reported[1]),
            "worst": self.worst,
        }
        self._reported = (self.equal, seen)
        return entry


class Compare:
    """Compiled: {"fields": {live tag: [shadow tag, kind, width, floor]}, "other": None or [kind, width, floor] for tags
    that `fields` does not have, "align_ns", "hold_us", "max_waiting"}.

    `differs(live message, shadow message, {field: {"live", "shadow", "delta"}})` is called for a pair of messages with
    fields that differ.

    Counters: compared, differing (pairs of samples), compare_overflowed (samples decided early because `max_waiting` of
    their field waited), refused_fields (samples of fields beyond MAX_FIELDS).
    """

    counters = ("compared", "differing", "compare_overflowed", "refused_fields")
    compared = differing = compare_overflowed = refused_fields = 0

    MAX_FIELDS = 64
    """How many fields are taken that the rig does not name."""

    def __init__(self, config: dict, differs):
        self._align_ns = config["align_ns"]
        self._hold_us = config["hold_us"]
        self._max_waiting = config["max_waiting"]
        self._other = config["other"]
        self._room = self.MAX_FIELDS
        self._differs = differs
        self._fields: dict = {}
        self._names: tuple = ({}, {})  # the name of the field, by the tag of either path
        for name, rule in config["fields"].items():
            self._fields[name] = Field(rule[1:])
            self._names[LIVE][name] = name
            self._names[SHADOW][rule[0]] = name
        self._found: list = []  # [live message, shadow message, {field: …}], of what is being decided

    def stats(self) -> dict:
        """The counters: {name: count}."""
        return {name: getattr(self, name) for name in self.counters}

    def add(self, side: int, msg, now_us: int) -> None:
        """Take a message of one path (`LIVE` or `SHADOW`)."""
        names = self._names[side]
        for tag in msg.data:
            name = names.get(tag)
            if name is None:
                name = self._adopt(tag)
                if name is None:
                    continue
            field = self._fields[name]
            sample = Sample(tag, msg, now_us + self._hold_us)
            waiting = field.waiting[side]
            if not waiting:
                field.due[side] = sample.deadline
            waiting.insert(_index(waiting, sample.ts + 1), sample)
            before = field.newest[side]
            field.newest[side] = sample.ts
            if field.waiting[1 - side]:
                self._match_certain(name, field, side, sample.ts if before is None else min(before, sample.ts))
            if len(waiting) > self._max_waiting:
                self.compare_overflowed += 1
                self._decide(name, field, side, waiting[0])
        self._tell()

    def expire(self, now_us: int) -> None:
        """Decide what has waited long enough."""
        for name, field in self._fields.items():
            for side in (LIVE, SHADOW):
                waiting = field.waiting[side]
                if waiting and now_us >= field.due[side]:
                    for sample in [sample for sample in waiting if now_us >= sample.deadline]:
                        self._decide(name, field, side, sample)
                    field.due[side] = min([sample.deadline for sample in waiting] + [now_us + self._hold_us])
        self._tell()

    def report(self) -> tuple:
        """The parity of all fields together, and {field: its report}; see `Field.report`."""
        equal = sum([field.equal for field in self._fields.values()])
        seen = sum([field.seen() for field in self._fields.values()])
        return percent(equal, seen), {name: field.report() for name, field in self._fields.items()}

    def _adopt(self, tag: str):
        """The field of a tag that the rig does not name, which is called the same on both paths; None without one."""
        if self._other is None or tag in self._fields or tag in self._names[SHADOW]:
            return None
        if not self._room:
            self.refused_fields += 1
            return None
        self._room -= 1
        self._fields[tag] = Field(self._other)
        self._names[LIVE][tag] = tag
        self._names[SHADOW][tag] = tag
        return tag

    def _match_certain(self, name: str, field: Field, side: int, before: int) -> None:
        """Match every pair that nothing which may still come in order could part.

        Path `side` has moved on from the source time `before`. A pair that waited for that lies within `align` of it.
        """
        newest = field.newest[side]
        other_newest = field.newest[1 - side]
        mine = field.waiting[side]
        others = field.waiting[1 - side]
        reach = before - self._align_ns
        at = _index(others, reach)
        while at < len(others) and others[at].ts <= newest:
            other = others[at]
            at += 1
            sample = self._nearest(mine, other.ts)
            if sample is None or self._nearest(others, sample.ts) is not other:
                continue
            distance = abs(sample.ts - other.ts)
            if newest >= other.ts + distance and other_newest >= sample.ts + distance:
                self._match(name, field, side, sample, other)
                # Those that were nearer to one of the two may now go with another.
                reach -= 2 * self._align_ns
                at = _index(others, reach)

    def _decide(self, name: str, field: Field, side: int, sample: Sample) -> None:
        """Match `sample`, or count it as one without a counterpart, with what is there now. It may be decided already.

        From a sample to the nearest on the other path and back, distances only shrink: the way ends at a closest pair.
        """
        while sample in field.waiting[side]:
            one = sample
            while True:
                other = self._nearest(field.waiting[1 - side], one.ts)
                if other is None:
                    field.waiting[side].remove(sample)
                    field.only[side] += 1
                    return
                back = self._nearest(field.waiting[side], other.ts)
                if back is one:
                    self._match(name, field, side, one, other)
                    break
                one = back

    def _nearest(self, waiting: list, ts: int):
        """The sample nearest to `ts` within `align`; of two alike the earlier, of those at one time the first."""
        low = _index(waiting, ts)
        after = waiting[low].ts - ts if low < len(waiting) else self._align_ns + 1
        if low and ts - waiting[low - 1].ts <= min(after, self._align_ns):
            return waiting[_index(waiting, waiting[low - 1].ts)]
        return waiting[low] if after <= self._align_ns else None

    def _match(self, name: str, field: Field, side: int, sample: Sample, other: Sample) -> None:
        field.waiting[side].remove(sample)
        field.waiting[1 - side].remove(other)
        live, shadow = (sample, other) if side == LIVE else (other, sample)
        self.compared += 1
        if live.bad or shadow.bad:
            equal, delta = live.bad and shadow.bad, None
        else:
            equal, delta = same(live.value, shadow.value, *field.rule)
        if delta is not None and abs(float(delta)) > float(field.worst):
            field.worst = abs(delta)
        if equal:
            field.equal += 1
            return
        field.differing += 1
        self.differing += 1
        entry = {"live": live.value, "shadow": shadow.value, "delta": delta}
        if live.bad:
            entry["live_quality"] = live.msg.quality(live.tag)
        if shadow.bad:
            entry["shadow_quality"] = shadow.msg.quality(shadow.tag)
        for found in self._found:
            if found[0] is live.msg and found[1] is shadow.msg:
                found[2][name] = entry
                return
        self._found.append([live.msg, shadow.msg, {name: entry}])

    def _tell(self) -> None:
        found = self._found
        if found:
            self._found = []
            for live, shadow, fields in found:
                self._differs(live, shadow, fields)


def _index(waiting: list, ts: int) -> int:
    """Where the samples of the time `ts` begin, or would."""
    low = 0
    high = len(waiting)
    while low < high:
        middle = (low + high) >> 1
        if waiting[middle].ts < ts:
            low = middle + 1
        else:
            high = middle
    return low


def percent(part: int, whole: int):
    """`part` in percent of `whole`, rounded down to two places: 100.00 is all of it. None of nothing."""
    return Decimal(part * 10_000 // whole, -2) if whole else None
