"""From the rig file to the compiled config of an io_modbus Gear, through the loader, as a user meets it."""

import struct
from collections.abc import Sequence
from decimal import Decimal
from textwrap import indent
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxrig.cbor import dumps, loads
from fluxrig.modbus.values import ReadPlan
from fluxrig_tooling.rig import compile_rig, load_text
from fluxrig_tooling.rig.lower.io_modbus import plan
from fluxrig_tooling.rig.lower.io_modbus.tags import Point
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


def text_of(config: str) -> str:
    return RIG % indent(config.strip("\n"), " " * 6)


def compiled(config: str) -> dict[str, Any]:
    """The compiled config, having been through a compiled rig's CBOR."""
    model, problems = load_text(text_of(config))
    assert model, list(map(str, problems))
    rig = loads(dumps(compile_rig(model)))
    return next(gear["config"] for gear in rig["gears"] if gear["name"] == "plc")


def problems_of(config: str) -> list[Problem]:
    model, problems = load_text(text_of(config))
    assert model is None or not problems.errors
    return list(problems)


def tag(spec: str) -> str:
    return f"link: tcp://10.0.0.5\ntags:\n  x: {{{spec}}}"


def request_of(spec: str) -> list[Any]:
    """The only request of a rig with one tag."""
    groups = compiled(tag(spec))["groups"]
    assert len(groups) == 1
    assert len(groups[0]["requests"]) == 1
    return groups[0]["requests"][0]


def value_of(spec: str, payload: bytes) -> object:
    """What the tag is when the server answers with `payload`."""
    _, _, _, order, layout, slots = request_of(spec)
    data: dict[str, object] = {}
    bad: dict[str, str] = {}
    ReadPlan(order, layout, slots).read(payload, data, bad)
    return bad.get("x", data["x"])


def test_a_rig_file_becomes_read_plans():
    config = compiled(
        """
        link: tcp://10.0.0.5
        every: 100ms
        tags:
          pressure: {address: hr:0, type: float32, order: CDAB, unit: bar, range: [0, 250]}
          temp: {address: hr:2, type: int16, scale: 0.1, unit: degC, range: [0, 120]}
          running: {address: co:0}
        """.replace("\n        ", "\n")
    )
    assert config == {
        "address": "10.0.0.5",
        "port": 502,
        "unit_id": 1,
        "timeout_ms": 1000,
        "connect_timeout_ms": 3000,
        "reconnect_min_ms": 500,
        "reconnect_max_ms": 30_000,
        "groups": [
            {
                "name": "default",
                "every_ms": 100,
                "phase_ms": 0,
                "requests": [
                    [1, 0, 1, b"", ">B", [["running", "bit", 1, False, True]]],
                    [3, 0, 3, b"\2\3\0\1\4\5", ">fh", [["pressure", "float"], ["temp", "linear", 1, 0, 10]]],
                ],
            }
        ],
    }


@pytest.mark.parametrize(
    ("written", "function", "address"),
    [
        ("hr:0", 3, 0),
        ("ir:65535", 4, 65_535),
        ("co:7", 1, 7),
        ("di:08", 2, 8),
        ('"40001"', 3, 0),
        ('"30010"', 4, 9),
        ('"10001"', 2, 0),
        ('"00001"', 1, 0),
        ("00017", 1, 16),
        ('"49999"', 3, 9998),
        ('"400001"', 3, 0),
        ('"465536"', 3, 65_535),
        ('"000017"', 1, 16),
    ],
)
def test_addresses(written: str, function: int, address: int):
    assert request_of(f"address: {written}")[:3] == [function, address, 1]


@pytest.mark.parametrize(
    ("spec", "layout", "count"),
    [
        ("address: hr:0", ">H", 1),
        ("address: hr:0, type: int16", ">h", 1),
        ("address: hr:0, type: int32", ">i", 2),
        ("address: hr:0, type: uint32", ">I", 2),
        ("address: hr:0, type: int64", ">q", 4),
        ("address: hr:0, type: uint64", ">Q", 4),
        ("address: hr:0, type: float32", ">f", 2),
        ("address: hr:0, type: float64", ">d", 4),
        ("address: hr:0, bit: 3", ">B", 1),
        ("address: hr:0, bit: 3, type: bool", ">B", 1),
        ("address: co:0", ">B", 1),
        ("address: di:0, type: bool", ">B", 1),
    ],
)
def test_types(spec: str, layout: str, count: int):
    request = request_of(spec)
    assert (request[4], request[2]) == (layout, count)


def test_orders_of_64_bits_go_on_like_those_of_32():
    wire = {"ABCD": "ABCDEFGH", "CDAB": "GHEFCDAB", "BADC": "BADCFEHG", "DCBA": "HGFEDCBA"}
    wanted = int.from_bytes(b"ABCDEFGH", "big")
    for order, sent in wire.items():
        assert value_of(f"address: hr:0, type: uint64, order: {order}", sent.encode()) == wanted, order


def test_each_bit_of_a_register_is_the_one_of_its_number():
    for bit in range(16):
        for register in (1 << bit, 0xFFFF ^ 1 << bit):
            value = value_of(f"address: hr:0, bit: {bit}", register.to_bytes(2, "big"))
            assert value is bool(register >> bit & 1)


@pytest.mark.parametrize(
    ("spec", "payload", "value"),
    [
        ("address: hr:0, type: int16, scale: 0.1", struct.pack(">h", 206), 20.6),
        ("address: hr:0, type: int16, scale: 0.1, offset: -40", struct.pack(">h", 3), -39.7),
        ("address: hr:0, type: int16, scale: 1e-3", struct.pack(">h", -1), -0.001),
        ("address: hr:0, type: uint32, scale: 0.01", struct.pack(">I", 4_294_967_295), 42_949_672.95),
        ("address: hr:0, scale: 10", struct.pack(">H", 7), 70),
        ("address: hr:0, scale: 10.0, offset: -5", struct.pack(">H", 7), 65),
        ("address: hr:0, scale: 1.0, offset: 0", struct.pack(">H", 7), 7),
        ("address: hr:0, type: float32, scale: 0.5, offset: 1", struct.pack(">f", 3), 2.5),
        ("address: hr:0, scale: 1.602176634e-19", struct.pack(">H", 1), 1.602176634e-19),
        ("address: hr:0, enum: {0: off, 1: on}", struct.pack(">H", 1), "on"),
        ("address: hr:0, enum: {0: off, 1: on}", struct.pack(">H", 2), "not_in_enum"),
        ("address: hr:0, type: int16, enum: {-1: fault}", struct.pack(">h", -1), "fault"),
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
    st.integers(1, 10_000),
    st.integers(-10_000, 10_000),
    st.integers(0, 6),
)
def test_a_decimal_scale_is_rounded_once(raw: int, scale: int, offset: int, digits: int):
    unit = Decimal(1).scaleb(-digits)
    spec = f"address: hr:0, type: int16, scale: {scale * unit:f}, offset: {offset * unit:f}"
    assert value_of(spec, struct.pack(">h", raw)) == float(raw * scale * unit + offset * unit)


def test_kinds_of_tags():
    kinds = {
        "address: hr:0": "int",
        "address: hr:0, scale: 10": "int",
        "address: hr:0, scale: 2.0, offset: 3": "int",
        "address: hr:0, scale: 0.1": "float",
        "address: hr:0, offset: 0.5": "float",
        "address: hr:0, type: float32": "float",
        "address: hr:0, type: float64, scale: 10": "float",
        "address: hr:0, bit: 1": "bool",
        "address: co:0": "bool",
        "address: co:0, enum: {0: off, 1: on}": "enum",
        "address: hr:0, enum: {0: off}": "enum",
    }
    for spec, kind in kinds.items():
        model, problems = load_text(text_of(tag(spec)))
        assert model, list(map(str, problems))
        assert [each.kind for each in model.tags_into(model.gear("show"))] == [kind], spec


def test_what_a_tag_says_of_itself():
    model, _ = load_text(text_of(tag("address: hr:0, unit: bar, range: [0, 250]")))
    assert model
    found = model.tags_into(model.gear("show"))[0]
    assert (found.name, found.gear, found.unit, found.range) == ("x", "plc", "bar", (0.0, 250.0))


BAD_TAGS = [
    # tag, the value the error points at, what the error says, what the hint says
    ("address: 40001", "40001", "hr:0 (counted from 1) or hr:40001 (counted from 0)", '"40001"'),
    ("address: 5", "5", "hr:4 (counted from 1) or hr:5 (counted from 0)", "hr:0"),
    ("address: 300010", "300010", "ir:9 (counted from 1)", "hr:0"),
    ("address: -1", "-1", "is no address", "hr:0"),
    ("address: hr:65536", "hr:65536", "65535", ""),
    ("address: hr:65535, type: float32", "hr:65535", "ends at address 65536", ""),
    ("address: ir:65533, type: int64", "ir:65533", "ends at address 65536", ""),
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
    ("address: hr:1, type: int16, order: CDAB", "CDAB", "no order", ""),
    ("address: hr:1, bit: 3, order: CDAB", "CDAB", "no order", ""),
    ("address: hr:1, scale: 0", "0", "scale 0", ""),
    ("address: hr:1, type: uint64, scale: 3", "3", "64 bits", "smaller"),
    ("address: co:1, scale: 2", "2", "no scale", "leave out scale:"),
    ("address: co:1, offset: 2", "2", "no offset", "leave out offset:"),
    ("address: co:1, range: [0, 1]", "[", "no range", "leave out range:"),
    ("address: hr:1, range: [5, 5]", "[", "from 5 to 5", ""),
    ("address: hr:1, range: [5, -5]", "[", "from 5 to -5", ""),
    ("address: hr:1, type: float32, enum: {0: off}", "{0", "float32 cannot", "integers"),
    ("address: hr:1, enum: {0: off}, scale: 2", "2", "enum has no scale", ""),
    ("address: hr:1, enum: {65536: off}", "{65", "never 65536", ""),
    ("address: hr:1, enum: {0: off, 00: on}", "{0", "two names", ""),
    ("address: co:1, enum: {0: off}", "{0", "both 0 and 1", ""),
    ("address: co:1, enum: {0: off, 1: on, 2: odd}", "{0", "never 2", ""),
    ("address: hr:1, group: fsat", "fsat", "no group 'fsat'", "did you mean 'fast'?"),
]


@pytest.mark.parametrize(("spec", "at", "says", "hints"), BAD_TAGS, ids=[bad[0] for bad in BAD_TAGS])
def test_a_mistake_in_a_tag_is_reported_where_it_stands(spec: str, at: str, says: str, hints: str):
    line = f"  x: {{{spec}}}"
    found = problems_of(
        f"link: tcp://10.0.0.5\ngroups: {{fast: {{every: 1s}}}}\ntags:\n{line}\n  y: {{address: hr:0, group: fast}}"
    )
    assert len(found) == 1, list(map(str, found))
    assert found[0].severity == "error"
    assert says in found[0].message
    assert hints in found[0].hint
    column = 6 + line.index(": " + at) + 3 if at != "5" else 6 + line.index("5") + 1
    assert (found[0].line, found[0].column) == (CONFIG_AT + 3, column)


def test_every_mistake_of_a_tag_is_reported_at_once():
    found = problems_of(tag("address: 3, type: int16, order: CDAB, scale: 0, range: [2, 1], group: no"))
    assert len(found) == 5, list(map(str, found))


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("link: serial:///dev/ttyUSB0", "not supported yet by this version"),
        ("link: rtu+tcp://10.0.0.5:4001", "not supported yet by this version"),
        ("link: 10.0.0.5", "no link"),
        ("link: udp://10.0.0.5", "no link"),
        ("link: tcp://", "no link"),
        ("link: tcp://10.0.0.5:0", "no link"),
        ("link: tcp://10.0.0.5:65536", "no link"),
        ("link: tcp://10.0.0.5:modbus", "no link"),
        ("link: tcp://10.0.0.5/1", "no link"),
        ("link: tcp://a\nevery: 0s", "every is at least 1ms"),
        ("link: tcp://a\ntimeout: 0s", "timeout is at least 1ms"),
        ("link: tcp://a\nconnect_timeout: 0s", "connect_timeout is at least 1ms"),
        ("link: tcp://a\nreconnect_min: 0s", "reconnect_min is at least 1ms"),
        ("link: tcp://a\nreconnect_min: 2s\nreconnect_max: 1s", "shorter than reconnect_min"),
        ("link: tcp://a\nunit_id: 256", "at most 255"),
        ("link: tcp://a\ngroups: {default: {every: 1s}}", "called 'default' already"),
        ("link: tcp://a\ngroups: {slow: {every: 0s}}", "every is at least 1ms"),
        ("link: tcp://a\ngroups: {slow: {every: 1s, phase: 1s}}", "not shorter than its period"),
    ],
)
def test_a_mistake_in_the_connection_is_reported(config: str, says: str):
    tags = (
        "tags:\n  x: {address: hr:0}\n  y: {address: hr:1, group: slow}"
        if "slow" in config
        else "tags: {x: {address: hr:0}}"
    )
    found = problems_of(f"{config}\n{tags}")
    assert len(found) == 1, list(map(str, found))
    assert says in found[0].message


@pytest.mark.parametrize(
    ("link", "address", "port"),
    [
        ("tcp://10.0.0.5", "10.0.0.5", 502),
        ("tcp://plc-1.local:5020", "plc-1.local", 5020),
        ('"tcp://[fe80::1]:503"', "fe80::1", 503),
    ],
)
def test_links(link: str, address: str, port: int):
    config = compiled(f"link: {link}\ntags: {{x: {{address: hr:0}}}}")
    assert (config["address"], config["port"]) == (address, port)


def test_groups_have_their_own_periods_and_requests():
    config = compiled(
        "link: tcp://a\n"
        "every: 200ms\n"
        "groups:\n"
        "  fast: {every: 20ms, phase: 5ms}\n"
        "  slow: {every: 1m}\n"
        "tags:\n"
        "  a: {address: hr:0}\n"
        "  b: {address: hr:1, group: fast}\n"
        "  c: {address: hr:2, group: slow}\n"
        "  d: {address: hr:3, group: fast}\n"
    )
    timings = {group["name"]: (group["every_ms"], group["phase_ms"]) for group in config["groups"]}
    assert timings == {"default": (200, 0), "fast": (20, 5), "slow": (60_000, 0)}
    spans = {group["name"]: [request[1:3] for request in group["requests"]] for group in config["groups"]}
    assert spans == {"default": [[0, 1]], "fast": [[1, 1], [3, 1]], "slow": [[2, 1]]}


def test_a_group_without_tags_is_pointed_out():
    found = problems_of("link: tcp://a\ngroups: {slow: {every: 1m}}\ntags: {x: {address: hr:0}}")
    assert [(problem.severity, problem.message) for problem in found] == [("warning", "no tag is in group 'slow'")]


# The planner, against a plain search over all ways to cut the sorted tags into requests.


def point(index: int, table: str, address: int, width: int) -> Point:
    layout = {1: "H", 2: "I", 4: "Q"}[width] if table in ("hr", "ir") else "B"
    conversion = ("raw",) if layout != "B" else ("bit", False, True)
    return Point(f"t{index}", "default", table, address, width, layout, "ABCD", 0, conversion)


def readable(points: Sequence[Point]) -> bool:
    """Whether one request can read `points` and nothing else."""
    limit = 2000 if points[0].table in ("co", "di") else 125
    addresses = {address for each in points for address in range(each.address, each.end)}
    span = max(addresses) - min(addresses) + 1
    return len({each.table for each in points}) == 1 and span == len(addresses) <= limit


def fewest(points: list[Point]) -> int:
    ordered = sorted(points, key=lambda each: (each.table, each.address, each.end))
    best = [0]
    for end in range(1, len(ordered) + 1):
        best.append(min(best[start] + 1 for start in range(end) if readable(ordered[start:end])))
    return best[-1]


registers = st.tuples(st.sampled_from(["hr", "ir"]), st.integers(0, 300), st.sampled_from([1, 2, 4]))
dense = st.tuples(st.just("hr"), st.integers(0, 150), st.just(4))
bits = st.tuples(st.sampled_from(["co", "di"]), st.integers(0, 40), st.just(1))


@given(st.lists(registers | bits, max_size=40) | st.lists(dense, min_size=60, max_size=90))
def test_a_plan_is_the_fewest_requests_without_gaps(items: list[tuple[str, int, int]]):
    points = [point(index, *item) for index, item in enumerate(items)]
    by_name = {each.name: each for each in points}
    requests = plan(points)
    assert len(requests) == fewest(points)
    seen = []
    for function, start, count, _, _, slots in requests:
        members = [by_name[slot[0]] for slot in slots]
        seen += [each.name for each in members]
        assert readable(members)
        assert {each.table for each in members} == {("co", "di", "hr", "ir")[function - 1]}
        assert (min(each.address for each in members), max(each.end for each in members)) == (start, start + count)
    assert sorted(seen) == sorted(by_name), "each tag is read once"


@given(st.lists(registers | bits, min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_every_tag_gets_its_own_content(items: list[tuple[str, int, int]], random: Any):
    points = [point(index, *item) for index, item in enumerate(items)]
    memory = {table: [random.randrange(65_536) for _ in range(400)] for table in ("hr", "ir")}
    for function, start, count, order, layout, slots in plan(points):
        if function in (1, 2):
            payload = bytes(random.randrange(256) for _ in range((count + 7) // 8))
        else:
            words = memory["hr" if function == 3 else "ir"][start : start + count]
            payload = b"".join(word.to_bytes(2, "big") for word in words)
        data: dict[str, object] = {}
        ReadPlan(order, layout, slots).read(payload, data, {})
        for name, value in data.items():
            each = points[int(name[1:])]
            offset = each.address - start
            if function in (1, 2):
                assert value is bool(payload[offset // 8] >> offset % 8 & 1)
            else:
                assert value == int.from_bytes(payload[2 * offset : 2 * (offset + each.width)], "big")
