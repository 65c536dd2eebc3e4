"""What must hold between the parts of a rig: boards, lanes, circles, unfed inputs, error ports, secrets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fluxrig.errors import LocalError
from fluxrig_tooling.device import board
from fluxrig_tooling.rig.model import GUARANTEED, GearSpec, Problems, RackSpec, RigModel, WireSpec
from fluxrig_tooling.rig.nodes import location
from fluxrig_tooling.rig.schema import Schema
from fluxrig_tooling.wording.suggest import did_you_mean, listed


def check(rig: RigModel, problems: Problems) -> None:
    """Report everything that keeps the rig from working, or is probably not meant."""
    for rack in rig.racks:
        _check_board(rig, rack, problems)
        if rig.complete and not rig.gears_of(rack.name):
            problems.warning(rack.at, f"no gear runs on rack {rack.name!r}")
    for wire in rig.wires:
        _check_racks_and_lane(rig, wire, problems)
    for circle in circles(rig):
        path = " -> ".join([circle[0].source, *(wire.target for wire in circle)])
        hint = "a message would go round forever: take one of these wires out"
        if any(wire.lane == GUARANTEED for wire in circle):
            # It would not even stop with the Rack: what a guaranteed wire has accepted comes again after a restart.
            hint = "a message would go round forever, restarts included: take one of these wires out"
        problems.error(circle[-1].at, f"the wires {path} form a circle", hint)
    for gear in rig.gears:
        if rig.complete:
            _check_wiring(rig, gear, problems)
        if gear.sound:
            _warn_of_clear_secrets(gear, gear.config, Schema.whole(gear.manifest.config), (), problems)


def circles(rig: RigModel) -> Iterator[list[WireSpec]]:
    """Circles of wires, in whatever lane: for each wire that closes one, the wires from its target round to itself."""
    finished: set[str] = set()
    for start in rig.gears:
        # Depth first without recursion: `trail` are the wires from `start` to where we are, `ahead` what is left to
        # follow at each level.
        trail: list[WireSpec] = []
        open_gears = [start.name]
        ahead = [_from(rig, start.name)] if start.name not in finished else []
        while ahead:
            wire = next(ahead[-1], None)
            if wire is None:
                ahead.pop()
                finished.add(open_gears.pop())
                if trail:
                    trail.pop()
            elif wire.target in open_gears:
                yield [*trail[open_gears.index(wire.target) :], wire]
            elif wire.target not in finished:
                trail.append(wire)
                open_gears.append(wire.target)
                ahead.append(_from(rig, wire.target))


def _from(rig: RigModel, name: str) -> Iterator[WireSpec]:
    return iter(rig.wires_from(rig.gear(name)))


def _check_board(rig: RigModel, rack: RackSpec, problems: Problems) -> None:
    try:
        target = board.load(rack.board).target
    except LocalError:
        hint = did_you_mean(rack.board, board.names())
        problems.error(rack.board_at, f"unknown board {rack.board!r}", hint)
        return
    for gear in rig.gears_of(rack.name):
        if target not in gear.manifest.targets:
            message = f"gear type {gear.type!r} does not run on board {rack.board!r}, whose interpreter is {target}"
            problems.error(location(gear.node, "type"), message, f"it runs on {listed(gear.manifest.targets)}")


def _check_racks_and_lane(rig: RigModel, wire: WireSpec, problems: Problems) -> None:
    source, target = rig.gear(wire.source), rig.gear(wire.target)
    if source.rack != target.rack:
        message = f"{wire.source!r} runs on rack {source.rack!r} and {wire.target!r} on {target.rack!r}"
        problems.error(wire.at, message, "a wire between racks needs the Snake, which this release does not have yet")
    if wire.lane == GUARANTEED and (reason := target.manifest.inputs[wire.input].hot_only):
        message = f"no guaranteed wire may lead to {target.name}.{wire.input}: {reason}"
        problems.error(wire.lane_at, message, "leave out `lane:`")


def _check_wiring(rig: RigModel, gear: GearSpec, problems: Problems) -> None:
    inbound, outbound = rig.wires_into(gear), rig.wires_from(gear)
    fed = {wire.input for wire in inbound}
    unfed = [name for name, port in gear.manifest.inputs.items() if port.required and name not in fed]
    for name in unfed:
        end = gear.name if name == "in" else f"{gear.name}.{name}"
        message = f"nothing feeds the input {name!r} of gear {gear.name!r}"
        problems.error(location(gear.node, "name"), message, f"add a wire such as {{from: …, to: {end}}}")
    if not (inbound or outbound or unfed):
        problems.warning(location(gear.node, "name"), f"no wire goes to or from gear {gear.name!r}")
    if gear.on_error == "reject" and not any(wire.output == "err" for wire in outbound):
        has_err = "err" in gear.manifest.outputs
        message = f"gear {gear.name!r} rejects to its output err, which goes nowhere"
        if not has_err:
            message = f"gear {gear.name!r} ({gear.type}) has no output err to reject to"
        hint = f"add a wire from {gear.name}.err, or use on_error: drop" if has_err else "use on_error: drop or kill"
        problems.error(location(gear.node, "on_error"), message, hint)


def _warn_of_clear_secrets(
    gear: GearSpec, value: Any, schema: Schema, path: tuple[str | int, ...], problems: Problems
) -> None:
    """Warn of text in fields that are for secrets: those with the keyword `writeOnly`."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        _warn_of_clear_secrets(gear, item, schema.child(key), (*path, key), problems)
    if isinstance(value, str) and schema.annotation("writeOnly") and not value.startswith("secret:"):
        hint = f"write {path[-1]}: secret:NAME, and set the secret NAME on the rack"
        problems.warning(gear.location(*path), f"{path[-1]}: a secret stands here in clear", hint)
