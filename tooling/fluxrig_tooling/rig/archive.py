"""The archive of a Rack: what its correlators say of it, and what holds where none of them says anything.

A Rack has one archive. All of its correlators write to it and its guaranteed wires read from it, so what two
correlators say of it has to be the same; one that says nothing goes along with the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from fluxrig.errors import LocalError
from fluxrig_tooling.device import board
from fluxrig_tooling.rig.catalog import Catalog
from fluxrig_tooling.rig.model import CHECKPOINT, GUARANTEED, GearSpec, Problems, RackSpec, RigModel
from fluxrig_tooling.rig.nodes import location
from fluxrig_tooling.rig.ranges import check_range
from fluxrig_tooling.rig.schema import FORMATS
from fluxrig_tooling.wording.units import DURATIONS, duration_text, size_text

CORRELATOR = "correlator"

KEYS = ("keep", "max_size", "policy", "commit", "commit_bytes", "commit_count", "checkpoint", "ram")
"""What a correlator may say of the archive. What none says is among `defaults` in its manifest, or 0: a `keep` of 0 is
any age, a `max_size` of 0 a quarter of the file system, `commit_bytes` of 0 what suits the medium."""

_LIMITS: dict[str, tuple[int, int | None]] = {
    "keep": (1000, None),
    "max_size": (64 << 10, None),
    "commit": (1, 10 * DURATIONS["m"]),
    "commit_bytes": (512, 64 << 20),
    "checkpoint": (1000, 30 * DURATIONS["d"]),
    "ram": (2 << 10, 1 << 30),
}
"""The least and the most that each may be: durations and sizes, for which a JSON Schema has no words."""


def check_archives(rig: RigModel, problems: Problems) -> None:
    """Report what correlators of a Rack say that does not go together, and an archive that no copy vouches for."""
    for rack in rig.racks:
        gears = list(_correlators(rig, rack.name))
        for gear in gears:
            if gear.sound:
                _check_limits(gear, problems)
        _check_agreement(gears, problems)
        _check_room(rig, rack, problems)
        if gears and rig.complete:
            _check_checkpoints(rig, gears, problems)


def archive_of(rig: RigModel, rack: str) -> dict[str, Any] | None:
    """`archive` of the compiled rig, see `fluxrig.rack`. None for a rack without correlators and guaranteed wires."""
    if not needs_archive(rig, rack):
        return None
    values = _settings(rig, rack, board.load(rig.rack(rack).board).target)
    return {
        "keep_ms": values["keep"],
        "max_bytes": values["max_size"],
        "policy": values["policy"],
        "segment_bytes": 0,  # the Rack's choice: where max_bytes is 0, it knows only when it starts
        "commit_ms": values["commit"],
        "commit_bytes": values["commit_bytes"],
        "commit_count": values["commit_count"],
        "checkpoint_ms": values["checkpoint"],
        "ram_bytes": values["ram"],
    }


def needs_archive(rig: RigModel, rack: str) -> bool:
    """Whether the rack has a correlator or a guaranteed wire."""
    guaranteed = any(wire.lane == GUARANTEED and rig.gear(wire.source).rack == rack for wire in rig.wires)
    return guaranteed or any(_correlators(rig, rack))


def _settings(rig: RigModel, rack: str, target: str) -> dict[str, Any]:
    """What holds for the archive of a rack whose interpreter is `target`."""
    values = dict(_defaults(target))
    for gear in _correlators(rig, rack):
        values |= {key: gear.config[key] for key in values if key in gear.config}
    return values


@cache
def _defaults(target: str) -> dict[str, Any]:
    properties = Catalog().manifest(CORRELATOR).config["properties"]
    given = {key: properties[key].get("defaults", {}).get(target, 0) for key in KEYS}
    return {
        key: FORMATS[properties[key]["format"]](value) if value and "format" in properties[key] else value
        for key, value in given.items()
    }


def _correlators(rig: RigModel, rack: str) -> Iterator[GearSpec]:
    return (gear for gear in rig.gears_of(rack) if gear.manifest.archives)


def _check_limits(gear: GearSpec, problems: Problems) -> None:
    for key, limits in _LIMITS.items():
        if key in gear.config:
            text = duration_text if _is_duration(gear, key) else size_text
            check_range(gear.location(key), key, gear.config[key], limits, problems, text)


def _check_agreement(gears: list[GearSpec], problems: Problems) -> None:
    """Correlators of one rack say the same of its archive."""
    for key in KEYS:
        given = [gear for gear in gears if key in gear.config]
        for gear in given[1:]:
            first, second = given[0].config[key], gear.config[key]
            if first == second:
                continue
            values = [_written(gear, key, value) for value in (first, second)]
            message = (
                f"gears {given[0].name!r} and {gear.name!r} share the archive of rack {gear.rack!r}, "
                f"but {key} is {values[0]} in the one and {values[1]} in the other"
            )
            problems.error(gear.location(key), message, f"write `{key}:` in one of them, or the same in both")


def _check_room(rig: RigModel, rack: RackSpec, problems: Problems) -> None:
    """The board has somewhere to keep the archive, and enough of it where its flash is known."""
    try:
        found = board.load(rack.board)
    except LocalError:
        return  # which is reported at the rack
    if needs_archive(rig, rack.name) and "store" not in found.capabilities:
        message = f"board {rack.board!r} has no store, which the archive of this rack needs"
        problems.error(rack.board_at, message, "what leaves a rack is archived on it: choose a board with a store")
    values = _settings(rig, rack.name, found.target)
    for gear in _correlators(rig, rack.name):
        if "commit_bytes" in gear.config and values["commit_bytes"] > values["ram"]:
            message = f"commit_bytes: more than the {size_text(values['ram'])} of RAM for what is not durable yet"
            problems.error(gear.location("commit_bytes"), message, "write less, or a larger `ram:`")
        if found.flash and gear.config.get("max_size", 0) > found.flash:
            message = f"max_size: board {rack.board!r} has {size_text(found.flash)} of flash"
            problems.error(gear.location("max_size"), message, "leave it out for a quarter of the file system")


def _check_checkpoints(rig: RigModel, gears: list[GearSpec], problems: Problems) -> None:
    """The chain shows what was changed, and only a copy of its head elsewhere shows that it is the same chain."""
    if any(wire.output == CHECKPOINT for gear in gears for wire in rig.wires_from(gear)):
        return
    first = gears[0]
    sender = next((gear.name for gear in rig.gears_of(first.rack) if gear.manifest.sends_outside), "…")
    wire = f"{{from: {first.name}.{CHECKPOINT}, to: {sender}}}"
    hint = f"without a copy elsewhere a rewritten archive looks valid: add a wire such as {wire}"
    problems.warning(location(first.node, "name"), f"the checkpoints of gear {first.name!r} go nowhere", hint)


def _is_duration(gear: GearSpec, key: str) -> bool:
    return bool(gear.manifest.config["properties"][key].get("format") == "duration")


def _written(gear: GearSpec, key: str, value: Any) -> str:
    if not isinstance(value, int) or key == "commit_count":
        return str(value)
    return duration_text(value) if _is_duration(gear, key) else size_text(value)
