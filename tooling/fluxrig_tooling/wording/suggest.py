"""The nearest valid name, for error messages."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate most like `word`, in whatever case; None when none is like it."""
    by_folded = {candidate.casefold(): candidate for candidate in candidates}
    close = get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[close[0]] if close else None


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """A hint: the nearest candidate, or all of them when none is near; empty when there are none."""
    known = list(candidates)
    close = nearest(word, known)
    if close:
        return f"did you mean {close!r}?"
    return f"known: {listed(known)}" if known else ""


def listed(names: Iterable[str], last: str = "and", limit: int = 20) -> str:
    """`a, b and c`, or with another word than `and`; what is beyond `limit` names is only counted."""
    known = list(names)
    if len(known) > limit:
        known[limit:] = [f"{len(known) - limit} more"]
    return known[0] if len(known) == 1 else f"{', '.join(known[:-1])} {last} {known[-1]}"
