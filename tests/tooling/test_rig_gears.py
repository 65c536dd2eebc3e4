"""Gear types: those built in, those of packages, those in the folder beside the rig; found, checked, compiled, run."""

import sys
from pathlib import Path

import pytest

import fluxrig.gears
from fluxrig import registry
from fluxrig.errors import LocalError
from fluxrig.rack import Rack
from fluxrig_ports.memory import MemoryHost
from fluxrig_tooling.rig import Catalog, compile_rig, load, load_text, mermaid, register_gears

MANIFEST = """
type = "{name}"
class = "{class_name}"
summary = "A gear for tests"
targets = ["cpython"]
sends_outside = false
passes_tags = {passes}
[inputs.in]
doc = "in"
[outputs.out]
doc = "out"
[config]
type = "object"
additionalProperties = false
[config.properties.every]
type = "string"
format = "duration"
default = "1s"
[config.properties.keep]
type = "string"
format = "size"
default = "1KiB"
[config.properties.token]
type = "string"
format = "secret-or-text"
writeOnly = true
default = "secret:tok"
[config.properties.share]
type = "string"
format = "percent"
default = "5%"
"""

CODE = """
from fluxrig.gear import Gear

class {class_name}(Gear):
    def init(self, ctx):
        self.config = ctx.config
        self.token = ctx.secret(ctx.config["token"])
"""

RIG = """
fluxrig: 1
meta: {{name: r, version: 1}}
gears:
  - {{name: mine, type: {name}, config: {{every: 2s}}}}
"""


@pytest.fixture(autouse=True)
def a_registry_of_its_own(monkeypatch):
    """What a test registers is gone after it."""
    monkeypatch.setattr(registry, "_GEARS", dict(registry._GEARS))
    monkeypatch.setattr(fluxrig.gears, "__path__", list(fluxrig.gears.__path__))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith(("fluxrig.gears.", "a_package")):
            del sys.modules[name]


def write_gear(folder: Path, name: str, class_name: str = "Mine", passes: str = "false") -> Path:
    """A Gear type in `folder`/gears, and a rig beside it that uses it."""
    home = folder / "gears" / name
    home.mkdir(parents=True)
    (home / "manifest.toml").write_text(MANIFEST.format(name=name, class_name=class_name, passes=passes))
    (home / f"{name}.py").write_text(CODE.format(class_name=class_name))
    rig = folder / "rig.yaml"
    rig.write_text(RIG.format(name=name))
    return rig


def errors_of(path: Path) -> list[str]:
    rig, problems = load(path)
    assert rig is None
    return [f"{each.line}:{each.column} {each.message} | {each.hint}" for each in problems.errors]


# Built in


def test_every_built_in_gear_has_a_valid_manifest_with_examples_that_check():
    catalog = Catalog()
    assert {"console", "filter", "io_modbus", "uns"} <= set(catalog.types())
    for name in catalog.types():
        manifest = catalog.manifest(name)
        assert manifest.examples
        for example in manifest.examples:
            rig = f"fluxrig: 1\nmeta: {{name: r, version: 1}}\ngears:\n{example.yaml}"
            _, problems = load_text(rig)
            about_config = [each.message for each in problems.errors if not each.message.startswith("nothing feeds")]
            # A filter's example stands alone here, without the source whose tags it rules.
            assert [message for message in about_config if "arrives here" not in message] == []


def test_ports_are_those_of_the_code():
    catalog = Catalog()
    for name in catalog.types():
        manifest = catalog.manifest(name)
        inputs = {attr.removeprefix("on_") for attr in dir(registry.gear_class(name)) if attr.startswith("on_")}
        assert set(manifest.inputs) == inputs


# Beside the rig


def test_a_gear_beside_the_rig_is_checked_compiled_and_run(tmp_path):
    rig, problems = load(write_gear(tmp_path, "twice"))
    assert rig, list(problems)
    compiled = compile_rig(rig)
    config = compiled["gears"][0]["config"]
    assert config == {"every": 2000, "keep": 1024, "token": {"secret": "tok"}, "share": "5%"}
    assert "fluxrig.gears.twice.twice" not in sys.modules  # nothing of it runs before it is asked for
    register_gears(gear.manifest for gear in rig.gears)
    rack = Rack(MemoryHost(secrets={"tok": "s3cret"}), compiled)
    gear = rack.stations[0].gear
    assert (type(gear).__name__, gear.config["every"], gear.token) == ("Mine", 2000, "s3cret")


def test_registering_again_changes_nothing(tmp_path):
    rig, _ = load(write_gear(tmp_path, "again"))
    assert rig
    for _ in range(2):
        register_gears(gear.manifest for gear in rig.gears)
    assert list(fluxrig.gears.__path__).count(str(tmp_path / "gears")) == 1


def test_a_gear_of_another_rig_with_the_same_name_is_refused(tmp_path):
    first, _ = load(write_gear(tmp_path / "a", "shared"))
    second, _ = load(write_gear(tmp_path / "b", "shared"))
    assert first and second
    register_gears(gear.manifest for gear in first.gears)
    with pytest.raises(LocalError, match="for another rig"):
        register_gears(gear.manifest for gear in second.gears)


def test_a_gear_beside_the_rig_cannot_replace_a_built_in_one(tmp_path):
    assert errors_of(write_gear(tmp_path, "console"))[0].startswith(
        "5:24 gear type 'console' exists twice: built in and in"
    )


def test_a_rig_elsewhere_does_not_see_it(tmp_path):
    write_gear(tmp_path, "twice")
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "rig.yaml").write_text(RIG.format(name="twice"))
    assert errors_of(other / "rig.yaml")[0].startswith("5:24 unknown gear type 'twice'")


def test_its_config_is_checked_by_its_manifest(tmp_path):
    path = write_gear(tmp_path, "twice")
    path.write_text(path.read_text().replace("every: 2s", "evry: 2s, token: abc"))
    rig, problems = load(path)
    assert rig is None
    assert [each.message for each in problems.errors] == ["unknown key 'evry' in the config of 'mine'"]


def test_a_secret_in_clear_is_warned_of(tmp_path):
    path = write_gear(tmp_path, "twice")
    path.write_text(path.read_text().replace("every: 2s", "token: abc"))
    _, problems = load(path)
    assert "token: a secret stands here in clear" in [each.message for each in problems.warnings]


def test_it_does_not_run_on_a_board_that_it_has_no_target_for(tmp_path):
    path = write_gear(tmp_path, "twice")
    path.write_text(path.read_text() + "racks: [{name: pico, board: RPI_PICO_W}]\n")
    message = "gear type 'twice' does not run on board 'RPI_PICO_W', whose interpreter is micropython"
    assert errors_of(path) == [f"5:24 {message} | it runs on cpython"]


@pytest.mark.parametrize(
    ("good", "bad", "message"),
    [
        ('type = "twice"', 'type = "thrice"', "type 'thrice' stands in a folder called 'twice'"),
        ('class = "Mine"', "", 'lacks `class = "…"`, the name of the Gear class in twice.py'),
        ('targets = ["cpython"]', 'targets = ["cpyton"]', "targets[0]: 'cpyton' is not one of"),
        ("sends_outside = false", "sends_outside = 0", "sends_outside: 0 is not of type 'boolean'"),
        ('summary = "A gear for tests"', "", "'summary' is a required property"),
        ("[inputs.in]", "[inputs.in-1]", "inputs: 'in-1' does not match"),
        ("[outputs.out]", "[outputs.drain]", "outputs.drain: this name means something else in a Gear | call the"),
        ("[outputs.out]", "[outputs.killed]", "outputs.killed: this name means something else in a Gear"),
        ("[outputs.out]", "[outputs.on_time]", "outputs.on_time: this name means something else in a Gear"),
        ("[inputs.in]", "[inputs.batch]", "inputs.batch: `deliver_batch` is the length of a batch"),
        ("additionalProperties = false", "additionalProperties = true", "additionalProperties: False was expected"),
        ('type = "string"', 'type = "strnig"', "config is not a JSON Schema: properties.every.type"),
        ('default = "1s"', '"$ref" = "https://example.org/x.json"', "'https://example.org/x.json' is not one of"),
        ('default = "1s"', '"$ref" = "#/$defs/nowhere"', "$ref '#/$defs/nowhere' is not one of its $defs"),
        ('type = "twice"', "type = ", "Invalid value"),
    ],
)
def test_a_manifest_that_is_not_valid_is_reported_at_the_gear(tmp_path, good, bad, message):
    path = write_gear(tmp_path, "twice")
    manifest = tmp_path / "gears/twice/manifest.toml"
    text = manifest.read_text()
    assert good in text
    manifest.write_text(text.replace(good, bad, 1))
    said = errors_of(path)
    assert len(said) == 1 and said[0].startswith("5:24 ") and str(manifest) in said[0] and message in said[0]


def test_a_gear_may_have_other_ports_than_in_and_out(tmp_path):
    path = write_gear(tmp_path, "mixer")
    manifest = tmp_path / "gears/mixer/manifest.toml"
    manifest.write_text(manifest.read_text().replace("[outputs.out]", '[inputs.live]\ndoc = "now"\n[outputs.sum]'))
    path.write_text(
        path.read_text() + "  - {name: next, type: mixer}\nwires: [{from: mine.sum, to: [next.live, next]}]\n"
    )
    rig, problems = load(path)
    assert rig, [str(each) for each in problems]
    assert compile_rig(rig)["wires"] == [[0, "sum", 1, "live", "hot"], [0, "sum", 1, "in", "hot"]]
    assert mermaid(rig).splitlines()[-2:] == ['  g0 -->|"sum to live"| g1', '  g0 -->|"sum"| g1']
    path.write_text(path.read_text().replace("mine.sum", "mine"))
    assert "gear 'mine' (mixer) has no output 'out' | known: sum" in errors_of(path)[0]


# Of a package


def test_a_gear_without_err_cannot_reject(tmp_path):
    path = write_gear(tmp_path, "mine")
    path.write_text(path.read_text().replace("type: mine,", "type: mine, on_error: reject,"))
    (message,) = errors_of(path)
    assert "gear 'mine' (mine) has no output err to reject to" in message


def test_a_manifest_can_rule_out_guaranteed_wires_into_an_input(tmp_path):
    path = write_gear(tmp_path, "mine")
    manifest = tmp_path / "gears" / "mine" / "manifest.toml"
    manifest.write_text(manifest.read_text().replace('doc = "in"', 'doc = "in"\nhot_only = "late is worse than never"'))
    wire = "wires:\n  - {from: other, to: mine, lane: guaranteed}\n"
    path.write_text(path.read_text() + "  - {name: other, type: mine}\n" + wire)
    (message,) = errors_of(path)
    assert "no guaranteed wire may lead to mine.in: late is worse than never" in message


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, value: str, name: str = "packaged") -> Path:
    """A distribution with one Gear type, importable in this process. The rig that uses it stands elsewhere."""
    package = folder / "site"
    home = package / "a_package" / name
    home.mkdir(parents=True)
    (package / "a_package" / "__init__.py").write_text("")
    (home / "manifest.toml").write_text(MANIFEST.format(name=name, class_name="Other", passes="false"))
    (home / f"{name}.py").write_text(CODE.format(class_name="Packaged"))
    info = package / "a_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: a-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[fluxrig.gears]\n{name} = {value}\n")
    monkeypatch.syspath_prepend(str(package))
    rig = folder / "rig.yaml"
    rig.write_text(RIG.format(name=name))
    return rig


def test_a_gear_of_a_package_is_checked_compiled_and_run(tmp_path, monkeypatch):
    rig, problems = load(install(tmp_path, monkeypatch, "a_package.packaged.packaged:Packaged"))
    assert rig, [str(each) for each in problems]
    register_gears(gear.manifest for gear in rig.gears)
    rack = Rack(MemoryHost(secrets={"tok": "t"}), compile_rig(rig))
    assert type(rack.stations[0].gear).__name__ == "Packaged"


def test_a_package_that_is_broken_is_reported_at_the_gear(tmp_path, monkeypatch):
    path = install(tmp_path, monkeypatch, "a_package.packaged.nowhere:Packaged")
    assert errors_of(path)[0].startswith("5:24 gear type 'packaged': there is no module a_package.packaged.nowhere")


def test_a_package_that_is_gone_is_reported_at_the_gear(tmp_path, monkeypatch):
    path = install(tmp_path, monkeypatch, "a_package_gone.packaged:Packaged")
    assert errors_of(path)[0].startswith("5:24 gear type 'packaged': a_package_gone.packaged:Packaged cannot be found")


# What a Gear says of its tags


def test_tags_go_through_gears_that_pass_them(tmp_path):
    path = write_gear(tmp_path, "through", passes="true")
    path.write_text(
        """
fluxrig: 1
meta: {name: r, version: 1}
gears:
  - {name: plc, type: io_modbus, config: {link: "tcp://h", tags: {b: {address: "hr:0"}, a: {address: "hr:1"}}}}
  - {name: other, type: io_modbus, config: {link: "tcp://h", tags: {c: {address: "hr:0"}}}}
  - {name: one, type: through}
  - {name: two, type: console}
  - {name: end, type: console}
wires:
  - {from: other, to: end}
  - {from: plc, to: [one, two]}
  - {from: [one, two.err], to: end}
"""
    )
    rig, problems = load(path)
    assert rig, [str(each) for each in problems]
    assert [(tag.gear, tag.name) for tag in rig.tags_into(rig.gear("end"))] == [
        ("plc", "b"),
        ("plc", "a"),
        ("other", "c"),
    ]
    assert rig.tags_into(rig.gear("plc")) == []
    assert all(tag.gear_id == rig.gear(tag.gear).id for tag in rig.tags_into(rig.gear("end")))
    assert rig.declares_tags_into(rig.gear("end"))


def test_a_source_that_does_not_declare_its_tags_is_known_as_one(tmp_path):
    path = write_gear(tmp_path, "opaque")
    path.write_text(
        path.read_text()
        + "  - {name: edge, type: filter, config: {tags: {whatever: {deadband: 1}}}}\nwires: [{from: mine, to: edge}]\n"
    )
    rig, problems = load(path)
    assert rig, [str(each) for each in problems]
    edge = rig.gear("edge")
    assert not rig.declares_tags_into(edge) and rig.is_read_into(edge)
    assert edge.compiled["tags"] == {"whatever": ["absolute", 1.0, 0.0, 0]}
