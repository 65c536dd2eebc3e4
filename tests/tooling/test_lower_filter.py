"""The rules that a `filter` Gear gets for the tags that reach it, and that they do what they say when it runs."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fluxrig.decimal import Decimal
from fluxrig.gears.filter.filter import Deadband
from fluxrig_tooling.rig import load_text

TAGS = """
        level: {address: hr:0, type: float32, range: [50, 250]}
        bare: {address: hr:2, type: float32}
        scaled: {address: hr:4, type: int16, scale: 0.1, range: [-40, 60]}
        count: {address: hr:5}
        speed: {address: hr:6, range: [0, 1500]}
        state: {address: hr:7, enum: {0: off, 1: on}}
        running: {address: co:0}
"""


def rig(config: str, tags: str = TAGS) -> str:
    return f"""
fluxrig: 1
meta: {{name: r, version: 1}}
gears:
  - name: plc
    type: io_modbus
    config:
      link: tcp://h
      tags:{tags}
  - {{name: edge, type: filter, config: {config}}}
wires:
  - {{from: plc, to: edge}}
"""


def lowered(config: str, tags: str = TAGS) -> dict[str, Any]:
    model, problems = load_text(rig(config, tags))
    assert model, [str(problem) for problem in problems]
    return model.gear("edge").compiled


def said(config: str, tags: str = TAGS) -> list[str]:
    model, problems = load_text(rig(config, tags))
    assert model is None
    return [problem.message for problem in problems]


WITHOUT_BARE = TAGS.replace("bare: {address: hr:2, type: float32}", "bare: {address: hr:2, type: uint32}")


def test_percent_is_of_the_range_of_each_tag():
    compiled = lowered("{deadband: 5%}", WITHOUT_BARE)
    assert compiled == {
        "tags": {
            "level": ["absolute", 10.0, 0.0, 0],
            "bare": ["change", 0.0, 0.0, 0],
            "scaled": ["absolute", 5.0, 0.0, 0],
            "count": ["change", 0.0, 0.0, 0],
            "speed": ["absolute", 75.0, 0.0, 0],
            "state": ["change", 0.0, 0.0, 0],
            "running": ["change", 0.0, 0.0, 0],
        },
        "default": ["change", 0.0, 0.0, 0],
    }


def test_a_number_is_a_distance_for_every_number():
    compiled = lowered("{deadband: 0.5, max_interval: 1m}")
    distance, change = ["absolute", 0.5, 0.0, 60_000], ["change", 0.0, 0.0, 60_000]
    assert {tag: compiled["tags"][tag] for tag in ("level", "bare", "count", "speed")} == dict.fromkeys(
        ("level", "bare", "count", "speed"), distance
    )
    assert compiled["tags"]["state"] == compiled["tags"]["running"] == change
    assert compiled["default"] == distance


def test_percent_of_last_needs_no_range():
    compiled = lowered("{deadband: 2.5% of last, floor: 0.1}")
    assert compiled["tags"]["bare"] == compiled["default"] == ["relative", 0.025, 0.1, 0]
    assert compiled["tags"]["running"] == ["change", 0.0, 0.0, 0]


def test_widths_are_exact_where_they_have_room():
    def default(config: str) -> list[str]:
        return [repr(part) for part in lowered(config)["default"][1:3]]

    assert default("{deadband: 0.29}") == ["Decimal(29, -2)", "0.0"]
    assert default("{deadband: 100}") == ["Decimal(100, 0)", "0.0"]
    assert default("{deadband: 2.5% of last, floor: 1e-7}") == ["Decimal(25, -3)", "Decimal(1, -7)"]
    assert default("{deadband: 1e-300}") == ["1e-300", "0.0"]
    assert default("{deadband: 1e+300}") == ["1e+300", "0.0"]
    level = lowered("{deadband: 29%}", "\n        level: {address: hr:0, type: int16, range: [0.1, 100]}\n")["tags"][
        "level"
    ]
    assert repr(level[1]) == "Decimal(28971, -3)"


def test_without_a_deadband_every_change_passes():
    assert lowered("{}")["tags"]["level"] == ["absolute", 0.0, 0.0, 0]


def test_a_tag_may_have_a_rule_of_its_own_over_the_common_one():
    compiled = lowered(
        "{deadband: 1% of last, floor: 2, max_interval: 1m, tags: {level: {deadband: 5%}, bare: {floor: 3}, "
        "count: {max_interval: 5s}, speed: {deadband: 1, max_interval: 1h}}}"
    )["tags"]
    assert compiled["level"] == ["absolute", 10.0, 0.0, 60_000]
    assert compiled["bare"] == ["relative", 0.01, 3.0, 60_000]
    assert compiled["count"] == ["relative", 0.01, 2.0, 5_000]
    assert compiled["speed"] == ["absolute", 1.0, 0.0, 3_600_000]


def test_a_float_without_a_range_cannot_have_a_percentage_of_it():
    assert said("{deadband: 5%}") == ["5% of what? The tag 'bare' of gear 'plc' has no range"]
    assert said("{tags: {bare: {deadband: 5%}}}") == ["5% of what? The tag 'bare' of gear 'plc' has no range"]


def test_a_tag_that_does_not_arrive_has_no_rule():
    assert said("{tags: {levle: {deadband: 5%}}}")[0] == "no tag 'levle' arrives here"


def test_what_could_not_be_read_upstream_causes_no_second_error():
    broken = TAGS.replace("hr:0, type: float32", "hr:0, type: flaot32")
    assert [message[:20] for message in said("{tags: {level: {deadband: 5%}}}", broken)] == ["type: 'flaot32' is n"]


@pytest.mark.parametrize(
    "floor", ["{deadband: 5, floor: 1}", "{tags: {level: {deadband: 5%, floor: 1}}}", "{floor: 1}"]
)
def test_a_floor_is_for_percentages_of_the_last_value(floor):
    assert "floor" in said(floor)[0]


@given(
    low=st.integers(-1000, 1000),
    span=st.integers(1, 1000),
    percent=st.integers(0, 100),
    value=st.integers(-2000, 2000),
    moved=st.integers(-2000, 2000),
)
@example(low=0, span=100, percent=29, value=0, moved=29)
def test_the_rule_passes_what_opc_ua_calls_beyond_the_percent_deadband(low, span, percent, value, moved):
    """OPC UA Part 8, section 7.2: |last - value| > deadband / 100 * (high - low)."""
    tags = f"\n        level: {{address: hr:0, type: int32, range: [{low}, {low + span}]}}\n"
    deadband = Deadband(*lowered(f"{{deadband: {percent}%}}", tags)["tags"]["level"])
    deadband.moved(float(value), "good", 0)
    assert deadband.moved(float(value + moved), "good", 1) == (abs(moved) * 100 > percent * span)


@given(
    percent=st.integers(0, 1000),
    value=st.integers(-2000, (1 << 64) - 1),
    moved=st.integers(-2000, 2000) | st.integers(-(1 << 64), 1 << 64),
    exponent=st.integers(-9, 3),
)
@example(percent=290, value=1000, moved=290, exponent=-1)
def test_a_percentage_of_the_last_value_is_exact_for_decimals(percent, value, moved, exponent):
    deadband = Deadband(*lowered(f"{{deadband: {percent / 10}% of last}}")["default"])
    deadband.moved(Decimal(value, exponent), "good", 0)
    beyond = abs(moved) * 1000 > percent * abs(value)
    assert deadband.moved(Decimal(value + moved, exponent), "good", 1) == beyond
