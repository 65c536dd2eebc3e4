"""`fluxrig archive stats`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fluxrig_tooling.cli.archive.folder import folder_argument
from fluxrig_tooling.cli.archive.options import (
    jobs_option,
    names_of,
    opened,
    rig_option,
    warn_of_another_rig,
)
from fluxrig_tooling.cli.common import json_option, print_json, refused
from fluxrig_tooling.cli.terminal import progress
from fluxrig_tooling.wording.text import counted, cut, printable
from fluxrig_tooling.wording.values import rounded_size

if TYPE_CHECKING:
    from fluxrig_tooling.archive.findings import Problem
    from fluxrig_tooling.archive.names import Names
    from fluxrig_tooling.archive.stats import Stats

TOP = 10
KEY, BAR = 36, 30
"""Columns of a source or tag, and of the longest bar."""


@click.command("stats", short_help="Say what an archive holds, in figures.")
@folder_argument
@click.option("--top", type=click.IntRange(1, 1000), default=TOP, metavar="N", help=f"Sources and tags to list; {TOP}.")
@rig_option
@jobs_option
@json_option
def command(folder: Path, top: int, rig: Path | None, jobs: int | None, as_json: bool) -> None:
    """Say what the archive DIR holds: positions, times, bytes, sources, tags, removed parts.

    It reads and decodes everything. Exits 1 when part of it is damaged or missing.

    \b
    Example:
      fluxrig archive stats /var/lib/fluxrig/line-1/archive --rig press.yaml
    """
    from fluxrig.errors import LocalError
    from fluxrig_tooling.archive.pool import cores
    from fluxrig_tooling.archive.stats import survey

    names = names_of(rig)
    opened(folder, as_json)
    try:
        with progress("reading") as bar:
            stats = survey(folder, jobs or cores(), lambda _, total: bar.advance(1 / total))
    except LocalError as exc:
        raise refused(str(exc), as_json) from exc
    if as_json:
        print_json(_document(stats, names, top))
    else:
        for line in _page(stats, names, top):
            click.echo(line)
    warn_of_another_rig(names, rig)
    if not _is_whole(stats):
        click.echo("part of the archive is missing, damaged or not read: see `fluxrig archive verify`", err=True)
        raise SystemExit(1)


def _is_whole(stats: Stats) -> bool:
    return not (stats.damaged or stats.gaps or stats.counts.unreadable)


def _page(stats: Stats, names: Names, top: int) -> Iterator[str]:
    from fluxrig_tooling.archive.entries import MAX_LISTED
    from fluxrig_tooling.archive.times import span_text, time_text
    from fluxrig_tooling.cli.archive.lines import fact

    counts = stats.counts
    yield fact("machine", stats.machine or "-")
    yield fact("journal", stats.journal.hex() or "-")
    yield fact(
        "segments", f"{stats.segments:,}, {stats.sealed:,} of them sealed, {rounded_size(stats.disk_bytes)} on disk"
    )
    if counts.messages:
        yield fact("positions", f"{stats.first} to {stats.position}, {counted(counts.messages, 'message')}")
        groups = f"{stats.groups:,}, {counts.messages / max(stats.groups, 1):.1f} messages each"
        yield fact("groups", groups)
        per_message = counts.body_bytes / counts.messages
        with_all = counts.read_bytes / counts.messages
        yield fact("a message", f"{per_message:.0f} bytes; {with_all:.0f} with all that is around it")
        yield fact("written", f"{time_text(stats.first_time, 0, ' ')} to {time_text(stats.time, 0, ' ')} UTC")
        span = stats.time - stats.first_time
        if stats.per_day:
            bytes_per_day = rounded_size(int(stats.per_day * with_all))
            yield fact("rate", f"{stats.per_day:,.0f} messages, {bytes_per_day} a day, over {span_text(span)}")
        assert counts.first_ts is not None and counts.last_ts is not None
        yield fact("measured", f"{time_text(counts.first_ts, 0, ' ')} to {time_text(counts.last_ts, 0, ' ')} UTC")
    if stats.head:
        yield fact("head", stats.head.hex())
    if stats.uncommitted:
        yield fact("not yet", f"{counted(stats.uncommitted, 'message')} after the last link, not committed")
    if stats.removed:
        first, last = stats.removed[0].first, stats.removed[-1].last
        yield fact("removed", f"positions {first} to {last}, {rounded_size(sum(each.size for each in stats.removed))}")
    if counts.events:
        events = ", ".join(f"{count} {event}" for event, count in counts.events.most_common(top))
        yield fact("notes", events)
    if counts.unreadable:
        yield fact("damaged", counted(counts.unreadable, "message"))
    for problem in stats.gaps[:MAX_LISTED]:
        yield fact(*_gap(problem))
    if len(stats.gaps) > MAX_LISTED:
        yield fact("", f"and {len(stats.gaps) - MAX_LISTED:,} more")
    sources = Counter({names.full(source) or "-": count for source, count in counts.sources.items()})
    yield from _top("source", sources, top, counts.messages)
    yield from _top("tag", counts.tags, top, counts.messages)


def _gap(problem: Problem) -> tuple[str, str]:
    """Term and text of what is not there."""
    from fluxrig_tooling.archive.gaps import Gap

    if not isinstance(problem, Gap):
        return "not read", str(problem)
    if problem.last is None:
        return "lost", f"positions from {problem.first} on, in {problem.segment}"
    where = f"in {problem.segment}" if problem.segment else "their segments are not here"
    term = "missing" if problem.is_missing else "lost"
    return term, f"positions {problem.first} to {problem.last}, {counted(problem.count, 'message')}: {where}"


def _top(noun: str, counter: Counter[str], top: int, whole: int) -> Iterator[str]:
    if not counter:
        return
    yield ""
    more = f", the first {top} of {len(counter)}" if len(counter) > top else ""
    yield click.style(f"messages by {noun}{more}", bold=True)
    for key, count in counter.most_common(top):
        yield f"{cut(printable(key), KEY):<{KEY}} {count:>11,}  {'█' * max(round(count / whole * BAR), 1)}"


def _document(stats: Stats, names: Names, top: int) -> dict[str, Any]:
    counts = stats.counts
    return {
        "ok": _is_whole(stats),
        "machine": stats.machine,
        "journal": stats.journal.hex(),
        "first": stats.first,
        "position": stats.position,
        "head": stats.head.hex(),
        "first_time": stats.first_time,
        "time": stats.time,
        "segments": stats.segments,
        "sealed": stats.sealed,
        "groups": stats.groups,
        "bytes": counts.read_bytes,
        "disk_bytes": stats.disk_bytes,
        "messages": counts.messages,
        "message_bytes": counts.body_bytes,
        "messages_per_day": round(stats.per_day, 1),
        "first_ts": counts.first_ts,
        "last_ts": counts.last_ts,
        "uncommitted": stats.uncommitted,
        "unreadable": counts.unreadable,
        "problems": [each.as_dict() for each in stats.gaps],
        "removed": [{"first": each.first, "last": each.last, "bytes": each.size} for each in stats.removed],
        "events": dict(counts.events.most_common()),
        "sources": {names.full(source) or "-": count for source, count in counts.sources.most_common(top)},
        "tags": dict(counts.tags.most_common(top)),
    }
