"""What Gears need of the world outside, tried once from this machine: one module a type, beside that in `rig.lower`.

A module `probe/<type>.py` has
    probe(gears, host)   an asynchronous generator of what it found; `gears` are those of the type in a compiled rig
It reads a configuration as `lower/<type>.py` has made it. Types without a module need nothing that could be tried.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from fluxrig.host import Host

OK, WARNING, FAILED = "ok", "warning", "failed"

CONNECT_MS = 3000
"""How long a probe waits for an answer."""


@dataclass(frozen=True)
class Finding:
    """What one check found. `fix` says what to do about it, empty when nothing is to be done."""

    check: str
    result: str
    detail: str
    fix: str = ""

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


async def probe(rig: dict[str, Any], host: Host) -> AsyncIterator[Finding]:
    """What the probes of all types found that the compiled `rig` has."""
    by_type: dict[str, list[dict[str, Any]]] = {}
    for gear in rig["gears"]:
        by_type.setdefault(gear["type"], []).append(gear)
    for type_name, gears in by_type.items():
        name = f"{__name__}.{type_name}"
        if find_spec(name):
            async for finding in import_module(name).probe(gears, host):
                yield finding
