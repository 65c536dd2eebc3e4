"""Addresses on the command line of `fluxrig modbus`."""

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxrig_tooling.cli.modbus.addresses import parse_address, tag_keys

TABLES = {"co": "0", "di": "1", "ir": "3", "hr": "4"}
ADDRESSES = st.integers(0, 65_535)


@given(st.sampled_from(sorted(TABLES)), ADDRESSES, ADDRESSES)
def test_an_address_is_the_same_in_every_notation(table: str, one: int, other: int):
    first, last = sorted((one, other))
    digits = 4 if last < 9999 else 5
    reference = [f"{TABLES[table]}{address + 1:0{digits}d}" for address in (first, last)]
    for text in (f"{table}:{first}-{last}", f"{table}:{first}-{table}:{last}", "-".join(reference)):
        wanted = parse_address(text, {})
        assert (wanted.table, wanted.first, wanted.count) == (table, first, last - first + 1)
    for text in (f"{table}:{first}", reference[0]):
        wanted = parse_address(text, {})
        assert (wanted.table, wanted.first, wanted.count) == (table, first, None)


@given(st.text(alphabet="hrico:0149-/=x.ABCDflt", max_size=14) | st.text(max_size=10))
def test_any_text_is_an_address_or_wrong_usage(text: str):
    try:
        wanted = parse_address(text, {})
    except click.UsageError as exc:
        assert exc.message
        return
    assert wanted.table in TABLES
    assert 0 <= wanted.first < 65_536


@pytest.mark.parametrize(
    ("text", "name", "keys"),
    [
        ("hr:0", "", {}),
        ("flow=hr:0", "flow", {}),
        ("hr:0/float32", "", {"type": "float32"}),
        ("hr:0/float32/CDAB", "", {"type": "float32", "order": "CDAB"}),
        ("hr:0/CDAB/float32/x0.1", "", {"type": "float32", "order": "CDAB", "scale": 0.1}),
        ("hr:0/int16/x10", "", {"type": "int16", "scale": 10}),
        ("hr:0/bit15", "", {"bit": 15}),
        ("hr:0/uint8/high", "", {"type": "uint8", "byte": "high"}),
        ("hr:0/string16", "", {"type": "string", "length": 16}),
        ("t-1=hr:0/raw4", "t-1", {"type": "raw", "length": 4}),
        ("hr:0/bit16", "", {"type": "bit16"}),  # which no rig knows
    ],
)
def test_what_stands_behind_an_address_are_keys_of_a_tag(text: str, name: str, keys: dict[str, object]):
    wanted = parse_address(text, {})
    assert (wanted.name, wanted.keys) == (name, keys)


def test_what_an_address_says_goes_over_the_options_which_are_for_registers():
    options = tag_keys("float32", "CDAB", "0.1")
    assert options == {"type": "float32", "order": "CDAB", "scale": 0.1}
    assert parse_address("hr:0/int32", options).keys == {"type": "int32", "order": "CDAB", "scale": 0.1}
    assert parse_address("co:0", options).keys == {}


@given(st.sampled_from((("uint16", 1), ("float32", 2), ("int64", 4), ("string5", 3), ("raw7", 7))), st.integers(1, 5))
def test_a_range_is_as_many_values_as_fit(kind: tuple[str, int], count: int):
    name, width = kind
    wanted = parse_address(f"hr:10-{9 + width * count}/{name}", {})
    addresses = [tag["address"] for _, tag in wanted.tags(None)]
    assert addresses == [f"hr:{10 + width * index}" for index in range(count)]
    assert [tag["address"] for _, tag in parse_address(f"hr:10/{name}", {}).tags(count)] == addresses
