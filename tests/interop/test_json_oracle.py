"""Values of messages as JSON, read back by Python's `json` with exact numbers."""

import json
import math

from hypothesis import given
from hypothesis import strategies as st

from fluxrig.decimal import EXPONENT, MANTISSA, Decimal
from fluxrig.jsontext import json_text

INTEGERS = st.integers(*MANTISSA)
DECIMALS = st.builds(Decimal, INTEGERS, st.integers(*EXPONENT) | st.integers(-4, 2))
FLOATS = st.floats() | st.floats(width=32)
SCALARS = st.none() | st.booleans() | INTEGERS | FLOATS.filter(math.isfinite) | DECIMALS | st.text() | st.binary()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


def as_read(value):
    """What reading the JSON of `value` gives: bytes as hex, and numbers with a fraction as the text they have there."""
    if isinstance(value, dict):
        return {key: as_read(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_read(item) for item in value]
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Decimal) and value.exponent >= 0:
        return value.mantissa * 10**value.exponent
    return str(value) if isinstance(value, float | Decimal) else value


@given(VALUES)
def test_what_is_written_reads_back_exactly(value):
    assert json.loads(json_text(value), parse_float=str) == as_read(value)


@given(st.recursive(st.floats() | DECIMALS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_with_null_for_what_is_no_number_it_is_always_json(value):
    def refuse(text):
        raise AssertionError(f"{text} is no JSON")

    json.loads(json_text(value, "null"), parse_constant=refuse)
