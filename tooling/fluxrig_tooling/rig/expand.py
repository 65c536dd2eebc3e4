"""`for_each`: a gear that stands for several, one a row of a table. The README of this package says how to write it.

This happens on the tree of the file, before it is read: each instance is an entry of `gears:` like any other, with the
places of the entry that it comes from.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from fluxrig_tooling.rig import placeholders, skeleton
from fluxrig_tooling.rig.instance_wires import expand_wires
from fluxrig_tooling.rig.nodes import Field, Mapping, Node, Scalar, Sequence, child, mapping, sequence
from fluxrig_tooling.rig.problems import Location, Problems
from fluxrig_tooling.rig.rows import ID, InstanceRow, Rows, read_rows
from fluxrig_tooling.rig.schema import read

KEY = "for_each"

MAX_VALUES = 500_000
"""Keys and values of all instances of a rig."""

_HEAD = {"type": "object", "required": ["name"], "properties": {"name": skeleton.GEAR["properties"]["name"]}}
"""What has to be right before anything is repeated."""


@dataclass
class Expanded:
    """The tree without `for_each` and, later, with what profiles say.

    `unread`: names of gears that are declared and are not in it, for some mistake, which was reported. `repeated`:
    those with `for_each`, which wires may have. `unsound`: those whose profile is not there, which was reported.
    """

    root: Node
    unread: set[str] = field(default_factory=set)
    repeated: list[str] = field(default_factory=list)
    unsound: set[str] = field(default_factory=set)


def expand(root: Node, folder: Path, problems: Problems) -> Expanded:
    """The tree `root` of a rig in `folder`, with the instances of each gear that has `for_each` in its place."""
    gears, wires = child(root, "gears"), child(root, "wires")
    if not (isinstance(root, Mapping) and isinstance(gears, Sequence) and any(map(_is_template, gears.items))):
        return Expanded(root)
    expansion = _Expansion(folder, problems)
    entries = dict(root.entries)
    entries["gears"] = Field(entries["gears"].key_at, expansion.gears(gears))
    if isinstance(wires, Sequence):
        changed = expand_wires(wires, expansion.ids, expansion.unread, problems)
        entries["wires"] = Field(entries["wires"].key_at, changed)
    return Expanded(mapping(root.at, entries), expansion.unread, list(expansion.ids))


class _Expansion:
    """Makes the instances. `ids` has those of each gear with `for_each`, `unread` as in `Expanded`."""

    def __init__(self, folder: Path, problems: Problems):
        self.ids: dict[str, list[str]] = {}
        self.unread: set[str] = set()
        self._folder = folder
        self._problems = problems
        self._values = 0
        # Columns by their place, because several gears may have the same table.
        self._columns: dict[Location, str] = {}
        self._used: set[Location] = set()

    def gears(self, gears: Sequence) -> Sequence:
        items: list[Node] = []
        first: dict[str, tuple[Scalar, bool]] = {}
        for item in gears.items:
            name = child(item, "name")
            if isinstance(name, Scalar):
                there, template = first.setdefault(name.text, (name, _is_template(item)))
                # Of two gears without for_each, `build` says it.
                if there is not name and (template or _is_template(item)):
                    message = f"there is a second gear called {name.text!r}, the first is at {there.at}"
                    self._problems.error(name.at, message, "rename one of them")
            items += self._instances(item) if isinstance(item, Mapping) and _is_template(item) else [item]
        self._warn_of_unused_columns()
        return sequence(gears.at, items)

    def _instances(self, item: Mapping) -> list[Node]:
        named = mapping(item.at, {key: entry for key, entry in item.entries.items() if key == "name"})
        head = read(named, _HEAD, "this gear", self._problems)
        name = head["name"] if head else ""
        body = mapping(item.at, {key: entry for key, entry in item.entries.items() if key not in (KEY, "name")})
        rows = read_rows(item.entries[KEY].node, self._folder, self._problems)
        ids = self.ids.setdefault(name, [])
        if not (rows and name and self._fits(body, rows, item)):
            self.unread.add(name)
            return []
        self.unread.update(f"{name}-{refused}" if refused else "" for refused in rows.refused)
        used = placeholders.columns_used(body)
        instances: list[Node] = []
        for row in rows.rows:
            if not self._has(row, set(used)):
                self.unread.add(f"{name}-{row.id}")
                continue
            ids.append(row.id)
            instances.append(_instance(item, f"{name}-{row.id}", row))
        return instances

    def _fits(self, body: Mapping, rows: Rows, item: Mapping) -> bool:
        """Whether the gear can be made of the columns, and is not too much of it."""
        before = len(self._problems)
        placeholders.check(body, rows.columns, self._problems)
        self._values += body.size * len(rows.rows)
        if self._values > MAX_VALUES:
            message = f"{len(rows.rows)} rows of {body.size} keys and values make the rig too large"
            self._problems.error(item.entries[KEY].key_at, message, f"all gears with for_each may make {MAX_VALUES}")
        if len(self._problems) > before:
            return False
        used = placeholders.columns_used(body)
        self._columns |= {at: column for column, at in rows.columns.items()}
        self._used |= {at for column, at in rows.columns.items() if column == ID or column in used}
        return True

    def _warn_of_unused_columns(self) -> None:
        for at, column in self._columns.items():
            if at not in self._used:
                hint = f"write ${{{column}}} where its values belong"
                self._problems.warning(at, f"the column {column!r} is not used", hint)

    def _has(self, row: InstanceRow, columns: set[str]) -> bool:
        """Whether the row has something in each of `columns`; what it lacks is reported."""
        missing = sorted(columns - set(row.cells))
        for column in missing:
            message = f"the row {row.id!r} has nothing in the column {column!r}"
            self._problems.error(row.place_of(column), message, f"the gear has ${{{column}}} in its text")
        return not missing


def _instance(item: Mapping, name: str, row: InstanceRow) -> Mapping:
    def of_instance(at: Location) -> Location:
        return replace(at, instance=name)

    entries = {}
    for key, entry in item.entries.items():
        if key == KEY:
            continue
        if key == "name":
            node: Node = Scalar(of_instance(entry.node.at), name, plain=False)
        else:
            node = placeholders.filled(entry.node, row.cells, name)
        entries[key] = Field(of_instance(entry.key_at), node)
    return mapping(of_instance(item.at), entries)


def _is_template(item: Node) -> bool:
    return isinstance(item, Mapping) and KEY in item.entries
