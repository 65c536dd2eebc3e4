"""Lowers the configs of `io_modbus` Gears: links, tags as the fewest requests, offsets, and whether the lines carry it.

What comes out is documented where it is used: `fluxrig.gears.io_modbus` (polls, writes), `fluxrig.modbus.line` (`link`)
and `fluxrig.modbus.values` (order, layout and slots of a request).
"""

from __future__ import annotations

from typing import Any

from fluxrig.errors import LocalError
from fluxrig_tooling.device import board
from fluxrig_tooling.rig.lower.io_modbus.lines import BusLine, Member, survey
from fluxrig_tooling.rig.lower.io_modbus.tags import TagReader
from fluxrig_tooling.rig.lower.io_modbus.verdict import check_load
from fluxrig_tooling.rig.lower.io_modbus.writes import write_entries
from fluxrig_tooling.rig.model import GearSpec, Problems, RigModel, Tag
from fluxrig_tooling.rig.ranges import check_range

TYPE = "io_modbus"


def lower_all(gears: list[GearSpec], rig: RigModel, problems: Problems) -> dict[str, dict[str, Any]]:
    """The compiled configs by gear. Mistakes go to `problems`; the result is then incomplete, and nobody may run it."""
    before = len(problems.errors)
    members, lines = survey(gears, problems)
    for member in members:
        _check_device(member, rig, problems)
        _check_times(member.gear, problems)
        if rig.complete:
            _check_commands(member.gear, rig, problems)
    if len(problems.errors) == before:
        for line in lines:
            check_load(line, problems)
    return {member.gear.name: _compiled(member) for member in members}


def tags(gear: GearSpec) -> list[Tag]:
    """What the output carries. Says nothing of mistakes, which are for `lower_all` to report."""
    return [TagReader(gear, name, Problems()).tag() for name in gear.config["tags"]]


def lines_of(rig: RigModel) -> list[BusLine]:
    """The lines of a rig, to show them. Says nothing of mistakes."""
    return survey([gear for gear in rig.gears if gear.type == TYPE and gear.sound], Problems())[1]


def _compiled(member: Member) -> dict[str, Any]:
    config = member.gear.config
    if member.link is None:
        return {}
    return {
        "line": member.link.line,
        "link": member.link.compiled(),
        "raw": config["raw"],
        "retry_refused_ms": config["retry_refused"],
        "polls": [poll.compiled() for poll in member.polls],
        "writes": write_entries(member.points),
        "expires_ms": config["expires"],
        "write_queue": config["write_queue"],
    }


def _check_device(member: Member, rig: RigModel, problems: Problems) -> None:
    """A microcontroller has UARTs, and where there is an operating system, it has serial ports."""
    link = member.link
    if link is None or not link.is_serial:
        return
    try:
        found = board.load(rig.rack(member.gear.rack).board)
    except LocalError:
        return  # which is reported at the rack
    is_controller = found.target == "micropython" and bool(found.mcu)
    if is_controller != link.is_uart:
        what = "serial ports of an operating system" if is_controller else "UARTs"
        hint = f"write serial://{'uart1' if is_controller else '/dev/ttyUSB0'}, or name another board at the rack"
        problems.error(member.gear.location("link"), f"{link.device}: board {found.name!r} has no {what}", hint)


def _check_times(gear: GearSpec, problems: Problems) -> None:
    for key in ("expires", "retry_refused"):
        check_range(gear.location(key), key, gear.config[key], (1, None), problems)


def _check_commands(gear: GearSpec, rig: RigModel, problems: Problems) -> None:
    """Commands arrive where tags may be written, and only there."""
    writable = [name for name, tag in gear.config["tags"].items() if tag.get("writable")]
    commands = [wire for wire in rig.wires_into(gear) if wire.input == "in"]
    if writable and not commands:
        message = f"tag {writable[0]!r} is writable, and no wire brings commands to gear {gear.name!r}"
        problems.warning(
            gear.location("tags", writable[0], "writable"), message, f"add a wire such as {{from: …, to: {gear.name}}}"
        )
    if not writable:
        for wire in commands:
            message = f"this wire brings commands to gear {gear.name!r}, which has no tag that may be written"
            problems.error(wire.to_at, message, "put `writable: true` at a tag, or take the wire out")
