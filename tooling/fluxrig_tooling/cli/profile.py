"""`fluxrig profile`: the tag maps of common devices that `profile: vendor/model` takes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fluxrig_tooling.cli.common import folder_option, json_option, print_glossary, print_json, refused, with_hint
from fluxrig_tooling.cli.terminal import WIDTH, paragraph, say
from fluxrig_tooling.modbus.tables import BIT_TABLES
from fluxrig_tooling.wording.text import counted, cut

if TYPE_CHECKING:
    from fluxrig_tooling.rig.profile import Profile, Profiles

COLUMNS = ("tag", "address", "type", "scale", "unit", "group")
"""Of the table of tags. The others of a tag's keys are in the JSON."""

profiles_folder_option = folder_option("profiles")


@click.group("profile")
def command() -> None:
    """List the tag maps of common devices and show what each one reads."""


@command.command("list")
@profiles_folder_option
@json_option
def list_(folder: Path, as_json: bool) -> None:
    """List the profiles: the name to write at `profile:`, and the device.

    \b
    Example:
      fluxrig profile list
    """
    from fluxrig_tooling.rig.profile import Profiles

    profiles = Profiles(folder)
    found, broken = _readable(profiles)
    for message in broken:
        say(message, err=True)
    if as_json:
        print_json([_summary(each) for each in found])
    else:
        print_glossary({each.name: _in_words(each) for each in found})
    if broken:
        raise SystemExit(1)


@command.command(short_help="Show what a profile reads, and where that comes from.")
@click.argument("name", metavar="VENDOR/MODEL")
@profiles_folder_option
@json_option
def show(name: str, folder: Path, as_json: bool) -> None:
    """Show what the profile VENDOR/MODEL reads, and where its addresses come from.

    \b
    Example:
      fluxrig profile show eastron/sdm630
    """
    from fluxrig_tooling.rig.profile import Profiles
    from fluxrig_tooling.rig.yaml_text import flow

    profile = _profile(Profiles(folder), name, as_json)
    defaults, tags = _values(profile, as_json)
    if as_json:
        print_json({**_summary(profile), "defaults": defaults, "tags": tags})
        return
    click.echo(click.style(profile.name, bold=True))
    click.echo(_paragraph(f"{profile.vendor} {profile.model}. {profile.doc}"))
    click.echo("\nSource:")
    for source in profile.source:
        click.echo(_paragraph(source))
    if defaults:
        click.echo("\nDefaults, which a rig may override:")
        for key, value in defaults.items():
            click.echo(_paragraph(f"{key}: {flow(value)}"))
    click.echo("")
    for line in _table(tags):
        click.echo(line)


def _in_words(profile: Profile) -> str:
    return f"{profile.vendor} {profile.model}, {counted(len(profile.tags.entries), 'tag')}"


def _readable(profiles: Profiles) -> tuple[list[Profile], list[str]]:
    """The profiles that can be read, and what is wrong with the others."""
    from fluxrig.errors import LocalError
    from fluxrig_tooling.rig.problems import Problems

    found, broken = [], []
    for name in profiles.names():
        problems = Problems()
        try:
            profile = profiles.profile(name, problems)
        except LocalError as exc:
            broken.append(with_hint(exc))
            continue
        if profile:
            found.append(profile)
        broken += [str(problem) for problem in problems]
    return found, broken


def _profile(profiles: Profiles, name: str, as_json: bool) -> Profile:
    """A profile. One that does not exist, or is not valid, is a negative answer."""
    from fluxrig.errors import LocalError
    from fluxrig_tooling.rig.problems import Problems

    problems = Problems()
    try:
        profile = profiles.profile(name, problems)
    except LocalError as exc:
        raise refused(with_hint(exc), as_json) from exc
    if profile is None:
        raise _not_valid(name, problems, as_json)
    return profile


def _values(profile: Profile, as_json: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """The defaults and the tags, as the Gear's manifest reads them."""
    from fluxrig_tooling.rig import Catalog
    from fluxrig_tooling.rig.problems import Problems
    from fluxrig_tooling.rig.profile import TYPE
    from fluxrig_tooling.rig.schema import read

    problems = Problems(str(profile.path))
    known = Catalog().manifest(TYPE).config["properties"]
    table = {"type": "object", "properties": known, "additionalProperties": False}
    defaults = read(profile.defaults, table, "defaults", problems) if profile.defaults else {}
    tags = read(profile.tags, known["tags"], "tags", problems)
    if problems.errors:
        raise _not_valid(profile.name, problems, as_json)
    return defaults or {}, tags or {}


def _not_valid(name: str, problems: Any, as_json: bool) -> click.ClickException:
    for problem in problems:
        say(str(problem), err=True)
    return refused(f"the profile {name!r} has errors", as_json, [problem.as_dict() for problem in problems])


def _summary(profile: Profile) -> dict[str, Any]:
    return {
        "profile": profile.name,
        "vendor": profile.vendor,
        "model": profile.model,
        "doc": profile.doc,
        "source": list(profile.source),
        "path": str(profile.path),
    }


def _table(tags: dict[str, dict[str, Any]]) -> list[str]:
    """The tags in columns, at most `WIDTH` columns wide."""
    rows = [COLUMNS, *(tuple(_cell(name, tag, column) for column in COLUMNS) for name, tag in tags.items())]
    widths = [max(len(row[index]) for row in rows) for index in range(len(COLUMNS))]
    lines = ["  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [cut(line, WIDTH) for line in lines]


def _cell(name: str, tag: dict[str, Any], column: str) -> str:
    if column == "tag":
        return name
    if column == "address" and "bit" in tag:
        return f"{tag['address']} bit {tag['bit']}"
    if column == "type":
        order = f" {tag['order']}" if "order" in tag else ""
        is_bit = "bit" in tag or str(tag["address"]).partition(":")[0] in BIT_TABLES
        return tag.get("type", "bool" if is_bit else "uint16") + order
    return str(tag.get(column, ""))


def _paragraph(text: str) -> str:
    return paragraph(text, "  ", "  ")
