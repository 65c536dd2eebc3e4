"""What the verbs have in common: the folder, which messages, names from a rig, and what cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fluxrig_tooling.cli.common import FLUX_SUFFIX, RIG_FILE, Parsed, refused
from fluxrig_tooling.cli.terminal import print_error

if TYPE_CHECKING:
    from fluxrig_tooling.archive.entries import ArchiveReader, Damage
    from fluxrig_tooling.archive.names import Names
    from fluxrig_tooling.archive.selection import Point, Selection

folder_argument = click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
rig_option = click.option("--rig", type=RIG_FILE, metavar="RIG", help="Names gears as this rig (or .flux) does.")
jobs_option = click.option(
    "--jobs", type=click.IntRange(1, 64), metavar="N", help="Processes; as many as there are cores."
)


def parse_point(text: str) -> Point:
    """A position, a time or an age. LocalError for other text."""
    from fluxrig_tooling.archive import selection

    return selection.parse_point(text)


POINT = Parsed("point", parse_point)

_SELECTION = (
    click.option(
        "--from", "begin", type=POINT, metavar="POINT", help="A position, a time (UTC), or an age such as 2h."
    ),
    click.option("--to", "end", type=POINT, metavar="POINT", help="Likewise, and included."),
    click.option("--tag", "tags", multiple=True, metavar="TAG", help="Only messages with this tag; may be repeated."),
)


def selection_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """--from, --to and --tag."""
    for option in reversed(_SELECTION):
        function = option(function)
    return function


def selected(begin: Point | None, end: Point | None, tags: tuple[str, ...]) -> Selection:
    """What these options select."""
    from fluxrig_tooling.archive.selection import Point, Selection

    return Selection(begin or Point(), end or Point(), frozenset(tags))


def opened(folder: Path, as_json: bool = False) -> ArchiveReader:
    """The archive in `folder`. A folder without one is a negative answer."""
    from fluxrig.errors import LocalError
    from fluxrig_tooling.archive.entries import ArchiveReader

    try:
        return ArchiveReader(folder)
    except LocalError as exc:
        raise refused(str(exc), as_json) from exc


def names_of(rig: Path | None) -> Names:
    """The names in a rig file or compiled rig."""
    from fluxrig_tooling.archive.names import Names
    from fluxrig_tooling.cli.common import compiled, loaded

    if rig is None:
        return Names()
    return Names.of_flux(compiled(rig, None)) if rig.suffix == FLUX_SUFFIX else Names.of_model(loaded(rig))


def end_with(damage: Damage) -> None:
    """Say what could not be read, on standard error. That is a negative answer: exit 1."""
    for problem in damage.problems:
        print_error(str(problem))
    if damage.count > len(damage.problems):
        click.echo(f"and {damage.count - len(damage.problems)} more", err=True)
    if damage.count:
        click.echo("`fluxrig archive verify` says whether more is wrong", err=True)
        raise SystemExit(1)
