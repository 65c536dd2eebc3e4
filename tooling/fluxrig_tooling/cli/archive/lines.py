"""A message as a line on the terminal."""

from __future__ import annotations

import json
import os
import shutil
import sys
from typing import Any

import click

from fluxrig.archive.marks import EVENT, VOLATILE
from fluxrig.msg import ALARM, GOOD, FluxMsg
from fluxrig_tooling.archive.names import Names
from fluxrig_tooling.archive.times import time_text
from fluxrig_tooling.cli.namespace import value_text

SOURCE = 10
"""Columns of the source."""

WIDTH = 80
TERM = 12
"""Columns of a page, and of the terms on it."""

MACHINE = "machine.id"


def width() -> int | None:
    """Columns a line may take: those of the terminal, or what COLUMNS says; None where another program reads."""
    if sys.stdout.isatty() or "COLUMNS" in os.environ:
        return shutil.get_terminal_size().columns
    return None


def message_line(position: int, msg: FluxMsg, names: Names, machine: str = "", columns: int | None = None) -> str:
    """Position, time, source, values. A machine other than `machine` is named, bad values and notes stand out."""
    source = names.gear(msg.src_id)
    other = msg.meta.get(MACHINE, "")
    if other and other != machine:
        source = f"{other}/{source}" if source else other
    begin = f"{position:>7} {time_text(msg.ts, 3, ' ')} "
    event = msg.meta.get(EVENT, "")
    marks = [f"[{event}]"] if event else []
    marks += ["[alarm]"] * bool(msg.flags & ALARM) + ["[volatile]"] * (VOLATILE in msg.meta)
    values = [tag_text(tag, msg) for tag in sorted(msg.data)]
    text = printable(
        " ".join([*marks, *values]) if event else f"{_cut(source, SOURCE):<{SOURCE}} " + " ".join(marks + values)
    )
    text = text.rstrip()
    if columns is not None:
        text = _cut(text, max(columns - len(begin), 20))
    style = {"fg": "yellow"} if event else {"fg": "red"} if msg.flags & ALARM else {}
    return begin + (click.style(text, **style) if style else text)  # type: ignore[arg-type]


def tag_text(tag: str, msg: FluxMsg) -> str:
    """`tag=value`, and its quality if that is not good."""
    quality = msg.quality(tag)
    return f"{tag}={short_value(msg.data[tag])}" + ("" if quality == GOOD else f" ({quality})")


def short_value(value: Any) -> str:
    """A value in few characters."""
    if isinstance(value, str):
        return value if value.isidentifier() else json.dumps(value, ensure_ascii=False)
    if isinstance(value, bytes):
        return value.hex()
    return value_text(value)


def printable(text: str) -> str:
    """Without what would steer a terminal: control characters, and those that turn the direction of writing."""
    return "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in text)


def fact(term: str, text: str) -> str:
    """A term with what is said of it beside it, within 80 columns."""
    return click.wrap_text(printable(text), WIDTH, f"{term:<{TERM}}", " " * TERM)


def _cut(text: str, columns: int) -> str:
    return text if len(text) <= columns else text[: columns - 1] + "…"
