"""Values given from outside in place of those in the file."""

import pytest

from fluxrig_tooling.rig import load_text

RIG = """fluxrig: 1
meta: {name: r, version: 1}
gears:
  - name: plc
    type: io_modbus
    config:
      link: tcp://10.0.0.5
      tags: {x: {address: hr:0, range: [0, 10]}}
  - {name: screen, type: console}
wires:
  - {from: plc, to: screen}
"""


def configs(overrides: dict) -> dict:
    rig, problems = load_text(RIG, overrides=overrides)
    assert rig, [str(problem) for problem in problems]
    return {gear.name: gear.config for gear in rig.gears}


def said(overrides: dict) -> list[str]:
    rig, problems = load_text(RIG, overrides=overrides)
    assert rig is None
    return [f"{each.line}:{each.column} {each.message} | {each.hint}" for each in problems]


def test_a_value_is_replaced():
    changed = configs({"gears.plc.config.link": "tcp://127.0.0.1:40001", "gears.plc.config.tags.x.range.1": 99})
    assert changed["plc"]["link"] == "tcp://127.0.0.1:40001"
    assert changed["plc"]["tags"]["x"]["range"] == [0, 99]


def test_a_last_key_may_be_new():
    changed = configs({"gears.plc.config.every": "50ms", "gears.screen.config": {"format": "json"}})
    assert (changed["plc"]["every"], changed["screen"]["format"]) == (50, "json")


@pytest.mark.parametrize(
    ("value", "written"),
    [(True, "true"), (3, "3"), (2.5, "2.5"), (None, "null"), ("1", "'1'"), ({"b": 1}, "keys and values")],
)
def test_a_value_keeps_its_type(value, written):
    assert said({"tests": value}) == [f"1:1 tests: expected a list, got {written} | "]


def test_text_stays_text():
    assert said({"gears.plc.config.unit_id": "5"}) == ["7:7 unit_id: expected a whole number, got '5' | "]
    rig, _ = load_text(RIG, overrides={"meta.version": "1.10"})
    assert rig and rig.version == "1.10"


def test_what_is_not_valid_is_said_where_it_was_put():
    assert said({"gears.plc.config.link": []})[0].startswith("7:13 link: expected text, got a list")


def test_a_path_that_leads_nowhere_is_an_error():
    assert said({"gears.plcs.config.link": "x"}) == [
        "4:3 the override 'gears.plcs.config.link' finds no 'plcs' here | did you mean 'plc'?"
    ]
    assert said({"geers.plc": 1})[0].endswith("finds no 'geers' here | did you mean 'gears'?")
    assert "finds no 'deeper' here" in said({"meta.name.deeper": 1})[0]
    assert "finds no '7' here" in said({"gears.7.name": "x"})[0]
