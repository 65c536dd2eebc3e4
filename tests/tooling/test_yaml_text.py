"""Values in one line of YAML mean the same to ruamel.yaml, which implements YAML 1.2 on its own."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from fluxrig_tooling.rig.yaml_text import flow, scalar

TEXT = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=12) | st.from_regex(
    r"[A-Za-z0-9_./%°³+: #,{}\[\]'\"-]{0,10}", fullmatch=True
)
NUMBERS = st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
SCALARS = TEXT | NUMBERS | st.booleans() | st.none()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3))


def meaning(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)["value"]


@given(VALUES)
def test_a_value_is_read_as_it_was(value: Any):
    line = flow(value)
    assert "\n" not in line
    assert meaning(f"{{value: {line}}}") == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("tcp://10.0.0.5:502", "tcp://10.0.0.5:502"),
        ("hr:0", "hr:0"),
        ("l/min", "l/min"),
        ("m³/h", "m³/h"),
        ("total energy", "total energy"),
        ("N", "N"),
        ("true", '"true"'),
        ("40001", '"40001"'),
        ("1.5s", "1.5s"),
        ("5%", "5%"),
        ("1e5", '"1e5"'),
        ("0x1F", '"0x1F"'),
        ("00017", '"00017"'),
        ("%", '"%"'),
        ("", '""'),
        ("a: b", '"a: b"'),
        (True, "true"),
        (0.1, "0.1"),
    ],
)
def test_text_has_quotes_only_where_it_needs_them(value: Any, text: str):
    assert scalar(value) == text
