"""`fluxrig modbus learn`: which registers are behind what a panel shows."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from fluxrig.errors import LocalError
from fluxrig_tooling.cli.common import Parsed, json_option, print_json, refused
from fluxrig_tooling.cli.modbus.area import Area, Registers
from fluxrig_tooling.cli.modbus.learned import document, show, show_tags
from fluxrig_tooling.cli.modbus.learning.panel import Reading, parse_reading
from fluxrig_tooling.cli.modbus.learning.ranking import rank
from fluxrig_tooling.cli.modbus.options import DURATION, Target, target_options
from fluxrig_tooling.cli.modbus.session import run
from fluxrig_tooling.cli.modbus.small_rig import ANY_TAG, device
from fluxrig_tooling.cli.modbus.trouble import read_trouble
from fluxrig_tooling.cli.terminal import progress
from fluxrig_tooling.modbus.addresses import LAST_ADDRESS
from fluxrig_tooling.modbus.tables import REGISTER_TABLES


def parse_span(text: str) -> tuple[int, int]:
    """Addresses such as 0-99, as (first, last). LocalError for other text."""
    first, _, last = text.partition("-")
    if not (first.isdecimal() and last.isdecimal() and int(first) <= int(last) <= LAST_ADDRESS):
        raise LocalError(f"expected a range such as 0-99, of addresses from 0 to {LAST_ADDRESS}, got {text!r}")
    return int(first), int(last)


TABLE = click.Choice(REGISTER_TABLES)
SPAN = Parsed("span", parse_span)
READING = Parsed("reading", parse_reading)


@click.command("learn")
@target_options
@click.option("--table", "tables", type=TABLE, multiple=True, help="Where to look; both unless given.")
@click.option("--range", "span", type=SPAN, metavar="FIRST-LAST", default="0-99", help="Which addresses; 0-99.")
@click.option("--reading", "readings", type=READING, metavar="TEXT", multiple=True, help="[NAME=]NUMBER [UNIT].")
@click.option("--samples", type=click.IntRange(1, 100), metavar="N", default=3, help="How often to look; 3.")
@click.option("--every", type=DURATION, metavar="TIME", default="500ms", help="Between two looks; 500ms.")
@json_option
def command(
    target: Target,
    tables: tuple[str, ...],
    span: tuple[int, int],
    readings: tuple[Reading, ...],
    samples: int,
    every: int,
    as_json: bool,
) -> None:
    """Find the registers behind what a panel shows, their type, order and scale. Only reads.

    Type the readings of the panel as it shows them, with all their digits, one after the other; or give each with
    --reading. Readings that are not round tell most, and several of them. Exits 1 when a reading fits nowhere.

    \b
    Example:
      fluxrig modbus learn tcp://10.0.0.5 --unit 3
      fluxrig modbus learn tcp://10.0.0.5 --reading "u1=230.1 V" --reading 49.98
    """
    is_asking = not readings
    if is_asking and (as_json or not sys.stdin.isatty()):
        raise click.UsageError("there is no terminal to ask at: give each reading with --reading")
    areas = [Area(target.unit_id, table, *span) for table in dict.fromkeys(tables or REGISTER_TABLES)]
    registers = Registers(device(target.config(ANY_TAG)), target, areas)
    with progress("looking for registers", sum(area.size for area in areas), counts=True) as bar:
        run(registers.explore(bar.advance), as_json)
    if not registers.areas:
        trouble = read_trouble(
            areas[0].refusal, target.unit_id, table=areas[0].table, first=span[0], count=areas[0].size
        )
        raise refused(f"there is nothing to read there: {trouble}", as_json)
    click.echo(f"found {', '.join(area.text for area in registers.areas)}", err=True)
    if registers.mirrors:
        click.echo("the input registers hold the same as the holding registers, and are left out", err=True)
    if is_asking:
        readings = _asked(registers)
    else:
        run(registers.watch(samples - 1, every), as_json)
    rounds = [registers.round(readings)]
    ranking = rank(rounds)
    if as_json:
        print_json(document(target, rounds, ranking))
    else:
        show(rounds, ranking)
        while is_asking and any(again := _asked_again(registers, readings)):
            rounds.append(registers.round(again))
            ranking = rank(rounds)
            show(rounds, ranking)
        show_tags(target, readings, ranking)
    if not all(ranking):
        raise SystemExit(1)


def _asked(registers: Registers) -> tuple[Reading, ...]:
    """The readings that the panel shows now, at least one. After each, the registers are looked at."""
    click.echo("\nType what the panel shows now, a number at a time, such as 230.1 V. Enter ends.")
    readings: list[Reading] = []
    while True:
        text = click.prompt(f"reading {len(readings) + 1}", default="", show_default=False)
        if text:
            reading = _parsed(text)
            if reading:
                run(registers.watch(1, 1), as_json=False)
                readings.append(reading)
        elif readings:
            return tuple(readings)


def _asked_again(registers: Registers, readings: Sequence[Reading]) -> list[Reading | None]:
    """The same readings some time later; None for those that are not given again."""
    click.echo("\nWhen they have changed, type them again: that tells more. Enter skips one.")
    again: list[Reading | None] = []
    for reading in readings:
        while True:
            text = click.prompt(f"{reading.text}, and now", default="", show_default=False)
            later = _parsed(text) if text else None
            if later or not text:
                break
        if later:
            run(registers.watch(1, 1), as_json=False)
        again.append(later)
    return again


def _parsed(text: str) -> Reading | None:
    """The reading, None when it is none, which is then said."""
    try:
        return parse_reading(text)
    except LocalError as exc:
        click.echo(str(exc), err=True)
        return None
