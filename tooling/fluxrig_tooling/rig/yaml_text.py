"""Values as they can stand in a rig file, each in one line."""

from __future__ import annotations

import json
import re
from typing import Any

from fluxrig_tooling.rig.nodes import resolve

_PLAIN = re.compile(
    r"[0-9]+(?:\.[0-9]+)?[A-Za-z%]{1,3}"  # a quantity, such as 5s
    r"|[A-Za-z_/][A-Za-z0-9_./%°²³+-]*(?:[: ][A-Za-z0-9_./%°²³+-]+)*"
)
"""Text that needs no quotes, also within { }, unless it reads as something else."""


def scalar(value: Any) -> str:
    """A value without parts: text is plain where that means the same, else in quotes."""
    if not isinstance(value, str):
        return json.dumps(value)
    if _PLAIN.fullmatch(value) and isinstance(resolve(value), str):
        return value
    return json.dumps(value, ensure_ascii=False)


def flow(value: Any) -> str:
    """Any value, in flow style: `{address: hr:0, range: [0, 250]}`."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(key)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    return scalar(value)
