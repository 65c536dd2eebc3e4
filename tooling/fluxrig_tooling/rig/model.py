"""A rig, read and checked: racks, gears and wires, with where each stands in the file.

A model is only handed out for a rig without errors; while it is being checked, parts of it may be unsound.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from fluxrig_tooling.rig.manifest import Manifest
from fluxrig_tooling.rig.nodes import Node, key_location, location
from fluxrig_tooling.rig.problems import Location, Problem, Problems

__all__ = [
    "CHECKPOINT",
    "GUARANTEED",
    "HOT",
    "LEVELS",
    "Delivery",
    "GearSpec",
    "Insertion",
    "Location",
    "Problem",
    "Problems",
    "RackSpec",
    "RigModel",
    "Tag",
    "WireSpec",
]

HOT = "hot"
GUARANTEED = "guaranteed"

CHECKPOINT = "checkpoint"
"""The output of a correlator that says where the chain of its archive stands."""

LEVELS = ("enterprise", "site", "area", "line", "cell")
"""The levels of a topic above the tag, from the top."""


@dataclass(frozen=True)
class Tag:
    """A value with a name, and the source Gear it comes from.

    `kind` is one of bool, int, float, text, bytes, enum, map; `unit` the engineering unit; `range` the lowest and
    highest value to expect, in that unit; `port` the output by which it leaves.
    """

    name: str
    gear: str
    gear_id: bytes
    kind: str
    unit: str = ""
    range: tuple[float, float] | None = None
    port: str = "out"


@dataclass(frozen=True)
class RackSpec:
    """A node. `uns`: the rig's levels with the rack's own over them. `at`: where its name stands."""

    name: str
    board: str
    machine: str
    uns: dict[str, str]
    at: Location
    board_at: Location


@dataclass
class GearSpec:
    """One Gear. `id` has 16 bytes, `rack` is the name of the Rack it runs on.

    `config` is complete with defaults; its durations are milliseconds, its sizes bytes, the rest is as written. `uns`
    has the levels of the rig, the rack's over them, the gear's own over those. `tags` are those that a source puts on
    its `out`, None when its type does not say. `compiled` is the configuration that the Gear gets at run time.
    `sound`: the config is valid, so it can be compiled. `inserted`: it is not in the file; see `rig.invariant`.
    """

    name: str
    type: str
    id: bytes
    rack: str
    config: dict[str, Any]
    uns: dict[str, str]
    manifest: Manifest
    node: Node
    on_error: str = ""
    sound: bool = True
    inserted: bool = False
    tags: tuple[Tag, ...] | None = None
    compiled: dict[str, Any] = field(default_factory=dict)

    def location(self, *path: str | int) -> Location:
        """Where the value at `path` of the config stands, as `nodes.location` has it."""
        return location(self.node, "config", *path)

    def key_location(self, *path: str | int) -> Location:
        """Where its key stands, as `nodes.key_location` has it."""
        return key_location(self.node, "config", *path)

    def passes_from(self, port: str) -> bool:
        """Whether what leaves by output `port` has come in by an input, with its tags."""
        return self.manifest.passes_tags and self.manifest.outputs[port].passes_tags

    def passes_to(self, port: str) -> bool:
        """Whether what comes in by input `port` leaves again."""
        return self.manifest.passes_tags and self.manifest.inputs[port].passes_tags


@dataclass(frozen=True)
class Delivery:
    """How a guaranteed wire tries again: attempts, and the shortest and longest pause between them."""

    max_attempts: int
    retry_min_ms: int
    retry_max_ms: int


@dataclass(frozen=True)
class WireSpec:
    """One way from an output to an input. `at`: where its `from` stands, `to_at` its `to`, `lane_at` its lane.

    A guaranteed wire has `delivery`.
    """

    source: str
    output: str
    target: str
    input: str
    lane: str
    at: Location
    to_at: Location
    lane_at: Location
    delivery: Delivery | None = None

    def __str__(self) -> str:
        return f"{self.source}.{self.output} -> {self.target}.{self.input}"


@dataclass(frozen=True)
class Insertion:
    """A correlator that the file leaves out and the rig needs; see `rig.invariant`.

    `origins` are the outputs that it archives, as gear and port, and `senders` the gears that they lead to. `wires` are
    those into it and out of it. `at`: where the first wire stands that leads through it now.
    """

    gear: str
    rack: str
    origins: tuple[tuple[str, str], ...]
    senders: tuple[str, ...]
    wires: tuple[WireSpec, ...]
    at: Location


@dataclass
class RigModel:
    """A rig. Racks, gears and wires stand in the order of the file, and are not added to later.

    `insertions` are the correlators that the file leaves out, one entry each; their gears and wires are among the rest.

    `complete` is False while a file is checked of which some racks, gears or wires could not be read.
    """

    name: str
    version: str
    path: Path
    racks: list[RackSpec]
    gears: list[GearSpec]
    wires: list[WireSpec]
    complete: bool = True
    insertions: list[Insertion] = field(default_factory=list)

    def gear(self, name: str) -> GearSpec:
        """The gear called `name`. KeyError when there is none."""
        return self._gears[name]

    def rack(self, name: str) -> RackSpec:
        """The rack called `name`. KeyError when there is none."""
        return {rack.name: rack for rack in self.racks}[name]

    def gears_of(self, rack: str) -> list[GearSpec]:
        """The gears that run on a rack."""
        return [gear for gear in self.gears if gear.rack == rack]

    def wires_into(self, gear: GearSpec) -> list[WireSpec]:
        return self._inbound.get(gear.name, [])

    def wires_from(self, gear: GearSpec) -> list[WireSpec]:
        return self._outbound.get(gear.name, [])

    def tags_into(self, gear: GearSpec) -> list[Tag]:
        """Every tag that can arrive at the gear's inputs, through gears that pass tags on, in the order of the file."""
        outputs, _ = self.upstream(gear)
        names = {name for name, _ in outputs}
        sources = [source for source in self.gears if source.name in names]
        return [tag for source in sources for tag in source.tags or () if (source.name, tag.port) in outputs]

    def declares_tags_into(self, gear: GearSpec) -> bool:
        """Whether `tags_into` has all tags that can arrive: every source upstream says which it sends."""
        return all(self.gear(source).tags is not None for source in self._sources(gear))

    def is_read_into(self, gear: GearSpec) -> bool:
        """Whether everything upstream could be read. Else what `tags_into` lacks may only have been misspelt."""
        return self.complete and all(self.gear(source).sound for source in self._sources(gear))

    def checkpoints_into(self, gear: GearSpec) -> list[GearSpec]:
        """The correlators whose checkpoints can arrive at the gear's inputs, in the order of the file."""
        names = {name for name, port in self.upstream(gear)[0] if port == CHECKPOINT}
        return [each for each in self.gears if each.name in names and each.manifest.archives]

    def _sources(self, gear: GearSpec) -> set[str]:
        """The gears whose own tags can arrive at `gear`: they leave by `out`, or beside what others have sent."""
        outputs, _ = self.upstream(gear)
        return {name for name, port in outputs if port == "out" or self.gear(name).manifest.passes_tags}

    def upstream(self, gear: GearSpec, port: str | None = None) -> tuple[set[tuple[str, str]], set[str]]:
        """What can arrive at the gear's inputs, or at one: gears and outputs from which something of their own making
        comes, and the gears that pass it on."""
        outputs: set[tuple[str, str]] = set()
        passing: set[str] = set()
        wires = [wire for wire in self.wires_into(gear) if port in (None, wire.input)]
        while wires:
            wire = wires.pop()
            origin = self.gear(wire.source)
            if not origin.passes_from(wire.output):
                outputs.add((origin.name, wire.output))
            elif origin.name not in passing:
                passing.add(origin.name)
                wires += [each for each in self.wires_into(origin) if origin.passes_to(each.input)]
        return outputs, passing

    @cached_property
    def _gears(self) -> dict[str, GearSpec]:
        return {gear.name: gear for gear in self.gears}

    @cached_property
    def _inbound(self) -> dict[str, list[WireSpec]]:
        return _grouped(self.wires, lambda wire: wire.target)

    @cached_property
    def _outbound(self) -> dict[str, list[WireSpec]]:
        return _grouped(self.wires, lambda wire: wire.source)


def _grouped(wires: list[WireSpec], gear_of: Callable[[WireSpec], str]) -> dict[str, list[WireSpec]]:
    groups: dict[str, list[WireSpec]] = {}
    for wire in wires:
        groups.setdefault(gear_of(wire), []).append(wire)
    return groups
