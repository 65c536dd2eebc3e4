"""Mistakes in a tag are reported where they stand, and nothing crashes whatever a tag says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxrig.cbor import dumps, loads
from fluxrig.decimal import Decimal
from fluxrig.modbus.pdu import read_size
from fluxrig.modbus.write_plan import WritePlan
from fluxrig_tooling.rig import load_text
from fluxrig_tooling.rig.lower.io_modbus.tags import TagReader
from fluxrig_tooling.rig.lower.io_modbus.writes import write_entries
from fluxrig_tooling.rig.model import Problems
from tests.tooling.modbus_points import CONFIG_AT, config_of, errors_of, read, request_of, text_of

# Mistakes.


BAD_TAGS = [
    # tag, the value the error points at, what the error says, what the hint says
    ("address: 40001", "40001", "hr:0 (counted from 1) or hr:40001 (counted from 0)", '"40001"'),
    ("address: 5", "5", "hr:4 (counted from 1) or hr:5 (counted from 0)", "hr:0"),
    ("address: 300010", "300010", "ir:9 (counted from 1)", "hr:0"),
    ("address: -1", "-1", "expected an address such as hr:0, got -1", "hr:0"),
    ("address: hr:65536", "hr:65536", "65535", ""),
    ("address: hr:65535, type: float32", "hr:65535", "ends at address 65536", ""),
    ("address: ir:65533, type: int64", "ir:65533", "ends at address 65536", ""),
    ("address: hr:65530, type: string, length: 13", "hr:65530", "ends at address 65536", ""),
    ("address: HR:1", "HR:1", "expected an address", "hr:0"),
    ("address: holding:1", "holding:1", "expected an address", "hr:0"),
    ('address: "40000"', '"40000"', "expected an address", "hr:0"),
    ('address: "465537"', '"465537"', "expected an address", "hr:0"),
    ('address: "20001"', '"20001"', "expected an address", "hr:0"),
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
    ("address: hr:1, byte: high", "high", "uint16 is not a single byte", "type: int8"),
    ("address: hr:1, bit: 3, byte: high", "high", "bool is not a single byte", "type: int8"),
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
