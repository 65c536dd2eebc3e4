"""Nothing leaves a Rack that has not been archived on it: puts a correlator where a rig has none on the way out.

What leaves does so through a gear whose type `sends_outside`, a sender. Walking upstream from one, each output is one
of three kinds. That of a correlator *covers*: what comes out of it is in the archive. (Its `err` does not: it has what
the archive did not take.) That of a gear which passes on what it gets is walked through. Any other is an *origin*,
where new events come from, also when the gear that makes them stands behind a correlator.

Each origin from which a walk arrives gets a correlator right behind it, before any filter, so that everything is
archived. Exactly the wires of the origin that lead to senders uncovered go through it, each with its lane and in its
place; the others stay as they are. Origins with the same such wires share one. There is no way to leave it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

from fluxrig.errors import LocalError
from fluxrig_tooling.rig.build import gear_id
from fluxrig_tooling.rig.catalog import Catalog
from fluxrig_tooling.rig.check import circles
from fluxrig_tooling.rig.manifest import Manifest
from fluxrig_tooling.rig.model import CHECKPOINT, HOT, GearSpec, Insertion, Location, Problems, RigModel, WireSpec
from fluxrig_tooling.rig.nodes import mapping
from fluxrig_tooling.rig.schema import completed
from fluxrig_tooling.rig.skeleton import MAX_NAME
from fluxrig_tooling.wording.suggest import listed

TYPE = "correlator"

NAME = "archive"
"""What an inserted correlator is called, alone or before the name of the gear that it stands behind."""

SHOWN = 4
"""Wires and outputs that a line of text lists before it counts."""

Origin = tuple[str, str]
"""A gear and one of its outputs."""


@dataclass
class _Group:
    """Origins that share a correlator, each with the wires that lead on from it to senders."""

    rack: str
    origins: dict[Origin, list[WireSpec]] = field(default_factory=dict)
    name: str = ""

    @property
    def wires(self) -> list[WireSpec]:
        """Those of the first origin. Those of the others have the same targets."""
        return next(iter(self.origins.values()))


def covered(rig: RigModel, catalog: Catalog, problems: Problems) -> RigModel:
    """The rig with the correlators that it lacks, which are its `insertions`.

    A rig with errors is returned as it is, and so is one with wires in a circle or between racks: those are errors, and
    are reported by `check`, in the words of the file.
    """
    if problems.errors or any(_crosses(rig, wire) for wire in rig.wires) or any(circles(rig)):
        return rig
    groups = _groups(rig)
    if not groups:
        return rig
    try:
        manifest = catalog.manifest(TYPE)
    except LocalError as exc:
        problems.error(groups[0].wires[0].at, f"an archive is needed here: {exc}", exc.fields.get("hint", ""))
        return rig
    _name(groups, rig)
    gears = _with_correlators(rig, groups, manifest)
    wires = _rerouted(rig.wires, groups)
    through = replace(rig, gears=gears, wires=wires)
    result = replace(rig, gears=gears, wires=[*wires, *_checkpoints(through, groups)])
    result.insertions = [_insertion(result, group) for group in groups]
    return result


def report(rig: RigModel, problems: Problems) -> None:
    """Say which correlators were inserted, where and why."""
    for at, alike in _by_place(rig.insertions).items():
        into = [str(wire) for wire in alike[0].wires if wire.target == alike[0].gear]
        out_of = [str(wire) for wire in alike[0].wires if wire.source == alike[0].gear]
        wires = f"{listed(into, limit=SHOWN)}; {listed(out_of, limit=SHOWN)}"
        problems.info(at, _in_words(alike), f"its wires: {wires}")


def summary(rig: RigModel, rack: str) -> list[str]:
    """The same of one rack, a line each, without places."""
    return [_in_words(alike) for alike in _by_place(each for each in rig.insertions if each.rack == rack).values()]


def _by_place(insertions: Iterable[Insertion]) -> dict[Location, list[Insertion]]:
    """Those behind the instances of one gear together: there may be hundreds."""
    places: dict[Location, list[Insertion]] = {}
    for insertion in insertions:
        places.setdefault(replace(insertion.at, instance=""), []).append(insertion)
    return places


def _in_words(alike: list[Insertion]) -> str:
    """The first of them, and how many more there are."""
    insertion = alike[0]
    outputs = listed([f"{gear}.{port}" for gear, port in insertion.origins], limit=SHOWN)
    more = f" (and {len(alike) - 1} more like it)" if len(alike) > 1 else ""
    leave = "sends" if len(insertion.senders) == 1 else "send"
    return (
        f"correlator {insertion.gear!r} is inserted behind {outputs}: {listed(insertion.senders, limit=SHOWN)} {leave} "
        f"outside, and what leaves is archived first{more}"
    )


def as_dict(insertion: Insertion) -> dict[str, Any]:
    """For JSON."""
    return {
        "gear": insertion.gear,
        "type": TYPE,
        "rack": insertion.rack,
        "behind": [f"{gear}.{port}" for gear, port in insertion.origins],
        "senders": list(insertion.senders),
        "wires": [str(wire) for wire in insertion.wires],
    }


def _groups(rig: RigModel) -> list[_Group]:
    """The origins that lead to senders uncovered, those with the same wires together, in the order of the file."""
    leading = _leading(rig)
    onward: dict[Origin, list[WireSpec]] = {}
    for wire in rig.wires:
        if wire.target in leading and _is_origin(rig, wire):
            onward.setdefault((wire.source, wire.output), []).append(wire)
    groups: dict[Any, _Group] = {}
    for origin, wires in onward.items():
        rack = rig.gear(origin[0]).rack
        # In their order too: a receiver may count on being served before another one.
        targets = tuple((wire.target, wire.input, wire.lane, wire.delivery) for wire in wires)
        groups.setdefault((rack, targets), _Group(rack)).origins[origin] = wires
    return list(groups.values())


def _leading(rig: RigModel) -> set[str]:
    """Senders, and the gears that pass on to them what they get, with no correlator in between."""
    senders = [gear for gear in rig.gears if gear.manifest.sends_outside]
    leading = {gear.name for gear in senders}
    waiting = senders
    while waiting:
        gear = waiting.pop()
        for wire in rig.wires_into(gear):
            source = rig.gear(wire.source)
            if source.name not in leading and _passes(rig, wire):
                leading.add(source.name)
                waiting.append(source)
    return leading


def _passes(rig: RigModel, wire: WireSpec) -> bool:
    """Whether the wire carries what its source has got from others, without having archived it."""
    source = rig.gear(wire.source)
    if source.manifest.archives or not source.passes_from(wire.output):
        return False
    # What gets nothing can only send what it makes itself, whatever its manifest says.
    return bool(rig.wires_into(source))


def _is_origin(rig: RigModel, wire: WireSpec) -> bool:
    """Whether the wire carries what its source made, or has failed to archive."""
    if rig.gear(wire.source).manifest.archives:
        return wire.output == "err"
    return not _passes(rig, wire)


def _name(groups: Iterable[_Group], rig: RigModel) -> None:
    """Give each group a name that no gear has. It comes from the first origin, whatever else the rig holds."""
    taken = {gear.name for gear in rig.gears}
    groups = list(groups)
    for group in groups:
        alone = sum(other.rack == group.rack for other in groups) == 1
        gear, port = next(iter(group.origins))
        behind = f"{NAME}-{gear}" if port == "out" else f"{NAME}-{gear}-{port}"
        wanted = NAME if alone and NAME not in taken else behind
        group.name = next(name for name in _variants(wanted) if name not in taken)
        taken.add(group.name)


def _variants(name: str) -> Iterator[str]:
    """`name`, then with a number; each as short as a name in a rig file has to be."""
    yield name[:MAX_NAME]
    number = 2
    while True:
        ending = f"-{number}"
        yield name[: MAX_NAME - len(ending)] + ending
        number += 1


def _with_correlators(rig: RigModel, groups: list[_Group], manifest: Manifest) -> list[GearSpec]:
    """The gears, with each correlator after the first one that it stands behind."""
    behind: dict[str, list[_Group]] = {}
    for group in groups:
        sources = {gear for gear, _ in group.origins}
        first = next(gear.name for gear in rig.gears if gear.name in sources)
        behind.setdefault(first, []).append(group)
    config = completed({}, manifest.config)
    gears = []
    for gear in rig.gears:
        gears += [gear, *(_correlator(rig, group, manifest, config) for group in behind.get(gear.name, ()))]
    return gears


def _correlator(rig: RigModel, group: _Group, manifest: Manifest, config: dict[str, Any]) -> GearSpec:
    return GearSpec(
        name=group.name,
        type=manifest.type,
        id=gear_id(rig.name, group.rack, group.name),
        rack=group.rack,
        config=deepcopy(config),
        uns=rig.rack(group.rack).uns,
        manifest=manifest,
        node=mapping(group.wires[0].at, {}),
        on_error="drop",
        inserted=True,
    )


def _rerouted(wires: Iterable[WireSpec], groups: Iterable[_Group]) -> list[WireSpec]:
    """The wires, those of the groups through their correlators.

    Where the first wire of an origin stood, one leads into its correlator; where those of the first origin stood, those
    out of it do.
    """
    into = {wires[0]: group for group in groups for wires in group.origins.values()}
    out_of = {wire: group for group in groups for wire in group.wires}
    moved = {wire for group in groups for wires in group.origins.values() for wire in wires}
    result = []
    for wire in wires:
        if wire in into:
            result.append(replace(wire, target=into[wire].name, input="in", lane=HOT, delivery=None))
        if wire in out_of:
            result.append(replace(wire, source=out_of[wire].name, output="out"))
        if wire not in moved:
            result.append(wire)
    return result


def _checkpoints(rig: RigModel, groups: Iterable[_Group]) -> list[WireSpec]:
    """Wires that bring checkpoints to each sender that an inserted correlator feeds.

    A Rack has one archive, so those of one of its correlators are enough: a sender that gets some, gets no more.
    """
    served: set[str] = set()
    walked: set[str] = set()
    wires = []
    for group in groups:
        for sender in _senders(rig, group.name, walked):
            if sender.name in served:
                continue
            served.add(sender.name)
            if "in" in sender.manifest.inputs and not rig.checkpoints_into(sender):
                ends = (group.name, CHECKPOINT, sender.name, "in")
                first = group.wires[0]
                wires.append(WireSpec(*ends, HOT, at=first.at, to_at=first.to_at, lane_at=first.lane_at))
    return wires


def _senders(rig: RigModel, correlator: str, walked: set[str]) -> Iterator[GearSpec]:
    """The senders that `out` of a correlator leads to, with no other one in between; one may come several times.

    `walked` are gears beyond which there is nothing to look for. Those that are looked beyond are added to it.
    """
    waiting = [rig.gear(correlator)]
    while waiting:
        gear = waiting.pop(0)
        for wire in rig.wires_from(gear):
            if not (wire.output == "out" if gear.name == correlator else gear.passes_from(wire.output)):
                continue
            target = rig.gear(wire.target)
            if target.manifest.sends_outside:
                yield target
            if target.manifest.passes_tags and not target.manifest.archives and target.name not in walked:
                walked.add(target.name)
                waiting.append(target)


def _insertion(rig: RigModel, group: _Group) -> Insertion:
    gear = rig.gear(group.name)
    return Insertion(
        gear=group.name,
        rack=group.rack,
        origins=tuple(group.origins),
        senders=tuple(dict.fromkeys(sender.name for sender in _senders(rig, group.name, set()))),
        wires=(*rig.wires_into(gear), *rig.wires_from(gear)),
        at=group.wires[0].at,
    )


def _crosses(rig: RigModel, wire: WireSpec) -> bool:
    """Whether the wire leads from one rack to another."""
    return rig.gear(wire.source).rack != rig.gear(wire.target).rack
