"""Unix nanoseconds as text, whatever number they are."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

SECOND = 1_000_000_000
_LATEST = 253_402_300_799  # the last second of the year 9999


def time_text(ns: int, digits: int = 9, between: str = "T") -> str:
    """ISO 8601 in UTC with `digits` places, cut and not rounded: 2026-11-25T10:30:00.123000000Z.

    A time that no calendar has is the bare number.
    """
    seconds, rest = divmod(ns, SECOND)
    if not 0 <= seconds <= _LATEST:
        return str(ns)
    whole = _second(seconds, between)
    places = f".{rest:09}"[: digits + 1] if digits else ""
    return f"{whole}{places}{'Z' if between == 'T' else ''}"


@lru_cache(100)
def _second(seconds: int, between: str) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime(f"%Y-%m-%d{between}%H:%M:%S")


def span_text(ns: int) -> str:
    """A stretch of time as a person says it, such as 3.2 days."""
    seconds = ns / SECOND
    for limit, unit, factor in ((120, "s", 1), (7200, "min", 60), (172_800, "hours", 3600)):
        if seconds < limit:
            return f"{seconds / factor:.3g} {unit}"
    return f"{seconds / 86_400:,.1f} days"
