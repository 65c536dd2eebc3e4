"""What was found out, as lines to paste into a rig file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./+-]*(?::[A-Za-z0-9_./+-]+)*")
_WORDS = ("true", "false", "null", "yes", "no", "on", "off", "y", "n")


def gear_lines(name: str, link: str, keys: dict[str, Any], tags: dict[str, dict[str, Any]]) -> Iterator[str]:
    """An `io_modbus` Gear with this link and these keys; without tags, with one to begin with."""
    yield f"  - name: {name}"
    yield "    type: io_modbus"
    yield "    config:"
    yield f"      link: {scalar(link)}"
    for key, value in keys.items():
        yield f"      {key}: {scalar(value)}"
    yield "      tags:"
    for tag, spec in (tags or {"first": {"address": "hr:0"}}).items():
        yield f"        {tag}: {flow(spec)}"


def flow(mapping: dict[str, Any]) -> str:
    """A mapping in one line."""
    return "{" + ", ".join(f"{key}: {scalar(value)}" for key, value in mapping.items()) + "}"


def scalar(value: Any) -> str:
    """A scalar as YAML has it, in quotes where it would be read as something else."""
    if isinstance(value, str):
        is_plain = _PLAIN.fullmatch(value) and value.lower() not in _WORDS
        return value if is_plain else json.dumps(value, ensure_ascii=False)
    return json.dumps(value)
