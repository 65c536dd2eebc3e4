"""`fluxrig rig new`: a rig to start from, made of a tag list or of nothing."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fluxrig_tooling.cli.common import json_option, print_json, refused
from fluxrig_tooling.cli.terminal import say
from fluxrig_tooling.modbus.orders import ORDERS
from fluxrig_tooling.modbus.tables import TABLES
from fluxrig_tooling.modbus.unit_ids import MAX_TCP_UNIT_ID
from fluxrig_tooling.wording.text import counted

if TYPE_CHECKING:
    from fluxrig_tooling.rig.importing import Imported

FORMATS = ("auto", "plain", "kepware", "telegraf")
STARTER = "minimal.yaml"
STARTER_LINK = "tcp://127.0.0.1:5020"

UNIT_ID = click.IntRange(0, MAX_TCP_UNIT_ID)
LIST_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("new", short_help="Make a rig file, from a tag list or to start with.")
@click.option("--from", "source", type=LIST_FILE, metavar="FILE", help="A tag list: CSV, or Telegraf's TOML.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), default="rig.yaml", show_default=True)
@click.option("--link", metavar="LINK", default="", help="Where the device is, such as tcp://10.0.0.5.")
@click.option("--name", metavar="NAME", default="", help="The name of the rig; default: that of the list.")
@click.option("--unit-id", type=UNIT_ID, default=1, help="The Modbus unit, where the list has none.")
@click.option("--format", "format_name", type=click.Choice(FORMATS), default="auto", help="Of the list.")
@click.option("--base", type=click.Choice(("0", "1")), help="What bare numbers of registers count from.")
@click.option("--table", type=click.Choice(TABLES), help="The table of bare numbers.")
@click.option("--order", type=click.Choice(ORDERS), help="Byte order, where the list has none (Kepware: CDAB).")
@click.option("--force", is_flag=True, help="Replace the output file.")
@json_option
def command(
    source: Path | None,
    output: Path,
    link: str,
    name: str,
    unit_id: int,
    format_name: str,
    base: str | None,
    table: str | None,
    order: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Make a rig file: from a tag list, or one to start with.

    A tag list is a CSV file of a spreadsheet (columns name, address, type, scale, unit, ... in any order), a tag export
    of Kepware, or a Telegraf configuration. What cannot be taken over is said line by line; exits 1 when nothing can.

    \b
    Example:
      fluxrig rig new --from tags.csv --link tcp://10.0.0.5 -o press.yaml
    """
    from fluxrig_tooling.rig.importing import Options, import_tags
    from fluxrig_tooling.rig.importing.names import gear_name

    if output.exists() and not force:
        raise refused(f"{output} exists: name another file with -o, or replace it with --force", as_json)
    if source is None:
        _write(output, _starter(link, gear_name(name, "minimal")), as_json)
        if as_json:
            print_json({"ok": True, "output": str(output), "tags": 1, "left_out": 0, "problems": []})
        else:
            click.echo(f"{output}: a rig to start with; `fluxrig rig check {output}` says what is wrong with it")
            if not link:
                say(f"set its link: {STARTER_LINK} in {output} is this machine")
        return
    options = Options(link, unit_id, None if base is None else int(base), table or "", order or "")
    try:
        data = source.read_bytes()
    except OSError as exc:
        raise refused(f"{source} cannot be read: {exc.strerror or exc}", as_json) from exc
    imported = import_tags(data, str(source), gear_name(name or source.stem, "rig"), options, format_name)
    if not as_json:
        for problem in imported.problems:
            say(str(problem), err=True)
    if not imported.text:
        found = [problem.as_dict() for problem in imported.problems]
        raise refused(f"no tag of {source} could be taken over, see above", as_json, found)
    _write(output, imported.text, as_json)
    _report(imported, output, source, as_json)


def _report(imported: Imported, output: Path, source: Path, as_json: bool) -> None:
    from fluxrig_tooling.rig.importing.write import PLACEHOLDER_LINK

    errors, warnings = imported.problems.errors, imported.problems.warnings
    if as_json:
        print_json(
            {
                "ok": True,
                "output": str(output),
                "format": imported.format,
                "tags": imported.tags,
                "left_out": len(errors),
                "problems": [problem.as_dict() for problem in imported.problems],
            }
        )
        return
    click.echo(f"{output}: {counted(imported.tags, 'tag')} of {source} ({imported.format})")
    missing = sum(not device.link for device in imported.devices)
    if missing:
        which = "its link" if len(imported.devices) == 1 else f"the link of {counted(missing, 'device')}"
        say(f"set {which}: {PLACEHOLDER_LINK} in {output} stands for an address that the list does not have")
    if errors or warnings:
        click.echo(f"{counted(len(errors), 'line')} left out, {counted(len(warnings), 'warning')}: see above", err=True)


def _starter(link: str, name: str) -> str:
    text = (files("fluxrig_tooling.rig") / "examples" / STARTER).read_text(encoding="utf-8")
    text = text.replace("name: minimal", f"name: {name}")
    return text.replace(STARTER_LINK, link) if link else text


def _write(output: Path, text: str, as_json: bool) -> None:
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise refused(f"{output} cannot be written: {exc.strerror or exc}", as_json) from exc
