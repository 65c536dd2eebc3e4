"""Modbus addresses, references, ranges, types and orders. What is expected is written out, or made by struct."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxrig.errors import LocalError
from fluxrig_tooling.modbus.addresses import read_address, read_range, read_reference, reference_text
from fluxrig_tooling.modbus.orders import LONG_ORDERS, ORDERS, byte_places
from fluxrig_tooling.modbus.tables import TABLES
from fluxrig_tooling.modbus.types import LAYOUTS, registers_of

ADDRESSES = st.tuples(st.sampled_from(TABLES), st.integers(0, 65_535))


@given(ADDRESSES)
def test_an_address_is_read_from_both_of_its_forms(place: tuple[str, int]):
    assert read_address("{}:{}".format(*place)) == place
    assert read_address(reference_text(*place)) == place


@pytest.mark.parametrize(
    ("table", "address", "reference"),
    [("hr", 0, "40001"), ("ir", 9, "30010"), ("di", 9999, "110000"), ("co", 0, "00001"), ("hr", 65_535, "465536")],
)
def test_references_count_from_1(table: str, address: int, reference: str):
    assert reference_text(table, address) == reference
    assert read_reference(reference) == (table, address)


@pytest.mark.parametrize("text", ["40000", "465537", "20001", "4001", "4000001", "hr:0", ""])
def test_what_is_not_a_reference_names_no_address(text: str):
    assert read_reference(text) is None


@given(ADDRESSES, st.integers(0, 65_535))
def test_a_range_is_read_in_each_form(place: tuple[str, int], last: int):
    table, first = place
    for text in (f"{table}:{first}-{last}", f"{table}:{first}-{table}:{last}"):
        if last >= first:
            assert read_range(text) == (table, first, last)
        else:
            with pytest.raises(LocalError, match="from high to low"):
                read_range(text)
    assert read_range(f"{table}:{first}") == (table, first, first)
    both = f"{reference_text(table, min(first, last))}-{reference_text(table, max(first, last))}"
    assert read_range(both) == (table, min(first, last), max(first, last))


@given(st.text(max_size=12) | st.from_regex(r"(hr|co|x)?:?[0-4]?\d{0,5}-?(hr|ir)?:?\d{0,5}", fullmatch=True))
def test_other_text_is_refused_with_what_was_expected(text: str):
    for read in (read_address, read_range):
        try:
            table, first, *last = read(text)
        except LocalError as exc:
            assert text in str(exc) or repr(text) in str(exc)
        else:
            assert table in TABLES
            assert 0 <= first <= (last or [first])[0] <= 65_535


@given(st.integers(0, 2**64 - 1), st.sampled_from(ORDERS))
def test_the_bytes_of_a_value_are_found_in_each_order(value: int, order: str):
    for width in (2, 4):
        big = (value >> (64 - 16 * width)).to_bytes(2 * width, "big")
        words = [big[at : at + 2] for at in range(0, len(big), 2)]
        words = words[::-1] if order in ("CDAB", "DCBA") else words
        sent = b"".join(word[::-1] if order in ("BADC", "DCBA") else word for word in words)
        assert bytes(sent[place] for place in byte_places(order, width)) == big


def test_a_long_order_goes_on_like_its_short_one():
    for long, short in LONG_ORDERS.items():
        places = byte_places(short, 4)
        assert "".join(long[place] for place in places) == "ABCDEFGH"


def test_a_type_takes_as_many_registers_as_its_bytes_fill():
    assert {kind: registers_of(kind) for kind in LAYOUTS} == {
        kind: -(-struct.calcsize(">" + layout) // 2) for kind, layout in LAYOUTS.items()
    }
    assert [registers_of("string", length) for length in (1, 2, 3)] == [1, 1, 2]
    assert registers_of("raw", 7) == 7
