"""How a node becomes a value under a JSON Schema, and what is said when it does not."""

from typing import Any

import pytest

from fluxrig_tooling.rig.model import Problems
from fluxrig_tooling.rig.schema import FORMATS, Schema, converted, read, with_defaults
from fluxrig_tooling.rig.yaml12 import parse


def reading(text: str, schema: dict[str, Any]) -> tuple[Any, list[str]]:
    problems = Problems()
    root = parse(text.encode(), problems)
    assert root is not None
    value = read(root, schema, "the config", problems)
    return value, [f"{each.line}:{each.column} {each.message} | {each.hint}" for each in problems]


def one(**schema: Any) -> dict[str, Any]:
    """An object with one property `x`."""
    return {"type": "object", "properties": {"x": schema}, "additionalProperties": False}


@pytest.mark.parametrize(
    ("text", "schema", "value"),
    [
        ("1.10", {"type": "string"}, "1.10"),
        ("1.10", {"type": "number"}, 1.1),
        ("1.10", {}, 1.1),
        ("true", {"type": "string"}, "true"),
        ("0x10", {"type": "string"}, "0x10"),
        (".inf", {"type": "string"}, ".inf"),
        ("99999999999999999999", {"type": "string"}, "99999999999999999999"),
        ("40001", {"type": ["string", "integer"]}, 40001),
        ("1.5", {"type": ["string", "integer"]}, "1.5"),
        ("00017", {"type": ["string", "integer"]}, "00017"),
        ("'5'", {"type": ["string", "integer"]}, "5"),
        ("1", {"enum": ["1", "2"]}, "1"),
        ("1", {"enum": [1, 2]}, 1),
        ("1", {"const": "1"}, "1"),
        ("1", {"anyOf": [{"type": "string"}, {"type": "array"}]}, "1"),
        ("1", {"anyOf": [{"type": "string"}, {"type": "number"}]}, 1),
        ("[1, 2]", {"prefixItems": [{"type": "string"}], "items": {"type": "integer"}}, ["1", 2]),
        ("[[1.0]]", {"items": {"items": {"type": "string"}}}, [["1.0"]]),
        ("{a: 1, b-c: 2}", {"patternProperties": {"-": {"type": "string"}}}, {"a": 1, "b-c": "2"}),
        ("{1: off}", {"additionalProperties": {"type": "string"}}, {"1": "off"}),
        ("null", {"type": ["string", "null"]}, None),
    ],
)
def test_a_scalar_is_what_its_field_can_hold(text, schema, value):
    assert reading(f"x: {text}\n", one(**schema)) == ({"x": value}, [])


def test_a_reference_is_followed_also_in_a_circle():
    schema = {**one(**{"$ref": "#/$defs/tree"}), "$defs": {"tree": {}}}
    schema["$defs"]["tree"] = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "below": {"$ref": "#/$defs/tree"}},
    }
    assert reading("x: {below: {below: {name: 1.10}}}\n", schema)[0] == {"x": {"below": {"below": {"name": "1.10"}}}}


@pytest.mark.parametrize(
    ("text", "schema", "message"),
    [
        (
            "x: 5\n",
            one(type="string", format="duration"),
            "1:4 x: expected a duration such as 100ms, got 5 without a unit | units are ms, s, m, h, d",
        ),
        (
            "x: []\n",
            one(type="string", format="duration", examples=["1s"]),
            "1:4 x: expected a duration such as 100ms, got a list | for example 1s",
        ),
        (
            "x: 5 kg\n",
            one(type="string", format="size"),
            "1:4 x: expected a size such as 2GiB, got '5 kg' | "
            "write a number and a unit, one of B, kB, MB, GB, TB, KiB, MiB, GiB, TiB",
        ),
        ("x: 5\n", one(type="string", format="percent"), "1:4 x: expected a percentage such as 5%, got 5 | "),
        (
            "x: secret:a b\n",
            one(type="string", format="secret-or-text"),
            "1:4 x: expected secret:NAME, with letters, digits, _ and - in the name, got 'secret:a b' | ",
        ),
        ("x:\n", one(type="string"), "1:3 x: expected text, got nothing | "),
        ("x: null\n", one(type="string"), "1:4 x: expected text, got null | "),
        ("x: '5'\n", one(type="integer"), "1:4 x: expected a whole number, got '5' | "),
        ("x: 5.0\n", one(type="integer"), "1:4 x: expected a whole number, got 5.0 | "),
        ("x: yes\n", one(type="boolean"), "1:4 x: expected true or false, got 'yes' | "),
        ("x: {}\n", one(type=["number", "string"]), "1:4 x: expected a number or text, got keys and values | "),
        ("x: .nan\n", one(type="number"), "1:4 .nan is not a number that a rig can hold | "),
        ("x: 1e999\n", one(type="number", maximum=1), "1:4 1e999 is not a number that a rig can hold | "),
        (
            "x: -18446744073709551617\n",
            one(type="integer", minimum=0),
            "1:4 -18446744073709551617 is beyond 64 bits | ",
        ),
        ("x: b\n", one(enum=["red", "blue"]), "1:4 x: 'b' is not one of red or blue | "),
        ("x: bleu\n", one(enum=["red", "blue"]), "1:4 x: 'bleu' is not one of red or blue | did you mean 'blue'?"),
        ("x: 2\n", one(const=1), "1:4 x: expected 1, got 2 | "),
        ("x: A\n", one(type="string", pattern="^[a-z]+$"), "1:4 x: 'A' is not valid here | "),
        (
            "x: A\n",
            one(type="string", pattern="^[a-z]+$", patternErrorMessage="use a to z"),
            "1:4 x: 'A' is not valid here | use a to z",
        ),
        ('x: "a\\n"\n', one(type="string", pattern="^[a-z]+$"), "1:4 x: 'a\\n' is not valid here | "),
        ("x: 0\n", one(exclusiveMinimum=0), "1:4 x: expected more than 0, got 0 | "),
        ("x: 7\n", one(multipleOf=2), "1:4 x: expected a multiple of 2, got 7 | "),
        ("x: abc\n", one(maxLength=2), "1:4 x: expected at most 2 characters, got 3 | "),
        ("x: {a: 1}\n", one(minProperties=2), "1:4 x: expected at least 2 keys, got 1 | "),
        ("x: [1, 1]\n", one(uniqueItems=True), "1:4 x: an item stands here twice | "),
        ("x: [1, [a]]\n", one(items={"type": "integer"}), "1:8 x, item 2: expected a whole number, got a list | "),
        (
            "x: [[1, b]]\n",
            one(items={"items": {"type": "integer"}}),
            "1:9 x, item 1, item 2: expected a whole number, got 'b' | ",
        ),
        ("y: 1\n", one(), "1:1 unknown key 'y' in the config | known: x"),
        ("  z: {y: 1}\n", {"properties": {"z": one(type="number")}}, "1:7 unknown key 'y' in z | known: x"),
        (
            "y y: 1\n",
            {"propertyNames": {"pattern": "^[a-z]+$", "patternErrorMessage": "use a to z"}},
            "1:1 the key 'y y' is not valid | use a to z",
        ),
        ("{}\n", {"required": ["x"], **one()}, "1:1 the config lacks the key 'x' | add `x:`"),
        (
            "{}\n",
            {"required": ["x"], **one(description="The\n last. Not the first.", examples=[[1], 7])},
            "1:1 the config lacks the key 'x' | add `x: 7` (The last)",
        ),
        ("{}\n", {"required": ["x"], "properties": {"x": True}}, "1:1 the config lacks the key 'x' | add `x:`"),
        (
            "x: [a]\n",
            one(anyOf=[{"type": "number"}, {"type": "array", "items": {"type": "number"}}]),
            "1:5 x, item 1: expected a number, got 'a' | ",
        ),
        ("x: 1\ny: 2\n", {"dependentRequired": {"x": ["z"]}}, "1:1 the config: 'z' is a dependency of 'x' | "),
    ],
)
def test_what_is_said_when_a_value_is_not_valid(text, schema, message):
    value, said = reading(text, schema)
    assert value is None
    assert said == [message]


def test_everything_is_said_at_once():
    schema = {"required": ["a", "b"], **one(type="integer")}
    said = reading("x: no\ny: 1\nz: 1\n", schema)[1]
    assert [line.split(" ")[0] for line in said] == ["1:1", "1:1", "1:4", "2:1", "3:1"]


def test_text_to_repeat_is_cut():
    said = reading(f"x: {'a' * 500}\n", one(enum=["b"]))[1]
    assert len(said[0]) < 120


def test_defaults_fill_what_is_missing_at_every_level():
    inner = {"type": "object", "properties": {"every": {"default": "1s"}, "name": {}}}
    schema = {
        "properties": {
            "on": {"default": False},
            "list": {"default": [1]},
            "groups": {"additionalProperties": {"$ref": "#/$defs/group"}},
            "items": {"items": {"$ref": "#/$defs/group"}},
        },
        "$defs": {"group": inner},
    }
    value = with_defaults({"groups": {"a": {}, "b": {"every": "2s"}}, "items": [{"name": "x"}]}, Schema.whole(schema))
    assert value == {
        "on": False,
        "list": [1],
        "groups": {"a": {"every": "1s"}, "b": {"every": "2s"}},
        "items": [{"name": "x", "every": "1s"}],
    }
    value["list"].append(2)
    assert with_defaults({}, Schema.whole(schema))["list"] == [1]


def test_formats_are_converted_at_every_level():
    schema = {
        "properties": {"keep": {"type": "string", "format": "size"}, "note": {"type": "string"}},
        "additionalProperties": {"items": {"format": "duration"}},
    }
    value = converted({"keep": "2KiB", "note": "2s", "waits": ["1s", "2ms"]}, Schema.whole(schema), FORMATS)
    assert value == {"keep": 2048, "note": "2s", "waits": [1000, 2]}
