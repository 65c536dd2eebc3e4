"""Gears and ports by name, as a rig has them; by a short form of their id without one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID, uuid5

from fluxrig.ids import NIL_ID, id_text
from fluxrig_tooling.rig.model import RigModel


class Names:
    """`gears` and `ports`: {id: name}. `has_named`, `has_missed`: whether one was asked for that is there, or not."""

    def __init__(self, gears: dict[bytes, str] | None = None, ports: dict[bytes, str] | None = None):
        self.gears = gears or {}
        self.ports = ports or {}
        self.has_named = False
        self.has_missed = False

    @staticmethod
    def of_model(model: RigModel) -> Names:
        """Those of a rig file: all of its racks."""
        return Names._of((gear.name, gear.id, gear.manifest.outputs) for gear in model.gears)

    @staticmethod
    def of_flux(rig: dict[str, Any]) -> Names:
        """Those of a compiled rig."""
        return Names._of((gear["name"], gear["id"], gear["outputs"]) for gear in rig["gears"])

    @staticmethod
    def _of(gears: Iterable[tuple[str, bytes, Iterable[str]]]) -> Names:
        names = Names()
        for name, gear_id, ports in gears:
            names.gears[gear_id] = name
            for port in ports:
                names.ports[uuid5(UUID(bytes=gear_id), port).bytes] = port
        return names

    def gear(self, gear_id: bytes) -> str:
        """The name; the last 8 digits of the id, which differ even between Gears made at the same time; "" for none."""
        if gear_id == NIL_ID:
            return ""
        return self._known(gear_id) or id_text(gear_id)[-8:]

    def full(self, gear_id: bytes) -> str:
        """The name, or the whole id; "" for none."""
        if gear_id == NIL_ID:
            return ""
        return self._known(gear_id) or id_text(gear_id)

    def _known(self, gear_id: bytes) -> str | None:
        name = self.gears.get(gear_id)
        if name:
            self.has_named = True
        else:
            self.has_missed = True
        return name

    def port(self, gear_id: bytes, port_id: bytes) -> str:
        """`gear.port`, or what is known of it."""
        port = self.ports.get(port_id)
        return f"{self.gear(gear_id)}.{port}" if port else self.gear(gear_id)
