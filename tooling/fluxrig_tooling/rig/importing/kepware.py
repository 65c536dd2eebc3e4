"""Tag lists that Kepware's KEPServerEX exports for a device of one of its Modbus drivers.

Addresses are references of five or six digits that count from 1 (the driver's default, "zero-based addressing"), with
`.n` for a bit that counts from 0, or `.nH` and `.nL` for a text of n bytes. Of several registers the first one is the
least significant, unless the device was set otherwise: the export does not say it, so `--order` can.
"""

from __future__ import annotations

import re

from fluxrig.errors import LocalError
from fluxrig_tooling.modbus.addresses import REFERENCE
from fluxrig_tooling.modbus.tables import BIT_TABLES
from fluxrig_tooling.rig.importing import reading
from fluxrig_tooling.rig.importing.model import WIDE, ListedDevice, Options, TagEntry
from fluxrig_tooling.rig.nodes import Scalar
from fluxrig_tooling.rig.problems import Location, Problems
from fluxrig_tooling.rig.table import CsvRow, read_rows
from fluxrig_tooling.wording.text import quoted

DEFAULT_ORDER = "CDAB"
"""Kepware's "first word low"."""

REQUIRED = ("Tag Name", "Address")

ACCESS = "Client Access"

_COMMENT = re.compile(rb"^;[^\r\n]*", re.MULTILINE)

_TYPES = {
    "boolean": "bool",
    "short": "int16",
    "word": "uint16",
    "long": "int32",
    "dword": "uint32",
    "llong": "int64",
    "qword": "uint64",
    "float": "float32",
    "double": "float64",
    "bcd": "bcd16",
    "lbcd": "bcd32",
    "string": "string",
    "default": "",
    "": "",
}
_TEXT = re.compile(r"([34]\d{4,5})\.(\d{1,3})([HL])", re.IGNORECASE)
_ARRAY = re.compile(r"\s*\[.*\]\s*$")


def read_kepware(data: bytes, options: Options, problems: Problems) -> list[ListedDevice]:
    """The device of an export. What cannot be taken over is reported, row by row."""
    rows = read_rows(without_comments(data), problems)
    if not rows:
        return []
    head = [cell.text for cell in rows[0]]
    missing = [name for name in REQUIRED if name not in head]
    if missing:
        problems.error(rows[0][0].at, f"this is not an export of Kepware: there is no column {missing[0]!r}")
        return []
    device = ListedDevice("plc", options.link, options.unit_id)
    writable = 0
    for row in rows[1:]:
        reader = _RowReader(row[0].at, dict(zip(head, row, strict=False)), problems, options)
        tag = reader.tag()
        if tag:
            device.tags.append(tag)
            writable += reader.is_writable
    if writable:
        # It is the default there, so that it says little about which are meant to be written.
        message = f"{writable} tags can be written there, and are only read here"
        hint = "write `writable: true` at those that are meant to be"
        problems.warning(rows[0][head.index(ACCESS)].at, message, hint)
    return [device]


def without_comments(data: bytes) -> bytes:
    """An export without what Kepware skips, each line where it was."""
    return _COMMENT.sub(b"", data)


def looks_like_kepware(head: CsvRow) -> bool:
    """Whether a first row is that of an export."""
    names = {cell.text for cell in head}
    return names >= {"Tag Name", "Address", "Data Type", ACCESS}


class _RowReader:
    """Reads one row."""

    def __init__(self, at: Location, cells: dict[str, Scalar], problems: Problems, options: Options):
        self._at = at
        self._cells = cells
        self._problems = problems
        self._options = options

    def tag(self) -> TagEntry | None:
        """The tag, None when it cannot be taken over."""
        name = self._text("Tag Name")
        try:
            tag = self._located(name)
            self._read_type(tag)
            self._read_scaling(tag)
            if self._text("Scan Rate"):
                tag.every_ms = reading.duration_of(self._text("Scan Rate"))
        except LocalError as exc:
            cell = self._cells.get(exc.fields.get("column", ""))
            message = f"{quoted(name)} is left out: {exc}"
            self._problems.error(cell.at if cell else self._at, message, exc.fields.get("hint", ""))
            return None
        tag.unit = self._text("Eng Units") or self._text("Engineering Units")
        tag.doc = self._text("Description")
        return tag

    def _located(self, name: str) -> TagEntry:
        text = self._text("Address")
        if not name:
            raise LocalError("it has no name")
        if _ARRAY.search(text):
            raise LocalError(f"{text} is an array, which a tag cannot be", column="Address")
        is_text = _TEXT.fullmatch(text)
        reference = is_text[1] if is_text else text
        if not re.fullmatch(rf"{REFERENCE}(\.\d{{1,2}})?", reference):
            raise LocalError(f"{text!r} is not a Modbus address", column="Address")
        try:
            table, address, bit = reading.address_of(reference, Options())
        except LocalError as exc:
            raise LocalError(str(exc), column="Address", **exc.fields) from exc
        tag = TagEntry(name, self._at, table, address, bit=bit)
        if is_text:
            tag.type, tag.keys["length"] = "string", is_text[2]
            tag.order = "" if is_text[3].upper() == "H" else "BADC"
        return tag

    def _read_type(self, tag: TagEntry) -> None:
        written = self._text("Data Type")
        kind = _TYPES.get(written.casefold())
        if kind is None:
            raise LocalError(f"the data type {written} is not supported", column="Data Type")
        if tag.type == "string" or kind == "string":
            if kind not in ("", "string") or tag.type != "string":
                message = f"a String has an address such as 400001.20H, and {self._text('Address')} has type {written}"
                raise LocalError(message, column="Data Type")
            return
        if tag.table in BIT_TABLES or tag.bit is not None:
            if kind not in ("", "bool"):
                raise LocalError(f"{self._text('Address')} is a bit, and no {written}", column="Data Type")
            return
        if kind == "bool":
            raise LocalError("a Boolean in a register needs a bit, such as 400001.0", column="Data Type")
        tag.type = kind
        if kind in WIDE:
            tag.order = self._options.order or DEFAULT_ORDER

    def _read_scaling(self, tag: TagEntry) -> None:
        mode = self._text("Scaling").casefold()
        if mode in ("", "none"):
            return
        if mode != "linear":
            raise LocalError(f"the scaling {self._text('Scaling')!r} is not supported", column="Scaling")
        numbers = []
        for column in ("Raw Low", "Raw High", "Scaled Low", "Scaled High"):
            if not self._text(column):
                raise LocalError(f"its scaling lacks {column}", column="Scaling")
            try:
                numbers.append(reading.number_of(self._text(column)))
            except LocalError as exc:
                raise LocalError(str(exc), column=column, **exc.fields) from exc
        raw_low, raw_high, low, high = numbers
        if raw_low == raw_high:
            raise LocalError("its scaling has no width", column="Raw High")
        tag.scale = (high - low) / (raw_high - raw_low)
        tag.offset = low - raw_low * tag.scale
        if self._text("Negate Value") in ("1", "True", "true"):
            tag.scale, tag.offset = -tag.scale, -tag.offset
            low, high = -high, -low
        if low != high:
            tag.range = (min(low, high), max(low, high))
        self._tell_of_clamps(tag)

    def _tell_of_clamps(self, tag: TagEntry) -> None:
        for column in ("Clamp Low", "Clamp High"):
            if self._text(column) in ("1", "True", "true"):
                message = f"{quoted(tag.name)} is not clamped: {column} is not taken over, its limits become the range"
                self._problems.warning(self._cells[column].at, message)

    @property
    def is_writable(self) -> bool:
        """Whether Kepware's clients may write the tag, which takes a table that can be written."""
        access = self._text(ACCESS).upper()
        return "W" in access and self._text("Address")[:1] in ("0", "4")

    def _text(self, column: str) -> str:
        return self._cells[column].text if column in self._cells else ""
