"""Tables as spreadsheets write them to CSV files (RFC 4180), each cell with its place.

Read are: `,`, `;` or tab between cells, whichever the first line has most of, or what a first line `sep=;` says; UTF-8
with and without a byte order mark, UTF-16 with one; every line ending; quotes doubled within quotes. Spaces around a
cell without quotes are not part of it. Rows without any text are left out.
"""

from __future__ import annotations

import codecs
import re
from bisect import bisect_right
from dataclasses import dataclass

from fluxrig_tooling.rig.nodes import Scalar
from fluxrig_tooling.rig.problems import Location, Problems
from fluxrig_tooling.wording.text import quoted

MAX_SIZE = 1024 * 1024
"""Bytes of a file."""

SEPARATORS = ("\t", ";", ",")
"""From the one that stands least in text to the one that stands most, because the first wins where two are equal."""

CsvRow = list[Scalar]

_QUOTED = re.compile(r'[ ]*"([^"]*(?:""[^"]*)*)"[ ]*')
_NEWLINE = re.compile(r"\r\n|\r|\n")
_SEPARATOR_LINE = re.compile(r"sep=([,;|\t])(?:\r\n|\r|\n|\Z)")


@dataclass(frozen=True)
class Table:
    """Rows under the names of their columns. A cell without text, or none at all, is one that says nothing."""

    columns: dict[str, Location]
    rows: list[tuple[Location, dict[str, Scalar]]]


class _Broken(Exception):
    """The file cannot be read on."""

    def __init__(self, at: Location, message: str, hint: str):
        super().__init__(message)
        self.at, self.message, self.hint = at, message, hint


def read_rows(data: bytes, problems: Problems, file: str = "") -> list[CsvRow] | None:
    """The rows of a file, as long as each is. None when it cannot be read, with the reason in `problems`."""
    try:
        return _Reader(_decoded(data, file), file).rows()
    except _Broken as exc:
        problems.error(exc.at, exc.message, exc.hint)
        return None


def read_table(data: bytes, problems: Problems, file: str = "") -> Table | None:
    """The table whose columns the first row names. None when it has mistakes, which are then in `problems`."""
    rows = read_rows(data, problems, file)
    if rows is None:
        return None
    if not rows:
        problems.error(Location(0, 0, file), "the table is empty", "its first line has the names of the columns")
        return None
    head = rows[0]
    while not head[-1].text:  # a spreadsheet that once was wider
        head = head[:-1]
    before = len(problems)
    columns: dict[str, Location] = {}
    for cell in head:
        if not cell.text:
            problems.error(cell.at, "this column has no name", "the first line has the names of the columns")
        elif cell.text in columns:
            problems.error(cell.at, f"there is a second column {quoted(cell.text)}", "rename one of them")
        columns[cell.text] = cell.at
    names = [cell.text for cell in head]
    body = []
    for row in rows[1:]:
        for cell in row[len(names) :]:
            if cell.text:
                hint = "put text with a separator in it in quotes"
                problems.error(cell.at, f"{quoted(cell.text)} stands beyond the last of {len(names)} columns", hint)
        body.append((row[0].at, dict(zip(names, row, strict=False))))
    return Table(columns, body) if len(problems) == before else None


def _decoded(data: bytes, file: str) -> str:
    if len(data) > MAX_SIZE:
        message = f"the file has more than the {MAX_SIZE} bytes of the largest table"
        raise _Broken(Location(0, 0, file), message, "split it")
    utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    encoding = "utf-16" if utf16 else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as exc:
        before = _NEWLINE.split(data[: exc.start].decode(encoding, "replace"))
        at = Location(len(before), len(before[-1]) + 1, file)
        message = f"byte 0x{data[exc.start]:02x} is not {'UTF-16' if utf16 else 'UTF-8'}"
        raise _Broken(at, message, "save the file as `CSV UTF-8`") from None
    if "\0" in text:
        raise _Broken(Location(0, 0, file), "this is not a text file", "save the table as CSV")
    return text


class _Reader:
    """Takes one text apart."""

    def __init__(self, text: str, file: str):
        self._text = text
        self._file = file
        self._lines = [0, *(match.end() for match in _NEWLINE.finditer(text))]
        marker = _SEPARATOR_LINE.match(text)
        self._start = marker.end() if marker else 0
        self._separator = marker[1] if marker else _separator(text)
        self._plain = re.compile(rf"[^{re.escape(self._separator)}\r\n]*")

    def rows(self) -> list[CsvRow]:
        rows, row, place = [], CsvRow(), self._start
        while True:
            cell, place = self._cell(place)
            row.append(cell)
            if self._text.startswith(self._separator, place):
                place += 1
                continue
            if any(each.text for each in row):
                rows.append(row)
            row = CsvRow()
            newline = _NEWLINE.match(self._text, place)
            if newline is None or newline.end() == len(self._text):
                return rows
            place = newline.end()

    def _cell(self, place: int) -> tuple[Scalar, int]:
        """The cell that begins at `place`, and where it ends."""
        if match := _QUOTED.match(self._text, place):
            after = self._text[match.end() : match.end() + 1]
            if after not in (self._separator, "\r", "\n", ""):
                hint = "double each quote that stands within quotes"
                raise _Broken(self._at(match.end()), "text follows a closing quote", hint)
            return Scalar(self._at(place), match[1].replace('""', '"'), plain=True), match.end()
        plain = self._plain.match(self._text, place)
        text = plain[0] if plain else ""
        at = self._at(place + len(text) - len(text.lstrip()))
        if text.lstrip().startswith('"'):
            raise _Broken(at, "the quotes that open here are not closed", "add the closing quote")
        return Scalar(at, text.strip(), plain=True), place + len(text)

    def _at(self, place: int) -> Location:
        line = bisect_right(self._lines, place)
        return Location(line, place - self._lines[line - 1] + 1, self._file)


def _separator(text: str) -> str:
    """What stands most often in the first line that holds anything, quoted text aside."""
    first = next((line for line in _NEWLINE.split(text) if line.strip()), "")
    bare = re.sub(r'"[^"]*"', "", first)
    return max(SEPARATORS, key=bare.count) if any(map(bare.count, SEPARATORS)) else ","
