"""Reads the `tags:` of an `io_modbus` Gear: what each value is, where it stands, and what is wrong with them."""

from __future__ import annotations

from fluxrig.errors import LocalError
from fluxrig_tooling.modbus.addresses import read_address
from fluxrig_tooling.rig.lower.io_modbus.conversion import Conversion
from fluxrig_tooling.rig.lower.io_modbus.encoding import read_encoding
from fluxrig_tooling.rig.lower.io_modbus.point import Point
from fluxrig_tooling.rig.lower.io_modbus.tag_spec import TagSpec
from fluxrig_tooling.rig.lower.io_modbus.writes import read_write
from fluxrig_tooling.rig.model import GearSpec, Problems, Tag
from fluxrig_tooling.wording.suggest import did_you_mean

DEFAULT_GROUP = "default"
"""The group of the tags that name none."""


class TagReader:
    """Reads one entry of `tags:`, and reports what is wrong with it."""

    def __init__(self, gear: GearSpec, name: str, problems: Problems):
        self._gear = gear
        self._spec = spec = TagSpec(gear, name, problems)
        try:
            spec.table, spec.address = read_address(spec.get("address"))
        except LocalError as exc:
            # The rest is checked as if it were at the place where a TagSpec begins.
            spec.error("address", str(exc), exc.hint)
        self._encoding = read_encoding(spec)
        self._conversion = Conversion(spec, self._encoding)

    def tag(self) -> Tag:
        low, high = self._spec.get("range", (None, None))
        return Tag(
            name=self._spec.name,
            gear=self._gear.name,
            gear_id=self._gear.id,
            kind=self._conversion.kind,
            unit=self._spec.get("unit", ""),
            range=None if low is None else (float(low), float(high)),
        )

    def point(self) -> Point | None:
        """None when something is wrong."""
        spec, encoding = self._spec, self._encoding
        self._check_group()
        conversion = self._conversion.slot()
        bounds = self._conversion.bounds()
        write = read_write(spec, encoding, self._conversion)
        if not spec.sound:
            return None
        return Point(
            name=spec.name,
            group=spec.get("group", DEFAULT_GROUP),
            table=spec.table,
            address=spec.address,
            width=encoding.width,
            layout=encoding.layout,
            order=encoding.order,
            bit=encoding.bit,
            conversion=conversion,
            unit_id=spec.get("unit_id", self._gear.config["unit_id"]),
            readable=spec.get("readable", True),
            bounds=bounds,
            write=write,
        )

    def _check_group(self) -> None:
        group = self._spec.get("group", DEFAULT_GROUP)
        groups = self._gear.config.get("groups", {})
        if group != DEFAULT_GROUP and group not in groups:
            self._spec.error("group", f"there is no group {group!r}", did_you_mean(group, groups))
