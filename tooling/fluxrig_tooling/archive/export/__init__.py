"""Messages as files for other programs. Each format is a module here, made known in `FORMATS`.

A format is a class that is made with a binary file, the `Names` of gears and the tags that are wanted, all if there are
none. It has `write(position, msg)`, `close()` and `rows`, the number of rows written so far. Constant memory is its
duty.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from importlib import import_module
from typing import Any, BinaryIO

FORMATS = {"jsonl": "jsonl", "csv": "csv_rows", "parquet": "parquet"}
"""Name on the command line, which is also the suffix of files: module, whose `Export` is the class."""


def exporter(format_name: str, file: BinaryIO, names: Any, tags: AbstractSet[str] = frozenset()) -> Any:
    """The exporter of the format into `file`. LocalError when it needs what is not installed."""
    return import_module(f"{__name__}.{FORMATS[format_name]}").Export(file, names, tags)
