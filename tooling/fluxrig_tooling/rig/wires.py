"""Reads `wires:`: endpoints, what they name, and which gear and port that is."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import Any

from fluxrig_tooling.rig import skeleton
from fluxrig_tooling.rig.model import GUARANTEED, HOT, Delivery, GearSpec, Location, Problems, RackSpec, WireSpec
from fluxrig_tooling.rig.nodes import Node, Scalar, Sequence, find, key_location, location
from fluxrig_tooling.rig.ranges import check_order, check_range
from fluxrig_tooling.rig.schema import completed, read
from fluxrig_tooling.wording.suggest import did_you_mean

MAX_RETRY_MS = 3_600_000
"""The longest pause between two attempts."""

_End = tuple[str, str, Location]
"""Gear, port, and where the endpoint stands."""


class Wiring:
    """Collects `wires`. `complete` is False once an endpoint could not be resolved.

    `unread` are names of racks and gears that are declared but not valid: that was reported, so wires to them are not.
    `repeated` are names that stand for several gears, which an unknown one may be meant to be.
    """

    def __init__(
        self,
        racks: dict[str, RackSpec],
        gears: dict[str, GearSpec],
        unread: set[str],
        problems: Problems,
        repeated: Iterable[str] = (),
    ):
        self.wires: list[WireSpec] = []
        self.complete = True
        self._racks = racks
        self._gears = gears
        self._unread = unread
        self._repeated = repeated
        self._problems = problems
        self._places: dict[tuple[str, str, str, str], Location] = {}

    def add(self, item: Node) -> None:
        """Read one entry of `wires:`, which makes a wire from each of its `from` to each of its `to`."""
        wire = read(item, skeleton.WIRE, "this wire", self._problems)
        if wire is None:
            self.complete = False
            return
        lane = wire.get("lane", HOT)
        delivery = self._delivery(wire, item) if lane == GUARANTEED else None
        if lane == HOT and "delivery" in wire:
            message = "delivery is for guaranteed wires, and this one is hot"
            hint = "add `lane: guaranteed`, or leave out `delivery:`"
            self._problems.error(key_location(item, "delivery"), message, hint)
        sources = [self._resolve(node, "output") for node in _endpoints(item, "from")]
        targets = [self._resolve(node, "input") for node in _endpoints(item, "to")]
        for source, target in product(sources, targets):
            if source is None or target is None:
                self.complete = False
            else:
                places = source[2], target[2], location(item, "lane")
                self._connect(WireSpec(*source[:2], *target[:2], lane, *places, delivery))

    def _connect(self, wire: WireSpec) -> None:
        key = (wire.source, wire.output, wire.target, wire.input)
        # A list of several makes several wires at one place, so the second one may be told by its other end.
        place = max(wire.at, wire.to_at)
        if key in self._places:
            message = f"the wire {wire} stands here a second time, first at {self._places[key]}"
            self._problems.error(place, message, "delete one: a message would arrive twice")
        else:
            self._places[key] = place
            self.wires.append(wire)

    def _delivery(self, wire: dict[str, Any], item: Node) -> Delivery:
        value = completed(wire.get("delivery", {}), skeleton.DELIVERY)
        delivery = Delivery(value["max_attempts"], value["retry_min"], value["retry_max"])
        for key in ("retry_min", "retry_max"):
            check_range(location(item, "delivery", key), key, value[key], (1, MAX_RETRY_MS), self._problems)
        shorter, longer = (("retry_min", delivery.retry_min_ms), ("retry_max", delivery.retry_max_ms))
        check_order(location(item, "delivery", "retry_max"), shorter, longer, self._problems)
        return delivery

    def _resolve(self, node: Scalar, direction: str) -> _End | None:
        """What an endpoint names. None when that does not exist, which is then reported."""
        *rack, name, port = _parts(node.text, "out" if direction == "output" else "in")
        gear = self._gears.get(name)
        if gear is None:
            if name in self._racks and port in self._gears and not rack:
                message = f"{node.text!r} names a rack and a gear, and no port"
                self._error(node, message, f"write {port} or {node.text}.{'out' if direction == 'output' else 'in'}")
            elif name not in self._unread:
                known = dict.fromkeys([*self._repeated, *self._gears, *self._unread - {""}])
                self._error(node, f"unknown gear {name!r}", did_you_mean(name, known))
            return None
        if rack and not self._runs_on(gear, rack[0], node):
            return None
        ports = gear.manifest.outputs if direction == "output" else gear.manifest.inputs
        if port not in ports:
            message = f"gear {name!r} ({gear.type}) has no {direction} {port!r}"
            self._error(node, message, did_you_mean(port, ports) or f"it has no {direction}s")
            return None
        return name, port, node.at

    def _runs_on(self, gear: GearSpec, rack: str, node: Scalar) -> bool:
        if rack == gear.rack:
            return True
        if rack in self._racks:
            self._error(node, f"gear {gear.name!r} runs on rack {gear.rack!r}, not on {rack!r}")
        elif rack not in self._unread:
            self._error(node, f"unknown rack {rack!r}", did_you_mean(rack, self._racks))
        return False

    def _error(self, node: Scalar, message: str, hint: str = "") -> None:
        self._problems.error(node.at, message, hint)


def _endpoints(item: Node, key: str) -> list[Scalar]:
    node = find(item, key)
    nodes = node.items if isinstance(node, Sequence) else (node,)
    return [node for node in nodes if isinstance(node, Scalar)]


def _parts(endpoint: str, default_port: str) -> list[str]:
    """[gear, port] or [rack, gear, port] of an endpoint; a name alone means the default port."""
    parts = endpoint.split(".")
    return [*parts, default_port] if len(parts) == 1 else parts
