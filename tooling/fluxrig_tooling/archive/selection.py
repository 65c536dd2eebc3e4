"""Which messages are wanted: by position, by time, by tag. What can be seen without decoding is not decoded."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from fluxrig.archive.marks import EVENT
from fluxrig.errors import LocalError
from fluxrig.msg import FluxMsg
from fluxrig_tooling.archive.entries import ArchivedMessage, ArchiveReader
from fluxrig_tooling.archive.times import time_text
from fluxrig_tooling.wording.text import printable
from fluxrig_tooling.wording.units import parse_duration

_BEGIN = b"\xaa\x62id\x50"
_TS = b"\x62ts\x1b"  # and eight bytes: a time after 1970-01-01 00:00:04 and before 2262

Progress = Callable[[int], None]
"""Called with the bytes of each segment that is done."""

DAY_NS = 86_400_000_000_000

SAMPLE = 1000
"""Messages that are looked at for the tags that there are."""

MAX_NAMED = 12
"""Tags of them that are named."""

_POSITION = re.compile(r"[0-9]{1,19}", re.ASCII)
_DURATION = re.compile(r"[0-9.]+(ms|s|m|h|d)", re.ASCII)


@dataclass(frozen=True)
class Point:
    """A place in an archive: a position, or a time of messages in Unix ns."""

    position: int | None = None
    time: int | None = None


def parse_point(text: str, now_ns: int | None = None, is_end: bool = False) -> Point:
    """`1234` is a position, `2h` the time two hours ago, `2026-11-25`, `2026-11-25T10:30`, `10:30` (today) a time.

    A date alone is the beginning of that day; with `is_end`, its last nanosecond.
    Times are UTC unless they say otherwise, as in `2026-11-25T10:30+01:00`. LocalError.
    """
    now = time.time_ns() if now_ns is None else now_ns
    text = text.strip()
    if _POSITION.fullmatch(text):
        return Point(position=int(text))
    if _DURATION.fullmatch(text):
        return Point(time=now - parse_duration(text) * 1_000_000)
    today = datetime.fromtimestamp(now // 1_000_000_000, UTC).date().isoformat()
    for form in (text, f"{today}T{text}"):
        try:
            moment = datetime.fromisoformat(form)
        except ValueError:
            continue
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        whole = int(moment.replace(microsecond=0).timestamp())
        rest = DAY_NS - 1 if is_end and _is_date(form) else 0
        return Point(time=whole * 1_000_000_000 + moment.microsecond * 1000 + rest)
    expected = "a position such as 1234, a time such as 2026-11-25T10:30 or an age such as 2h"
    raise LocalError(f"expected {expected}, got {text!r}")


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class Selection:
    """From `begin` on, up to and with `end`; with one of `tags`, if there are any."""

    begin: Point = Point()
    end: Point = Point()
    tags: frozenset[str] = frozenset()

    @property
    def is_reversed(self) -> bool:
        """Whether it ends before it begins."""
        begin, end = self.begin, self.end
        if begin.position is not None and end.position is not None:
            return begin.position > end.position
        return begin.time is not None and end.time is not None and begin.time > end.time

    @property
    def since(self) -> int:
        """The first position that can be wanted."""
        return self.begin.position or 0

    @property
    def needles(self) -> tuple[bytes, ...]:
        """One of these stands in the bytes of each message that is wanted; none: in any."""
        return tuple(tag.encode(errors="replace") for tag in sorted(self.tags))

    @property
    def is_by_position(self) -> bool:
        """Whether nothing but positions matters."""
        return not self.tags and self.begin.time is None and self.end.time is None

    def _may_take(self, entry: ArchivedMessage) -> bool:
        """What the bytes of a message say about its time."""
        if self.begin.time is None and self.end.time is None:
            return True
        body = entry.body
        if not body.startswith(_BEGIN) or body[21:25] != _TS:
            return True
        return self._is_in_time(int.from_bytes(body[25:33], "big"))

    def _takes(self, msg: FluxMsg) -> bool:
        """Whether the message is wanted, its position aside."""
        return self._is_in_time(msg.ts) and (not self.tags or not self.tags.isdisjoint(msg.data))

    def _is_in_time(self, ts: int) -> bool:
        return (self.begin.time is None or ts >= self.begin.time) and (self.end.time is None or ts <= self.end.time)

    def messages(
        self, archive: ArchiveReader, progress: Progress | None = None, until: int | None = None
    ) -> Iterator[tuple[int, FluxMsg]]:
        """(position, message) of all that is wanted, in order, up to and with the position `until`."""
        ends = [each for each in (self.end.position, until) if each is not None]
        for entry in archive.entries(self.since, self.needles, progress, min(ends, default=None)):
            msg = self.message(archive, entry)
            if msg is not None:
                yield entry.position, msg

    def message(self, archive: ArchiveReader, entry: ArchivedMessage) -> FluxMsg | None:
        """The message of an entry, if it is wanted, its position aside."""
        msg = archive.message(entry) if self._may_take(entry) else None
        return msg if msg is not None and self._takes(msg) else None


def nothing_matches(folder: Path, wanted: Selection) -> str:
    """What to say when nothing in the archive is wanted: what there is instead."""
    archive = ArchiveReader(folder)  # what is damaged is noted where it was read before
    tags: set[str] = set()
    begin = next(archive.entries(), None)
    end = None
    for entry in archive.entries(archive.last_position() - SAMPLE + 1):
        msg = archive.message(entry)
        if msg is not None:
            end = entry.position, msg
            tags.update(msg.data if msg.meta.get(EVENT) is None else ())
    first = archive.message(begin) if begin is not None else None
    if begin is None or first is None or end is None:
        return f"no message is committed in {folder} yet"
    parts = ["no message matches"]
    if wanted.tags:
        more = ", …" if len(tags) > MAX_NAMED else ""
        parts.append(f"tags: {', '.join(sorted(tags)[:MAX_NAMED])}{more}")
    if wanted.begin != Point() or wanted.end != Point():
        times = f"{time_text(first.ts, 0, ' ')} to {time_text(end[1].ts, 0, ' ')} UTC"
        parts.append(f"there are positions {begin.position} to {end[0]}, {times}")
    return printable("; ".join(parts))
