"""The nearest valid name, and lists of names."""

import pytest

from fluxrig_tooling.wording.suggest import did_you_mean, listed, nearest

TYPES = ["console", "filter", "io_modbus", "uns"]


@pytest.mark.parametrize(
    ("word", "close"),
    [("io_modbsu", "io_modbus"), ("modbus", "io_modbus"), ("Filter", "filter"), ("CONSOLE", "console"), ("xyz", None)],
)
def test_the_nearest_name_is_found_in_any_case(word, close):
    assert nearest(word, TYPES) == close


def test_a_hint_names_the_nearest_or_all():
    assert did_you_mean("filtre", TYPES) == "did you mean 'filter'?"
    assert did_you_mean("xyz", TYPES) == "known: console, filter, io_modbus and uns"
    assert did_you_mean("xyz", []) == ""


def test_a_list_reads_as_a_sentence_and_is_bounded():
    assert listed(["a"]) == "a"
    assert listed(["a", "b"], "or") == "a or b"
    assert listed([str(number) for number in range(25)], limit=3) == "0, 1, 2 and 22 more"
