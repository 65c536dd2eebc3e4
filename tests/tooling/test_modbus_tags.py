"""The `tags:` of an io_modbus Gear: what they mean, what is wrong with them, and that values come and go unharmed."""

import struct
from dataclasses import replace
from fractions import Fraction
from functools import cache
from textwrap import indent
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxrig.cbor import dumps, loads
from fluxrig.decimal import Decimal
from fluxrig.modbus.pdu import read_size
from fluxrig.modbus.split import extent, split
from fluxrig.modbus.values import ReadPlan
from fluxrig.modbus.write_plan import WritePlan
from fluxrig_tooling.rig import load_text
from fluxrig_tooling.rig.lower.io_modbus.point import Point, layout_of
from fluxrig_tooling.rig.lower.io_modbus.tags import TagReader
from fluxrig_tooling.rig.lower.io_modbus.writes import write_entries
from fluxrig_tooling.rig.model import GearSpec, Problems, Tag
from fluxrig_tooling.rig.problems import Problem

RIG = """\
fluxrig: 1
meta: {name: test, version: 1.0.0}
gears:
  - name: plc
    type: io_modbus
    config:
%s
  - {name: show, type: console}
wires:
  - {from: plc, to: show}
"""
CONFIG_AT = RIG[: RIG.index("%s")].count("\n") + 1
"""The line on which the config begins."""

ORDERS = ("ABCD", "BADC", "CDAB", "DCBA")
ON_THE_WIRE = {"ABCD": "ABCDEFGH", "CDAB": "GHEFCDAB", "BADC": "BADCFEHG", "DCBA": "HGFEDCBA"}


def text_of(config: str) -> str:
    return RIG % indent(config.strip("\n"), " " * 6)


def errors_of(config: str) -> list[Problem]:
    model, problems = load_text(text_of(config))
    assert (model is None) is bool(problems.errors)
    return problems.errors


def config_of(*specs: str) -> str:
    """A config with a tag x, or tags x0, x1, … for several."""
    names = ["x"] if len(specs) == 1 else [f"x{index}" for index in range(len(specs))]
    return "link: tcp://10.0.0.5\ntags:\n" + "".join(
        f"  {name}: {{{spec}}}\n" for name, spec in zip(names, specs, strict=True)
    )


def points_of(*specs: str) -> list[Point]:
    model, problems = load_text(text_of(config_of(*specs)))
    assert model, list(map(str, problems))
    gear = model.gear("plc")
    found = [TagReader(gear, name, Problems()).point() for name in gear.config["tags"]]
    points = [point for point in found if point]
    assert len(points) == len(specs)
    return points


def point_of(spec: str) -> Point:
    return points_of(spec)[0]


@cache
def plain_gear() -> GearSpec:
    model, _ = load_text(text_of(config_of("address: hr:0")))
    assert model
    return model.gear("plc")


def made(*tags: dict[str, Any]) -> list[Point | None]:
    """The points of tags whose keys are these, without a file. What is in error is None."""
    gear = plain_gear()
    named = {f"x{index}": keys for index, keys in enumerate(tags)}
    gear = replace(gear, config={**gear.config, "tags": named})
    return [TagReader(gear, name, Problems()).point() for name in named]


def tags_of(*specs: str) -> list[Tag]:
    model, problems = load_text(text_of(config_of(*specs)))
    assert model, list(map(str, problems))
    return model.tags_into(model.gear("show"))


def request_of(points: list[Point]) -> list[Any]:
    """One request that reads all of `points`, having been through a compiled rig's CBOR."""
    ordered = sorted(points, key=lambda point: (point.address, point.end))
    start, function = ordered[0].address, {"co": 1, "di": 2, "hr": 3, "ir": 4}[ordered[0].table]
    count = max(point.end for point in points) - start
    picks = [byte for point in ordered for byte in point.picks(start)]
    in_order = picks == list(range(read_size(function, count)))
    slots = [point.slot(start) for point in ordered]
    request = [function, start, count, b"" if in_order else bytes(picks), layout_of(ordered), slots]
    found: list[Any] = loads(dumps(request))
    return found


def read(request: list[Any], payload: bytes) -> tuple[dict[str, Any], dict[str, str]]:
    data: dict[str, Any] = {}
    bad: dict[str, str] = {}
    ReadPlan(*request[3:]).read(payload, data, bad)
    return data, bad


def value_at(point: Point, payload: bytes) -> Any:
    """What the tag is when the unit answers with `payload`; why it is nothing, if so."""
    data, bad = read(request_of([point]), payload)
    return bad.get(point.name, data[point.name])


def value_of(spec: str, payload: bytes) -> Any:
    return value_at(point_of(spec), payload)


def write_plan(point: Point) -> WritePlan:
    (entry,) = loads(dumps(write_entries([point])))
    return WritePlan(entry)


def decimal(mantissa: int, places: int) -> float:
    """The number as a rig file has it."""
    return float(f"{mantissa}e-{places}")


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


# Writing.


@pytest.mark.parametrize(
    ("spec", "entry"),
    [
        ("address: co:9", [5, 9, 1, b"", ">B", ["x", "bit", 1, False, True], None, None, True, False]),
        (
            "address: co:9, write_with: multiple",
            [15, 9, 1, b"", ">B", ["x", "bit", 1, False, True], None, None, True, False],
        ),
        ("address: hr:9", [6, 9, 1, b"", ">H", ["x", "raw"], None, None, True, False]),
        ("address: hr:9, write_with: single", [6, 9, 1, b"", ">H", ["x", "raw"], None, None, True, False]),
        ("address: hr:9, write_with: multiple", [16, 9, 1, b"", ">H", ["x", "raw"], None, None, True, False]),
        ("address: hr:9, write_with: read_write", [23, 9, 1, b"", ">H", ["x", "raw"], None, None, True, False]),
        (
            "address: hr:9, type: int32, order: CDAB",
            [16, 9, 2, b"\2\3\0\1", ">i", ["x", "raw"], None, None, True, False],
        ),
        ("address: hr:9, bit: 9", [22, 9, 1, b"\0", ">B", ["x", "bit", 2, False, True], None, None, True, False]),
        ("address: hr:9, type: int8", [22, 9, 1, b"\1", ">b", ["x", "raw"], None, None, True, False]),
        ("address: hr:9, verify: false", [6, 9, 1, b"", ">H", ["x", "raw"], None, None, False, False]),
        ("address: hr:9, readable: false", [6, 9, 1, b"", ">H", ["x", "raw"], None, None, False, False]),
        ("address: hr:9, idempotent: true", [6, 9, 1, b"", ">H", ["x", "raw"], None, None, True, True]),
        ("address: hr:9, min: 5", [6, 9, 1, b"", ">H", ["x", "raw"], 5, 65_535, True, False]),
        ("address: hr:9, range: [5, 50]", [6, 9, 1, b"", ">H", ["x", "raw"], 5, 50, True, False]),
        ("address: hr:9, range: [5, 50], max: 40", [6, 9, 1, b"", ">H", ["x", "raw"], 5, 40, True, False]),
        (
            "address: hr:9, type: string, length: 3",
            [16, 9, 2, b"\0\1\2", ">3s", ["x", "text"], None, None, True, False],
        ),
    ],
)
def test_how_a_tag_is_written(spec: str, entry: list[Any]):
    assert write_entries([point_of(f"{spec}, writable: true")]) == [["x", 1, *entry]]


def test_what_is_not_writable_is_not_written():
    points = points_of("address: hr:0", "address: hr:1, writable: true, unit_id: 5", "address: hr:2, writable: false")
    assert [(entry[0], entry[1], entry[3]) for entry in write_entries(points)] == [("x1", 5, 1)]
    assert [point.readable for point in points] == [True, True, True]
    assert not point_of("address: hr:1, writable: true, readable: false").readable


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "int8": st.integers(-128, 127),
    "uint8": st.integers(0, 255),
    "int16": st.integers(-32_768, 32_767),
    "uint16": st.integers(0, 65_535),
    "int32": st.integers(-(2**31), 2**31 - 1),
    "uint32": st.integers(0, 2**32 - 1),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "uint64": st.integers(0, 2**64 - 1),
    "bcd16": st.integers(0, 9999),
    "bcd32": st.integers(0, 10**8 - 1),
    "bcd64": st.integers(0, 10**16 - 1),
    "float32": st.floats(width=32, allow_nan=False, allow_infinity=False),
    "float64": st.floats(allow_nan=False, allow_infinity=False),
    "string": st.text(max_size=9).filter(lambda text: len(text.encode()) <= 9 and text == text.rstrip("\0 ")),
    "raw": st.binary(min_size=6, max_size=6),
}
"""What each type can be; string with length 9, raw with length 3."""

LENGTHS = {"string": {"length": 9}, "raw": {"length": 3}}


@st.composite
def encodings(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    """The keys of a tag of a type, in all the orders that it can have."""
    keys = {"type": kind, **LENGTHS.get(kind, {})}
    if kind in ("int8", "uint8"):
        keys["byte"] = draw(st.sampled_from(["high", "low"]))
    elif kind in LENGTHS:
        keys["order"] = draw(st.sampled_from(["ABCD", "BADC"]))
    elif kind[-2:] in ("32", "64"):
        keys["order"] = draw(st.sampled_from(ORDERS))
    return keys


@pytest.mark.parametrize("kind", VALUES)
@given(data=st.data())
def test_what_is_written_is_read(kind: str, data: st.DataObject):
    (point,) = made({"address": "hr:7", "writable": True, **data.draw(encodings(kind))})
    assert point
    value = data.draw(VALUES[kind])
    plan = write_plan(point)
    request = plan.request(value)
    if plan.function == 22:
        and_mask, or_mask = struct.unpack(">HH", request[3:])
        payload = struct.pack(">H", 0xA5A5 & and_mask | or_mask & ~and_mask)
    else:
        payload = request[3:] if plan.function == 6 else request[6:]
    assert plan.holds(payload, value)
    assert plan.value(payload) == (value, None)
    assert value_at(point, payload) == value


@given(
    st.sampled_from([kind for kind in VALUES if "int" in kind]),
    st.integers(-999, 999).filter(bool),
    st.integers(-(10**6), 10**6),
    st.integers(0, 4),
    st.data(),
)
def test_what_is_read_is_written_as_it_was(kind: str, scale: int, offset: int, digits: int, data: st.DataObject):
    keys = {"scale": decimal(scale, digits), "offset": decimal(offset, digits)}
    (point,) = made({"address": "hr:0", "writable": True, **data.draw(encodings(kind)), **keys})
    if point is None:
        assert "64" in kind, "64 bits times a scale may be too many"
        return
    plan = write_plan(point)
    payload = data.draw(st.binary(min_size=2 * point.width, max_size=2 * point.width))
    value, reason = plan.value(payload)
    assert reason is None
    assert plan.holds(payload, value)
    off = Fraction(data.draw(st.integers(-49, 49)), 100) * Fraction(scale, 10**digits)
    exact = Fraction(10) ** value.exponent * value.mantissa if isinstance(value, Decimal) else Fraction(value)
    beside = (exact + off) * 10 ** (digits + 2)
    assert plan.holds(payload, Decimal(int(beside), -digits - 2)), "less than half a step beside it"


# Parts of a request.


@st.composite
def register_tags(draw: st.DrawFn) -> dict[str, Any]:
    """The keys of a tag within the first 50 holding registers."""
    address = f"hr:{draw(st.integers(0, 40))}"
    if draw(st.booleans()):
        return {"address": address, "bit": draw(st.integers(0, 15))}
    return {"address": address, **draw(encodings(draw(st.sampled_from(list(VALUES)))))}


@given(st.lists(register_tags(), min_size=2, max_size=9), st.binary(min_size=100, max_size=100), st.data())
def test_a_part_of_a_request_reads_what_the_whole_reads(tags: list[dict[str, Any]], memory: bytes, data: st.DataObject):
    points = [point for point in made(*tags) if point]
    assert len(points) == len(tags)
    request = request_of(points)
    whole, bad = read(request, memory[2 * request[1] : 2 * (request[1] + request[2])])
    first = data.draw(st.integers(0, len(points) - 1))
    end = data.draw(st.integers(first + 1, len(points)))
    part = split(request, first, end)
    names = [slot[0] for slot in request[5]][first:end]
    wanted = {name: whole[name] for name in names}, {name: bad[name] for name in names if name in bad}
    assert read(part, memory[2 * part[1] : 2 * (part[1] + part[2])]) == wanted
    compiled = request_of([point for point in points if point.name in names])
    assert (part[:4], part[5]) == (compiled[:4], compiled[5])
    assert struct.calcsize(part[4]) == struct.calcsize(compiled[4])
    by_name = {point.name: point for point in points}
    for index, (name, *_) in enumerate(request[5]):
        point = by_name[name]
        assert extent(request, index) == (point.address - request[1], point.width)


# Mistakes.


BAD_TAGS = [
    # tag, the value the error points at, what the error says, what the hint says
    ("address: 40001", "40001", "hr:0 (counted from 1) or hr:40001 (counted from 0)", '"40001"'),
    ("address: 5", "5", "hr:4 (counted from 1) or hr:5 (counted from 0)", "hr:0"),
    ("address: 300010", "300010", "ir:9 (counted from 1)", "hr:0"),
    ("address: -1", "-1", "is no address", "hr:0"),
    ("address: hr:65536", "hr:65536", "65535", ""),
    ("address: hr:65535, type: float32", "hr:65535", "ends at address 65536", ""),
    ("address: ir:65533, type: int64", "ir:65533", "ends at address 65536", ""),
    ("address: hr:65530, type: string, length: 13", "hr:65530", "ends at address 65536", ""),
    ("address: HR:1", "HR:1", "no address", "hr:0"),
    ("address: holding:1", "holding:1", "no address", "hr:0"),
    ('address: "40000"', '"40000"', "no address", "hr:0"),
    ('address: "465537"', '"465537"', "no address", "hr:0"),
    ('address: "20001"', '"20001"', "no address", "hr:0"),
    ("address: co:1, type: int16", "int16", "single bit", "leave out type:"),
    ("address: co:1, bit: 3", "3", "single bit", "register"),
    ("address: di:1, order: CDAB", "CDAB", "no order", ""),
    ("address: hr:1, type: bool", "bool", "which of them", "bit:"),
    ("address: hr:1, type: float32, bit: 3", "3", "more than one bit", "type:"),
    ("address: hr:1, type: int8, bit: 3", "3", "more than one bit", "type:"),
    ("address: hr:1, type: int16, order: CDAB", "CDAB", "no order", ""),
    ("address: hr:1, bit: 3, order: CDAB", "CDAB", "no order", ""),
    ("address: hr:1, type: int32, order: GHEFCDAB", "GHEFCDAB", "64 bits, and int32 has 32", "order: CDAB"),
    ("address: hr:1, type: string, length: 4, order: CDAB", "CDAB", "one after the other", "BADC"),
    ("address: hr:1, type: string", "string", "how many characters", "length:"),
    ("address: hr:1, type: raw", "raw", "how many registers", "length:"),
    ("address: hr:1, length: 4", "4", "uint16 has no length", "type: string"),
    ("address: hr:1, type: raw, length: 126", "126", "takes 126 registers", ""),
    ("address: hr:1, byte: high", "high", "uint16 is no single byte", "type: int8"),
    ("address: hr:1, bit: 3, byte: high", "high", "bool is no single byte", "type: int8"),
    ("address: hr:1, scale: 0", "0", "scale 0", ""),
    ("address: hr:1, type: uint64, scale: 3", "3", "64 bits", "fewer digits"),
    ("address: hr:1, type: uint64, offset: 0.5", "0.5", "uint64 times 1 plus 0.5", "fewer digits"),
    ("address: hr:1, type: uint32, scale: 0.1234567890123", "0.1234567890123", "64 bits", "fewer digits"),
    ("address: hr:1, scale: 1e-70", "1e-70", "at most 64 decimal places", ""),
    ("address: co:1, scale: 2", "2", "no scale", "leave out scale:"),
    ("address: co:1, offset: 2", "2", "no offset", "leave out offset:"),
    ("address: co:1, range: [0, 1]", "[", "no range", "leave out range:"),
    ("address: co:1, min: 0", "0", "no min", "leave out min:"),
    ("address: hr:1, type: string, length: 4, max: 9", "9", "a string has no max", "leave out max:"),
    ("address: hr:1, range: [5, 5]", "[", "from 5 to 5", ""),
    ("address: hr:1, range: [5, -5]", "[", "from 5 to -5", ""),
    ("address: hr:1, min: 7, max: 5", "7", "min 7 is above max 5", ""),
    ("address: hr:1, min: 70000", "70000", "no raw value of uint16 makes a value of at least 70000", ""),
    ("address: hr:1, max: -1", "-1", "no raw value of uint16 makes a value of at most -1", ""),
    ("address: hr:1, scale: 10, min: 12, max: 18", "12", "makes a value of 12 to 18", ""),
    ("address: hr:1, type: float32, min: 1e39", "1e39", "at least 1e+39", ""),
    ("address: hr:1, writable: true, range: [-9, -5]", "[", "makes a value of -9 to -5", ""),
    ("address: hr:1, type: float32, enum: {0: off}", "{0", "float32 cannot", "integers"),
    ("address: hr:1, type: bcd16, enum: {0: off}", "{0", "bcd16 cannot", "integers"),
    ("address: hr:1, type: string, length: 2, enum: {0: off}", "{0", "string cannot", "integers"),
    ("address: hr:1, enum: {0: off}, scale: 2", "2", "enum has no scale", ""),
    ("address: hr:1, enum: {0: off}, max: 2", "2", "enum has no max", ""),
    ("address: hr:1, enum: {65536: off}", "{65", "never 65536", ""),
    ("address: hr:1, type: int8, enum: {128: off}", "{128", "never 128", ""),
    ("address: hr:1, enum: {0: off, 00: on}", "{0", "two names", ""),
    ("address: co:1, enum: {0: off}", "{0", "both 0 and 1", ""),
    ("address: co:1, enum: {0: off, 1: on, 2: odd}", "{0", "never 2", ""),
    ("address: hr:1, enum: {0: off, 1: off}, writable: true", "{0", "'off' is the name of 2", "its own"),
    ("address: co:1, enum: {0: off, 1: off}, writable: true", "{0", "'off' is the name of 2", "its own"),
    ("address: hr:1, group: fsat", "fsat", "no group 'fsat'", "did you mean 'fast'?"),
    ("address: ir:1, writable: true", "true", "ir:1 can only be read", "hr:"),
    ("address: di:1, writable: true", "true", "di:1 can only be read", "co:"),
    ("address: hr:1, readable: false", "false", "neither read nor written", "writable: true"),
    ("address: hr:1, verify: false", "false", "how a tag is written", "writable: true"),
    ("address: hr:1, idempotent: true", "true", "how a tag is written", "writable: true"),
    ("address: hr:1, write_with: single", "single", "how a tag is written", "writable: true"),
    ("address: hr:1, writable: true, readable: false, verify: true", "true}", "never read", ""),
    ("address: hr:1, writable: true, readable: false, group: fast", "fast", "when a tag is read", "leave out group:"),
    ("address: hr:1, writable: true, readable: false, write_with: read_write", "read_write", "function 23 reads", ""),
    ("address: co:1, writable: true, write_with: read_write", "read_write", "not coils", "single or multiple"),
    ("address: hr:1, bit: 1, writable: true, write_with: single", "single", "mask (function 22)", "leave out"),
    ("address: hr:1, type: int8, writable: true, write_with: multiple", "multiple", "mask (function 22)", "leave out"),
    ("address: hr:1, type: int32, writable: true, write_with: single", "single", "at most 1", "write multiple"),
    ("address: hr:1, type: raw, length: 124, writable: true", "124", "function 16 writes at most 123", "shorten"),
    ("address: hr:1, type: raw, length: 122, writable: true, write_with: read_write", "read_write", "at most 121", ""),
]


@pytest.mark.parametrize(("spec", "at", "says", "hints"), BAD_TAGS, ids=[bad[0] for bad in BAD_TAGS])
def test_a_mistake_in_a_tag_is_reported_where_it_stands(spec: str, at: str, says: str, hints: str):
    line = f"  x: {{{spec}}}"
    found = errors_of(
        f"link: tcp://10.0.0.5\ngroups: {{fast: {{every: 1s}}}}\ntags:\n{line}\n  y: {{address: hr:0, group: fast}}"
    )
    assert len(found) == 1, list(map(str, found))
    assert says in found[0].message
    assert hints in found[0].hint
    column = 6 + line.index(": " + at) + 3 if at != "5" else 6 + line.index("5") + 1
    assert (found[0].line, found[0].column) == (CONFIG_AT + 3, column)


def test_every_mistake_of_a_tag_is_reported_at_once():
    found = errors_of(config_of("address: 3, type: int16, order: CDAB, scale: 0, range: [2, 1], group: no"))
    assert len(found) == 5, list(map(str, found))


SCRAPS = {
    "address": ["hr:0", "ir:9", "co:0", "di:65535", "hr:65535", "40001", '"40001"', "x", "1.5", "[]", "true", '""'],
    "type": ["bool", "int8", "uint16", "int64", "float32", "float64", "string", "raw", "bcd32", "bcd64", "word", "3"],
    "length": ["1", "3", "126", "250", "0", "251", "-1", "x"],
    "order": ["ABCD", "CDAB", "BADC", "DCBA", "GHEFCDAB", "DACB", "1"],
    "bit": ["0", "15", "16", "-1", "x"],
    "byte": ["high", "low", "middle"],
    "scale": ["0", "-0.1", "1e308", "-1e-308", "5e-324", "18446744073709551615", "0.1", "10", "nan", ".inf", "x"],
    "offset": ["0", "-40", "1e308", "5e-324", "0.30000000000000004", "-18446744073709551616"],
    "range": ["[0, 1]", "[1, 0]", "[-1e308, 1e308]", "[0]", "7"],
    "min": ["0", "-1e308", "1e308", "0.05", "5e-324", "x"],
    "max": ["0", "-1e308", "1e308", "99.95", "18446744073709551615"],
    "enum": [
        "{0: a}",
        "{0: a, 1: b}",
        "{0: a, 1: a}",
        "{-1: a, 99999999999999999999: b}",
        "{}",
        "{x: y}",
        "{%s: z}" % ("9" * 5000),
    ],
    "group": ["default", "fast", "none"],
    "unit_id": ["0", "7", "255", "256"],
    "unit": ["bar"],
    "writable": ["true", "false", "1"],
    "readable": ["true", "false"],
    "verify": ["true", "false"],
    "idempotent": ["true", "false"],
    "write_with": ["single", "multiple", "read_write", "x"],
}


@st.composite
def any_keys(draw: st.DrawFn) -> dict[str, str]:
    keys = draw(st.lists(st.sampled_from(list(SCRAPS)), max_size=4, unique=True))
    return {key: draw(st.sampled_from(SCRAPS[key])) for key in ["address", *keys]}


@given(any_keys(), st.binary(min_size=250, max_size=250))
def test_a_tag_is_refused_or_works_whatever_it_says(keys: dict[str, str], memory: bytes):
    spec = ", ".join(f"{key}: {value}" for key, value in keys.items())
    model, problems = load_text(text_of(f"link: tcp://a\ngroups: {{fast: {{every: 1s}}}}\ntags:\n  x: {{{spec}}}\n"))
    if model is None:
        assert problems.errors
        return
    gear = model.gear("plc")
    point = TagReader(gear, "x", Problems()).point()
    assert point
    request = request_of([point])
    payload = memory[: read_size(request[0], request[2])]
    data, bad = read(request, payload)
    assert dumps(data["x"]), "a message can carry it"
    assert (data["x"] is None) is ("x" in bad)
    for entry in write_entries([point]):
        plan = WritePlan(loads(dumps(entry)))
        value, reason = plan.value(payload)
        if reason is None and "range" not in keys and "x" not in bad and type(value) in (int, bool, bytes, Decimal):
            assert plan.holds(payload, value)
