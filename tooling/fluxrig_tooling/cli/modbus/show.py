"""How values look on the terminal, within the columns of `terminal`, and in JSON."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from fluxrig.jsontext import json_text
from fluxrig_tooling.cli.modbus.reading import Row
from fluxrig_tooling.cli.modbus.trouble import NO_ANSWER, Trouble
from fluxrig_tooling.cli.terminal import console, new_table, print_error
from fluxrig_tooling.modbus.addresses import read_address, reference_text
from fluxrig_tooling.modbus.orders import ABCD, CDAB
from fluxrig_tooling.modbus.types import LAYOUTS
from fluxrig_tooling.wording.values import FLOAT32, FLOAT64, value_text

BITS_A_LINE = 10
FEW_BITS = 16

REGISTER_COLUMNS = ("address", "ref.", "hex", "uint16", "int16", "bits", "text")
LONGS = {f"{kind} {order}": (LAYOUTS[kind], order) for kind in ("int32", "float32") for order in (ABCD, CDAB)}
"""The columns of two registers together: the `struct` code and the order of each."""

PLAUSIBLE = (1e-4, 1e9)
"""Floats outside are hardly ever measured: they stand back."""


def show_values(rows: Sequence[Row]) -> None:
    """A table of values with a type, if there is one at all. Names stand in it if there are any."""
    if all(row.trouble for row in rows):
        return
    named = any(row.name != row.address.partition("-")[0] for row in rows)
    table = new_table(*["name"] * named, "address", "type", "value", right=("value",))
    for row in rows:
        value = Text("-" if row.trouble else row_text(row))
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
            click.echo(f"{row.address:<9} {row_text(row)}")
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
        print_error(f"{where}{trouble}")


def troubles(rows: Iterable[Row]) -> Iterator[tuple[Trouble, list[Row]]]:
    """Each trouble, with the rows that have it, which follow one another."""
    for trouble, those in groupby(rows, key=lambda row: row.trouble):
        if trouble:
            yield trouble, list(those)


def row_text(row: Row) -> str:
    """The value of a row, with all the digits that a float of its type has."""
    return value_text(row.value, FLOAT32 if row.how.startswith("float32") else FLOAT64)


def print_exactly(document: Any) -> None:
    """One JSON document in one line, in which decimals have all their places and bytes are in hex."""
    click.echo(json_text(document))


def _registers(rows: Sequence[Row]) -> Table:
    table = new_table(*REGISTER_COLUMNS, right=("uint16", "int16"))
    for row in rows:
        value = row.value
        bits = f"{value:016b}"
        table.add_row(
            row.address,
            Text(reference_text(*read_address(row.address)), "dim"),
            f"{value:04x}",
            str(value),
            str(value - (value >> 15 << 16)),
            " ".join(bits[at : at + 4] for at in range(0, 16, 4)),
            Text("".join(chr(byte) if 32 <= byte < 127 else "." for byte in divmod(value, 256))),
        )
    return table


def _longs(pairs: Iterable[tuple[Row, Row]]) -> Table:
    table = new_table("address", *LONGS, right=tuple(LONGS))
    for row, other in pairs:
        cells = []
        for code, order in LONGS.values():
            first, second = (row, other) if order == ABCD else (other, row)
            (value,) = struct.unpack(">" + code, struct.pack(">HH", first.value, second.value))
            is_odd = code == "f" and value != 0 and not PLAUSIBLE[0] <= abs(value) <= PLAUSIBLE[1]
            cells.append(Text(value_text(value, FLOAT32), "dim" if is_odd else ""))
        table.add_row(row.address, *cells)
    return table


def _follows(row: Row, other: Row) -> bool:
    table, address = read_address(row.address)
    return read_address(other.address) == (table, address + 1)
