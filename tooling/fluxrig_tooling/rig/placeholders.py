"""`${column}` in the text of a gear: which there are, and what stands for them in an instance."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from fluxrig_tooling.rig.nodes import Field, Mapping, Node, Scalar, Sequence, mapping, sequence
from fluxrig_tooling.rig.problems import Location, Problems
from fluxrig_tooling.wording.suggest import did_you_mean

_PLACEHOLDER = re.compile(r"\$\$\{|\$\{([^}]*)\}|\$\{")
_OPEN, _ESCAPED = "${", "$${"


def columns_used(node: Node) -> dict[str, Location]:
    """The columns that stand in the text of `node`, each where it does first."""
    used: dict[str, Location] = {}
    for scalar, match in _placeholders(node):
        if match[1] is not None:
            used.setdefault(match[1], scalar.at)
    return used


def check(node: Node, columns: dict[str, Location], problems: Problems) -> None:
    """Report what stands in the text of `node` and is none of `columns`."""
    for scalar, match in _placeholders(node):
        if match[0] == _OPEN:
            problems.error(scalar.at, f"{_OPEN} is not closed", f"write {_ESCAPED} where the text {_OPEN} is meant")
        elif match[1] is not None and match[1] not in columns:
            problems.error(scalar.at, f"for_each has no column {match[1]!r}", did_you_mean(match[1], columns))


def filled(node: Node, cells: dict[str, Scalar], instance: str) -> Node:
    """`node` with what `cells` have for its placeholders; its places are those of `instance`.

    Text that is nothing but a placeholder becomes the cell itself, quoted or not as the cell is. What is put into other
    text leaves that as it is: plain text may become a number, quoted text stays text.
    """

    def of_instance(at: Location) -> Location:
        return replace(at, instance=instance)

    def fill(node: Node) -> Node:
        if isinstance(node, Mapping):
            entries = {key: Field(of_instance(each.key_at), fill(each.node)) for key, each in node.entries.items()}
            return mapping(of_instance(node.at), entries)
        if isinstance(node, Sequence):
            return sequence(of_instance(node.at), [fill(item) for item in node.items])
        whole = _PLACEHOLDER.fullmatch(node.text)
        if whole and whole[1] is not None:
            return Scalar(of_instance(node.at), cells[whole[1]].text, cells[whole[1]].plain)
        text = _PLACEHOLDER.sub(lambda match: _OPEN if match[1] is None else cells[match[1]].text, node.text)
        return Scalar(of_instance(node.at), text, node.plain)

    return fill(node)


def _placeholders(node: Node) -> Iterator[tuple[Scalar, re.Match[str]]]:
    if isinstance(node, Mapping):
        for entry in node.entries.values():
            yield from _placeholders(entry.node)
    elif isinstance(node, Sequence):
        for item in node.items:
            yield from _placeholders(item)
    else:
        for match in _PLACEHOLDER.finditer(node.text):
            yield node, match
