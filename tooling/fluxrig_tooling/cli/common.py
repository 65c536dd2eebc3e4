"""What several commands share: the rig argument, JSON on standard output, negative answers."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fluxrig_tooling.cli.terminal import paragraph, say

if TYPE_CHECKING:
    from collections.abc import Callable

    from fluxrig.errors import FluxError
    from fluxrig_tooling.rig.model import RigModel

RIG_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
"""A rig file argument: one that is not there is wrong usage (exit 2)."""

FLUX_SUFFIX = ".flux"

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")


def folder_option(kind: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`--folder`, for commands that look for `kind` beside a rig too: in the folder of that name."""
    return click.option(
        "--folder",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        default=".",
        help=f"Where the rig file is: {kind} in its folder `{kind}` count too.",
    )


rack_option = click.option("--rack", metavar="NAME", help="Which rack; needed when the rig has several.")


class Parsed(click.ParamType):
    """What `parse` makes of an argument. Text that it refuses, with a LocalError, is wrong usage."""

    def __init__(self, name: str, parse: Callable[[str], Any]):
        self.name = name
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from fluxrig.errors import LocalError

        try:
            return self._parse(value) if isinstance(value, str) else value
        except LocalError as exc:
            self.fail(str(exc), param, ctx)


class Seconds(click.FloatRange):
    """A time in seconds: a finite number, at least a tenth."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        seconds: float = super().convert(value, param, ctx)
        if not math.isfinite(seconds):
            self.fail(f"expected a number of seconds, got {value}", param, ctx)
        return seconds


SECONDS = Seconds(min=0.1)


class Folder(click.Path):
    """A folder, which may have to be made yet: neither it nor what it is to be in is anything else."""

    def __init__(self) -> None:
        super().__init__(file_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        folder = Path(os.fsdecode(super().convert(value, param, ctx)))
        there = next((each for each in (folder, *folder.absolute().parents) if os.path.lexists(each)), folder)
        if not there.is_dir():
            self.fail(f"{there} is not a folder", param, ctx)
        return folder


FOLDER = Folder()


def refused(message: str, as_json: bool, problems: list[dict[str, Any]] | None = None) -> click.ClickException:
    """The negative answer to raise. With --json the document that says so is printed first."""
    if as_json:
        print_json({"ok": False, "error": message, "problems": problems or []})
    return click.ClickException(message)


def with_hint(exc: FluxError) -> str:
    """What went wrong, and the hint that the error carries, if so."""
    hint = exc.fields.get("hint")
    return f"{exc}: {hint}" if hint else str(exc)


def print_glossary(entries: dict[str, str]) -> None:
    """Each term with its explanation beside it, within the width of a page."""
    width = max(map(len, entries), default=0) + 2
    for term, text in entries.items():
        click.echo(paragraph(text, f"{term:<{width}}", " " * width))


def print_json(document: Any) -> None:
    click.echo(json.dumps(document, indent=2))


def refuse_compiled(path: Path) -> None:
    """Wrong usage, where a rig file is wanted and `path` is a compiled rig."""
    if path.suffix == FLUX_SUFFIX:
        raise click.UsageError(f"{path} is a compiled rig, which only `rig run` and `doctor` take")


def loaded(path: Path, as_json: bool = False, infos: bool = True) -> RigModel:
    """The rig in `path`. Its warnings go to standard error; its errors too, and end the command with 1.

    `infos`: whether what is to be known of it goes there too, where the command does not show that itself.
    """
    from fluxrig_tooling.rig import load
    from fluxrig_tooling.rig.problems import INFO

    refuse_compiled(path)
    model, problems = load(path)
    for problem in problems:
        if infos or problem.severity != INFO:
            say(str(problem), err=True)
    if model is None:
        raise refused(f"{path} has errors, see above", as_json, [problem.as_dict() for problem in problems])
    return model


def chosen_rack(model: RigModel, name: str | None) -> str:
    """`name` if the rig has that rack, or the only one it has. Wrong usage otherwise."""
    names = [rack.name for rack in model.racks]
    if name is None:
        if len(names) > 1:
            raise click.UsageError(f"the rig has several racks, choose one with --rack: {', '.join(names)}")
        return names[0]
    return known_rack(model, name)


def known_rack(model: RigModel, name: str) -> str:
    """`name`, which a rack of the rig has. Wrong usage otherwise."""
    from fluxrig_tooling.wording.suggest import did_you_mean

    names = [rack.name for rack in model.racks]
    if name not in names:
        raise click.UsageError(f"the rig has no rack {name!r}: {did_you_mean(name, names)}")
    return name


def compiled(path: Path, rack: str | None, as_json: bool = False) -> dict[str, Any]:
    """The compiled rig of one rack: from a .flux file as it is, from a rig file by compiling it."""
    from fluxrig.errors import FluxError

    if path.suffix == FLUX_SUFFIX:
        from fluxrig.flux import unpack

        try:
            rig = unpack(path.read_bytes())
        except FluxError as exc:
            message = f"{path} is damaged, or not a compiled rig: compile it again, or copy it again ({exc})"
            raise refused(message, as_json) from exc
        if rack not in (None, rig["rack"]):
            raise click.UsageError(f"{path} is compiled for rack {rig['rack']!r}, not for {rack!r}")
        _register_types(path, {gear["type"] for gear in rig["gears"]})
        return rig
    from fluxrig_tooling.rig import register_gears

    model = loaded(path, as_json)
    rig = lowered(model, rack, as_json)
    register_gears(gear.manifest for gear in model.gears)
    return rig


def lowered(model: RigModel, rack: str | None, as_json: bool = False) -> dict[str, Any]:
    """The compiled form of one rack of `model`. What this release cannot compile is a negative answer."""
    from fluxrig.errors import LocalError
    from fluxrig_tooling.rig import compile_rig

    try:
        return compile_rig(model, chosen_rack(model, rack))
    except LocalError as exc:
        raise refused(str(exc), as_json) from exc


def _register_types(path: Path, types: set[str]) -> None:
    """Make known the types of a compiled rig that come from packages, or from the folder `gears` beside it."""
    from fluxrig_tooling.rig import Catalog, register_gears

    catalog = Catalog(path.parent)
    # What the catalog does not know is refused, by name, when the Rack loads it.
    register_gears(catalog.manifest(name) for name in types if name in catalog.types())
