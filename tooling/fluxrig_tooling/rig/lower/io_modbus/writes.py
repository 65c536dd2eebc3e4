"""Reads how a tag is written: whether at all, with which function, and what is known of the value afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from fluxrig.modbus import pdu
from fluxrig_tooling.modbus.tables import BIT_TABLES, WRITABLE_TABLES
from fluxrig_tooling.modbus.types import BOOL, BYTE_TYPES
from fluxrig_tooling.rig.lower.io_modbus.conversion import Conversion
from fluxrig_tooling.rig.lower.io_modbus.encoding import Encoding
from fluxrig_tooling.rig.lower.io_modbus.point import Point, WriteRule, layout_of
from fluxrig_tooling.rig.lower.io_modbus.tag_spec import TagSpec

SINGLE, MULTIPLE, READ_WRITE = "single", "multiple", "read_write"
"""The values of `write_with:`."""

_COIL_FUNCTIONS = {SINGLE: pdu.WRITE_SINGLE_COIL, MULTIPLE: pdu.WRITE_MULTIPLE_COILS}
_REGISTER_FUNCTIONS = {
    SINGLE: pdu.WRITE_SINGLE_REGISTER,
    MULTIPLE: pdu.WRITE_MULTIPLE_REGISTERS,
    READ_WRITE: pdu.READ_WRITE_MULTIPLE_REGISTERS,
}
_LONGEST = {
    pdu.WRITE_SINGLE_REGISTER: 1,
    pdu.WRITE_MULTIPLE_REGISTERS: pdu.MAX_WRITTEN_REGISTERS,
    pdu.READ_WRITE_MULTIPLE_REGISTERS: pdu.MAX_READ_WRITE_REGISTERS,
}
"""How many registers each function writes at most."""


def read_write(tag: TagSpec, encoding: Encoding, conversion: Conversion) -> WriteRule | None:
    """How a tag is written. None when it is not, and where that is in error."""
    if not tag.get("writable", False):
        for key in ("verify", "idempotent", "write_with"):
            tag.refuse(key, f"{key} says how a tag is written, and this one is not", "add writable: true")
        if not tag.get("readable", True):
            tag.error("readable", "this tag is neither read nor written", "add writable: true")
        return None
    if tag.table not in WRITABLE_TABLES:
        hint = "coils (co:) and holding registers (hr:) can be written"
        tag.error("writable", f"{tag.where} can only be read", hint)
        return None
    if not tag.get("readable", True):
        message = "this tag is never read, as readable: false says"
        tag.refuse("group", f"group says when a tag is read; {message}")
        if tag.get("verify", False):
            tag.error("verify", f"verify reads back what was written; {message}")
    _check_names(tag)
    function = _function(tag, encoding)
    low, high = conversion.write_bounds() or (None, None)
    return WriteRule(
        function=function,
        low=low,
        high=high,
        verify=tag.get("verify", tag.get("readable", True)),
        idempotent=tag.get("idempotent", False),
    )


def write_entries(points: Iterable[Point]) -> list[list[Any]]:
    """`writes` as the runtime takes it: an entry of `fluxrig.modbus.write_plan` for each writable tag."""
    return [_entry(point, point.write) for point in points if point.write]


def _entry(point: Point, write: WriteRule) -> list[Any]:
    reads = pdu.READ_COILS if point.table in BIT_TABLES else pdu.READ_HOLDING_REGISTERS
    picks = point.picks(point.address)
    in_order = picks == list(range(pdu.read_size(reads, point.width)))
    return [
        point.name,
        point.unit_id,
        write.function,
        point.address,
        point.width,
        b"" if in_order else bytes(picks),
        layout_of([point]),
        point.unbounded_slot(point.address),
        write.low,
        write.high,
        write.verify,
        write.idempotent,
    ]


def _check_names(tag: TagSpec) -> None:
    """A value that is written by its name has one raw value."""
    for label, count in Counter(tag.get("enum", {}).values()).items():
        if count > 1:
            message = f"{label!r} is the name of {count} raw values: which of them would be written?"
            tag.error("enum", message, "a writable tag has a name of its own for each raw value")


def _function(tag: TagSpec, encoding: Encoding) -> int:
    """The function that writes the tag."""
    how: str | None = tag.get("write_with")
    if tag.table in BIT_TABLES:
        if how == READ_WRITE:
            tag.error("write_with", "function 23 writes registers, not coils", f"write {SINGLE} or {MULTIPLE}")
            return pdu.WRITE_SINGLE_COIL
        return _COIL_FUNCTIONS[how or SINGLE]
    if encoding.type == BOOL or encoding.type in BYTE_TYPES:
        message = "a part of a register is written with a mask (function 22), which leaves the other bits alone"
        tag.refuse("write_with", message)
        return pdu.MASK_WRITE_REGISTER
    function = _REGISTER_FUNCTIONS[how or (SINGLE if encoding.width == 1 else MULTIPLE)]
    if encoding.width > _LONGEST[function]:
        message = f"{encoding.type} takes {encoding.width} registers, and function {function} writes at most "
        key = "write_with" if "write_with" in tag else "length"
        tag.error(key, message + str(_LONGEST[function]), f"write {MULTIPLE}" if how == SINGLE else "shorten it")
    if how == READ_WRITE and not tag.get("readable", True):
        tag.error("write_with", "function 23 reads the tag as well, and readable: false says never to")
    return function
