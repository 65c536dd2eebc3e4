"""A rig as a drawing: Mermaid flowchart text (https://mermaid.js.org), which GitHub and many editors render."""

from __future__ import annotations

from collections.abc import Iterator

from fluxrig_tooling.rig.model import GUARANTEED, RigModel, WireSpec


def mermaid(rig: RigModel) -> str:
    """Racks as boxes, gears with their types in them, wires with the ports that are not `out` and `in`.

    A guaranteed wire is dotted, a gear that is not in the file is framed with dashes. Nodes are numbered: a gear's name
    may be a word of Mermaid's, such as `end`.
    """
    return "\n".join(_lines(rig))


def _lines(rig: RigModel) -> Iterator[str]:
    number = {gear.name: f"g{index}" for index, gear in enumerate(rig.gears)}
    yield "flowchart LR"
    for index, rack in enumerate(rig.racks):
        yield f'  subgraph r{index}["{rack.name} ({rack.board})"]'
        for gear in rig.gears_of(rack.name):
            note = "<br/>inserted" if gear.inserted else ""
            yield f'    {number[gear.name]}["{gear.name}<br/>{gear.type}{note}"]'
        yield "  end"
    for wire in rig.wires:
        arrow = "-.->" if wire.lane == GUARANTEED else "-->"
        label = _label(wire)
        yield f"  {number[wire.source]} {arrow}{label} {number[wire.target]}"
    if rig.insertions:
        yield "  classDef inserted stroke-dasharray: 4 4"
        yield f"  class {','.join(number[insertion.gear] for insertion in rig.insertions)} inserted"


def _label(wire: WireSpec) -> str:
    parts = []
    if wire.output != "out":
        parts.append(wire.output)
    if wire.input != "in":
        parts.append(f"to {wire.input}")
    return f'|"{" ".join(parts)}"|' if parts else ""
