"""CSV (RFC 4180) in the long form: a line a value.

Spreadsheets take a cell that begins with one of `= + - @`, a tab or a carriage return for a formula, and what a machine
or a broker sends may begin so. Text that does, and text that begins with an apostrophe, gets an apostrophe before it:
whoever reads the file takes one away from each text that has one, and has what was sent. Numbers stay as they are.
"""

from __future__ import annotations

import csv
from collections.abc import Set as AbstractSet
from io import TextIOWrapper
from typing import Any, BinaryIO

from fluxrig.jsontext import json_text
from fluxrig.msg import FluxMsg
from fluxrig_tooling.archive.export.rows import COLUMNS, rows
from fluxrig_tooling.archive.names import Names
from fluxrig_tooling.archive.times import time_text

_GUARDED = frozenset("=+-@\t\r'")


class Export:
    """`write` a message at a time. Times are ISO 8601 in UTC with nanoseconds."""

    def __init__(self, file: BinaryIO, names: Names, tags: AbstractSet[str] = frozenset()):
        self.rows = 0
        self._text = TextIOWrapper(file, encoding="utf-8", errors="replace", newline="", write_through=False)
        self._write = csv.writer(self._text).writerow
        self._names = names
        self._tags = tags
        self._write(COLUMNS)

    def write(self, position: int, msg: FluxMsg) -> None:
        time = time_text(msg.ts)
        for _, _, identity, trace, source, tag, value, quality in rows(position, msg, self._names, self._tags):
            texts = guarded(trace), guarded(source), guarded(tag), cell_text(value), guarded(quality)
            self._write((time, position, identity, *texts))
            self.rows += 1

    def close(self) -> None:
        self._text.flush()
        self._text.detach()  # the file is closed by who opened it


def guarded(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return "'" + text if text[:1] in _GUARDED else text


def cell_text(value: Any) -> str:
    """Numbers with all their digits, text `guarded`, lists and maps as JSON, bytes as hex, no value as nothing."""
    if value is None:
        return ""
    if isinstance(value, str):
        return guarded(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float):
        return repr(value)
    return json_text(value, "null")
