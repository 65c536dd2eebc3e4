"""`fluxrig archive export`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fluxrig_tooling.archive.export import FORMATS
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
from fluxrig_tooling.cli.common import json_option, print_json, refused
from fluxrig_tooling.cli.terminal import progress
from fluxrig_tooling.wording.text import counted
from fluxrig_tooling.wording.values import rounded_size

if TYPE_CHECKING:
    from fluxrig_tooling.archive.entries import ArchiveReader, Damage
    from fluxrig_tooling.archive.names import Names
    from fluxrig_tooling.archive.selection import Point, Selection


@click.command("export", short_help="Write messages as JSON Lines, CSV or Parquet.")
@folder_argument
@click.option("--format", "format_name", type=click.Choice(list(FORMATS)), help="Default: as the output is called.")
@click.option("-o", "--output", metavar="FILE", help="Default: archive.FORMAT; - is standard output.")
@selection_options
@rig_option
@click.option("--force", is_flag=True, help="Replace the output file.")
@json_option
def command(
    folder: Path,
    format_name: str | None,
    output: str | None,
    begin: Point | None,
    end: Point | None,
    tags: tuple[str, ...],
    rig: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Write the messages in the archive DIR into a file.

    jsonl has a message a line with all that it holds. csv and parquet have a row a value: time, position, id, trace,
    source, tag, value, quality; Parquet has a column for each kind of value, and needs `fluxrig[parquet]`. The file
    appears when it is complete. Exits 1 when part of the archive could not be read.

    In csv, text that begins with = + - @ ' or a tab has a ' before it, so that no spreadsheet takes it for a formula:
    take one away to have what was sent. Numbers stay as they are.

    \b
    Example:
      fluxrig archive export archive --from 2026-11-25 -o november.parquet
    """
    from fluxrig.errors import LocalError
    from fluxrig_tooling.archive.export.output import STDOUT, target_of

    chosen = format_name or _format_of(output)
    target = output or f"archive.{chosen}"
    if target == STDOUT and as_json:
        raise click.UsageError("standard output takes the export or the report of --json, not both")
    try:
        if target != STDOUT and target_of(target).exists() and not force:
            raise LocalError(f"{target} exists: name another file with -o, or replace it with --force")
    except LocalError as exc:
        raise refused(str(exc), as_json) from exc
    wanted = selected(begin, end, tags)
    archive = opened(folder, as_json)
    names = names_of(rig)
    started = time.monotonic()
    try:
        messages, rows = _write(archive, wanted, chosen, target, names)
    except LocalError as exc:
        raise refused(str(exc), as_json) from exc
    if target != STDOUT:
        written = {"output": target, "format": chosen, "messages": messages, "rows": rows}
        _report({**written, "bytes": Path(target).stat().st_size}, archive.damage, time.monotonic() - started, as_json)
    if not messages:
        say_nothing_matches(archive, wanted)
    warn_of_another_rig(names, rig)
    end_with(archive.damage)


def _write(archive: ArchiveReader, wanted: Selection, chosen: str, target: str, names: Names) -> tuple[int, int]:
    """How many messages were written, and in how many rows. LocalError when they cannot be."""
    from fluxrig_tooling.archive.export import exporter
    from fluxrig_tooling.archive.export.output import output as output_file

    messages = 0
    with progress("exporting", archive.size) as bar, output_file(target) as file:
        writer = exporter(chosen, file, names, wanted.tags)
        for position, msg in wanted.messages(archive, bar.advance):
            writer.write(position, msg)
            messages += 1
        writer.close()
    return messages, writer.rows


def _report(written: dict[str, Any], damage: Damage, seconds: float, as_json: bool) -> None:
    if as_json:
        problems = [each.as_dict() for each in damage.problems]
        print_json({"ok": not damage.count, **written, "damaged": damage.count, "problems": problems})
        return
    counts = [counted(written["messages"], "message")]
    if written["format"] != "jsonl":
        counts.append(counted(written["rows"], "row"))
    click.echo(f"{written['output']}: {', '.join(counts)}, {rounded_size(written['bytes'])} in {seconds:.1f} s")


def _format_of(output: str | None) -> str:
    """The format that the name of a file says."""
    suffix = Path(output).suffix[1:].lower() if output else ""
    if suffix in FORMATS:
        return suffix
    raise click.UsageError(f"say which format with --format: {', '.join(FORMATS)}")
