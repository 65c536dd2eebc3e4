"""Values, sizes and ages as a person reads them."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxrig.decimal import Decimal
from fluxrig_tooling.wording.values import FLOAT32, FLOAT64, age_text, rounded_size, value_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (True, "on"),
        (False, "off"),
        (7, "7"),
        ("run", "run"),
        (101.30000305175781, "101.3"),
        (float("nan"), "nan"),
        (b"\x01\xff\x02", "01ff 02"),
        (Decimal(206, -1), "20.6"),
        (Decimal(2060, -2), "20.60"),
        (Decimal(4294967295, -1), "429496729.5"),
        (Decimal(12, 2), "1200"),
        ([1, Decimal(5, -1), True], "[1, 0.5, true]"),
        ({"b": 1, "a": [b"\x01"]}, '{"a": ["01"], "b": 1}'),
    ],
)
def test_values_are_shown_as_a_person_reads_them(value, text):
    assert value_text(value) == text


@given(st.decimals(-(10**6), 10**6, places=1))
def test_a_float_shows_the_digits_that_it_surely_has(number):
    (single,) = struct.unpack(">f", struct.pack(">f", number))
    assert float(value_text(single, FLOAT32)) == pytest.approx(float(number), rel=1e-6, abs=1e-6)
    assert float(value_text(float(number), FLOAT64)) == float(number)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (1023, "1,023 bytes"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (5 * 2**20, "5.0 MiB"),
        (900_000 * 2**30, "878.9 TiB"),
        (2**60, "1,048,576.0 TiB"),
    ],
)
def test_a_size_is_rounded_to_a_digit(size: int, text: str):
    assert rounded_size(size) == text


@pytest.mark.parametrize(
    ("ago_ms", "text"),
    [(None, "-"), (-5000, "0.0 s"), (40, "0.0 s"), (59_900, "59.9 s"), (90_000, "2 min"), (8_000_000, "2 h")],
)
def test_an_age_is_in_the_unit_that_fits(ago_ms: int | None, text: str):
    now_ms = 1_700_000_000_000
    assert age_text(None if ago_ms is None else now_ms - ago_ms, now_ms) == text
