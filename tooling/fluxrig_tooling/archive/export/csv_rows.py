"""CSV (RFC 4180) in the long form: a line a value."""

from __future__ import annotations

import csv
from io import TextIOWrapper
from typing import Any, BinaryIO

from fluxrig.jsontext import json_text
from fluxrig.msg import FluxMsg
from fluxrig_tooling.archive.export.rows import COLUMNS, rows
from fluxrig_tooling.archive.names import Names
from fluxrig_tooling.archive.times import time_text


class Export:
    """`write` a message at a time. Times are ISO 8601 in UTC with nanoseconds."""

    def __init__(self, file: BinaryIO, names: Names):
        self.rows = 0
        self._text = TextIOWrapper(file, encoding="utf-8", errors="replace", newline="", write_through=False)
        self._write = csv.writer(self._text).writerow
        self._names = names
        self._write(COLUMNS)

    def write(self, position: int, msg: FluxMsg) -> None:
        time = time_text(msg.ts)
        for _, *identity, value, quality in rows(position, msg, self._names):
            self._write((time, *identity, cell_text(value), quality))
            self.rows += 1

    def close(self) -> None:
        self._text.flush()
        self._text.detach()  # the file is closed by who opened it


def cell_text(value: Any) -> str:
    """Numbers with all their digits, text as it is, lists and maps as JSON, bytes as hex, no value as nothing."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float):
        return repr(value)
    return json_text(value, "null")
