"""`fluxrig archive verify`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fluxrig_tooling.cli.archive.options import folder_argument, jobs_option
from fluxrig_tooling.cli.common import json_option, print_json, refused
from fluxrig_tooling.cli.terminal import paragraph, progress
from fluxrig_tooling.wording.text import counted, printable
from fluxrig_tooling.wording.values import rounded_size

if TYPE_CHECKING:
    from fluxrig_tooling.archive.verify import Report

ANCHOR_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("verify", short_help="Check that nothing in an archive was changed.")
@folder_argument
@click.option("--anchor", type=ANCHOR_FILE, metavar="FILE", help="A file with checkpoints that were kept elsewhere.")
@click.option("--records", is_flag=True, help="Also check each record by itself: its CRC, and that it is a message.")
@jobs_option
@json_option
def command(folder: Path, anchor: Path | None, records: bool, jobs: int | None, as_json: bool) -> None:
    """Check the archive in DIR: every byte, and that nothing is missing in between.

    Names the first bad segment, position and byte, and exits 1, when something was changed, inserted, removed or
    reordered. Whoever can write the files can also cut off the end, or make all of the chain anew: that is seen with
    --anchor alone. FILE is any text with checkpoints in it, such as what an MQTT subscriber has kept.

    \b
    Example:
      fluxrig archive verify /var/lib/fluxrig/line-1/archive --anchor kept.jsonl
    """
    from fluxrig.errors import LocalError
    from fluxrig_tooling.archive.anchor import read_anchors
    from fluxrig_tooling.archive.pool import cores
    from fluxrig_tooling.archive.verify import verify

    try:
        anchors = read_anchors(anchor) if anchor else []
        with progress("verifying") as bar:
            report = verify(folder, anchors, records, jobs or cores(), lambda _, total: bar.advance(1 / total))
    except LocalError as exc:
        raise refused(str(exc), as_json) from exc
    if as_json:
        print_json(_document(report))
    else:
        for line in _page(report, bool(anchor)):
            click.echo(line)
    if not report.ok:
        raise SystemExit(1)


def _page(report: Report, anchored: bool) -> Iterator[str]:
    """What was found, the verdict last."""
    from fluxrig_tooling.archive.anchor import CONFIRMED
    from fluxrig_tooling.cli.archive.lines import fact

    yield from _facts(report)
    for remark in report.remarks:
        yield fact("remark:", remark)
    for answer in report.answers:
        if answer.result != CONFIRMED:
            yield fact("anchor:", f"position {answer.anchor.position}: {answer.reason}")
    for number, problem in enumerate(report.problems):
        yield ""
        yield click.style(f"{'BAD' if not number else 'also'}: {problem.segment}", fg="red", bold=not number)
        yield f"     position {problem.position}, byte {problem.byte}"
        yield paragraph(printable(problem.reason), "     ", "     ")
    if report.more_problems:
        yield f"and {counted(report.more_problems, 'problem')} more"
    yield ""
    yield from _verdict(report, anchored)


def _facts(report: Report) -> Iterator[str]:
    from fluxrig_tooling.archive.times import time_text
    from fluxrig_tooling.cli.archive.lines import fact

    yield fact("machine", report.machine or "-")
    yield fact("journal", report.journal.hex() or "-")
    sealed = f"{report.sealed} of them sealed"
    yield fact("segments", f"{counted(report.segments, 'segment')}, {sealed}, {rounded_size(report.bytes)}")
    if report.messages:
        yield fact("positions", f"{report.first} to {report.first + report.messages - 1}, in {report.groups:,} groups")
    if report.head:
        yield fact("written", f"{time_text(report.first_time, 0, ' ')} to {time_text(report.time, 0, ' ')} UTC")
        yield fact("head", f"{report.head.hex()}")
    if report.removed:
        first, last = report.removed[0].first, report.removed[-1].last
        yield fact("removed", f"positions {first} to {last}, of which the stub has the heads")
    if report.uncommitted or report.torn:
        tail = counted(report.uncommitted, "message") + (f" and {counted(report.torn, 'byte')}" if report.torn else "")
        yield fact("not yet", f"{tail} after the last link: not committed, or cut off")
    if report.answers:
        confirmed = report.confirmed
        newest = f", the newest at position {confirmed[-1].position}" if confirmed else ""
        yield fact("anchors", f"{len(confirmed)} of {len(report.answers)} confirmed{newest}")


def _verdict(report: Report, anchored: bool) -> Iterator[str]:
    from fluxrig_tooling.archive.anchor import CONFIRMED

    if report.ok and anchored:
        newest = report.confirmed[-1].position
        text = f"ok: the chain is whole, and up to position {newest} it is the one that the anchors are of"
        yield click.style(paragraph(text), fg="green")
    elif report.ok:
        yield click.style("ok: the chain is whole", fg="green")
        text = "Without --anchor, an end that was cut off or a chain that was made anew is not seen."
        yield paragraph(text)
    elif report.problems:
        yield click.style("the archive is NOT what was written: see above", fg="red")
    elif any(answer.reason and answer.result != CONFIRMED for answer in report.answers) and report.confirmed:
        yield click.style("the anchors contradict the archive: see above", fg="red")
    else:
        yield click.style("no anchor confirms the archive: see above", fg="red")


def _document(report: Report) -> dict[str, Any]:
    return {
        "ok": report.ok,
        "folder": str(report.folder),
        "machine": report.machine,
        "journal": report.journal.hex(),
        "first": report.first,
        "position": report.position,
        "head": report.head.hex(),
        "time": report.time,
        "segments": report.segments,
        "sealed": report.sealed,
        "messages": report.messages,
        "groups": report.groups,
        "bytes": report.bytes,
        "uncommitted": report.uncommitted,
        "torn_bytes": report.torn,
        "removed": [{"first": each.first, "last": each.last, "head": each.head.hex()} for each in report.removed],
        "problems": [each.as_dict() for each in report.problems],
        "more_problems": report.more_problems,
        "remarks": report.remarks,
        "anchors": [{**each.anchor.as_dict(), "result": each.result, "reason": each.reason} for each in report.answers],
    }
