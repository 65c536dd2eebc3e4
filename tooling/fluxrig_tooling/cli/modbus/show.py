"""How values look on the terminal, within 80 columns, and in JSON."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from typing import Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from fluxrig.jsontext import json_text
from fluxrig_tooling.cli.modbus.reading import Row
from fluxrig_tooling.cli.modbus.trouble import NO_ANSWER, Trouble

WIDTH = 80
"""Columns where standard output is no terminal."""

BITS_A_LINE = 10
FEW_BITS = 16
REFERENCES = {"co": "0", "di": "1", "ir": "3", "hr": "4"}
"""The first digit of references counted from 1."""

REGISTER_COLUMNS = ("address", "ref.", "hex", "uint16", "int16", "bits", "text")
LONG_COLUMNS = ("address", "int32 ABCD", "int32 CDAB", "float32 ABCD", "float32 CDAB")
LONG_LAYOUTS = (("i", "ABCD"), ("i", "CDAB"), ("f", "ABCD"), ("f", "CDAB"))

PLAUSIBLE = (1e-4, 1e9)
"""Floats outside are hardly ever measured: they stand back."""


def console(stderr: bool = False) -> Console:
    """The terminal; where there is none, as wide as `WIDTH`, or as COLUMNS says."""
    here = Console(stderr=stderr, highlight=False)
    return (
        here if here.is_terminal or "COLUMNS" in here._environ else Console(stderr=stderr, highlight=False, width=WIDTH)
    )


def new_table(*columns: str, right: Sequence[str] = (), folded: Sequence[str] = ()) -> Table:
    """An empty table. Columns in `right` are set to the right; only those in `folded` take more than a line."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        justify: JustifyMethod = "right" if column in right else "left"
        table.add_column(column, justify=justify, no_wrap=column not in folded, overflow="fold")
    return table


def show_values(rows: Sequence[Row]) -> None:
    """A table of values with a type, if there is one at all. Names stand in it if there are any."""
    if all(row.trouble for row in rows):
        return
    named = any(row.name != row.address.partition("-")[0] for row in rows)
    table = new_table(*["name"] * named, "address", "type", "value", right=("value",))
    for row in rows:
        value = Text("-" if row.trouble else value_text(row.value, row.how))
        table.add_row(*[row.name] * named, row.address, row.how, value)
    console().print(table)


def show_items(rows: Sequence[Row]) -> None:
    """Tables of registers or bits as they are: all of one table, their addresses in a row."""
    known = [row for row in rows if row.trouble is None]
    if known and isinstance(known[0].value, bool):
        show_bits(known)
    elif known:
        console().print(_registers(known))
        pairs = [(row, other) for row, other in pairwise(known) if _follows(row, other)]
        if pairs:
            click.echo("\ntwo registers each, from this one on:")
            console().print(_longs(pairs))


def show_bits(rows: Sequence[Row]) -> None:
    if len(rows) <= FEW_BITS:
        for row in rows:
            click.echo(f"{row.address:<9} {value_text(row.value)}")
        return
    for begin in range(0, len(rows), BITS_A_LINE):
        line = rows[begin : begin + BITS_A_LINE]
        click.echo(f"{line[0].address:<9} " + " ".join(str(int(row.value)) for row in line))


def show_hex(rows: Sequence[Row]) -> None:
    """Eight registers a line, as they are."""
    for begin in range(0, len(rows), 8):
        line = rows[begin : begin + 8]
        click.echo(f"{line[0].address:<9} " + " ".join("----" if row.trouble else f"{row.value:04x}" for row in line))


def show_troubles(rows: Iterable[Row]) -> None:
    """On standard error, each trouble once."""
    for trouble, those in troubles(rows):
        first = those[0].address
        where = "" if first in trouble.text or trouble.reason in NO_ANSWER else f"{first}: "
        click.echo(f"{click.style('error:', fg='red')} {where}{trouble}", err=True)


def troubles(rows: Iterable[Row]) -> Iterator[tuple[Trouble, list[Row]]]:
    """Each trouble, with the rows that have it, which follow one another."""
    for trouble, those in groupby(rows, key=lambda row: row.trouble):
        if trouble:
            yield trouble, list(those)


def value_text(value: Any, how: str = "") -> str:
    """A value as a person reads it: of a float the digits that it has."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:.7g}" if how.startswith("float32") else f"{value:.15g}"
    if isinstance(value, bytes):
        return value.hex(" ", 2)
    return str(value)


def print_exactly(document: Any) -> None:
    """One JSON document in one line, in which decimals have all their places and bytes are in hex."""
    click.echo(json_text(document))


def reference(address: str) -> str:
    """The reference counted from 1: 40001 for hr:0."""
    table, _, number = address.partition(":")
    return f"{REFERENCES[table]}{int(number) + 1:04d}"


def _registers(rows: Sequence[Row]) -> Table:
    table = new_table(*REGISTER_COLUMNS, right=("uint16", "int16"))
    for row in rows:
        value = row.value
        bits = f"{value:016b}"
        table.add_row(
            row.address,
            Text(reference(row.address), "dim"),
            f"{value:04x}",
            str(value),
            str(value - (value >> 15 << 16)),
            " ".join(bits[at : at + 4] for at in range(0, 16, 4)),
            Text("".join(chr(byte) if 32 <= byte < 127 else "." for byte in divmod(value, 256))),
        )
    return table


def _longs(pairs: Iterable[tuple[Row, Row]]) -> Table:
    table = new_table(*LONG_COLUMNS, right=LONG_COLUMNS[1:])
    for row, other in pairs:
        cells = []
        for code, order in LONG_LAYOUTS:
            first, second = (row, other) if order == "ABCD" else (other, row)
            (value,) = struct.unpack(">" + code, struct.pack(">HH", first.value, second.value))
            is_odd = code == "f" and value != 0 and not PLAUSIBLE[0] <= abs(value) <= PLAUSIBLE[1]
            cells.append(Text(value_text(value, "float32"), "dim" if is_odd else ""))
        table.add_row(row.address, *cells)
    return table


def _follows(row: Row, other: Row) -> bool:
    return int(other.address.partition(":")[2]) == int(row.address.partition(":")[2]) + 1
