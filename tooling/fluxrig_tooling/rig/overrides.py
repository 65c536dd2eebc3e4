"""Values given from outside in place of those in the file, such as {"gears.plc.config.link": "tcp://127.0.0.1:5020"}."""

from __future__ import annotations

from typing import Any

from fluxrig_tooling.rig.nodes import Field, Mapping, Node, Scalar, Sequence, find, from_value, mapping, sequence
from fluxrig_tooling.rig.problems import Problems
from fluxrig_tooling.wording.suggest import did_you_mean


def override(root: Node, values: dict[str, Any], problems: Problems) -> Node:
    """The tree with `values` put in. A path has keys and, in a list, the `name` of an item or its index from 0.

    A last key may be new; everything before it must exist.
    """
    for path, value in values.items():
        root = _replaced(root, path.split("."), path, value, problems)
    return root


def overrides_of_instances(root: Node, values: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """`values` in two parts: those for the tree `root`, and those for gears that only `for_each` will make of it."""
    gears = find(root, "gears")
    names = _names(gears) if isinstance(gears, Sequence) else []
    later = {path for path in values if path.startswith("gears.") and path.split(".")[1] not in names}
    now = {path: value for path, value in values.items() if path not in later}
    return now, {path: values[path] for path in values if path in later}


def _replaced(node: Node, keys: list[str], path: str, value: Any, problems: Problems) -> Node:
    if not keys:
        return from_value(value, node.at)
    key, rest = keys[0], keys[1:]
    if isinstance(node, Mapping) and (key in node.entries or not rest):
        entry = node.entries.get(key) or Field(node.at, node)
        changed = _replaced(entry.node, rest, path, value, problems)
        return mapping(node.at, node.entries | {key: Field(entry.key_at, changed)})
    if isinstance(node, Sequence) and key in (names := _names(node)):
        index = names.index(key)
        changed = _replaced(node.items[index], rest, path, value, problems)
        return sequence(node.at, [*node.items[:index], changed, *node.items[index + 1 :]])
    known = list(node.entries) if isinstance(node, Mapping) else _names(node) if isinstance(node, Sequence) else []
    problems.error(node.at, f"the override {path!r} finds no {key!r} here", did_you_mean(key, known))
    return node


def _names(node: Sequence) -> list[str]:
    """What each item is called: its name, or its index."""
    names = [find(item, "name") for item in node.items]
    return [name.text if isinstance(name, Scalar) else str(index) for index, name in enumerate(names)]
