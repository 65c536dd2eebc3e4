import json

from expect import raises

from fluxrig.decimal import Decimal
from fluxrig.errors import LocalError
from fluxrig.jsontext import NotANumber, json_text

NAN, INFINITY = float("nan"), float("inf")


def test_every_kind_of_value():
    for value, text in (
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-(1 << 64), "-18446744073709551616"),
        (20.6, "20.6"),
        (-0.5, "-0.5"),
        (1e22, "1e+22"),
        (Decimal(206, -1), "20.6"),
        (Decimal(2060, -2), "20.60"),
        (Decimal(12, 2), "1200"),
        ("", '""'),
        ('run "fast"\n\\', '"run \\"fast\\"\\n\\\\"'),
        (b"", '""'),
        (b"\x01\xfe", '"01fe"'),
        ([], "[]"),
        ((1, 2.5), "[1, 2.5]"),
        ({}, "{}"),
        ({"b": 1, "a": None, "": "c"}, '{"": "c", "a": null, "b": 1}'),
    ):
        assert json_text(value) == text


def test_decimals_are_exact_at_any_depth():
    counter = Decimal((1 << 64) - 1, -1)  # no float has all these digits
    text = json_text({"list": [counter, {"deep": (Decimal(-5, -2),)}], "alone": counter})
    assert text == '{"alone": 1844674407370955161.5, "list": [1844674407370955161.5, {"deep": [-0.05]}]}'


def test_bytes_are_hex_at_any_depth():
    assert json_text([b"\x01", {"x": b"\xff"}]) == '["01", {"x": "ff"}]'


def test_what_json_has_no_number_for():
    for value in (NAN, INFINITY, -INFINITY):
        for where in (value, [1, value], {"a": {"b": value}}):
            raises(NotANumber, json_text, where)
        assert json_text(value, "null") == "null"
        assert json_text({"a": [value, 1.5]}, "null") == '{"a": [null, 1.5]}'


def test_text_of_any_kind_comes_back():
    for text in ("\u00fc\u6c34", "\x00\x1f\x7f", "\U0001f6a8", "/", "tab\t"):
        assert json.loads(json_text(text)) == text
        assert json.loads(json_text({text: [text]})) == {text: [text]}


def test_what_no_message_holds_is_refused():
    for value in (object(), {1, 2}, [object()], {"a": object()}, {1: "a"}, {None: 1}):
        raises(LocalError, json_text, value)
        raises(LocalError, json_text, value, "null")
