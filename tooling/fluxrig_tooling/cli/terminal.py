"""The terminal: how wide it is, and the paragraphs, tables and bars that the commands show on it.

rich is imported when it is used: most commands print lines alone.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console, JustifyMethod
    from rich.progress import Progress, TaskID
    from rich.table import Table

WIDTH = 80
"""Columns of a page, and of a table where standard output is not a terminal."""

BAR_WIDTH = 24


def columns() -> int | None:
    """Columns that a line may take: those of the terminal, or what COLUMNS says; None where another program reads."""
    if sys.stdout.isatty() or "COLUMNS" in os.environ:
        return shutil.get_terminal_size().columns
    return None


def paragraph(text: str, first: str = "", others: str = "") -> str:
    """`text` in lines of at most `WIDTH` columns. `first` stands before its first line, `others` before the others."""
    return click.wrap_text(text, WIDTH, first, others)


def print_error(text: str) -> None:
    """An error on standard error, among others: the one that ends a command is an exception."""
    click.echo(f"{click.style('error:', fg='red')} {text}", err=True)


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
