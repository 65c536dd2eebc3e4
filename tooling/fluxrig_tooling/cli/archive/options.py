"""What the verbs have in common: which messages, names from a rig, and what cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fluxrig_tooling.cli.common import FLUX_SUFFIX, RIG_FILE, Parsed, refused
from fluxrig_tooling.cli.terminal import print_error, say

if TYPE_CHECKING:
    from fluxrig_tooling.archive.entries import ArchiveReader, Damage
    from fluxrig_tooling.archive.names import Names
    from fluxrig_tooling.archive.selection import Point, Selection

rig_option = click.option("--rig", type=RIG_FILE, metavar="RIG", help="Names gears as this rig (or .flux) does.")
jobs_option = click.option(
    "--jobs", type=click.IntRange(1, 64), metavar="N", help="Processes; as many as there are cores."
)


def parse_begin(text: str) -> Point:
    """A position, a time or an age. LocalError for other text."""
    from fluxrig_tooling.archive import selection

    return selection.parse_point(text)


def parse_end(text: str) -> Point:
    """As `parse_begin`, and a date is its last moment."""
    from fluxrig_tooling.archive import selection

    return selection.parse_point(text, is_end=True)


BEGIN, END = Parsed("point", parse_begin), Parsed("point", parse_end)

_SELECTION = (
    click.option(
        "--from", "begin", type=BEGIN, metavar="POINT", help="A position, a time (UTC), or an age such as 2h."
    ),
    click.option("--to", "end", type=END, metavar="POINT", help="Likewise, and included: a date is the whole day."),
    click.option(
        "--tag",
        "tags",
        multiple=True,
        metavar="TAG",
        help="Only messages with this tag, and of their values only this one (JSON: all); may be repeated.",
    ),
)


def selection_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """--from, --to and --tag."""
    for option in reversed(_SELECTION):
        function = option(function)
    return function


def selected(begin: Point | None, end: Point | None, tags: tuple[str, ...]) -> Selection:
    """What these options select. What ends before it begins is wrong usage."""
    from fluxrig_tooling.archive.selection import Point, Selection

    wanted = Selection(begin or Point(), end or Point(), frozenset(tags))
    if wanted.is_reversed:
        raise click.UsageError(f"--from ({_named(wanted.begin)}) comes after --to ({_named(wanted.end)}): swap them")
    return wanted


def _named(point: Point) -> str:
    from fluxrig_tooling.archive.times import time_text

    return f"position {point.position}" if point.time is None else f"{time_text(point.time, 0, ' ')} UTC"


def opened(folder: Path, as_json: bool = False) -> ArchiveReader:
    """The archive in `folder`. A folder without one, or with one that nobody may read, is a negative answer."""
    from fluxrig.errors import LocalError
    from fluxrig_tooling.archive.entries import ArchiveReader

    try:
        archive = ArchiveReader(folder)
        archive.require_readable()
    except LocalError as exc:
        raise refused(str(exc), as_json) from exc
    return archive


def names_of(rig: Path | None) -> Names:
    """The names in a rig file or compiled rig."""
    from fluxrig_tooling.archive.names import Names
    from fluxrig_tooling.cli.common import compiled, loaded

    if rig is None:
        return Names()
    return Names.of_flux(compiled(rig, None)) if rig.suffix == FLUX_SUFFIX else Names.of_model(loaded(rig))


def say_nothing_matches(archive: ArchiveReader, wanted: Selection) -> None:
    """On standard error, with what there is instead."""
    from fluxrig_tooling.archive.selection import nothing_matches

    say(nothing_matches(archive.folder, wanted), err=True)


def warn_of_another_rig(names: Names, rig: Path | None) -> None:
    """On standard error, when the rig has none of the gears that were to be named."""
    if rig is not None and names.has_missed and not names.has_named:
        say(f"warning: {rig} has none of the gears in this archive: is it another rig?", err=True)


def end_with(damage: Damage) -> None:
    """Say what could not be read, on standard error. That is a negative answer: exit 1."""
    from fluxrig_tooling.archive.findings import Unread

    for problem in damage.problems:
        print_error(str(problem))
    if damage.count > len(damage.problems):
        click.echo(f"and {damage.count - len(damage.problems)} more", err=True)
    if not all(isinstance(problem, Unread) for problem in damage.problems):
        click.echo("`fluxrig archive verify` says whether more is wrong", err=True)
    if damage.count:
        raise SystemExit(1)
