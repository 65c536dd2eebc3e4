"""Limits of durations and sizes, for which a JSON Schema has no words: those in the file are text with a unit."""

from __future__ import annotations

from collections.abc import Callable

from fluxrig_tooling.rig.problems import Location, Problems
from fluxrig_tooling.wording.units import duration_text


def check_range(
    at: Location,
    key: str,
    value: int,
    limits: tuple[int, int | None],
    problems: Problems,
    text: Callable[[int], str] = duration_text,
) -> bool:
    """Whether `value` is within `limits`, the least and the most that it may be (None: any); else it is reported."""
    least, most = limits
    if least <= value and (most is None or value <= most):
        return True
    expected = f"at least {text(least)}" if most is None else f"{text(least)} to {text(most)}"
    problems.error(at, f"{key}: expected {expected}, got {text(value)}")
    return False


def check_order(at: Location, shorter: tuple[str, int], longer: tuple[str, int], problems: Problems) -> None:
    """Report the duration `longer`, a key and its milliseconds, when it is less than `shorter`. `at`: where it is."""
    if longer[1] < shorter[1]:
        expected = f"at least {shorter[0]}, {duration_text(shorter[1])}"
        problems.error(at, f"{longer[0]}: expected {expected}, got {duration_text(longer[1])}")
