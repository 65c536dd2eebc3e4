"""Wires from and to gears with `for_each`, as wires from and to their instances.

The name of the gear means each of its instances. Between two such gears, those with the same id are joined.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product

from fluxrig_tooling.rig.nodes import Field, Mapping, Node, Scalar, Sequence, child, mapping, sequence
from fluxrig_tooling.rig.problems import Problems
from fluxrig_tooling.wording.suggest import listed

MAX_WIRES = 20_000
"""Wires that all entries which name a gear with `for_each` make."""

Ids = dict[str, list[str]]
"""The ids of the instances of each gear with `for_each`."""


def expand_wires(wires: Sequence, ids: Ids, unread: set[str], problems: Problems) -> Sequence:
    """`wires`, those with a gear of `ids` replaced by one for each of its instances.

    `unread` are gears and instances that could not be made, so that nobody misses them here. Added to it are those
    that wires name after a gear of which no row could be read.
    """
    failed = tuple(f"{name}-" for name in ids if name in unread)
    items: list[Node] = []
    made = 0
    for item in wires.items:
        sources, targets = _endpoints(item, "from"), _endpoints(item, "to")
        unread.update(name for end in (*sources, *targets) if (name := _gear(end)).startswith(failed))
        if not (isinstance(item, Mapping) and any(_template(end, ids) for end in (*sources, *targets))):
            items.append(item)
            continue
        for source, target in product(sources, targets):
            pairs = _pairs(source, target, ids, unread, problems)
            made += len(pairs)
            if made > MAX_WIRES:
                problems.error(item.at, f"for_each makes more than {MAX_WIRES} wires here and above")
                return sequence(wires.at, items)
            items += [_wire(item, *pair) for pair in pairs]
    return sequence(wires.at, items)


def _pairs(
    source: Scalar, target: Scalar, ids: Ids, unread: set[str], problems: Problems
) -> list[tuple[Scalar, Scalar]]:
    """The ends of each wire that a wire from `source` to `target` stands for."""
    names = _template(source, ids), _template(target, ids)
    if not (names[0] and names[1]):
        return list(product(_ends(source, names[0], ids), _ends(target, names[1], ids)))
    common = [each for each in ids[names[0]] if each in set(ids[names[1]])]
    for name, other in (names, names[::-1]):
        lonely = [each for each in ids[name] if each not in set(common) and f"{other}-{each}" not in unread]
        if lonely and other not in unread:
            message = f"{other!r} has no instance for {listed(lonely, limit=5)} of {name!r}"
            hint = "between two gears with for_each, those with the same id are wired"
            problems.error(max(source.at, target.at), message, hint)
    return [(_instance(source, names[0], each), _instance(target, names[1], each)) for each in common]


def _wire(item: Mapping, source: Scalar, target: Scalar) -> Mapping:
    ends = {"from": Field(item.entries["from"].key_at, source), "to": Field(item.entries["to"].key_at, target)}
    return mapping(item.at, item.entries | ends)


def _ends(end: Scalar, name: str, ids: Ids) -> list[Scalar]:
    return [_instance(end, name, each) for each in ids[name]] if name else [end]


def _instance(end: Scalar, name: str, instance_id: str) -> Scalar:
    """The endpoint `end`, of one instance of the gear `name` in it."""
    instance = f"{name}-{instance_id}"
    parts = end.text.split(".")
    parts[_place_of_gear(parts)] = instance
    return Scalar(replace(end.at, instance=instance), ".".join(parts), plain=False)


def _endpoints(item: Node, key: str) -> list[Scalar]:
    """The endpoints of a wire, none when something else stands among them, which is for others to report."""
    node = child(item, key)
    nodes = node.items if isinstance(node, Sequence) else (node,)
    ends = [node for node in nodes if isinstance(node, Scalar)]
    return ends if len(ends) == len(nodes) else []


def _template(end: Scalar, ids: Ids) -> str:
    """The gear with `for_each` that an endpoint names, or nothing."""
    name = _gear(end)
    return name if name in ids else ""


def _gear(end: Scalar) -> str:
    parts = end.text.split(".")
    return parts[_place_of_gear(parts)]


def _place_of_gear(parts: list[str]) -> int:
    """`gear`, `gear.port` or `rack.gear.port`."""
    return 1 if len(parts) == 3 else 0
