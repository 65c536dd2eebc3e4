"""`fluxrig archive extract`."""

from __future__ import annotations

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
    warn_of_another_rig,
)
from fluxrig_tooling.cli.common import Parsed
from fluxrig_tooling.cli.terminal import paragraph, progress
from fluxrig_tooling.wording.text import printable

if TYPE_CHECKING:
    from fluxrig.msg import FluxMsg
    from fluxrig_tooling.archive.names import Names
    from fluxrig_tooling.archive.trace import Related

MAX_REMEMBERED = 100_000
"""Messages of one trace whose references are resolved."""


def parse_trace(text: str) -> str:
    """A trace id: 32 hex digits. LocalError for other text."""
    from fluxrig_tooling.archive import trace

    return trace.parse_trace(text)


TRACE = Parsed("trace", parse_trace)


@click.command("extract", short_help="Print every message of one trace: the path of an event.")
@folder_argument
@click.option("--trace", type=TRACE, metavar="ID", required=True, help="32 hex digits, as `show --json` has them.")
@rig_option
@click.option("--json", "as_json", is_flag=True, help="One JSON document a line: the messages, as in an export.")
def command(folder: Path, trace: str, rig: Path | None, as_json: bool) -> None:
    """Print every message of a trace in the archive DIR, in order, with the hops it took.

    A message that refers to another one says so. Exits 1 when there is none of this trace.

    \b
    Example:
      fluxrig archive extract archive --trace 4bf92f3577b34da6a3ce929d0e0e4736
    """
    from fluxrig_tooling.archive.export.jsonl import line
    from fluxrig_tooling.archive.trace import messages, related

    archive = opened(folder)
    names = names_of(rig)
    positions: dict[bytes, int] = {}
    refs: set[bytes] = set()
    first_ts = None
    with progress("searching", archive.size) as bar:
        for position, msg in messages(archive, trace, bar.advance):
            first_ts = msg.ts if first_ts is None else first_ts
            if as_json:
                click.echo(line(position, msg, names))
            else:
                for text in _block(position, msg, names, positions, not positions):
                    click.echo(text)
            if len(positions) < MAX_REMEMBERED:
                positions[msg.id] = position
                refs.add(msg.ref_id)
    if not positions:
        end_with(archive.damage)
        raise click.ClickException(
            f"no message in {folder} is of trace {trace}: `fluxrig archive show --json` has that of each"
        )
    if not as_json:
        for text in _others(related(archive, refs, set(positions))):
            click.echo(text)
    warn_of_another_rig(names, rig)
    end_with(archive.damage)


def _block(position: int, msg: FluxMsg, names: Names, positions: dict[bytes, int], is_first: bool) -> Iterator[str]:
    """A message with its ids and hops."""
    from fluxrig.ids import NIL_ID, id_text
    from fluxrig_tooling.archive.times import time_text
    from fluxrig_tooling.cli.archive.lines import tag_text

    if not is_first:
        yield ""
    source = names.full(msg.src_id)
    heading = f"position {position}, {time_text(msg.ts, 6, ' ')} UTC"
    yield click.style(heading, bold=True)
    yield f"  id      {id_text(msg.id)}"
    if source:
        yield f"  source  {source}"
    if msg.ref_id != NIL_ID:
        where = positions.get(msg.ref_id)
        known = f"position {where}" if where is not None else id_text(msg.ref_id)
        yield f"  after   {known}"
    values = printable("  ".join(tag_text(tag, msg) for tag in sorted(msg.data)))
    yield paragraph(values, "  values  ", " " * 10)
    for number, (gear, port, time) in enumerate(msg.path):
        later = (time - msg.ts) / 1e9
        yield f"  {'path' if not number else '':<7} {names.port(gear, port)} {later:+.6f} s"


def _others(found: list[Related]) -> Iterator[str]:
    from fluxrig.ids import id_text

    if found:
        yield ""
        yield click.style("referred to, of another trace", bold=True)
    for each in found:
        if each.position is None:
            yield f"  {id_text(each.message_id)}: not in this archive"
        else:
            yield f"  position {each.position}: trace {each.trace}"
