"""`fluxrig archive show`."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fluxrig_tooling.cli.archive.folder import folder_argument
from fluxrig_tooling.cli.archive.options import (
    end_with,
    names_of,
    opened,
    rig_option,
    say_nothing_matches,
    selected,
    selection_options,
    warn_of_another_rig,
)
from fluxrig_tooling.cli.terminal import columns

if TYPE_CHECKING:
    from fluxrig.msg import FluxMsg
    from fluxrig_tooling.archive.entries import ArchiveReader
    from fluxrig_tooling.archive.selection import Point, Selection

MAX_LAST = 100_000


@click.command("show", short_help="Print messages, one a line; follow them as they come.")
@folder_argument
@selection_options
@click.option("--last", type=click.IntRange(1, MAX_LAST), metavar="N", help="Only the last N of them.")
@click.option("--follow", is_flag=True, help="Go on with what comes in, until Ctrl-C.")
@rig_option
@click.option("--json", "as_json", is_flag=True, help="One JSON document a line.")
def command(
    folder: Path,
    begin: Point | None,
    end: Point | None,
    tags: tuple[str, ...],
    last: int | None,
    follow: bool,
    rig: Path | None,
    as_json: bool,
) -> None:
    """Print the messages in the archive DIR, one a line: position, time (UTC), source, values.

    Times are those of the messages. What a Rack has not committed yet is not shown. Lines are cut at the width of the
    terminal, and whole in a pipe. Exits 1 when part of the archive could not be read.

    \b
    Example:
      fluxrig archive show archive --from 2h --tag pressure
      fluxrig archive show archive --last 20 --follow --rig press.yaml
    """
    from fluxrig_tooling.archive.export.jsonl import line
    from fluxrig_tooling.cli.archive.lines import message_line

    if follow and end is not None:
        raise click.UsageError("--follow has no end, so --to makes no sense with it")
    wanted = selected(begin, end, tags)
    archive = opened(folder)
    names = names_of(rig)
    machine = archive.machine
    width = columns() if sys.stdout.isatty() else None
    is_empty = True
    try:
        for position, msg in _messages(archive, wanted, last, follow):
            is_empty = False
            if as_json:
                click.echo(line(position, msg, names))
            else:
                click.echo(message_line(position, msg, names, machine, width, wanted.tags))
    except KeyboardInterrupt:
        if not follow:
            raise
    if is_empty and not follow:
        say_nothing_matches(archive, wanted)
    warn_of_another_rig(names, rig)
    end_with(archive.damage)


def _messages(
    archive: ArchiveReader, wanted: Selection, last: int | None, follow: bool
) -> Iterator[tuple[int, FluxMsg]]:
    from fluxrig_tooling.archive.entries import wait

    done = wanted.since - 1
    if not follow or last is not None:
        done = archive.last_position()
        # What comes in meanwhile is for `follow`. Without it, all that is readable behind a damaged place counts.
        until = done if follow else None
        yield from wanted.messages(archive) if last is None else _last(archive, wanted, last, done, until)
        if not follow:
            return
    for entry in archive.follow(done + 1):
        if entry is None:
            wait()
            continue
        msg = wanted.message(archive, entry)
        if msg is not None:
            yield entry.position, msg


def _last(
    archive: ArchiveReader, wanted: Selection, count: int, end: int, until: int | None
) -> Iterator[tuple[int, FluxMsg]]:
    """The last `count` that are wanted. Without a filter, those before need not be read; `end` is the last position."""
    from dataclasses import replace

    from fluxrig_tooling.archive.selection import Point

    if wanted.is_by_position:
        stop = min(end, wanted.end.position if wanted.end.position is not None else end)
        wanted = replace(wanted, begin=Point(position=max(wanted.since, stop - count + 1)))
    yield from deque(wanted.messages(archive, until=until), maxlen=count)
