"""A message as a line on the terminal."""

from __future__ import annotations

import json
from collections.abc import Set as AbstractSet
from typing import Any

import click

from fluxrig.archive.marks import EVENT, VOLATILE
from fluxrig.msg import ALARM, GOOD, MACHINE_ID, FluxMsg
from fluxrig_tooling.archive.names import Names
from fluxrig_tooling.archive.times import time_text
from fluxrig_tooling.cli.terminal import paragraph
from fluxrig_tooling.wording.text import cut, printable
from fluxrig_tooling.wording.values import value_text

SOURCE = 10
"""Columns of the source."""

TERM = 12
"""Columns of the terms on a page."""


def message_line(
    position: int,
    msg: FluxMsg,
    names: Names,
    machine: str = "",
    columns: int | None = None,
    tags: AbstractSet[str] = frozenset(),
) -> str:
    """Position, time, source, values; with `tags`, the values of these alone.

    A machine other than `machine` is named, bad values and notes stand out.
    """
    source = names.gear(msg.src_id)
    other = msg.meta.get(MACHINE_ID, "")
    if other and other != machine:
        source = f"{other}/{source}" if source else other
    begin = f"{position:>7} {time_text(msg.ts, 3, ' ')} "
    event = msg.meta.get(EVENT, "")
    marks = [f"[{event}]"] if event else []
    marks += ["[alarm]"] * bool(msg.flags & ALARM) + ["[volatile]"] * (VOLATILE in msg.meta)
    values = [tag_text(tag, msg) for tag in sorted(tags & msg.data.keys() if tags else msg.data)]
    text = printable(
        " ".join([*marks, *values]) if event else f"{cut(source, SOURCE):<{SOURCE}} " + " ".join(marks + values)
    )
    text = text.rstrip()
    if columns is not None:
        text = cut(text, max(columns - len(begin), 20))
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


def fact(term: str, text: str) -> str:
    """A term with what is said of it beside it."""
    return paragraph(printable(text), f"{term:<{TERM}}", " " * TERM)
