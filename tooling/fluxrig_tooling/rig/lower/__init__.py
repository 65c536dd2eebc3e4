"""From the configuration in a rig file to what a Gear gets at run time, which parses nothing: one module a type.

A module `lower/<type>.py` may have
    lower(gear, rig, problems)   the compiled configuration, a map that deterministic CBOR can hold
    lower_all(gears, rig, problems)   where gears depend on one another: that of each gear of the type, by its name
    tags(gear)                   of a source: the tags that its `out` carries
    own_tags(gear, rig)          of a gear that passes tags on: those that it adds, by which output; None if it depends
Without any `lower` a Gear gets its validated configuration, with secrets as {"secret": name}. Gears that are not built
in have no module here.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from fluxrig_tooling.rig.manifest import BUILT_IN
from fluxrig_tooling.rig.model import GearSpec, Problems, RigModel
from fluxrig_tooling.rig.schema import FORMATS, Schema, converted

_SECRETS = {"secret-or-text": FORMATS["secret-or-text"]}


def lower_all(gears: Iterable[GearSpec], rig: RigModel, problems: Problems) -> dict[str, dict[str, Any]]:
    """The compiled configurations of gears whose own configuration is valid, by the names of the gears."""
    by_type: dict[str, list[GearSpec]] = {}
    for gear in gears:
        by_type.setdefault(gear.type, []).append(gear)
    compiled: dict[str, dict[str, Any]] = {}
    for alike in by_type.values():
        together = getattr(_module(alike[0]), "lower_all", None)
        compiled |= (
            together(alike, rig, problems) if together else {each.name: _lower(each, rig, problems) for each in alike}
        )
    return compiled


def _lower(gear: GearSpec, rig: RigModel, problems: Problems) -> dict[str, Any]:
    special = getattr(_module(gear), "lower", None)
    if special:
        compiled: dict[str, Any] = special(gear, rig, problems)
        return compiled
    schema = Schema.whole(gear.manifest.config)
    plain: dict[str, Any] = converted(gear.config, schema, _SECRETS)
    return plain


def declare_tags(gears: Iterable[GearSpec], rig: RigModel) -> None:
    """Set the `tags` of gears: of sources first, because what others make is made of theirs."""
    rest = []
    for gear in gears:
        tags = getattr(_module(gear), "tags", None)
        if tags:
            gear.tags = tuple(tags(gear))
        else:
            rest.append(gear)
    for gear in rest:
        own_tags = getattr(_module(gear), "own_tags", None)
        own = own_tags(gear, rig) if own_tags else None
        gear.tags = None if own is None else tuple(own)


def _module(gear: GearSpec) -> ModuleType | None:
    name = f"{__name__}.{gear.type}"
    return import_module(name) if gear.manifest.origin == BUILT_IN and find_spec(name) else None
