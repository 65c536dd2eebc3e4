"""Boards: data that describes hardware, one `boards/<NAME>/board.toml` each. See boards/README.md for the keys."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from fluxrig.errors import LocalError
from fluxrig_tooling.wording.suggest import nearest
from fluxrig_tooling.wording.units import parse_size

DEFAULT = "GENERIC"
_PACKAGED = Path(__file__).resolve().parents[1] / "boards"
_CHECKOUT = Path(__file__).resolve().parents[3] / "boards"


@dataclass(frozen=True)
class Board:
    """One board, with what it inherits merged in. `heap` and `flash` are in bytes, None where there is no limit."""

    name: str
    summary: str
    target: str
    mcu: str = ""
    arch: str = ""
    heap: int | None = None
    flash: int | None = None
    capabilities: tuple[str, ...] = ()
    pins: dict[str, int] = field(default_factory=dict)


@cache
def folder() -> Path:
    """Where the boards are: inside the installed package, or beside the sources of a checkout."""
    return _PACKAGED if _PACKAGED.is_dir() else _CHECKOUT


def names() -> list[str]:
    """Every board, sorted."""
    return sorted(path.parent.name for path in folder().glob("*/board.toml"))


@cache
def load(name: str) -> Board:
    """The board called `name`. Raises LocalError, with the nearest name, when there is none."""
    values = _merged(name, ())
    return Board(
        name=name,
        summary=values["summary"],
        target=values["target"],
        mcu=values.get("mcu", ""),
        arch=values.get("arch", ""),
        heap=_size(values.get("heap")),
        flash=_size(values.get("flash")),
        capabilities=tuple(values.get("capabilities", ())),
        pins=values.get("pins", {}),
    )


def _merged(name: str, heirs: tuple[str, ...]) -> dict[str, Any]:
    if name in heirs:
        raise LocalError(f"board {name!r} inherits from itself: {' -> '.join((*heirs, name))}")
    path = folder() / name / "board.toml"
    if name not in names():
        close = nearest(name, names())
        raise LocalError(f"unknown board {name!r}" + (f", did you mean {close!r}?" if close else ""), nearest=close)
    own = tomllib.loads(path.read_text(encoding="utf-8"))
    parent = own.pop("inherits", None)
    if parent is None:
        return own
    merged = _merged(parent, (*heirs, name))
    for key, value in own.items():
        both_tables = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = {**merged[key], **value} if both_tables else value
    return merged


def _size(text: str | None) -> int | None:
    return None if text is None else parse_size(text)
