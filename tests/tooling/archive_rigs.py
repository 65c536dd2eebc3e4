"""Rigs for tests of what is archived before it leaves, written short."""

from typing import Any

from fluxrig_tooling.rig import load_text
from fluxrig_tooling.rig.model import RigModel

HEAD = "fluxrig: 1\nmeta: {name: r, version: 1}\nuns: {enterprise: acme}\n"

TYPES = {
    "source": "type: io_modbus, config: {link: 'tcp://NAME', tags: {x-NAME: {address: 'hr:0'}}}",
    "pump": "type: io_modbus, config: {link: 'tcp://NAME', tags: {x-NAME: {address: 'hr:0', writable: true}}}",
    "uns": "type: uns, config: {broker: 'mqtt://h'}",
    "filter": "type: filter, config: {deadband: 0.5}",
    "console": "type: console",
    "correlator": "type: correlator",
}


def gear(name: str, kind: str, rack: str = "") -> str:
    deploy = f"deploy: {rack}, " * bool(rack)
    return f"  - {{name: {name}, {deploy}{TYPES[kind].replace('NAME', name)}}}\n"


def text_of(gears: dict[str, str], *wires: str) -> str:
    """A rig of `gears`, each a name and what it is, and `wires` such as `a.err -> b`, `… guaranteed`."""
    listed = []
    for wire in wires:
        ends, _, lane = wire.partition(" guaranteed")
        source, target = ends.split(" -> ")
        more = ", lane: guaranteed" + lane if " guaranteed" in wire else ""
        listed.append(f"  - {{from: {source}, to: {target}{more}}}\n")
    return HEAD + "gears:\n" + "".join(gear(*each) for each in gears.items()) + "wires:\n" + "".join(listed)


def model(text: str, **keywords: Any) -> RigModel:
    rig, problems = load_text(text, **keywords)
    assert rig, [str(problem) for problem in problems]
    return rig
