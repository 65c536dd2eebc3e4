"""`fluxrig archive export`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fluxrig_tooling.archive.export import FORMATS
from fluxrig_tooling.cli.archive.options import (
    end_with,
    folder_argument,
    names_of,
    opened,
    rig_option,
    selected,
    selection_options,
)
from fluxrig_tooling.cli.common import json_option, print_json, refused
from fluxrig_tooling.cli.terminal import progress
from fluxrig_tooling.wording.text import counted
from fluxrig_tooling.wording.values import rounded_size

if TYPE_CHECKING:
    from fluxrig_tooling.archive.selection import Point


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

    \b
    Example:
      fluxrig archive export archive --from 2026-11-25 -o november.parquet
    """
    from fluxrig.errors import LocalError
    from fluxrig_tooling.archive.export import exporter
    from fluxrig_tooling.archive.export.output import STDOUT
    from fluxrig_tooling.archive.export.output import output as output_file

    chosen = format_name or _format_of(output)
    target = output or f"archive.{chosen}"
    if target == STDOUT and as_json:
        raise click.UsageError("standard output takes the export or the report of --json, not both")
    if target != STDOUT and Path(target).exists() and not force:
        raise refused(f"{target} exists: name another file with -o, or replace it with --force", as_json)
    archive = opened(folder, as_json)
    names = names_of(rig)
    started = time.monotonic()
    messages = 0
    try:
        with progress("exporting", archive.size) as bar, output_file(target) as file:
            writer = exporter(chosen, file, names)
            for position, msg in selected(begin, end, tags).messages(archive, bar.advance):
                writer.write(position, msg)
                messages += 1
            writer.close()
    except LocalError as exc:
        raise refused(str(exc), as_json) from exc
    seconds = time.monotonic() - started
    if target != STDOUT:
        size = Path(target).stat().st_size
        if as_json:
            print_json(
                {
                    "ok": not archive.damage.count,
                    "output": target,
                    "format": chosen,
                    "messages": messages,
                    "rows": writer.rows,
                    "bytes": size,
                    "damaged": archive.damage.count,
                    "problems": [each.as_dict() for each in archive.damage.problems],
                }
            )
        else:
            rows = "" if chosen == "jsonl" else f", {counted(writer.rows, 'row')}"
            click.echo(f"{target}: {counted(messages, 'message')}{rows}, {rounded_size(size)} in {seconds:.1f} s")
    end_with(archive.damage)


def _format_of(output: str | None) -> str:
    """The format that the name of a file says."""
    suffix = Path(output).suffix[1:].lower() if output else ""
    if suffix in FORMATS:
        return suffix
    raise click.UsageError(f"say which format with --format: {', '.join(FORMATS)}")
