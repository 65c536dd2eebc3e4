"""Values, sizes and ages as a person reads them. What is to be read again is written by `units`."""

from __future__ import annotations

from typing import Any

from fluxrig.jsontext import json_text
from fluxrig_tooling.wording.text import counted

GLANCE, FLOAT32, FLOAT64 = 5, 7, 15
"""Digits of a float: enough for a live table, and all that one of 32 or 64 bits surely has."""


def value_text(value: Any, digits: int = GLANCE) -> str:
    """Decimals with all their places, floats with `digits`, booleans as on and off, bytes in hex, lists as JSON."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:.{digits}g}"
    if isinstance(value, bytes):
        return value.hex(" ", -2)
    if isinstance(value, list | dict):
        return json_text(value, "null")
    return str(value)


def rounded_size(size: int) -> str:
    """Bytes with a digit behind the point: 1.2 GiB."""
    number = float(size)
    for unit in ("", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{number:.1f} {unit}" if unit else counted(size, "byte")
        number /= 1024
    return f"{number:,.1f} TiB"


def age_text(ms: int | None, now_ms: int) -> str:
    """How long ago `ms` was: tenths of seconds below a minute, then minutes, then hours; `-` when it never was."""
    if ms is None:
        return "-"
    seconds = max(now_ms - ms, 0) / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"
