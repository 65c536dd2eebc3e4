"""The schema for editors, used as an editor uses it: on what another YAML implementation reads from the file."""

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from fluxrig_tooling.device import board
from fluxrig_tooling.rig import Catalog, rig_schema

ROOT = Path(__file__).resolve().parents[2]
GOOD = sorted([*(ROOT / "tests/rigs/good").glob("*.yaml"), *(ROOT / "tooling").rglob("examples/*.yaml")])

SOURCE = """
fluxrig: 1
meta: {name: r, version: 1.10}
racks: [{name: a, board: UNIX}]
gears:
  - {name: plc, type: io_modbus, config: {link: tcp://h, every: 1s, tags: {x: {address: hr:0, type: int16}}}}
  - {name: edge, type: filter, config: {deadband: 5%}}
wires:
  - {from: plc, to: [edge]}
  - {from: plc.err, to: [edge], lane: guaranteed, delivery: {max_attempts: 9, retry_min: 1s}}
"""


def seen_by_an_editor(text: str) -> list[str]:
    """Where an editor would underline something."""
    document: Any = YAML(typ="safe", pure=True).load(text)
    return [error.json_path for error in Draft202012Validator(rig_schema()).iter_errors(document)]


def test_it_is_a_json_schema():
    schema = rig_schema()
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_good_rig_is_not_underlined(path):
    assert seen_by_an_editor(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("good", "bad", "place"),
    [
        ("type: filter", "type: filtre", "$.gears[1].type"),
        ("board: UNIX", "board: UNIXX", "$.racks[0].board"),
        ("deadband: 5%", "deadbend: 5%", "$.gears[1].config"),
        ("every: 1s", "every: 5", "$.gears[0].config.every"),
        ("type: int16", "type: int17", "$.gears[0].config.tags.x.type"),
        ("plc, to: [edge]", "plc, to: []", "$.wires[0].to"),
        ("lane: guaranteed, ", "", "$.wires[1]"),
        ("lane: guaranteed, ", "lane: hot, ", "$.wires[1].lane"),
        ("max_attempts: 9", "max_attempts: 0", "$.wires[1].delivery.max_attempts"),
        ("retry_min: 1s", "retry_min: 1", "$.wires[1].delivery.retry_min"),
        ("retry_min: 1s", "retry: 1s", "$.wires[1].delivery"),
        ("fluxrig: 1", "fluxrig: 7", "$.fluxrig"),
        ("config: {link", "konfig: {link", "$.gears[0]"),
        ("type: filter", "type: filter, for_each: [{host: h}]", "$.gears[1].for_each[0]"),
        ("x: {address: hr:0, type: int16}", "x: {type: int16}", "$.gears[0].config.tags.x"),
    ],
)
def test_a_mistake_is_underlined(good, bad, place):
    assert good in SOURCE and seen_by_an_editor(SOURCE) == []
    assert place in seen_by_an_editor(SOURCE.replace(good, bad))


def test_columns_of_for_each_may_stand_for_any_value_and_a_profile_for_addresses():
    text = SOURCE.replace("every: 1s", 'every: "${every}", unit_id: "${unit}", profile: acme/x')
    text = text.replace("{address: hr:0, type: int16}", '{scale: "${scale}", type: "${type}"}')
    assert seen_by_an_editor(text.replace("name: plc,", "name: plc, for_each: [{id: a, unit: 3}],")) == []


def test_types_boards_and_their_summaries_are_offered():
    schema = rig_schema()
    offered = schema["properties"]["gears"]["items"]["properties"]["type"]
    assert offered["enum"] == Catalog().types()
    assert len(offered["enumDescriptions"]) == len(offered["enum"])
    assert schema["properties"]["racks"]["items"]["properties"]["board"]["enum"] == board.names()


def test_every_key_has_a_description_to_show():
    def bare(schema: Any, path: str) -> list[str]:
        found = []
        for key, value in schema.get("properties", {}).items():
            found += [f"{path}.{key}"] if "description" not in value else []
            found += bare(value, f"{path}.{key}")
        for key in ("items", "additionalProperties"):
            if isinstance(schema.get(key), dict):
                found += bare(schema[key], f"{path}.{key}")
        return found

    schema = rig_schema()
    assert bare(schema, "rig") == []
    assert [place for name, config in schema["$defs"].items() for place in bare(config, name)] == []


def test_a_reference_within_a_manifest_keeps_its_target(tmp_path):
    folder = tmp_path / "gears" / "double"
    folder.mkdir(parents=True)
    (folder / "manifest.toml").write_text(
        """
type = "double"
class = "Double"
summary = "Twice"
targets = ["cpython"]
sends_outside = false
passes_tags = true
[config]
type = "object"
additionalProperties = false
properties.factor = { "$ref" = "#/$defs/factor", description = "d" }
"$defs".factor = { type = "integer" }
"""
    )
    schema = rig_schema(Catalog(tmp_path))
    rig = {"fluxrig": 1, "meta": {"name": "r", "version": "1"}, "gears": [{"name": "d", "type": "double"}]}
    validator = Draft202012Validator(schema)
    rig["gears"][0]["config"] = {"factor": 2}  # type: ignore[index]
    assert list(validator.iter_errors(rig)) == []
    rig["gears"][0]["config"] = {"factor": "two"}  # type: ignore[index]
    assert [error.json_path for error in validator.iter_errors(rig)] == ["$.gears[0].config.factor"]
