"""pymodbus as the oracle for values: what it encodes is read, and what is written here it decodes, for each type."""

import math
import struct
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.client.mixin import ModbusClientMixin
from pymodbus.pdu import DecodePDU
from pymodbus.pdu.bit_message import ReadCoilsResponse
from pymodbus.pdu.pdu import ModbusPDU

from fluxrig.decimal import Decimal
from fluxrig.modbus.values import ReadPlan
from fluxrig.modbus.write_plan import WritePlan
from fluxrig_tooling.rig import load_text
from fluxrig_tooling.rig.lower.io_modbus.point import Point
from fluxrig_tooling.rig.lower.io_modbus.tags import TagReader
from fluxrig_tooling.rig.lower.io_modbus.writes import write_entries
from fluxrig_tooling.rig.model import GearSpec, Problems

RIG = """\
fluxrig: 1
meta: {name: test, version: 1.0.0}
gears:
  - name: plc
    type: io_modbus
    config: {link: tcp://10.0.0.5, tags: {x: {address: hr:0}}}
  - {name: show, type: console}
wires: [{from: plc, to: show}]
"""

DATATYPES = {datatype.name.lower(): datatype for datatype in ModbusClientMixin.DATATYPE}
ORDERS = ("ABCD", "CDAB", "BADC", "DCBA")
LONG_TYPES = ("int32", "uint32", "int64", "uint64", "float32", "float64")
NUMBERS = [("int16", "ABCD"), ("uint16", "ABCD")] + [(name, order) for name in LONG_TYPES for order in ORDERS]


@cache
def gear() -> GearSpec:
    model, problems = load_text(RIG)
    assert model, list(map(str, problems))
    return model.gear("plc")


def point(**keys: Any) -> Point:
    """The point of a tag with these keys."""
    found = TagReader(replace(gear(), config={**gear().config, "tags": {"x": keys}}), "x", Problems()).point()
    assert found
    return found


@cache
def number_point(type_name: str, order: str) -> Point:
    ordered = {} if type_name in ("int16", "uint16") else {"order": order}
    return point(address="hr:7", type=type_name, writable=True, **ordered)


def read(point: Point, payload: bytes) -> tuple[Any, str | None]:
    """(value, reason) of the point when a unit answers with `payload`."""
    data: dict[str, Any] = {}
    bad: dict[str, str] = {}
    order = bytes(point.picks(point.address))
    ReadPlan(order, ">" + point.layout, [point.slot(point.address)]).read(payload, data, bad)
    return data["x"], bad.get("x")


def plan(point: Point) -> WritePlan:
    return WritePlan(write_entries([point])[0])


def understood(request: bytes) -> ModbusPDU:
    """The request as pymodbus's server reads it."""
    found = DecodePDU(True).decode(request)
    assert found
    return found


def word_order(order: str) -> Any:
    return "little" if order in ("CDAB", "DCBA") else "big"


def swapped(registers: Sequence[int], order: str) -> list[int]:
    """pymodbus knows the order of registers only. This is that of the bytes within each."""
    if order not in ("BADC", "DCBA"):
        return list(registers)
    return [register >> 8 | (register & 0xFF) << 8 for register in registers]


def payload_of(registers: list[int]) -> bytes:
    return b"".join(struct.pack(">H", register) for register in registers)


def draw_number(data: st.DataObject, type_name: str) -> Any:
    bits = int("".join(filter(str.isdigit, type_name)))
    if type_name.startswith("float"):
        return data.draw(st.floats(width=32 if bits == 32 else 64))
    if type_name.startswith("u"):
        return data.draw(st.integers(0, 2**bits - 1))
    return data.draw(st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1))


@pytest.mark.parametrize(("type_name", "order"), NUMBERS)
@given(data=st.data())
def test_numbers_are_those_that_pymodbus_encodes(type_name: str, order: str, data: st.DataObject):
    value = draw_number(data, type_name)
    registers = ModbusClientMixin.convert_to_registers(value, DATATYPES[type_name], word_order(order))
    found, reason = read(number_point(type_name, order), payload_of(swapped(registers, order)))
    if math.isfinite(value):
        assert (found, reason, type(found)) == (value, None, type(value))
    else:
        assert (found, reason) == (None, "not_a_number")


@pytest.mark.parametrize("function", ["default", "multiple", "read_write"])
@pytest.mark.parametrize(("type_name", "order"), NUMBERS)
@given(data=st.data())
def test_numbers_are_written_as_pymodbus_decodes_them(function: str, type_name: str, order: str, data: st.DataObject):
    value = draw_number(data, type_name)
    if not math.isfinite(value):
        return
    target = number_point(type_name, order)
    functions = {"default": 6 if target.width == 1 else 16, "multiple": 16, "read_write": 23}
    assert target.write
    writing = plan(replace(target, write=replace(target.write, function=functions[function])))
    request = understood(writing.request(value))
    assert request.function_code == functions[function]
    if request.function_code == 23:
        assert (request.read_address, request.read_count) == (7, target.width)  # type: ignore[attr-defined]
        registers, address = request.write_registers, request.write_address  # type: ignore[attr-defined]
    else:
        registers, address = request.registers, request.address
    assert address == 7
    decoded = ModbusClientMixin.convert_from_registers(
        swapped(registers, order), DATATYPES[type_name], word_order(order)
    )
    assert decoded == value
    assert writing.holds(payload_of(registers), value)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20), st.sampled_from(ORDERS[::2]))
def test_strings(text: str, order: str):
    size = len(text.encode())
    target = point(
        address="hr:7", type="string", length=max(size, 1), order=order, writable=True, write_with="multiple"
    )
    registers = ModbusClientMixin.convert_to_registers(text, DATATYPES["string"]) or [0]
    assert read(target, payload_of(swapped(registers, order))) == (text.rstrip("\0 "), None)
    request = understood(plan(target).request(text))
    assert swapped(request.registers, order) == registers
    assert ModbusClientMixin.convert_from_registers(registers, DATATYPES["string"]) == text


@given(st.integers(-(2**31), 2**31 - 1), st.integers(1, 6), st.sampled_from(ORDERS))
def test_scaled_numbers_are_those_that_pymodbus_encodes(raw: int, places: int, order: str):
    scale = float(f"1e-{places}")
    target = point(address="hr:7", type="int32", order=order, scale=scale, writable=True)
    registers = ModbusClientMixin.convert_to_registers(raw, DATATYPES["int32"], word_order(order))
    value, reason = read(target, payload_of(swapped(registers, order)))
    assert (value.mantissa, value.exponent, reason) == (raw, -places, None)
    assert swapped(understood(plan(target).request(value)).registers, order) == registers
    assert swapped(understood(plan(target).request(float(f"{raw}e-{places}"))).registers, order) == registers


@given(st.integers(0, 99_999_999), st.sampled_from(ORDERS))
def test_bcd_is_hexadecimal_that_reads_as_decimal(number: int, order: str):
    target = point(address="hr:7", type="bcd32", order=order, scale=0.01, writable=True)
    registers = ModbusClientMixin.convert_to_registers(int(f"{number:08d}", 16), DATATYPES["uint32"], word_order(order))
    assert read(target, payload_of(swapped(registers, order))) == (Decimal(number, -2), None)
    assert swapped(understood(plan(target).request(Decimal(number, -2))).registers, order) == registers


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.data())
def test_coils(coils: list[bool], data: st.DataObject):
    at = data.draw(st.integers(0, len(coils) - 1))
    payload = ReadCoilsResponse(bits=coils).encode()[1:]
    target = point(address=f"co:{7 + at}", writable=True)
    slot = target.slot(7)
    found: dict[str, Any] = {}
    ReadPlan(bytes(target.picks(7)), ">B", [slot]).read(payload, found, {})
    assert found == {"x": coils[at]}
    for function in (5, 15):
        assert target.write
        request = understood(plan(replace(target, write=replace(target.write, function=function))).request(coils[at]))
        assert (request.function_code, request.address, request.bits[:1]) == (function, 7 + at, [coils[at]])


@given(st.integers(0, 15), st.booleans(), st.integers(0, 0xFFFF))
def test_a_bit_is_written_with_a_mask(bit: int, value: bool, register: int):
    request: Any = understood(plan(point(address="hr:7", bit=bit, writable=True)).request(value))
    assert (request.function_code, request.address) == (22, 7)
    # MB section 6.16, as pymodbus's server computes it.
    after = (register & request.and_mask) | (request.or_mask & ~request.and_mask)
    assert after == (register | 1 << bit if value else register & ~(1 << bit))
