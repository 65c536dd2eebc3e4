"""Reads what stands at `for_each`: a CSV file in the folder of the rig, or a list of mappings."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath

from fluxrig_tooling.rig import skeleton
from fluxrig_tooling.rig.nodes import Mapping, Node, Scalar, Sequence, resolve
from fluxrig_tooling.rig.problems import Location, Problems
from fluxrig_tooling.rig.schema import read
from fluxrig_tooling.rig.table import MAX_SIZE, Table, read_table
from fluxrig_tooling.wording.suggest import did_you_mean, nearest

ID = "id"
"""The column that tells the instances apart."""

MAX_ROWS = 1000

_HOW = "name a CSV file beside the rig, or write a list such as [{id: m1, host: 10.0.0.11}]"


@dataclass(frozen=True)
class InstanceRow:
    """One row. `cells` with text only."""

    id: str
    at: Location
    cells: dict[str, Scalar]
    empty: dict[str, Location]

    def place_of(self, column: str) -> Location:
        """Where the cell of `column` stands, or should."""
        return self.cells[column].at if column in self.cells else self.empty.get(column, self.at)


@dataclass(frozen=True)
class Rows:
    """Rows, each with an id of its own. `refused` are the ids of those that are not sound; empty for one without."""

    columns: dict[str, Location]
    rows: list[InstanceRow] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)


def read_rows(node: Node, folder: Path, problems: Problems) -> Rows | None:
    """The rows that `node`, the value of `for_each`, means. None when there are none, with the reason in `problems`."""
    if isinstance(node, Sequence):
        table = _from_list(node, problems)
    elif isinstance(node, Scalar) and isinstance(resolve(node.text) if node.plain else node.text, str):
        table = _from_file(node, folder, problems)
    else:
        problems.error(node.at, "for_each: expected a CSV file or a list of rows", _HOW)
        return None
    if table is None:
        return None
    if not table.rows:
        problems.error(node.at, "for_each: there is no row, so there would be no gear", _HOW)
    elif len(table.rows) > MAX_ROWS:
        message = f"for_each: there are {len(table.rows)} rows, more than the {MAX_ROWS} of the largest table"
        problems.error(table.rows[MAX_ROWS][0], message)
    elif ID not in table.columns:
        close = nearest(ID, table.columns)
        hint = f"rename {close!r} to {ID}" if close else "it tells the gears apart: each is called NAME-ID"
        problems.error(min(table.columns.values(), default=node.at), f"there is no column {ID!r}", hint)
    else:
        return _identified(table, problems)
    return None


def _identified(table: Table, problems: Problems) -> Rows:
    rows = Rows(table.columns)
    first: dict[str, Location] = {}
    for at, cells in table.rows:
        cell = cells.get(ID)
        if cell is None or not cell.text:
            message = f"this row has nothing in the column {ID!r}"
            problems.error(cell.at if cell else at, message, "it is a part of the gear's name")
            rows.refused.add("")
        elif cell.text in first:
            message = f"the {ID} {cell.text!r} stands here a second time, first at {first[cell.text]}"
            problems.error(cell.at, message, "give each row one of its own")
        elif read(cell, skeleton.GEAR["properties"]["name"], ID, problems) is None:
            rows.refused.add(cell.text)
        else:
            first[cell.text] = cell.at
            filled = {name: each for name, each in cells.items() if each.text}
            empty = {name: each.at for name, each in cells.items() if not each.text}
            rows.rows.append(InstanceRow(cell.text, at, filled, empty))
    return rows


def _from_list(node: Sequence, problems: Problems) -> Table | None:
    before = len(problems)
    columns: dict[str, Location] = {}
    rows = []
    for item in node.items:
        if not isinstance(item, Mapping):
            problems.error(item.at, "for_each: a row has keys and values", "for example {id: m1, host: 10.0.0.11}")
            continue
        cells = {}
        for key, entry in item.entries.items():
            cell = entry.node
            columns.setdefault(key, entry.key_at)
            if not isinstance(cell, Scalar):
                problems.error(cell.at, f"{key}: a row has text and numbers", "write one value here")
            elif cell.plain and resolve(cell.text) is None:
                cells[key] = Scalar(cell.at, "", plain=True)
            else:
                cells[key] = cell
        rows.append((item.at, cells))
    return Table(columns, rows) if len(problems) == before else None


def _from_file(node: Scalar, folder: Path, problems: Problems) -> Table | None:
    name = node.text
    if PurePosixPath(name).is_absolute() or PureWindowsPath(name).drive or ".." in PurePosixPath(name).parts:
        hint = "so that a rig and its tables can be moved together"
        problems.error(node.at, f"for_each: {name!r} is not in the folder of the rig", hint)
        return None
    path = folder / name
    try:
        if not path.is_file():
            hint = did_you_mean(name, (each.name for each in sorted(folder.glob("*.csv")))) or _HOW
            problems.error(node.at, f"for_each: there is no file {name!r} in the folder of the rig", hint)
            return None
        with path.open("rb") as file:
            data = file.read(MAX_SIZE + 1)
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else "this is not the name of a file"
        problems.error(node.at, f"for_each: {name!r} cannot be read: {reason}")
        return None
    return read_table(data, problems, str(path))
