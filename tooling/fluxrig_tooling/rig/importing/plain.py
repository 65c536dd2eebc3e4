"""Tag lists as people keep them in spreadsheets: one row a tag, under headings in any order and case."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from fluxrig.errors import LocalError
from fluxrig_tooling.modbus.tables import BIT_TABLES
from fluxrig_tooling.modbus.unit_ids import MAX_TCP_UNIT_ID
from fluxrig_tooling.rig.importing import reading
from fluxrig_tooling.rig.importing.model import WIDE, ListedDevice, Options, TagEntry
from fluxrig_tooling.rig.nodes import Scalar
from fluxrig_tooling.rig.problems import Location, Problems
from fluxrig_tooling.rig.table import CsvRow, read_rows
from fluxrig_tooling.wording.text import quoted

_HEADINGS = {
    "name": ("name", "tag", "tagname", "signal", "variable", "point", "symbol"),
    "address": ("address", "addr", "register", "registeraddress", "modbusaddress", "modbusregister"),
    "table": ("table", "function", "functioncode", "fc", "registertype", "area", "objecttype"),
    "type": ("type", "datatype", "format", "dataformat"),
    "order": ("order", "byteorder", "wordorder", "endianness", "endian"),
    "bit": ("bit", "bitnumber"),
    "length": ("length", "size", "characters"),
    "scale": ("scale", "factor", "multiplier", "gain", "scalefactor"),
    "offset": ("offset", "bias"),
    "unit": ("unit", "units", "engunits", "engunit", "engineeringunit", "engineeringunits", "eu", "uom"),
    "min": ("min", "minimum", "low", "lowlimit", "rangelow", "eulow"),
    "max": ("max", "maximum", "high", "highlimit", "rangehigh", "euhigh"),
    "group": ("group", "pollgroup", "scangroup"),
    "every": ("every", "rate", "scanrate", "pollrate", "interval", "period", "polling", "scan"),
    "writable": ("writable", "writeable", "access", "rw", "readwrite", "clientaccess"),
    "unit_id": ("unitid", "slave", "slaveid", "deviceid", "station", "modbusid", "slaveaddress"),
    "doc": ("doc", "description", "comment", "remark", "remarks", "note", "notes"),
}
_COLUMN_OF = {re.sub(r"[^a-z0-9]", "", word.lower()): column for column, words in _HEADINGS.items() for word in words}

REQUIRED = ("name", "address")


def read_plain(data: bytes, options: Options, problems: Problems) -> list[ListedDevice]:
    """The devices of a list, one for each unit id in it. What cannot be taken over is reported, row by row."""
    rows = read_rows(data, problems)
    if not rows:
        return []
    columns = _columns(rows[0], problems)
    if columns is None:
        return []
    devices: dict[int, ListedDevice] = {}
    for row in rows[1:]:
        reader = _RowReader({column: row[index] for column, index in columns.items() if index < len(row)}, problems)
        for cell in row[len(rows[0]) :]:
            if cell.text:
                problems.warning(cell.at, f"{quoted(cell.text)} stands beyond the last column, and is not taken over")
        tag, unit_id = reader.tag(row[0].at, options)
        if tag:
            device = devices.setdefault(unit_id, ListedDevice("plc", options.link, unit_id))
            device.tags.append(tag)
    return list(devices.values())


def looks_plain(head: CsvRow) -> bool:
    """Whether a first row has the headings that a list needs."""
    found = {_COLUMN_OF.get(_folded(cell)) for cell in head}
    return found >= set(REQUIRED)


def _columns(head: CsvRow, problems: Problems) -> dict[str, int] | None:
    """The place of each column that is known. None when one of those needed is not there."""
    columns: dict[str, int] = {}
    for index, cell in enumerate(head):
        column = _COLUMN_OF.get(_folded(cell))
        if column is None and cell.text:
            problems.warning(cell.at, f"the column {quoted(cell.text)} is not known, and not taken over")
        elif column in columns:
            problems.warning(cell.at, f"{quoted(cell.text)} is a second column for the {column}, and not taken over")
        elif column:
            columns[column] = index
    missing = [column for column in REQUIRED if column not in columns]
    for column in missing:
        hint = f"call one of them {' or '.join(_HEADINGS[column][:3])}"
        problems.error(head[0].at, f"no column has the {column} of the tags", hint)
    return None if missing else columns


class _RowReader:
    """Reads one row. What cannot be read is reported; the tag is left out when it would mean something else then."""

    def __init__(self, cells: dict[str, Scalar], problems: Problems):
        self._cells = cells
        self._problems = problems
        self._sound = True

    def tag(self, at: Location, options: Options) -> tuple[TagEntry | None, int]:
        """The tag, None when it cannot be taken over, and its unit id."""
        name = self._text("name")
        if not name:
            self._problems.error(at, "this row has no name, and is left out")
            return None, 0
        table = self._read("table", reading.table_of, "")
        known = Options(base=options.base, table=table or options.table)
        if not self._text("address"):
            self._problems.error(at, f"the tag {quoted(name)} has no address, and is left out")
            return None, 0
        found, address, bit = self._read("address", lambda text: reading.address_of(text, known), ("hr", 0, None))
        tag = TagEntry(name, self._cells["name"].at, found, address, bit=bit)
        if table and found != table and self._sound:
            self._refuse("table", f"the address of {quoted(name)} is in table {found}, and not in {table}")
        tag.type = self._read("type", reading.type_of, "")
        if "bit" in self._cells and self._text("bit"):
            tag.bit = self._read("bit", lambda text: reading.integer_of(text, 0, 15), None)
        if tag.type == "string" and self._text("length"):
            tag.keys["length"] = str(self._read("length", lambda text: reading.integer_of(text, 1, 250), 1))
        tag.order = self._order(tag, options)
        tag.scale = self._read("scale", reading.number_of, tag.scale)
        tag.offset = self._read("offset", reading.number_of, tag.offset)
        tag.unit, tag.group, tag.doc = self._text("unit"), self._text("group"), self._text("doc")
        tag.every_ms = self._read("every", reading.duration_of, 0)
        self._read_range(tag)
        if self._read("writable", reading.truth_of, False):
            tag.keys["writable"] = "true"
        unit_id = self._read("unit_id", lambda text: reading.integer_of(text, 0, MAX_TCP_UNIT_ID), options.unit_id)
        return (tag if self._sound else None), unit_id

    def _order(self, tag: TagEntry, options: Options) -> str:
        given = self._read("order", reading.order_of, "") if self._text("order").upper() not in ("AB", "BA") else ""
        if self._text("order").upper() == "BA":
            self._refuse("order", f"{quoted(tag.name)}: a single register with its bytes swapped is not supported")
        return (given or options.order) if tag.type in WIDE else ""

    def _read_range(self, tag: TagEntry) -> None:
        low, high = (self._read(column, reading.number_of, None) for column in ("min", "max"))
        if low is None and high is None:
            return
        cell = self._cells["max" if low is None else "min"]
        if low is None or high is None:
            self._problems.warning(cell.at, f"the range of {quoted(tag.name)} lacks an end, and is not taken over")
        elif low >= high:
            self._problems.warning(cell.at, f"the range of {quoted(tag.name)} is empty, and is not taken over")
        elif tag.type == "bool" or tag.table in BIT_TABLES or tag.bit is not None:
            self._problems.warning(cell.at, f"{quoted(tag.name)} is a bool: its range is not taken over")
        else:
            tag.range = (low, high)

    def _text(self, column: str) -> str:
        return self._cells[column].text if column in self._cells else ""

    def _read(self, column: str, read: Callable[[str], Any], default: Any) -> Any:
        text = self._text(column)
        if not text:
            return default
        try:
            return read(text)
        except LocalError as exc:
            self._refuse(column, str(exc), exc.fields.get("hint", ""))
            return default

    def _refuse(self, column: str, message: str, hint: str = "") -> None:
        self._sound = False
        self._problems.error(self._cells[column].at, message, hint)


def _folded(cell: Scalar) -> str:
    """A heading without what people add to it: case, spaces, and a unit in brackets."""
    return re.sub(r"[^a-z0-9]", "", re.sub(r"[(\[].*", "", cell.text.casefold()))
