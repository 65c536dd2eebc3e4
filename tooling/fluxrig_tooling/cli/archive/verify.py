"""`fluxrig archive verify`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fluxrig_tooling.cli.archive.folder import folder_argument
from fluxrig_tooling.cli.archive.options import jobs_option
from fluxrig_tooling.cli.common import json_option, print_json, refused
from fluxrig_tooling.cli.terminal import paragraph, progress
from fluxrig_tooling.wording.suggest import listed
from fluxrig_tooling.wording.text import counted, printable
from fluxrig_tooling.wording.values import rounded_size

if TYPE_CHECKING:
    from fluxrig_tooling.archive.anchor import Answer
    from fluxrig_tooling.archive.findings import Unread
    from fluxrig_tooling.archive.verify import Report

MAX_NAMES = 3
"""Of files that cannot be read; the rest is counted."""

MAX_REASONS = 6
"""Of anchors that are not confirmed; the rest is counted."""

ANCHOR_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("verify", short_help="Check that nothing in an archive was changed.")
@folder_argument
@click.option("--anchor", type=ANCHOR_FILE, metavar="FILE", help="A file with checkpoints that were kept elsewhere.")
@click.option("--records", is_flag=True, help="Also check each record by itself: its CRC, and that it is a message.")
@jobs_option
@json_option
def command(folder: Path, anchor: Path | None, records: bool, jobs: int | None, as_json: bool) -> None:
    """Check the archive in DIR: every byte, and that nothing is missing in between.

    Names the first bad segment, position and byte when something was changed, inserted, removed or reordered. Whoever
    can write the files can also cut off the end, or make all of the chain anew: that is seen with --anchor alone. FILE
    is any text with checkpoints in it, such as what an MQTT subscriber has kept; those of other machines are passed
    over.

    Exits 0 only when all of it was verified and nothing is wrong. Exits 1 otherwise, and the last line says why:
    something is wrong, a file cannot be read, no anchor confirms the archive, or it holds nothing.

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
    from fluxrig_tooling.cli.archive.lines import fact

    yield from _facts(report)
    for remark in report.remarks:
        yield fact("remark:", remark)
    yield from _unread(report)
    for number, problem in enumerate(report.problems):
        yield ""
        yield click.style(f"{'BAD' if not number else 'also'}: {problem.segment}", fg="red", bold=not number)
        if problem.place:
            yield f"     {problem.place}"
        yield paragraph(printable(problem.reason), "     ", "     ")
    if report.more_problems:
        yield f"and {counted(report.more_problems, 'problem')} more"
    if report.answers:
        if report.problems:
            yield ""
        yield from _anchors(report)
    yield ""
    text, style = _verdict(report)
    yield click.style(paragraph(printable(text)), **style)
    if report.ok and not anchored:
        yield paragraph("Without --anchor, an end that was cut off or a chain that was made anew is not seen.")


def _facts(report: Report) -> Iterator[str]:
    from fluxrig_tooling.archive.times import time_text
    from fluxrig_tooling.cli.archive.lines import fact

    yield fact("machine", report.machine or "-")
    yield fact("journal", report.journal.hex() or "-")
    sealed = f"{report.sealed} of them sealed"
    yield fact("segments", f"{report.segments:,}, {sealed}, {rounded_size(report.bytes)}")
    if report.messages:
        whole = report.messages == report.last - report.first + 1
        verified = "" if whole else f", of which {report.messages:,} could be verified"
        yield fact("positions", f"{report.first} to {report.last}{verified}, in {report.groups:,} groups")
    if report.head:
        yield fact("written", f"{time_text(report.first_time, 0, ' ')} to {time_text(report.time, 0, ' ')} UTC")
        yield fact("head", f"{report.head.hex()}")
    if report.removed:
        first, last = report.removed[0].first, report.removed[-1].last
        yield fact("removed", f"positions {first} to {last}, of which the stub has the heads")
    if report.uncommitted or report.torn:
        tail = counted(report.uncommitted, "message") + (f" and {counted(report.torn, 'byte')}" if report.torn else "")
        yield fact("not yet", f"{tail} after the last link: not committed, or cut off")


def _unread(report: Report) -> Iterator[str]:
    """Those of which the same is to be said in one paragraph: of a folder of somebody else, that is every file."""
    alike: dict[tuple[bool, str], list[Unread]] = {}
    for each in report.unread:
        alike.setdefault((bool(each.byte), each.reason), []).append(each)
    for (_, reason), those in alike.items():
        text = str(those[0])
        if len(those) > 1:
            names = [each.segment for each in those]
            more = len(names) - MAX_NAMES + report.more_unread
            named = listed(names) if more <= 0 else ", ".join(names[:MAX_NAMES]) + f" and {more} more"
            text = f"{named} cannot be read {reason}"
        yield ""
        yield click.style(paragraph(printable(f"not verified: {text}"), "", "     "), fg="yellow")


def _anchors(report: Report) -> Iterator[str]:
    """How many there are of each kind, and where."""
    from fluxrig_tooling.archive.anchor import CONFIRMED, PASSED_OVER
    from fluxrig_tooling.cli.archive.lines import fact

    confirmed, others = report.confirmed, report.passed_over
    newest = f", the newest at position {confirmed[-1].position}" if confirmed else ""
    yield fact("anchors", f"{len(confirmed)} of {len(report.answers) - len(others)} confirmed{newest}")
    alike: dict[str, list[Answer]] = {}
    for answer in report.answers:
        if answer.result not in (CONFIRMED, PASSED_OVER):
            alike.setdefault(answer.reason, []).append(answer)
    for reason, answers in list(alike.items())[:MAX_REASONS]:
        first, last = answers[0].anchor.position, answers[-1].anchor.position
        where = f"position {first}" if first == last else f"positions {first} to {last}"
        yield fact("", f"{counted(len(answers), 'anchor')}, {where}: {reason}")
    if len(alike) > MAX_REASONS:
        left = sum(len(answers) for answers in list(alike.values())[MAX_REASONS:])
        yield fact("", f"{counted(left, 'anchor')} more with other answers: --json has all of them")
    if others:
        machines = counted(len({anchor.machine for anchor in others}), "other machine")
        yield fact("", f"{counted(len(others), 'checkpoint')} of {machines} passed over")


def _verdict(report: Report) -> tuple[str, dict[str, Any]]:
    """In one sentence, and its style."""
    from fluxrig_tooling.archive.anchor import CONTRADICTED, MISSING

    unread = len(report.unread) + report.more_unread
    results = {answer.result for answer in report.answers}
    if report.problems:
        left = f"; and {counted(unread, 'file')} could not be verified" if unread else ""
        return f"the archive is NOT what was written{left}", {"fg": "red"}
    if report.is_empty:
        return "this archive holds nothing: no segment has a header", {"fg": "red"}
    if results & {CONTRADICTED, MISSING}:
        if not report.confirmed and all(answer.anchor.journal != report.journal for answer in report.answers):
            return "no checkpoint in the anchor file is of this archive", {"fg": "red"}
        return "the anchors contradict the archive", {"fg": "red"}
    if unread:
        rest = "what could be read is whole" if report.messages else "nothing is known of the archive"
        return f"{counted(unread, 'file')} could not be verified: {rest}", {"fg": "yellow"}
    if not report.ok:
        return "no anchor confirms the archive", {"fg": "red"}
    if report.confirmed:
        newest = report.confirmed[-1].position
        text = f"ok: the chain is whole, and up to position {newest} it is the one that the anchors are of"
        return text, {"fg": "green"}
    return "ok: the chain is whole", {"fg": "green"}


def _document(report: Report) -> dict[str, Any]:
    return {
        "ok": report.ok,
        "verdict": _verdict(report)[0],
        "folder": str(report.folder),
        "machine": report.machine,
        "journal": report.journal.hex(),
        "first": report.first,
        "position": report.position,
        "last": report.last,
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
        "unread": [each.as_dict() for each in report.unread],
        "more_unread": report.more_unread,
        "remarks": report.remarks,
        "anchors": [{**each.anchor.as_dict(), "result": each.result, "reason": each.reason} for each in report.answers],
    }
