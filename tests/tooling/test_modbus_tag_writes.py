"""How tags are written, and how what is written is read; parts of a request."""

import struct
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxrig.decimal import Decimal
from fluxrig.modbus.split import extent, split
from fluxrig_tooling.rig.lower.io_modbus.writes import write_entries
from tests.tooling.modbus_points import (
    ORDERS,
    decimal,
    made,
    point_of,
    points_of,
    read,
    request_of,
    value_at,
    write_plan,
)

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
