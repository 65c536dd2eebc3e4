"""What was found out, as lines to paste into a rig file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fluxrig_tooling.rig.yaml_text import flow, scalar


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
