"""Makes a model of a rig file's tree. What cannot be read is reported and left out, and the rest goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from fluxrig.errors import LocalError
from fluxrig_tooling.device import board
from fluxrig_tooling.rig import skeleton
from fluxrig_tooling.rig.catalog import Catalog
from fluxrig_tooling.rig.expand import Expanded
from fluxrig_tooling.rig.manifest import Manifest
from fluxrig_tooling.rig.model import GearSpec, Location, Problems, RackSpec, RigModel
from fluxrig_tooling.rig.nodes import Field, Mapping, Node, Scalar, Sequence, find, location, mapping, sequence
from fluxrig_tooling.rig.schema import completed, read
from fluxrig_tooling.rig.wires import Wiring
from fluxrig_tooling.wording.suggest import did_you_mean, listed


def gear_id(rig: str, rack: str, gear: str) -> bytes:
    """The id of a gear: it comes from names alone, so that it is the same whenever the rig is compiled."""
    namespace = uuid5(NAMESPACE_URL, f"urn:fluxrig:rig:{rig}")
    return uuid5(namespace, f"{rack}/{gear}").bytes


def build(tree: Expanded, catalog: Catalog, path: Path, problems: Problems) -> RigModel:
    """The model of the tree. When `problems` has errors the model is for further checks only."""
    return _Builder(tree, catalog, problems).rig(path)


class _Builder:
    """`rig` reads the head of the file, then racks, gears and wires, which refer to one another in this order."""

    def __init__(self, tree: Expanded, catalog: Catalog, problems: Problems):
        self._root = tree.root
        self._unsound = tree.unsound
        self._repeated = tree.repeated
        self._unread = set(tree.unread)  # names of racks and gears that are there, but not valid
        self._catalog = catalog
        self._problems = problems
        self._racks: dict[str, RackSpec] = {}
        self._gears: dict[str, GearSpec] = {}

    def rig(self, path: Path) -> RigModel:
        valid = read(_without_lists(self._root), skeleton.RIG, "the rig", self._problems)
        head = valid or {}
        meta = head.get("meta", {"name": "", "version": ""})
        uns = head.get("uns", {})
        self._read_racks(meta["name"], uns)
        self._read_gears(meta["name"])
        for item in _items(self._root, "tests"):
            read(item, skeleton.TEST, _called("test", item), self._problems)
        wiring = Wiring(self._racks, self._gears, self._unread, self._problems, self._repeated)
        for item in _items(self._root, "wires"):
            wiring.add(item)
        rig = RigModel(
            name=meta["name"],
            version=meta["version"],
            path=path,
            racks=list(self._racks.values()),
            gears=list(self._gears.values()),
            wires=wiring.wires,
            complete=bool(valid) and wiring.complete and not self._unread,
        )
        for gear in rig.gears:
            if not gear.on_error:
                rejects = any(wire.output == "err" for wire in rig.wires_from(gear))
                gear.on_error = "reject" if rejects else "drop"
        return rig

    def _read_racks(self, rig_name: str, uns: dict[str, str]) -> None:
        items = _items(self._root, "racks")
        if not items:
            at = location(self._root, "meta", "name")
            self._racks[rig_name] = RackSpec(rig_name, board.DEFAULT, rig_name, uns, at, at)
        for item in items:
            rack = read(item, skeleton.RACK, _called("rack", item), self._problems)
            if rack is None:
                self._unread.add(_name(item))
            elif not self._is_second(rack["name"], item, "rack", self._racks):
                self._racks[rack["name"]] = RackSpec(
                    name=rack["name"],
                    board=rack.get("board", board.DEFAULT),
                    machine=rack.get("machine", rack["name"]),
                    uns=uns | rack.get("uns", {}),
                    at=location(item, "name"),
                    board_at=location(item, "board"),
                )

    def _read_gears(self, rig_name: str) -> None:
        for item in _items(self._root, "gears"):
            gear = read(_without(item, "config"), skeleton.GEAR, _called("gear", item), self._problems)
            spec = self._gear(gear, item, rig_name) if gear else None
            if spec is None:
                self._unread.add(_name(item))
            elif not self._is_second(spec.name, item, "gear", self._gears):
                self._gears[spec.name] = spec

    def _gear(self, gear: dict[str, Any], item: Node, rig_name: str) -> GearSpec | None:
        rack = self._rack_of(gear, item)
        manifest = self._manifest(gear["type"], location(item, "type"))
        if manifest is None:
            return None
        config_node = find(item, "config") or mapping(item.at, {})
        config = read(config_node, manifest.config, f"the config of {gear['name']!r}", self._problems)
        if rack is None:
            return None
        return GearSpec(
            name=gear["name"],
            type=gear["type"],
            id=gear_id(rig_name, rack.name, gear["name"]),
            rack=rack.name,
            config=completed(config or {}, manifest.config),
            uns=rack.uns | gear.get("uns", {}),
            manifest=manifest,
            node=item,
            on_error=gear.get("on_error", ""),
            sound=config is not None and gear["name"] not in self._unsound,
        )

    def _manifest(self, type_name: str, at: Location) -> Manifest | None:
        try:
            return self._catalog.manifest(type_name)
        except LocalError as exc:
            self._problems.error(at, str(exc), exc.fields.get("hint", ""))
            return None

    def _rack_of(self, gear: dict[str, Any], item: Node) -> RackSpec | None:
        name = gear.get("deploy")
        if name in self._racks:
            return self._racks[name]
        if name is None and len(self._racks) == 1:
            return next(iter(self._racks.values()))
        if name is None and self._racks:
            message = f"gear {gear['name']!r} does not say which rack it runs on"
            self._problems.error(location(item, "name"), message, f"add `deploy:` with {listed(self._racks)}")
        elif name is not None and name not in self._unread:
            self._problems.error(location(item, "deploy"), f"unknown rack {name!r}", did_you_mean(name, self._racks))
        return None

    def _is_second(self, name: str, item: Node, what: str, known: dict[str, Any]) -> bool:
        """Whether the name is taken, which is then reported."""
        if name not in known:
            return False
        first = known[name].at if what == "rack" else location(known[name].node, "name")
        message = f"there is a second {what} called {name!r}, the first is at {first}"
        self._problems.error(location(item, "name"), message, "rename one of them")
        return True


def _items(root: Node, key: str) -> tuple[Node, ...]:
    node = find(root, key)
    return node.items if isinstance(node, Sequence) else ()


def _without_lists(root: Node) -> Node:
    """The tree with the lists of the format emptied: their items are read one by one."""
    if not isinstance(root, Mapping):
        return root
    entries = dict(root.entries)
    for key in skeleton.LISTS:
        if key in entries and isinstance(entries[key].node, Sequence):
            entries[key] = Field(entries[key].key_at, sequence(entries[key].node.at, []))
    return mapping(root.at, entries)


def _without(node: Node, key: str) -> Node:
    if not isinstance(node, Mapping):
        return node
    return mapping(node.at, {name: entry for name, entry in node.entries.items() if name != key})


def _name(item: Node) -> str:
    node = find(item, "name")
    return node.text if isinstance(node, Scalar) else ""


def _called(what: str, item: Node) -> str:
    """What errors call an item of a list."""
    return f"{what} {_name(item)!r}" if _name(item) else f"this {what}"
