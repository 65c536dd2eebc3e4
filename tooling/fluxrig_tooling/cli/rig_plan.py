"""`fluxrig rig plan`: what a rig asks of its Modbus lines, and whether they carry it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fluxrig_tooling.cli.common import RIG_FILE, json_option, known_rack, print_json, refuse_compiled, refused
from fluxrig_tooling.cli.terminal import WIDTH, say
from fluxrig_tooling.wording.text import counted, cut
from fluxrig_tooling.wording.units import duration_text

if TYPE_CHECKING:
    from fluxrig_tooling.rig.lower.io_modbus.lines import BusLine

NAME = 22
"""Columns of the name of a poll."""

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_HEIGHTS = " ▁▂▃▄▅▆▇█"


@click.command("plan", short_help="Show the requests on each Modbus line, and its load.")
@click.argument("rig", type=RIG_FILE)
@click.option("--rack", metavar="NAME", help="Only the lines of this rack.")
@json_option
def command(rig: Path, rack: str | None, as_json: bool) -> None:
    """Show what RIG asks of its Modbus lines: requests, times, load.

    On a serial line the times are computed from the baud rate and the frames.
    NEEDS is what may have to be done within one period of a poll, with as many
    units dead as max_dead says, and SPARE what is left. Over TCP the times are
    an estimate. Exits 1 when a line cannot carry its polls.

    \b
    Example:
      fluxrig rig plan press.yaml
    """
    from fluxrig_tooling.rig.loader import draft
    from fluxrig_tooling.rig.lower.io_modbus import lines_of
    from fluxrig_tooling.rig.lower.io_modbus.report import report
    from fluxrig_tooling.rig.problems import INFO

    refuse_compiled(rig)
    model, said = draft(rig)
    # What there is to know beside mistakes is not about lines.
    problems = [problem for problem in said if problem.severity != INFO]
    for problem in problems:
        say(str(problem), err=True)
    # What could not be read would be missing from the lines.
    if model is None or not model.complete or not all(gear.sound for gear in model.gears):
        raise refused(f"{rig} has errors, see above", as_json, [problem.as_dict() for problem in problems])
    if rack is not None:
        known_rack(model, rack)
    lines = [line for line in lines_of(model) if rack in (None, line.rack)]
    documents = [report(line) for line in lines]
    if as_json:
        print_json({"ok": not said.errors, "problems": [problem.as_dict() for problem in problems], "lines": documents})
    elif lines:
        click.echo("\n\n".join("\n".join(_page(line, each)) for line, each in zip(lines, documents, strict=True)))
    else:
        click.echo("no gear polls Modbus units")
    if said.errors:
        raise SystemExit(1)


def _page(line: BusLine, found: dict[str, Any]) -> Iterator[str]:
    yield click.style(cut(f"{found['line']} on {found['rack']}", WIDTH), bold=True)
    yield _summary(found)
    if not found["polls"]:
        yield "nothing is polled"
        yield from _writes(found)
        return
    yield ""
    yield from _load(found)
    yield from _writes(found)
    yield ""
    yield from _requests(found)
    yield ""
    yield from _polls(found)
    yield ""
    yield from _timetable(line, found)


def _summary(found: dict[str, Any]) -> str:
    requests = sum(len(poll["requests"]) for poll in found["polls"])
    counts = ((found["gears"], "gear"), (found["units"], "unit"), (found["polls"], "poll"))
    parts = [counted(len(items), noun) for items, noun in counts] + [counted(requests, "request")]
    settings = found["settings"]
    if settings:
        parity = settings["parity"][0].upper()
        parts.insert(0, f"{settings['baud']} baud 8{parity}{settings['stop_bits']}")
    return ", ".join(parts)


def _load(found: dict[str, Any]) -> Iterator[str]:
    """How much of the line is in use, as bars."""
    load = f"load   {_bar(found['utilisation'], 50)} {_percent(found['utilisation'])}"
    yield load + "  (an estimate)" * found["estimated"]
    if found["max_dead"]:
        dead = f"{found['max_dead']} of {len(found['units'])} dead"
        yield f"worst  {_bar(found['worst_utilisation'], 50)} {_percent(found['worst_utilisation'])}  {dead}"


def _writes(found: dict[str, Any]) -> Iterator[str]:
    if found["writable"]:
        longest = f"one write takes up to {_time(found['write_us'])}, and goes ahead of all polls"
        yield f"writes {counted(found['writable'], 'tag')}: {longest}"


def _requests(found: dict[str, Any]) -> Iterator[str]:
    yield f"{'REQUESTS':<{NAME}} unit  fc  {'span':<15} wanted  read  bytes       time"
    for poll in found["polls"]:
        name = _name(poll)
        for request in poll["requests"]:
            yield (
                f"{name:<{NAME}} {poll['unit_id']:>4} {request['function']:>3}  {request['span']:<15}"
                f"{request['wanted']:>7}{request['read']:>6}{request['bytes']:>7}{_time(request['time_us']):>11}"
            ).rstrip()
            name = ""


def _polls(found: dict[str, Any]) -> Iterator[str]:
    estimated = found["estimated"]
    yield f"{'POLLS':<{NAME}}   every   phase       time    load" + "      needs      spare" * (not estimated)
    for poll in found["polls"]:
        worst = "" if estimated else f"{_time(poll['needs_us']):>11}{_time(poll['spare_us']):>11}"
        yield (
            f"{_name(poll):<{NAME}} {duration_text(poll['every_ms']):>7} {duration_text(poll['phase_ms']):>7}"
            f"{_time(poll['time_us']):>11}{_percent(poll['utilisation']):>8}{worst}"
        )


def _timetable(line: BusLine, found: dict[str, Any]) -> Iterator[str]:
    """When the line is in use for which poll: each column is a stretch of time, and as high as it is in use."""
    from fluxrig_tooling.rig.lower.io_modbus.report import timetable

    stretch, used = timetable(line)
    columns = WIDTH - NAME - 1
    yield f"{'FROM THE START':<{NAME}} {'0 ms':<{columns // 2}}{_time(stretch):>{columns - columns // 2}}"
    for poll, uses in zip(found["polls"], used, strict=True):
        yield f"{_name(poll):<{NAME}} {_heights(uses, stretch, columns)}".rstrip()


def _heights(uses: Sequence[tuple[int, int]], stretch: int, columns: int) -> str:
    filled = [0.0] * columns
    width = stretch / columns
    for start, end in uses:
        for column in range(int(start / width), min(int(end / width) + 1, columns)):
            overlap = min(end, (column + 1) * width) - max(start, column * width)
            filled[column] += max(overlap, 0) / width
    # What is used at all is seen.
    return "".join(_HEIGHTS[min(max(round(part * 8), part > 0), 8)] for part in filled)


def _bar(part: float, columns: int) -> str:
    eighths = min(round(part * columns * 8), columns * 8)
    full, rest = divmod(max(eighths, part > 0), 8)
    return ("█" * full + _EIGHTHS[rest].strip()).ljust(columns, "·")


def _name(poll: dict[str, Any]) -> str:
    return cut(f"{poll['gear']}.{poll['poll']}", NAME)


def _time(us: int) -> str:
    from fluxrig_tooling.rig.lower.io_modbus.bustime import time_text

    return time_text(us)


def _percent(part: float) -> str:
    return f"{100 * part:.1f} %"
