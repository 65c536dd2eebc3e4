"""The terminal: how wide it is, and the paragraphs, tables and bars that the commands show on it.

rich is imported when it is used: most commands print lines alone.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from textwrap import wrap
from typing import TYPE_CHECKING, TextIO

import click

if TYPE_CHECKING:
    from rich.console import Console, JustifyMethod
    from rich.progress import Progress, TaskID
    from rich.table import Table

WIDTH = 80
"""Columns of a page, and of a table where standard output is not a terminal."""

INDENT = "    "
"""What stands before a line that goes on, beside its own indentation."""

BAR_WIDTH = 24


def columns() -> int | None:
    """Columns that a line may take: those of the terminal, or what COLUMNS says; None where another program reads."""
    if sys.stdout.isatty() or "COLUMNS" in os.environ:
        return shutil.get_terminal_size().columns
    return None


def paragraph(text: str, first: str = "", others: str = "") -> str:
    """`text` in lines of at most `WIDTH` columns. `first` stands before its first line, `others` before the others."""
    return click.wrap_text(text, WIDTH, first, others)


def fitted(text: str, stream: TextIO, taken: int = 0, is_indented: bool = False) -> str:
    """`text` as messages are written to `stream`: a terminal gets no line that it would break within a word.

    What goes on in the next line is indented there, unless the caller will do that: `is_indented`. `taken`: columns
    that are used before the text begins.
    """
    if not stream.isatty():
        return text
    width = int(os.environ.get("COLUMNS") or 0) or os.get_terminal_size(stream.fileno()).columns or WIDTH
    if is_indented:
        width -= len(INDENT)
    lines = []
    for line in text.split("\n"):
        margin = re.match(" *", line)[0]  # type: ignore[index]  # matches always
        if taken + len(line) > width:
            others = margin + ("" if is_indented else INDENT)
            # Paths and options are not broken at their hyphens, and never in the middle.
            found = wrap(
                line.lstrip(), width, initial_indent=" " * (taken + len(margin)), subsequent_indent=others,
                break_long_words=False, break_on_hyphens=False,
            )  # fmt: skip
            line = "\n".join([found[0][taken:], *found[1:]])
        lines.append(line)
        taken = 0
    return "\n".join(lines)


def say(text: str, err: bool = False) -> None:
    """Print a message. On a terminal it is `fitted`, elsewhere it stays what it is."""
    click.echo(fitted(text, sys.stderr if err else sys.stdout), err=err)


def print_error(text: str) -> None:
    """An error on standard error, among others: the one that ends a command is an exception."""
    word = "error:"
    click.echo(f"{click.style(word, fg='red')} {fitted(text, sys.stderr, len(word) + 1)}", err=True)


def console(stderr: bool = False) -> Console:
    """The terminal for rich; where there is none, as wide as `WIDTH`, or as COLUMNS says."""
    from rich.console import Console

    here = Console(stderr=stderr, highlight=False)
    if not here.is_terminal and "COLUMNS" not in os.environ:
        here.width = WIDTH
    return here


def new_table(*columns: str, right: Sequence[str] = (), folded: Sequence[str] = ()) -> Table:
    """An empty table. Columns in `right` are set to the right; only those in `folded` take more than a line."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        justify: JustifyMethod = "right" if column in right else "left"
        table.add_column(column, justify=justify, no_wrap=column not in folded, overflow="fold")
    return table


class Bar:
    """How far a command is. It appears with the first call: it has a thread, and a command may want to fork before."""

    def __init__(self, progress: Progress | None, task: TaskID | None):
        self._progress = progress
        self._task = task

    def advance(self, done: float) -> None:
        """So much more is done."""
        if self._progress is not None and self._task is not None:
            self._progress.start()  # again and again does no harm
            self._progress.advance(self._task, done)

    def show(self, title: str, done: float, total: float, note: str) -> None:
        """So much is done of what is now the whole."""
        if self._progress is not None and self._task is not None:
            self._progress.start()
            self._progress.update(self._task, description=title, completed=done, total=total, note=note)


@contextmanager
def progress(title: str, total: float = 1, counts: bool = False) -> Iterator[Bar]:
    """A bar on standard error, gone when left: how much of `total` is done, and the time that is left.

    `counts`: how much is shown as numbers, such as 3/20, else in percent. Without a terminal nothing is shown.
    """
    here = console(stderr=True)
    if not here.is_terminal:
        yield Bar(None, None)
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(BAR_WIDTH),
        MofNCompleteColumn() if counts else TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    shown = Progress(*columns, console=here, transient=True)
    try:
        yield Bar(shown, shown.add_task(title, total=total or 1, note=""))
    finally:
        shown.stop()
