"""The tree of a YAML file: what stands where. What a scalar means is decided later, by the schema of its field."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fluxrig_tooling.rig.problems import Location

_NULL = {"", "~", "null", "Null", "NULL"}
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_HEX = re.compile(r"0x[0-9a-fA-F]+")
_OCTAL = re.compile(r"0o[0-7]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INFINITY = re.compile(r"[-+]?\.(?:inf|Inf|INF)")
_NAN = {".nan", ".NaN", ".NAN"}
_MAX_DIGITS = 400
"""Beyond the digits of the largest float and of any 64-bit integer."""


def resolve(text: str) -> bool | int | float | str | None:
    """The value of a plain scalar under the YAML 1.2 core schema (YAML 1.2.2, section 10.3.2).

    One rule is stricter: a decimal number with leading zeros is text. It is a part number, a date or an octal number,
    never the value 17 that the core schema makes of `00017`.
    """
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if len(text) > _MAX_DIGITS:
        return text
    if _INT.fullmatch(text):
        return int(text)
    if _HEX.fullmatch(text):
        return int(text[2:], 16)
    if _OCTAL.fullmatch(text):
        return int(text[2:], 8)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _INFINITY.fullmatch(text):
        return float(text.replace(".", ""))
    return float("nan") if text in _NAN else text


@dataclass(frozen=True, slots=True)
class Scalar:
    """Text as it stands in the file. `plain`: without quotes, so it may mean a number, a boolean or nothing."""

    at: Location
    text: str
    plain: bool
    size: int = field(default=1, init=False)
    height: int = field(default=0, init=False)


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    at: Location
    items: tuple[Node, ...]
    size: int
    height: int


@dataclass(frozen=True, slots=True)
class Field:
    """A key's place and its value."""

    key_at: Location
    node: Node


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys, as they stand in the file, and values.

    `size` counts this node and all below it, `height` the levels below it.
    """

    at: Location
    entries: dict[str, Field]
    size: int
    height: int


Node = Scalar | Sequence | Mapping


def sequence(at: Location, items: list[Node]) -> Sequence:
    """A list of `items`."""
    return Sequence(at, tuple(items), *_extent(items))


def mapping(at: Location, entries: dict[str, Field]) -> Mapping:
    """A mapping of `entries`."""
    return Mapping(at, entries, *_extent([entry.node for entry in entries.values()]))


def child(node: Node | None, key: str | int) -> Node | None:
    """The node at `key`, None when there is none."""
    if isinstance(node, Mapping) and isinstance(key, str):
        entry = node.entries.get(key)
        return entry.node if entry else None
    if isinstance(node, Sequence) and isinstance(key, int) and 0 <= key < len(node.items):
        return node.items[key]
    return None


def find(node: Node | None, *path: str | int) -> Node | None:
    """The node at `path`, None when there is none."""
    for key in path:
        node = child(node, key)
    return node


def location(node: Node, *path: str | int) -> Location:
    """Where the value at `path` stands; for what is not written in the file, where its nearest parent does."""
    for key in path:
        below = child(node, key)
        if below is None:
            break
        node = below
    return node.at


def key_location(node: Node, *path: str | int) -> Location:
    """Like `location`, of the key instead of the value where there is one."""
    parent, name = find(node, *path[:-1]), path[-1]
    if isinstance(parent, Mapping) and isinstance(name, str) and name in parent.entries:
        return parent.entries[name].key_at
    return location(node, *path)


def from_value(value: Any, at: Location) -> Node:
    """The tree of a Python value (None, bool, int, float, text, lists and dicts of them), all of it at one place."""
    if isinstance(value, dict):
        return mapping(at, {str(key): Field(at, from_value(item, at)) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return sequence(at, [from_value(item, at) for item in value])
    if isinstance(value, str):
        return Scalar(at, value, plain=False)
    return Scalar(at, "null" if value is None else str(value).lower(), plain=True)


def moved(node: Node, move: Callable[[Location], Location]) -> Node:
    """The same tree, with the place that `move` says for each of its places."""
    if isinstance(node, Scalar):
        return Scalar(move(node.at), node.text, node.plain)
    if isinstance(node, Sequence):
        return sequence(move(node.at), [moved(item, move) for item in node.items])
    entries = {key: Field(move(entry.key_at), moved(entry.node, move)) for key, entry in node.entries.items()}
    return mapping(move(node.at), entries)


def _extent(children: list[Node]) -> tuple[int, int]:
    """Size and height of the parent of `children`."""
    return 1 + sum(node.size for node in children), 1 + max((node.height for node in children), default=0)
