"""A live table of values: what each row last said, how good it was, and how old it is."""

from __future__ import annotations

import time
from typing import Any

from rich.table import Table
from rich.text import Text

from fluxrig.decimal import Decimal
from fluxrig.msg import GOOD
from fluxrig_tooling.wording.text import cut
from fluxrig_tooling.wording.values import age_text, value_text

MAX_VALUE = 30
"""Columns of a value: what is longer is cut."""

MAX_DIGITS = 12
"""Digits of a number that is a part of a value: what has more, such as a time, is for programs."""


class ValueTable:
    """One picture of it: `table`, with a column for each of `names`, and then value, quality and age."""

    def __init__(self, title: str, *names: str):
        self.table = Table(title=title, title_justify="left")
        for name in names:
            self.table.add_column(name, overflow="fold")
        self.table.add_column("value", justify="right", min_width=10)
        self.table.add_column("quality", min_width=7)
        self.table.add_column("age", justify="right", min_width=7)
        self._now_ms = time.time_ns() // 1_000_000

    def add(self, *names: str, value: Any, quality: str, ms: int | None) -> None:
        """A row. `ms` is the time of the value (Unix ms), None when there is none."""
        # As Text, so that nothing that a name or a value says is taken for markup.
        self.table.add_row(
            *map(Text, names),
            Text(glance(value)),
            Text(quality, "green" if quality == GOOD else "red"),
            age_text(ms, self._now_ms),
        )


def glance(value: Any) -> str:
    """A value in a line: of one that has parts, such as a checkpoint, the short numbers among them."""
    if not isinstance(value, dict):
        return cut(value_text(value), MAX_VALUE)
    numbers = {name: value_text(part) for name, part in value.items() if isinstance(part, int | float | Decimal)}
    short = [f"{name} {text}" for name, text in numbers.items() if len(text) <= MAX_DIGITS]
    return cut(", ".join(short) or "{…}", MAX_VALUE)
