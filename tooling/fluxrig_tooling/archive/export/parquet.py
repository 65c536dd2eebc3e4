"""Parquet in the long form, with a column for each kind of value, so that nothing is rounded on the way.

number    integers, decimals and floats as the nearest double: what one computes with
integer   integers of 64 bits, exactly
boolean   booleans
text      text; decimals and longer integers with all their digits; lists and maps as JSON, bytes as hex
kind      which of bool, int, decimal, float, text, bytes, list, map or none the value is
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Any, BinaryIO

from fluxrig.decimal import Decimal
from fluxrig.errors import LocalError
from fluxrig.jsontext import json_text
from fluxrig.msg import FluxMsg
from fluxrig_tooling.archive.export.rows import rows
from fluxrig_tooling.archive.names import Names

ROW_GROUP = 65_536
"""Rows that are collected before they are written."""

MAX_TEXT = 32 << 20
"""Characters of text among them, at which they are written too."""

_INT64 = range(-(1 << 63), 1 << 63)


class Export:
    """`write` a message at a time. LocalError when pyarrow is not installed."""

    def __init__(self, file: BinaryIO, names: Names, tags: AbstractSet[str] = frozenset()):
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError as exc:
            raise LocalError("Parquet needs pyarrow: pip install 'fluxrig[parquet]', or choose --format csv") from exc
        name = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
        self.rows = 0
        self._pa = pyarrow
        self._schema = pyarrow.schema(
            [
                pyarrow.field("time", pyarrow.timestamp("ns", tz="UTC"), nullable=False),
                pyarrow.field("position", pyarrow.uint64(), nullable=False),
                pyarrow.field("id", pyarrow.string(), nullable=False),
                pyarrow.field("trace", pyarrow.string(), nullable=False),
                pyarrow.field("source", name),
                pyarrow.field("tag", name, nullable=False),
                pyarrow.field("number", pyarrow.float64()),
                pyarrow.field("integer", pyarrow.int64()),
                pyarrow.field("boolean", pyarrow.bool_()),
                pyarrow.field("text", pyarrow.string()),
                pyarrow.field("kind", name, nullable=False),
                pyarrow.field("quality", name, nullable=False),
            ]
        )
        self._columns: list[list[Any]] = [[] for _ in self._schema]
        self._writer = pyarrow.parquet.ParquetWriter(file, self._schema, compression="zstd")
        self._names = names
        self._tags = tags
        self._text = 0  # characters that are collected

    def write(self, position: int, msg: FluxMsg) -> None:
        columns = self._columns
        for *identity, value, quality in rows(position, msg, self._names, self._tags):
            kinds = typed(value)
            self._text += len(kinds[3] or "")
            entries = (*identity, *kinds, quality)
            for column, entry in zip(columns, entries, strict=True):
                column.append(_storable(entry))
            self.rows += 1
        if len(columns[0]) >= ROW_GROUP or self._text >= MAX_TEXT:
            self._flush()

    def close(self) -> None:
        if self._columns[0]:
            self._flush()
        self._writer.close()

    def _flush(self) -> None:
        arrays = [self._pa.array(column, field.type) for column, field in zip(self._columns, self._schema, strict=True)]
        self._writer.write_table(self._pa.Table.from_arrays(arrays, schema=self._schema), row_group_size=ROW_GROUP)
        for column in self._columns:
            column.clear()
        self._text = 0


def typed(value: Any) -> tuple[float | None, int | None, bool | None, str | None, str]:
    """(number, integer, boolean, text, kind) of a value."""
    if value is None:
        return None, None, None, None, "none"
    if isinstance(value, bool):
        return None, None, value, None, "bool"
    if isinstance(value, int):
        return float(value), value if value in _INT64 else None, None, None if value in _INT64 else str(value), "int"
    if isinstance(value, Decimal):
        return float(value), None, None, str(value), "decimal"
    if isinstance(value, float):
        return value, None, None, None, "float"
    if isinstance(value, str):
        return None, None, None, value, "text"
    if isinstance(value, bytes):
        return None, None, None, value.hex(), "bytes"
    kind = "map" if isinstance(value, dict) else "list"
    return None, None, None, json_text(value, "null"), kind


def _storable(entry: Any) -> Any:
    """Text that came from outside may hold what UTF-8 does not have."""
    return entry.encode(errors="replace").decode() if isinstance(entry, str) and not entry.isascii() else entry
