"""A command line as a rig of one Gear: read, checked and compiled as every rig is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from fluxrig_tooling.rig.model import GearSpec

TYPE = "io_modbus"

ANY_TAG = {"any": {"address": "hr:0"}}
"""Tags for who wants a link only: a rig without tags is none."""


@dataclass(frozen=True)
class Device:
    """One `io_modbus` Gear: `line` and `link` as a Session takes them, `tags` as they are written.

    `requests` are (unit id, request of a `ReadPlan`); `writes` are entries of `WritePlan`.
    """

    line: str
    link: dict[str, Any]
    tags: dict[str, dict[str, Any]]
    requests: list[tuple[int, list[Any]]]
    writes: list[list[Any]]

    def how(self, name: str) -> str:
        """Type, order, scale and unit of a tag."""
        tag = self.tags[name]
        kind = f"bit {tag['bit']}" if "bit" in tag else tag.get("type", "")
        length = str(tag.get("length", ""))
        scale = f"x {tag['scale']}" if "scale" in tag else ""
        parts = (kind + length, tag.get("order", ""), tag.get("byte", ""), scale, tag.get("unit", ""))
        return " ".join(part for part in parts if part)


def device(config: dict[str, Any]) -> Device:
    """The Gear with `config`. Wrong usage when there is something wrong with it."""
    from fluxrig_tooling.rig import load_text

    rig = {
        "fluxrig": 1,
        "meta": {"name": "command-line", "version": "1.0.0"},
        "gears": [{"name": "device", "type": TYPE, "config": config}],
    }
    model, problems = load_text(json.dumps(rig, indent=1, ensure_ascii=False), "command-line")
    if model is None:
        # Places in a file that nobody wrote help nobody.
        texts = [problem.message + (f"\n    {problem.hint}" if problem.hint else "") for problem in problems.errors]
        raise click.UsageError("\n".join(dict.fromkeys(texts)))
    return _device(model.gears[0])


def device_of_rig(path: Path, name: str, as_json: bool) -> Device:
    """The Gear `name` of the rig in `path`: wrong usage if there is none. A rig with errors is a negative answer."""
    from fluxrig_tooling.cli.common import loaded
    from fluxrig_tooling.wording.suggest import did_you_mean

    model = loaded(path, as_json)
    names = [gear.name for gear in model.gears if gear.type == TYPE]
    if name not in names:
        raise click.UsageError(f"{path} has no {TYPE} gear {name!r}: {did_you_mean(name, names)}")
    return _device(model.gear(name))


def _device(gear: GearSpec) -> Device:
    config = gear.compiled
    requests = [(poll["unit_id"], request) for poll in config["polls"] for request in poll["requests"]]
    return Device(config["line"], config["link"], gear.config["tags"], requests, config["writes"])
