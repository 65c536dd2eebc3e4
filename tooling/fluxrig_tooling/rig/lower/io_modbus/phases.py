"""When in its period each poll of one line begins, so that polls do not collide.

An offset that the rig gives stays. The others are found one after the other, shorter periods first, then as they stand
in the rig.

- On a serial line a poll begins as soon after the end of the one before it as the line is free, each time that it
  repeats. Two polls that repeat every p and q meet at every distance that is a multiple of gcd(p, q) away from that of
  their offsets: so it is enough that they do not overlap on a circle of that length. Where there is no such offset, as
  with periods of 100 ms and 101 ms, the poll begins at the end of the one before it.
- Over TCP, where what a poll takes is not known, the offsets are spread over the shortest period.

A line with one poll has offset 0. Times are whole milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd

SEARCH_STEPS = 50
"""How many occupied places in a row are looked at before the line counts as never free."""


@dataclass(frozen=True)
class Use:
    """The line is used for `length`, every `period`, from `offset` on, which is None until it is found."""

    length: int
    period: int
    offset: int | None = None


def in_free_places(uses: Sequence[Use]) -> list[int]:
    """The offsets of polls on a serial line."""
    placed = [(use.offset, use) for use in uses if use.offset is not None]
    offsets = {index: use.offset for index, use in enumerate(uses) if use.offset is not None}
    end = 0
    for index, use in sorted(enumerate(uses), key=lambda each: each[1].period):
        if use.offset is None:
            start = end % use.period
            offset = _first_free(use, start, placed)
            offsets[index] = start if offset is None else offset
            placed.append((offsets[index], use))
        end = offsets[index] + use.length
    return [offsets[index] for index in range(len(uses))]


def spread(periods: Sequence[int], given: Sequence[int | None]) -> list[int]:
    """The offsets of polls over TCP: those `given`, and the others spread."""
    order = sorted(range(len(periods)), key=periods.__getitem__)
    places = {index: place * min(periods) // len(periods) for place, index in enumerate(order)}
    return [places[index] if offset is None else offset for index, offset in enumerate(given)]


def _first_free(use: Use, start: int, placed: Sequence[tuple[int, Use]]) -> int | None:
    """The first offset from `start` on at which the line is never in use. None when there is none, or it is far off."""
    others = [(offset, other.length, gcd(use.period, other.period)) for offset, other in placed]
    if any(use.length + length > circle for _, length, circle in others):
        return None
    offset = start
    for _ in range(SEARCH_STEPS):
        wait = max((_wait(offset - other, use.length, length, circle) for other, length, circle in others), default=0)
        offset += wait
        if offset >= use.period:
            return None
        if not wait:
            return offset
    return None


def _wait(distance: int, length: int, other: int, circle: int) -> int:
    """How much later what begins `distance` behind the beginning of another must begin to overlap it nowhere.

    `length` and `other` are how long they are; both repeat every `circle`, into which they fit.
    """
    behind = distance % circle
    if behind < other:
        return other - behind
    return circle - behind + other if behind + length > circle else 0
