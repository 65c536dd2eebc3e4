"""Reads how the registers of a tag hold its value: type, length, order, and which bit or byte of a register."""

from __future__ import annotations

from dataclasses import dataclass
from struct import calcsize

from fluxrig.modbus.pdu import MAX_REGISTERS
from fluxrig_tooling.modbus.addresses import LAST_ADDRESS
from fluxrig_tooling.modbus.orders import ABCD, BADC, LONG_ORDERS
from fluxrig_tooling.modbus.tables import BIT_TABLES
from fluxrig_tooling.modbus.types import BCD, BOOL, BYTE_TYPES, LAYOUTS, RAW, STRING, registers_of
from fluxrig_tooling.rig.lower.io_modbus.tag_spec import TagSpec


@dataclass(frozen=True)
class Encoding:
    """`layout` is the `struct` code of a tag, `width` how many registers or bits it takes.

    `order` is one of ABCD, BADC, CDAB and DCBA. `bit`: the lowest bit of the register that belongs to the tag.
    """

    type: str
    layout: str
    width: int
    order: str
    bit: int

    @property
    def is_bytes(self) -> bool:
        return self.type in (STRING, RAW)

    @property
    def is_number(self) -> bool:
        return self.type != BOOL and not self.is_bytes

    @property
    def extremes(self) -> tuple[int, int]:
        """The least and the greatest raw integer; of BCD, the numbers that its digits are."""
        bits = 8 * calcsize(">" + self.layout)
        if self.type == BOOL:
            return 0, 1
        if self.type in BCD:
            return 0, 10 ** (bits // 4) - 1
        return (-(1 << bits - 1), (1 << bits - 1) - 1) if self.layout.islower() else (0, (1 << bits) - 1)


def read_encoding(tag: TagSpec) -> Encoding:
    """The encoding of a tag whose table and address are read. Where one is in error, another one stands for it."""
    kind = _type(tag)
    layout, width = _layout(tag, kind)
    last = tag.address + width - 1
    if last > LAST_ADDRESS:
        tag.error("address", f"{kind} at {tag.where} ends at address {last}, beyond {LAST_ADDRESS}")
    order = _order(tag, kind, width)
    return Encoding(kind, layout, width, order, _bit(tag, kind))


def _type(tag: TagSpec) -> str:
    given: str | None = tag.get("type")
    if tag.table in BIT_TABLES:
        if given not in (None, BOOL):
            tag.error("type", f"{tag.where} is a single bit, it cannot be {given}", "leave out type:")
        return BOOL
    if "bit" in tag:
        if given not in (None, BOOL):
            tag.error("bit", f"{given} is more than one bit", "leave out type: or bit:")
        return BOOL
    if given == BOOL:
        hint = "add bit: 0 to 15, where 0 is the least significant"
        tag.error("type", f"{tag.where} is a register of 16 bits: which of them is the bool?", hint)
    return given or "uint16"


def _layout(tag: TagSpec, kind: str) -> tuple[str, int]:
    """The `struct` code, and how many registers or bits it takes."""
    if kind not in (STRING, RAW):
        tag.refuse("length", f"{kind} has no length", "length: goes with type: string or type: raw")
        return LAYOUTS[kind], registers_of(kind)
    unit = "characters" if kind == STRING else "registers"
    if "length" not in tag:
        tag.error("type", f"a {kind} of how many {unit}?", "add length:")
    length: int = tag.get("length", 1)
    width = registers_of(kind, length)
    if width > MAX_REGISTERS:
        tag.error("length", f"{kind} takes {width} registers, and a request reads at most {MAX_REGISTERS}")
    return f"{length if kind == STRING else 2 * length}s", width


def _order(tag: TagSpec, kind: str, width: int) -> str:
    given: str = tag.get("order", ABCD)
    short = LONG_ORDERS.get(given, given)
    if kind in (STRING, RAW):
        if given not in (ABCD, BADC):
            message = f"the registers of a {kind} stand one after the other, and {given} has them otherwise"
            tag.error("order", message, "write BADC if the bytes of each register are swapped")
    elif width == 1:
        tag.refuse("order", f"{kind} has no order", "order: is for values over several registers")
    elif given in LONG_ORDERS and width != 4:
        tag.error("order", f"{given} is an order of 64 bits, and {kind} has 32", f"write order: {short}")
    return short


def _bit(tag: TagSpec, kind: str) -> int:
    """The lowest bit of the register that the tag has."""
    if tag.table in BIT_TABLES:
        tag.refuse("bit", f"{tag.where} is a single bit already", "bit: takes one bit out of a register")
    if kind not in BYTE_TYPES:
        tag.refuse("byte", f"{kind} is not a single byte", "byte: goes with type: int8 or type: uint8")
    elif tag.get("byte") == "high":
        return 8
    bit: int = tag.get("bit", 0)
    return bit
