"""`for_each`: a gear that stands for several, one a row of a table."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fluxrig_tooling.rig.expand as expand_module
import fluxrig_tooling.rig.instance_wires as wires_module
import fluxrig_tooling.rig.rows as rows_module
from fluxrig_tooling.rig import compile_rig, load, load_text, mermaid
from fluxrig_tooling.rig.expand import MAX_VALUES, expand
from fluxrig_tooling.rig.instance_wires import MAX_WIRES
from fluxrig_tooling.rig.model import RigModel
from fluxrig_tooling.rig.nodes import from_value
from fluxrig_tooling.rig.problems import Location, Problems
from fluxrig_tooling.rig.rows import MAX_ROWS

POLL = "config: {link: tcp://h, tags: {x: {address: hr:0}}}"

HEAD = "fluxrig: 1\nmeta: {name: r, version: 1}\n"

RIG = (
    HEAD
    + """gears:
  - name: meter
    type: io_modbus
    for_each: [{id: m1, host: 10.0.0.1, unit: 3}, {id: m2, host: 10.0.0.2, unit: 4}]
    uns: {cell: "${id}"}
    config: {link: "tcp://${host}", unit_id: "${unit}", tags: {x: {address: hr:0}}}
  - {name: screen, type: console}
wires:
  - {from: meter, to: screen}
"""
)


def loaded(text: str, **keywords: Any) -> RigModel:
    rig, problems = load_text(text, **keywords)
    assert rig, [str(problem) for problem in problems]
    return rig


def said(text: str, **keywords: Any) -> list[str]:
    _, problems = load_text(text, **keywords)
    return [f"{each.line}:{each.column} {each.message} | {each.hint}" for each in problems]


def gears_with(*lines: str, wires: str = "") -> str:
    return HEAD + "gears:\n" + "".join(f"  - {line}\n" for line in lines) + (f"wires: {wires}\n" if wires else "")


# What an instance is


def test_there_is_a_gear_for_each_row_called_like_its_id():
    rig = loaded(RIG)
    assert [gear.name for gear in rig.gears] == ["meter-m1", "meter-m2", "screen"]
    assert [gear.uns for gear in rig.gears[:2]] == [{"cell": "m1"}, {"cell": "m2"}]
    assert rig.gears[0].id != rig.gears[1].id


def test_text_that_is_nothing_but_a_column_takes_the_type_that_its_field_wants():
    rig = loaded(RIG)
    assert [gear.config["unit_id"] for gear in rig.gears[:2]] == [3, 4]
    assert [gear.config["link"] for gear in rig.gears[:2]] == ["tcp://10.0.0.1", "tcp://10.0.0.2"]


@pytest.mark.parametrize(
    ("doc", "shown"),
    [
        ("${host}", "10.0.0.1"),
        ("${id} at ${host}", "m1 at 10.0.0.1"),
        ("$${host}", "${host}"),
        ("$${host} is ${host}", "${host} is 10.0.0.1"),
        ("$$${host}", "$${host}"),
        ("5 $ and {host}", "5 $ and {host}"),
    ],
)
def test_columns_in_text_and_their_escape(doc, shown):
    rig = loaded(
        gears_with(
            f'{{name: c, type: io_modbus, {POLL}, for_each: [{{id: m1, host: 10.0.0.1}}], doc: "{doc} ${{host}}"}}'
        )
    )
    node = rig.gear("c-m1").node
    assert node.entries["doc"].node.text == f"{shown} 10.0.0.1"  # type: ignore[union-attr]


def test_a_quoted_cell_of_a_list_is_text_and_one_of_a_table_is_what_its_field_wants(tmp_path):
    line = (
        '{name: m, type: io_modbus, for_each: %s, config: {link: tcp://h, unit_id: "${u}", tags: {x: {address: hr:0}}}}'
    )
    found = said(gears_with(line % '[{id: a, u: "3"}]'))
    assert any("unit_id: expected a whole number, got '3' (in m-a)" in each for each in found)
    (tmp_path / "t.csv").write_text('id,u\na,"3"\n')
    (tmp_path / "rig.yaml").write_text(gears_with(line % "t.csv"))
    rig, _ = load(tmp_path / "rig.yaml")
    assert rig and rig.gears[0].config["unit_id"] == 3


def test_everything_in_the_gear_but_its_keys_may_come_from_a_column():
    rows = (
        "[{id: 1, kind: console, rack: a, how: json, act: kill}, {id: 2, kind: console, rack: b, how: text, act: drop}]"
    )
    line = (
        f'{{name: x, type: "${{kind}}", deploy: "${{rack}}", on_error: "${{act}}", config: {{format: "${{how}}"}}, '
        f"for_each: {rows}}}"
    )
    rig = loaded(
        gears_with(line, "{name: s, type: io_modbus, deploy: a, config: {link: tcp://h, tags: {x: {address: hr:0}}}}",
                   "{name: t, type: io_modbus, deploy: b, config: {link: tcp://h, tags: {x: {address: hr:0}}}}",
                   wires="[{from: s, to: x-1}, {from: t, to: b.x-2.in}]") + "racks: [{name: a}, {name: b}]\n"
    )  # fmt: skip
    gears = [rig.gear(name) for name in ("x-1", "x-2")]
    assert [(gear.rack, gear.on_error, gear.config["format"]) for gear in gears] == [
        ("a", "kill", "json"),
        ("b", "drop", "text"),
    ]


def test_the_drawing_shows_the_instances():
    assert [line.strip() for line in mermaid(loaded(RIG)).splitlines() if "meter" in line] == [
        'g0["meter-m1<br/>io_modbus"]',
        'g1["meter-m2<br/>io_modbus"]',
    ]


def test_a_rig_without_for_each_is_left_as_it_is():
    root = from_value({"gears": [{"name": "a", "doc": "${x}"}]}, Location(1, 1))
    assert expand(root, Path(), Problems()).root is root


# Wires


def wires_of(wires: str, *lines: str) -> list[str]:
    gears = lines or (
        "{name: m, type: io_modbus, for_each: [{id: a}, {id: b}], config: {link: tcp://h, tags: {x: {address: hr:0}}}}",
        "{name: f, type: filter, for_each: [{id: b}, {id: a}]}",
        "{name: s, type: console}",
        "{name: c, type: console}",
    )
    rig, problems = load_text(gears_with(*gears, wires=wires))
    assert rig, [str(each) for each in problems]
    return [str(wire) for wire in rig.wires]


def test_the_name_of_the_gear_means_all_of_its_instances():
    assert wires_of("[{from: m, to: [s, c]}, {from: m, to: f}]")[:4] == [
        "m-a.out -> s.in",
        "m-b.out -> s.in",
        "m-a.out -> c.in",
        "m-b.out -> c.in",
    ]


def test_between_two_such_gears_those_with_the_same_id_are_wired():
    assert wires_of("[{from: m, to: f}, {from: f, to: [s, c]}]")[:2] == ["m-a.out -> f-a.in", "m-b.out -> f-b.in"]


def test_ports_racks_and_single_instances_can_be_named():
    wires = "[{from: [m.out, f.err], to: r.s.in}, {from: m-a, to: f-b}, {from: r.m-b.out, to: [f-a, c]}]"
    assert wires_of(wires) == [
        "m-a.out -> s.in",
        "m-b.out -> s.in",
        "f-b.err -> s.in",
        "f-a.err -> s.in",
        "m-a.out -> f-b.in",
        "m-b.out -> f-a.in",
        "m-b.out -> c.in",
    ]


def test_the_lane_is_that_of_each_wire():
    rig = loaded(RIG.replace("to: screen}", "to: screen, lane: guaranteed, delivery: {max_attempts: 2}}"))
    assert [wire.lane for wire in rig.wires] == ["guaranteed", "guaranteed"]
    assert [wire.delivery.max_attempts for wire in rig.wires if wire.delivery] == [2, 2]


def test_an_unknown_name_is_told_the_gear_that_stands_for_several():
    assert said(RIG.replace("from: meter", "from: metre"))[0] == "11:12 unknown gear 'metre' | did you mean 'meter'?"


# What is wrong


def test_a_mistake_in_the_gear_is_said_once_with_the_number_of_instances():
    assert said(RIG.replace("address: hr:0", "adress: hr:0")) == [
        "8:67 x lacks the key 'address' (in meter-m1 and 1 more) | add `address: hr:0` (Table and 0-based address)",
        "8:68 unknown key 'adress' in tags.x (in meter-m1 and 1 more) | did you mean 'address'?",
    ]


def test_a_mistake_in_a_row_names_the_instance():
    assert said(RIG.replace("unit: 4", "unit: 400")) == ["8:46 unit_id: expected at most 255, got 400 (in meter-m2) | "]


def test_a_mistake_that_names_the_gear_already_needs_no_more():
    found = said(RIG.replace("[{id: m1, host: 10.0.0.1, unit: 3}, ", "[").replace("unit_id:", "unit_di:"))
    assert found == ["8:37 unknown key 'unit_di' in the config of 'meter-m2' | did you mean 'unit_id'?"]


def test_an_instance_and_another_gear_cannot_have_one_name():
    found = said(RIG.replace("name: screen", "name: meter-m1").replace("to: screen", "to: meter-m2"))
    assert "9:12 there is a second gear called 'meter-m1', the first is at line 4, column 11" in found[0]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("[{host: h}]", "4:42 there is no column 'id' | it tells the gears apart: each is called NAME-ID"),
        ("[{Id: a, host: h}]", "4:42 there is no column 'id' | rename 'Id' to id"),
        (
            "[{id: a, host: h}, {id: a, host: h}]",
            "4:64 the id 'a' stands here a second time, first at line 4, column 46",
        ),
        ("[{id: A, host: h}]", "4:46 id: 'A' is not valid here | use lower case letters, digits, _ and -"),
        ("[{id: a}]", "4:56 for_each has no column 'host' | known: id"),
        ("[{id: a, host: ~}]", "4:55 the row 'a' has nothing in the column 'host' | the gear has ${host} in its text"),
        ("[{id: a, host: h}, {id: b}]", "4:59 the row 'b' has nothing in the column 'host'"),
        ("[]", "4:40 for_each: there is no row, so there would be no gear"),
        ("{id: a}", "4:40 for_each: expected a CSV file or a list of rows"),
        ("/etc/hostname", "4:40 for_each: '/etc/hostname' is not in the folder of the rig"),
        ("C:/t.csv", "4:40 for_each: 'C:/t.csv' is not in the folder of the rig"),
        ('"a\\0b"', "4:40 for_each: there is no file 'a\\x00b' in the folder of the rig"),
    ],
)
def test_mistakes_in_a_table(rows, message):
    found = said(gears_with(f'{{name: c, type: console, for_each: {rows}, doc: "${{host}}"}}'))
    assert any(each.startswith(message) for each in found), found


def test_too_many_rows_instances_and_wires_are_refused(monkeypatch):
    # The real limits are large, and rigs beyond them take long to read.
    monkeypatch.setattr(rows_module, "MAX_ROWS", 20)
    monkeypatch.setattr(expand_module, "MAX_VALUES", 1000)
    monkeypatch.setattr(wires_module, "MAX_WIRES", 40)
    rows = ", ".join(f"{{id: {number}}}" for number in range(21))
    assert "more than the 20 " in said(gears_with(f"{{name: c, type: console, for_each: [{rows}]}}"))[0]
    rows = ", ".join(f"{{id: {number}}}" for number in range(20))
    many = ", ".join("x" for _ in range(50))
    found = said(gears_with(f"{{name: c, type: console, for_each: [{rows}], config: {{format: [{many}]}}}}"))
    assert "make the rig too large" in found[0]
    ends = ", ".join(["c"] * 3)
    found = said(gears_with(f"{{name: c, type: console, for_each: [{rows}]}}", wires=f"[{{from: s, to: [{ends}]}}]"))
    assert any("more than 40 wires" in message for message in found)


def test_the_limits_leave_room_for_a_plant():
    assert MAX_ROWS >= 1000 and MAX_VALUES >= 100 * MAX_ROWS and MAX_WIRES >= 10 * MAX_ROWS


def test_an_oversized_file_is_refused(tmp_path):
    (tmp_path / "rig.yaml").write_text(gears_with("{name: c, type: console, for_each: t.csv}"))
    (tmp_path / "t.csv").write_bytes(b"id\n" + b"x" * 2**21)
    _, problems = load(tmp_path / "rig.yaml")
    assert [str(each) for each in problems] == [
        f"{tmp_path}/t.csv: error: the file has more than the 1048576 bytes of the largest table\n    split it"
    ]


# Values from outside


def test_overrides_reach_the_gear_and_its_instances():
    rig = loaded(
        RIG,
        overrides={
            "gears.meter.config.every": "5s",
            "gears.meter-m2.config.link": "tcp://127.0.0.1:5020",
            "gears.meter-m2.config.every": "7s",
        },
    )
    assert [gear.config["every"] for gear in rig.gears[:2]] == [5000, 7000]
    assert rig.gear("meter-m2").config["link"] == "tcp://127.0.0.1:5020"
    (found,) = said(RIG, overrides={"gears.meter-m3.config.link": "x"})
    assert found.startswith("4:3 the override 'gears.meter-m3.config.link' finds no 'meter-m3' here"), found


def test_the_table_itself_may_come_from_outside():
    rig = loaded(RIG, overrides={"gears.meter.for_each": [{"id": "z", "host": "h", "unit": 9}]})
    assert [gear.name for gear in rig.gears] == ["meter-z", "screen"]
    assert rig.gears[0].config["unit_id"] == 9


# Whatever stands there

SCALARS = (
    st.none() | st.booleans() | st.integers(0, 9) | st.sampled_from(["a", "id", "${id}", "${x", "$${", "m.out", "x"])
)
KEYS = st.sampled_from(["name", "type", "for_each", "id", "x", "config", "from", "to", "doc"])
TREES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4))


@given(st.dictionaries(st.sampled_from(["gears", "wires", "meta"]), TREES | st.lists(TREES, max_size=4)))
def test_expanding_any_tree_gives_a_tree_without_for_each_or_problems(tree):
    problems = Problems()
    expanded = expand(from_value(tree, Location(1, 1)), Path("nowhere"), problems)
    gears = expanded.root.entries["gears"].node if "gears" in expanded.root.entries else None  # type: ignore[union-attr]
    for gear in getattr(gears, "items", ()):
        assert "for_each" not in getattr(gear, "entries", {})
    assert all("\n" not in each.message for each in problems)


@given(
    st.lists(
        st.fixed_dictionaries({"id": st.sampled_from("abc")}, optional={"host": SCALARS, "unit": SCALARS}), max_size=4
    )
)
def test_any_rows_give_a_rig_or_problems(rows):
    rig, problems = load_text(RIG, overrides={"gears.meter.for_each": rows})
    assert (rig is None) == bool(problems.errors)
    if rig:
        assert len(compile_rig(rig)["gears"]) == len(rows) + 1
