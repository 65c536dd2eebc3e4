"""Compiles a checked rig for one Rack, which runs it: what the result holds is documented in `fluxrig.rack`.

The same rig gives the same bytes: gears stand in the order of the flow and, where that leaves a choice, of the file;
ids come from names alone.
"""

from __future__ import annotations

from dataclasses import asdict
from heapq import heapify, heappop, heappush
from typing import Any
from uuid import UUID, uuid5

from fluxrig.errors import LocalError
from fluxrig_tooling.rig.archive import archive_of
from fluxrig_tooling.rig.model import GearSpec, RigModel, WireSpec
from fluxrig_tooling.wording.suggest import did_you_mean


def compile_rig(rig: RigModel, rack: str | None = None) -> dict[str, Any]:
    """The compiled rig for the rack called `rack`, which may be left out when there is one.

    LocalError for an unknown rack.
    """
    name = _rack_name(rig, rack)
    gears = {gear.name: gear for gear in rig.gears_of(name)}
    wires = [wire for wire in rig.wires if wire.source in gears or wire.target in gears]
    order = _in_flow_order(list(gears.values()), wires)
    index = {gear.name: position for position, gear in enumerate(order)}
    compiled = {
        "rig": rig.name,
        "version": rig.version,
        "rack": name,
        "machine": rig.rack(name).machine,
        "gears": [_gear(gear) for gear in order],
        "wires": [_wire(wire, index) for wire in wires],
    }
    archive = archive_of(rig, name)
    return compiled if archive is None else compiled | {"archive": archive}


def _rack_name(rig: RigModel, rack: str | None) -> str:
    names = [each.name for each in rig.racks]
    if rack is None and len(names) == 1:
        return names[0]
    if rack is None:
        raise LocalError(f"the rig {rig.name!r} has {len(names)} racks: say which one of {', '.join(names)}")
    if rack not in names:
        raise LocalError(f"the rig {rig.name!r} has no rack {rack!r}: {did_you_mean(rack, names)}")
    return rack


def _gear(gear: GearSpec) -> dict[str, Any]:
    compiled = {
        "name": gear.name,
        "type": gear.type,
        "id": gear.id,
        "config": gear.compiled,
        "on_error": gear.on_error,
        "outputs": {port: uuid5(UUID(bytes=gear.id), port).bytes for port in gear.manifest.outputs},
    }
    return compiled | {"sends_outside": True} if gear.manifest.sends_outside else compiled


def _wire(wire: WireSpec, index: dict[str, int]) -> list[Any]:
    compiled = [index[wire.source], wire.output, index[wire.target], wire.input, wire.lane]
    return [*compiled, asdict(wire.delivery)] if wire.delivery else compiled


def _in_flow_order(gears: list[GearSpec], wires: list[WireSpec]) -> list[GearSpec]:
    """Sources before receivers, else in the order given (Kahn's algorithm, with the first of those that are free)."""
    position = {gear.name: index for index, gear in enumerate(gears)}
    waits_for = [0] * len(gears)
    feeds: list[list[int]] = [[] for _ in gears]
    for wire in wires:
        waits_for[position[wire.target]] += 1
        feeds[position[wire.source]].append(position[wire.target])
    free = [index for index, count in enumerate(waits_for) if not count]
    heapify(free)
    order = []
    while free:
        index = heappop(free)
        order.append(gears[index])
        for target in feeds[index]:
            waits_for[target] -= 1
            if not waits_for[target]:
                heappush(free, target)
    return order
