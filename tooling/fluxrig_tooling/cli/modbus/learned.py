"""What `learn` found, as tables, as tags of a rig, and in JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import click
from rich.text import Text

from fluxrig_tooling.cli.modbus.learning.panel import Reading
from fluxrig_tooling.cli.modbus.learning.ranking import Candidate, Round, is_chance
from fluxrig_tooling.cli.modbus.options import Target
from fluxrig_tooling.cli.modbus.snippet import gear_lines
from fluxrig_tooling.cli.terminal import console, new_table
from fluxrig_tooling.rig.yaml_text import flow

SHOWN = 5
TIE = 0.05
"""Scores that differ by less are the same."""


def show(rounds: Sequence[Round], ranking: Sequence[Sequence[Candidate]]) -> None:
    """A table for each reading."""
    for reading, candidates in zip(_first_readings(rounds), ranking, strict=True):
        click.echo("\n" + click.style(reading.text, bold=True))
        if not candidates:
            click.echo("  fits nowhere: another --range, --table or --unit? Has it changed since?")
            continue
        table = new_table("", "address", "read as", "value", "why", right=("value",), folded=("why",))
        for place, candidate in zip(_places(candidates), candidates[:SHOWN], strict=False):
            why = Text("; ".join(_reasons(candidate)))
            table.add_row(place, candidate.place.where, candidate.place.how, candidate.value, why)
        console().print(table)
        for line in _doubts(rounds, candidates):
            click.echo(f"  {line}")


def show_tags(target: Target, readings: Sequence[Reading], ranking: Sequence[Sequence[Candidate]]) -> None:
    """The best of each reading as a Gear to paste into a rig, and as the next command."""
    names = tag_names(readings)
    tags, addresses = {}, []
    for reading, name, candidates in zip(readings, names, ranking, strict=True):
        if candidates:
            place = candidates[0].place
            tags[name] = {**place.tag(), **({"unit": reading.unit} if reading.unit else {})}
            parts = (place.where, place.encoding.type, place.encoding.order, _scale(tags[name]))
            addresses.append("/".join(part for part in parts if part))
    if not tags:
        return
    click.echo(f"\nwatch them:\n  {target.command('read', *addresses, '--watch')}\n\nin a rig:")
    for line in gear_lines("device", target.link, {**target.keys, "unit_id": target.unit_id}, tags):
        click.echo(line)
    for name, candidates in zip(names, ranking, strict=True):
        tied = [each for each in candidates[1:SHOWN] if candidates[0].score - each.score < TIE]
        for each in tied:
            click.echo(f"        # {name} could as well be {flow(each.place.tag())}")


def document(target: Target, rounds: Sequence[Round], ranking: Sequence[Sequence[Candidate]]) -> dict[str, Any]:
    return {
        "ok": all(ranking),
        "link": target.link,
        "unit": target.unit_id,
        "readings": [
            {
                "reading": reading.text,
                "candidates": [_as_dict(candidate) for candidate in candidates],
                "chance": bool(candidates) and is_chance(rounds, candidates[0]),
            }
            for reading, candidates in zip(_first_readings(rounds), ranking, strict=True)
        ],
    }


def tag_names(readings: Sequence[Reading]) -> list[str]:
    """A name for each reading: its own, or a number; no name twice."""
    names: list[str] = []
    for index, reading in enumerate(readings, 1):
        name = reading.name or f"value_{index}"
        names.append(name if name not in names else f"{name}_{index}")
    return names


def _first_readings(rounds: Sequence[Round]) -> list[Reading]:
    return [reading for reading in rounds[0].readings if reading is not None]


def _as_dict(candidate: Candidate) -> dict[str, Any]:
    return {
        **candidate.place.tag(),
        "order": candidate.place.encoding.order,
        "value": candidate.value,
        "score": round(candidate.score, 2),
        "evidence": round(candidate.evidence, 2),
        "also": candidate.also,
        "reasons": candidate.reasons,
    }


def _places(candidates: Sequence[Candidate]) -> Iterator[str]:
    """The place of each in the ranking; = for one that scores like the one before."""
    before: Candidate | None = None
    for number, candidate in enumerate(candidates, 1):
        yield "=" if before and before.score - candidate.score < TIE else str(number)
        before = candidate


def _reasons(candidate: Candidate) -> list[str]:
    return candidate.reasons + ([f"or {candidate.also}"] if candidate.also else [])


def _doubts(rounds: Sequence[Round], candidates: Sequence[Candidate]) -> Iterator[str]:
    tied = sum(candidates[0].score - each.score < TIE for each in candidates)
    if tied > SHOWN:
        yield f"and {tied - SHOWN} more fit as well"
    if is_chance(rounds, candidates[0]):
        yield "this may be chance: give more digits, other readings, or readings that change"


def _scale(tag: dict[str, Any]) -> str:
    return f"x{tag['scale']}" if "scale" in tag else ""
