"""What the tags of an `io_modbus` Gear mean: addresses, types, orders, scales, bounds."""

import struct
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxrig.decimal import Decimal
from fluxrig_tooling.rig import load_text
from fluxrig_tooling.rig.lower.io_modbus.tags import TagReader
from fluxrig_tooling.rig.model import Problems
from tests.tooling.modbus_points import (
    ON_THE_WIRE,
    decimal,
    made,
    point_of,
    tags_of,
    text_of,
    value_at,
    value_of,
    write_plan,
)

# What tags mean.


@pytest.mark.parametrize(
    ("written", "table", "address"),
    [
        ("hr:0", "hr", 0),
        ("ir:65535", "ir", 65_535),
        ("co:7", "co", 7),
        ("di:08", "di", 8),
        ('"40001"', "hr", 0),
        ('"30010"', "ir", 9),
        ('"10001"', "di", 0),
        ('"00001"', "co", 0),
        ("00017", "co", 16),
        ('"49999"', "hr", 9998),
        ('"400001"', "hr", 0),
        ('"465536"', "hr", 65_535),
        ('"365536"', "ir", 65_535),
        ('"000017"', "co", 16),
    ],
)
def test_addresses(written: str, table: str, address: int):
    point = point_of(f"address: {written}")
    assert (point.table, point.address, point.width, point.end) == (table, address, 1, address + 1)


@pytest.mark.parametrize(
    ("spec", "layout", "width"),
    [
        ("address: hr:0", "H", 1),
        ("address: hr:0, type: int8", "b", 1),
        ("address: hr:0, type: uint8", "B", 1),
        ("address: hr:0, type: int16", "h", 1),
        ("address: hr:0, type: int32", "i", 2),
        ("address: hr:0, type: uint32", "I", 2),
        ("address: hr:0, type: int64", "q", 4),
        ("address: hr:0, type: uint64", "Q", 4),
        ("address: hr:0, type: float32", "f", 2),
        ("address: hr:0, type: float64", "d", 4),
        ("address: hr:0, type: bcd16", "H", 1),
        ("address: hr:0, type: bcd32", "I", 2),
        ("address: hr:0, type: bcd64", "Q", 4),
        ("address: hr:0, type: string, length: 1", "1s", 1),
        ("address: hr:0, type: string, length: 15", "15s", 8),
        ("address: hr:0, type: string, length: 250", "250s", 125),
        ("address: hr:0, type: raw, length: 1", "2s", 1),
        ("address: hr:0, type: raw, length: 125", "250s", 125),
        ("address: hr:0, bit: 3", "B", 1),
        ("address: hr:0, bit: 3, type: bool", "B", 1),
        ("address: co:0", "B", 1),
        ("address: di:0, type: bool", "B", 1),
    ],
)
def test_types(spec: str, layout: str, width: int):
    point = point_of(spec)
    assert (point.layout, point.width) == (layout, width)


def test_orders_of_64_bits_go_on_like_those_of_32():
    wanted = int.from_bytes(b"ABCDEFGH", "big")
    for order, sent in ON_THE_WIRE.items():
        short, long = made(*[{"address": "hr:0", "type": "uint64", "order": written} for written in (order, sent)])
        assert short and long
        assert value_at(short, sent.encode()) == value_at(long, sent.encode()) == wanted
    assert value_of("address: hr:0, type: float64, order: GHEFCDAB", struct.pack(">4H", 0, 0, 0, 0x3FF8)) == 1.5
    assert value_of("address: hr:0, type: bcd32, order: CDAB", b"\x56\x78\x12\x34") == 12345678


def test_each_bit_of_a_register_is_the_one_of_its_number():
    for bit in range(16):
        (point,) = made({"address": "hr:0", "bit": bit})
        assert point
        for register in (1 << bit, 0xFFFF ^ 1 << bit):
            assert value_at(point, register.to_bytes(2, "big")) is bool(register >> bit & 1)


@pytest.mark.parametrize(
    ("spec", "payload", "value"),
    [
        ("address: hr:0, type: int16, scale: 0.1", struct.pack(">h", 206), Decimal(206, -1)),
        ("address: hr:0, type: int16, scale: 0.1, offset: -40", struct.pack(">h", 3), Decimal(-397, -1)),
        ("address: hr:0, type: int16, scale: 1e-3", struct.pack(">h", -1), Decimal(-1, -3)),
        ("address: hr:0, type: int16, scale: 0.50, offset: 3", struct.pack(">h", -1), Decimal(25, -1)),
        ("address: hr:0, type: uint32, scale: 0.01", struct.pack(">I", 4_294_967_295), Decimal(4_294_967_295, -2)),
        ("address: hr:0, type: uint64, scale: 0.1", b"\xff" * 8, Decimal(2**64 - 1, -1)),
        ("address: hr:0, type: uint8, scale: 0.5", b"\x00\xff", Decimal(1275, -1)),
        ("address: hr:0, scale: 10", struct.pack(">H", 7), 70),
        ("address: hr:0, scale: 10.0, offset: -5", struct.pack(">H", 7), 65),
        ("address: hr:0, scale: 1.0, offset: 0", struct.pack(">H", 7), 7),
        ("address: hr:0, scale: 1.602176634e-19", struct.pack(">H", 1), Decimal(1602176634, -28)),
        ("address: hr:0, type: float32, scale: 0.5, offset: 1", struct.pack(">f", 3), 2.5),
        ("address: hr:0, type: float32, scale: 0.1", struct.pack(">f", 206), 20.6),
        ("address: hr:0, type: int8", b"\x07\xfe", -2),
        ("address: hr:0, type: int8, byte: low", b"\x07\xfe", -2),
        ("address: hr:0, type: int8, byte: high", b"\xfe\x07", -2),
        ("address: hr:0, type: uint8, byte: high", b"\xfe\x07", 254),
        ("address: hr:0, type: bcd16", b"\x12\x34", 1234),
        ("address: hr:0, type: bcd16", b"\x12\x3a", "not_bcd"),
        ("address: hr:0, type: bcd16, scale: 0.1, offset: -1", b"\x12\x34", Decimal(1224, -1)),
        ("address: hr:0, type: bcd32", b"\x00\x00\x12\x34", 1234),
        ("address: hr:0, type: bcd64", b"\x12\x34\x56\x78\x90\x12\x34\x56", 1234567890123456),
        ("address: hr:0, type: string, length: 1", b"ab", "a"),
        ("address: hr:0, type: string, length: 1, order: BADC", b"ab", "b"),
        ("address: hr:0, type: string, length: 5", b"pump1?", "pump1"),
        ("address: hr:0, type: string, length: 6", b"pump \0", "pump"),
        ("address: hr:0, type: string, length: 5, order: BADC", b"uppm?1", "pump1"),
        ("address: hr:0, type: string, length: 2", b"\xff\xff", "not_text"),
        ("address: hr:0, type: raw, length: 2", b"\x00\x01\xff\x00", b"\x00\x01\xff\x00"),
        ("address: hr:0, type: raw, length: 2, order: BADC", b"\x00\x01\xff\x00", b"\x01\x00\x00\xff"),
        ("address: hr:0, enum: {0: off, 1: on}", struct.pack(">H", 1), "on"),
        ("address: hr:0, enum: {0: off, 1: on}", struct.pack(">H", 2), "not_in_enum"),
        ("address: hr:0, type: int16, enum: {-1: fault}", struct.pack(">h", -1), "fault"),
        ("address: hr:0, type: uint8, byte: high, enum: {5: five}", b"\x05\x00", "five"),
        ("address: co:3, enum: {0: open, 1: closed}", b"\x01", "closed"),
        ("address: hr:0, bit: 8, enum: {0: open, 1: closed}", b"\x00\xff", "open"),
    ],
)
def test_values(spec: str, payload: bytes, value: object):
    found = value_of(spec, payload)
    assert found == value
    assert type(found) is type(value)


@given(
    st.integers(-32_768, 32_767),
    st.integers(-10_000, 10_000).filter(bool),
    st.integers(-10_000, 10_000),
    st.integers(0, 6),
)
def test_a_decimal_scale_is_exact(raw: int, scale: int, offset: int, digits: int):
    keys = {"scale": decimal(scale, digits), "offset": decimal(offset, digits)}
    (point,) = made({"address": "hr:0", "type": "int16", **keys})
    assert point
    value = value_at(point, struct.pack(">h", raw))
    assert not isinstance(value, float)
    exact = value.mantissa * Fraction(10) ** value.exponent if isinstance(value, Decimal) else value
    assert exact == Fraction(raw * scale + offset, 10**digits)


def test_kinds_of_tags():
    kinds = {
        "address: hr:0": "int",
        "address: hr:0, scale: 10": "int",
        "address: hr:0, scale: 2.0, offset: 3": "int",
        "address: hr:0, scale: 0.1": "float",
        "address: hr:0, offset: 0.5": "float",
        "address: hr:0, type: bcd32": "int",
        "address: hr:0, type: bcd32, scale: 0.1": "float",
        "address: hr:0, type: float32": "float",
        "address: hr:0, type: float64, scale: 10": "float",
        "address: hr:0, type: string, length: 4": "text",
        "address: hr:0, type: raw, length: 4": "bytes",
        "address: hr:0, bit: 1": "bool",
        "address: co:0": "bool",
        "address: co:0, enum: {0: off, 1: on}": "enum",
        "address: hr:0, enum: {0: off}": "enum",
    }
    assert [tag.kind for tag in tags_of(*kinds)] == list(kinds.values())


def test_what_a_tag_says_of_itself():
    (found,) = tags_of("address: hr:0, unit: bar, range: [0, 250]")
    assert (found.name, found.gear, found.unit, found.range) == ("x", "plc", "bar", (0.0, 250.0))


def test_a_tag_has_the_unit_of_its_gear_unless_it_names_another():
    config = "link: tcp://a\nunit_id: 9\ntags: {x: {address: hr:0}, y: {address: hr:0, unit_id: 12}}"
    model, problems = load_text(text_of(config))
    assert model, list(map(str, problems))
    points = [TagReader(model.gear("plc"), name, Problems()).point() for name in ("x", "y")]
    assert [point.unit_id for point in points if point] == [9, 12]


# Bounds.


@pytest.mark.parametrize(
    ("spec", "bounds"),
    [
        ("type: int16, scale: 0.1, min: -40, max: 120", (-400, 1200)),
        ("type: int16, scale: -0.1, min: -40, max: 120", (-1200, 400)),
        ("type: int16, scale: 0.1, offset: -40, min: 0", (400, 32_767)),
        ("type: int16, scale: -2, max: 3", (-1, 32_767)),
        ("type: uint16, scale: 0.3, min: 1, max: 2", (4, 6)),
        ("min: -5, max: 70000", None),
        ("max: 65535", None),
        ("max: 65534.5", (0, 65_534)),
        ("type: uint64, min: 1", (1, 2**64 - 1)),
        ("type: bcd16, min: 10, max: 100", (0x10, 0x100)),
        ("type: bcd16, scale: 0.1, max: 999.9", None),
        ("type: bcd16, scale: 0.1, max: 999.8", (0, 0x9998)),
        ("type: float64, min: -1.5, max: 2", (-1.5, 2.0)),
        ("type: float64, scale: -2, min: -1.5", (-1.7976931348623157e308, 0.75)),
    ],
)
def test_bounds_are_those_of_raw_values(spec: str, bounds: object):
    assert point_of(f"address: hr:0, {spec}").bounds == bounds


@given(
    st.integers(-32_768, 32_767),
    st.integers(-50, 50).filter(bool),
    st.integers(-1000, 1000),
    st.integers(-40_000, 40_000),
    st.integers(-40_000, 40_000),
)
def test_a_value_is_good_when_it_is_within_its_bounds(raw: int, scale: int, offset: int, low: int, high: int):
    low, high = sorted((low, high))
    keys = {"scale": decimal(scale, 1), "offset": decimal(offset, 2), "min": decimal(low, 1), "max": decimal(high, 1)}
    (point,) = made({"address": "hr:0", "type": "int16", **keys})
    values = range(low * 10, high * 10 + 1)
    if point is None:
        assert not any(each * scale * 10 + offset in values for each in range(-32_768, 32_768))
    else:
        value = value_at(point, struct.pack(">h", raw))
        assert (value != "out_of_range") is (raw * scale * 10 + offset in values)


@given(
    st.floats(-1e6, 1e6, width=32),
    st.floats(-1e6, 1e6, width=32),
    st.sampled_from([1, 0.1, -0.3, 7, 1e-9]),
    st.sampled_from([0, -40, 0.37]),
    st.sampled_from(["float32", "float64"]),
    st.data(),
)
def test_the_bounds_of_a_float_themselves_are_within(
    low: float, high: float, scale: float, offset: float, kind: str, data: st.DataObject
):
    low, high = sorted((low + 0.0, high + 0.0))  # of two zeros with signs, hypothesis takes one for the greater
    keys = {"type": kind, "scale": scale, "offset": offset, "min": low, "max": high}
    (point,) = made({"address": "hr:0", "writable": True, **keys})
    assert point
    for value in (low, high, data.draw(st.floats(low, high))):
        payload = write_plan(point).request(value)[6:]
        assert isinstance(value_at(point, payload), float), "what may be written may be read"
