"""Profiles: the tags of common devices, kept as data. Registers in these tests are encoded as a device does it."""

import struct
from pathlib import Path
from typing import Any

import pytest

from fluxrig.decimal import Decimal
from fluxrig.modbus.values import ReadPlan
from fluxrig_tooling.rig import Catalog, compile_rig, load, load_text
from fluxrig_tooling.rig.model import RigModel
from fluxrig_tooling.rig.problems import Problems
from fluxrig_tooling.rig.profile import BUILT_IN, Profiles

NAMES = Profiles().names()

MEASURED_UNITS = {"V", "A", "W", "kW", "VA", "kVA", "var", "kvar", "Hz", "kWh", "kvarh", "deg", "rpm", "Nm", "%", ""}

RIG = """fluxrig: 1
meta: {{name: r, version: 1}}
gears:
  - {{name: m, type: io_modbus, config: {{link: "{link}", profile: {profile}{more}}}}}
  - {{name: s, type: console}}
wires:
  - {{from: m, to: s}}
"""


def rig_text(profile: str, more: str = "", link: str = "tcp://h") -> str:
    return RIG.format(profile=profile, more=f", {more}" if more else "", link=link)


def loaded(profile: str, more: str = "", link: str = "tcp://h", folder: Path = Path()) -> RigModel:
    rig, problems = load_text(rig_text(profile, more, link), folder / "rig.yaml")
    assert rig, [str(problem) for problem in problems]
    return rig


def said(profile: str, more: str = "", folder: Path = Path()) -> list[str]:
    _, problems = load_text(rig_text(profile, more), folder / "rig.yaml")
    return [str(problem).removeprefix(f"{folder}/").replace("\n    ", " | ") for problem in problems]


def write_profile(folder: Path, text: str, name: str = "acme/x") -> None:
    path = folder / "profiles" / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("meta: {vendor: Acme, model: X, doc: d, source: s}\n" + text)


def read(rig: RigModel, registers: dict[tuple[int, int], bytes]) -> dict[str, Any]:
    """The values of the first gear's tags, of a device with `registers`: (function, address) and what stands there."""
    memory: dict[int, dict[int, bytes]] = {}
    for (function, address), data in registers.items():
        for offset in range(0, len(data), 2):
            memory.setdefault(function, {})[address + offset // 2] = data[offset : offset + 2]
    values: dict[str, Any] = {}
    for poll in rig.gears[0].compiled["polls"]:
        for function, address, count, order, layout, slots in poll["requests"]:
            held = memory.get(function, {})
            answer = b"".join(held.get(address + index, b"\0\0") for index in range(count))
            ReadPlan(order, layout, slots).read(answer, values, {})
    return values


# The profiles of this package


def test_there_are_profiles_each_in_the_folder_of_its_vendor():
    assert len(NAMES) >= 12
    assert len(list(BUILT_IN.rglob("*.yaml"))) == len(NAMES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("link", ["tcp://h", "rtu+tcp://h", "serial:///dev/ttyUSB0"])
def test_every_profile_compiles_on_every_kind_of_link(name, link):
    rig, problems = load_text(rig_text(name, link=link))
    assert rig and not list(problems), [str(problem) for problem in problems]
    assert compile_rig(rig)["gears"]


@pytest.mark.parametrize("name", NAMES)
def test_every_profile_says_what_it_is_and_where_it_comes_from(name):
    profile = Profiles().profile(name, Problems())
    assert profile and profile.vendor and profile.model and profile.doc.endswith(".")
    assert len(profile.source) > 1, "one document of the vendor and one independent use, or two of one kind"
    assert profile.path.read_text(encoding="utf-8").isascii()


@pytest.mark.parametrize("name", NAMES)
def test_units_are_those_of_the_trade_and_names_say_the_phase_at_their_end(name):
    for tag in loaded(name).gears[0].tags or ():
        assert tag.unit in MEASURED_UNITS, tag
        assert tag.name == tag.name.lower() and "__" not in tag.name


@pytest.mark.parametrize("name", NAMES)
def test_values_overlap_only_where_they_are_bits_of_one_register(name):
    gear = loaded(name).gears[0]
    taken: dict[tuple[str, int], str] = {}
    for tag, spec in gear.config["tags"].items():
        table, address = _place(str(spec["address"]))
        width = struct.calcsize(">" + _code(spec)) // 2 or 1
        for register in range(address, address + width):
            other = taken.setdefault((table, register), tag)
            bits = [name for name in (tag, other) if "bit" in gear.config["tags"][name]]
            assert other == tag or bits, (tag, other)


@pytest.mark.parametrize("name", NAMES)
def test_a_filter_in_percent_takes_all_but_counters(name):
    text = rig_text(name, 'select: ["*", "!*energy*"]').replace("type: console", "type: filter, config: {deadband: 5%}")
    rig, problems = load_text(text)
    assert rig, [str(problem) for problem in problems]


def _place(address: str) -> tuple[str, int]:
    if address.isdigit():
        return {"3": "ir", "4": "hr"}[address[0]], int(address[1:]) - 1
    table, _, number = address.partition(":")
    return table, int(number)


def _code(spec: dict[str, Any]) -> str:
    codes = {"int16": "h", "int32": "i", "uint32": "I", "int64": "q", "uint64": "Q", "float32": "f", "float64": "d"}
    return codes.get(spec.get("type", ""), "H")


# Values as devices encode them


def low_word_first(value: int) -> bytes:
    """A signed integer of 32 bits as Carlo Gavazzi sends it."""
    high, low = struct.unpack(">HH", struct.pack(">i", value))
    return struct.pack(">HH", low, high)


def test_an_eastron_meter_sends_floats_most_significant_register_first():
    registers = {
        (4, 0): struct.pack(">fff", 230.5, 231.0, 229.25),
        (4, 0x34): struct.pack(">f", -1500.0),
        (4, 0x46): struct.pack(">f", 49.96875),
        (4, 0x48): struct.pack(">ff", 1234.5, 0.25),
        (4, 0x15A): struct.pack(">f", 400.5),
        (4, 0x160): struct.pack(">f", 7.0),
    }
    values = read(loaded("eastron/sdm630"), registers)
    assert (values["voltage_l1"], values["voltage_l2"], values["voltage_l3"]) == (230.5, 231.0, 229.25)
    assert (values["power"], values["frequency"]) == (-1500.0, 49.96875)
    assert (values["energy_import"], values["energy_export"]) == (1234.5, 0.25)
    assert (values["energy_import_l1"], values["energy_export_l1"]) == (400.5, 7.0)


@pytest.mark.parametrize("name", ["carlo-gavazzi/em24-e1", "carlo-gavazzi/em340"])
def test_a_carlo_gavazzi_meter_sends_scaled_integers_least_significant_register_first(name):
    registers = {
        (4, 0): low_word_first(2301),
        (4, 0x0C): low_word_first(-12345),
        (4, 0x28): low_word_first(-700000),
        (4, 0x31): struct.pack(">h", -987),
        (4, 0x33): struct.pack(">H", 500),
        (4, 0x34): low_word_first(1234567),
        (4, 0x4E): low_word_first(89),
    }
    values = read(loaded(name), registers)
    assert (values["voltage_l1"], values["current_l1"]) == (Decimal(2301, -1), Decimal(-12345, -3))
    assert (values["power"], values["power_factor"]) == (Decimal(-700000, -1), Decimal(-987, -3))
    assert values["frequency"] == Decimal(500, -1)
    assert (values["energy_import"], values["energy_export"]) == (Decimal(1234567, -1), Decimal(89, -1))


def test_an_abb_meter_counts_in_64_bits_and_marks_what_it_does_not_measure():
    registers = {
        (3, 0x5000): struct.pack(">Q", 2**33 + 1),
        (3, 0x5B00): struct.pack(">I", 2305),
        (3, 0x5B02): b"\xff" * 4,
        (3, 0x5B14): struct.pack(">i", -123456),
        (3, 0x5B16): struct.pack(">i", 0x7FFFFFFF),
        (3, 0x5B2C): struct.pack(">H", 4998),
    }
    values = read(loaded("abb/b23"), registers)
    assert values["energy_import"] == Decimal(2**33 + 1, -2), "exact, which a float of single precision would not be"
    assert (values["voltage_l1"], values["frequency"]) == (Decimal(2305, -1), Decimal(4998, -2))
    assert (values["power"], values["power_l1"], values["voltage_l2"]) == (Decimal(-123456, -2), None, None)


def test_a_siemens_meter_counts_in_doubles_and_a_schneider_meter_in_integers():
    values = read(loaded("siemens/pac3200"), {(3, 801): struct.pack(">d", 1.5e9), (3, 55): struct.pack(">f", 50.0)})
    assert (values["energy_import"], values["frequency"]) == (1.5e6, 50.0)
    values = read(
        loaded("schneider/iem3155"), {(3, 3203): struct.pack(">q", 1234567), (3, 3059): struct.pack(">f", 2.5)}
    )
    assert (values["energy_import"], values["power"]) == (Decimal(1234567, -3), 2.5)


def test_drives_send_words():
    registers = {(3, 23): struct.pack(">hhHhhHH", -2500, -725, 312, -45, 150, 12, 560), (3, 5): b"\0\1"}
    values = read(loaded("siemens/v20"), registers)
    assert (values["frequency"], values["speed"], values["current"]) == (Decimal(-2500, -2), -725, Decimal(312, -2))
    assert (values["energy"], values["dc_bus_voltage"], values["start_command"]) == (12, 560, True)
    registers = {(3, 16029): b"\x0f\x07", (3, 16129): struct.pack(">H", 433), (3, 16139): struct.pack(">i", 524)}
    values = read(loaded("danfoss/fc302"), registers)
    assert (values["running"], values["trip"], values["frequency"]) == (True, False, Decimal(433, -1))
    assert values["current"] == Decimal(524, -2)


# What a rig may say over it


def test_the_rig_goes_over_the_profile_key_by_key_of_each_tag_and_group():
    more = "every: 3s, groups: {energy: {phase: 5s}}, tags: {power: {unit: horse}, door: {address: di:1}}"
    gear = loaded("eastron/sdm120", more).gears[0]
    assert gear.config["every"] == 3000
    assert gear.config["groups"] == {"energy": {"every": 60_000, "phase": 5000}}
    assert gear.config["tags"]["power"] == {
        "address": "ir:12",
        "type": "float32",
        "unit": "horse",
        "range": [-13500, 13500],
    }
    assert gear.config["tags"]["door"] == {"address": "di:1"}


def test_select_takes_tags_by_name_and_pattern_and_leaves_the_order_to_the_profile():
    def tags(select: str, more: str = "") -> list[str]:
        return list(loaded("eastron/sdm120", f"select: {select}{more}").gears[0].config["tags"])

    assert tags("[frequency, voltage]") == ["voltage", "frequency"]
    assert tags('["*power", "!reactive*"]') == ["power", "apparent_power"]
    assert tags('["!*energy*", "!*power*", "!current"]') == ["voltage", "frequency"]
    assert tags("[voltage]", ", tags: {current: {unit: mA, scale: 1000}}") == ["voltage", "current"]


def test_a_group_of_which_no_tag_is_selected_is_not_missed():
    assert "groups" not in loaded("eastron/sdm120", "select: [voltage]").gears[0].config


def test_serial_settings_are_left_out_where_there_is_no_serial_line():
    assert "baud" not in loaded("eastron/sdm120").gears[0].config
    assert loaded("eastron/sdm120", link="serial:///dev/ttyUSB0").gears[0].config["baud"] == 2400
    assert loaded("eastron/sdm120", "baud: 9600", "serial:///dev/ttyUSB0").gears[0].config["baud"] == 9600


def test_a_profile_may_come_from_a_table():
    text = rig_text("x").replace("name: m,", "name: m, for_each: [{id: a, p: eastron/sdm120}, {id: b, p: abb/b23}],")
    rig, problems = load_text(text.replace("profile: x", 'profile: "${p}"'))
    assert rig, [str(problem) for problem in problems]
    assert [len(gear.config["tags"]) for gear in rig.gears[:2]] == [13, 19]


# Profiles beside the rig, and what may be wrong with them


def test_a_profile_beside_the_rig_is_found_and_one_of_a_built_in_name_refused(tmp_path):
    write_profile(tmp_path, "tags: {x: {address: hr:7}}")
    assert list(loaded("acme/x", folder=tmp_path).gears[0].config["tags"]) == ["x"]
    assert Profiles(tmp_path).names() == sorted([*NAMES, "acme/x"])
    write_profile(tmp_path, "tags: {x: {address: hr:7}}", "eastron/sdm630")
    assert said("eastron/sdm630", folder=tmp_path) == [
        f"rig.yaml:4:67: error: the profile 'eastron/sdm630' exists twice: built in and as "
        f"{tmp_path}/profiles/eastron/sdm630.yaml | rename yours"
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tags: {x: {adress: hr:7}}", "2:12: error: unknown key 'adress' in tags.x | did you mean 'address'?"),
        ("tags: {x: {address: hr:70000}}", "2:21: error: hr:70000 is beyond the last address, 65535"),
        ("tags: {}", "2:7: error: tags: expected at least 1 keys, got 0"),
        ("tags: {x: {address: hr:1}}\ntags: {}", "3:1: error: the key 'tags' stands here a second time"),
        ("defaults: {link: tcp://h}\ntags: {x: {address: hr:1}}", "2:12: error: the key 'link' is not valid"),
        ("defaults: {evry: 1s}\ntags: {x: {address: hr:1}}", "2:12: error: unknown key 'evry' in the config of 'm'"),
        ("tag: {x: {address: hr:1}}", "2:1: error: unknown key 'tag' in the profile | did you mean 'tags'?"),
        ("tags: {x: {address: hr:1}", "2:26: error: expected `,` or `}` to go on with what begins at line 2, column 7"),
        ("tags: [x]", "2:7: error: tags: expected keys and values, got a list"),
    ],
)
def test_a_mistake_is_said_where_it_stands(tmp_path, text, message):
    write_profile(tmp_path, text)
    found = said("acme/x", folder=tmp_path)
    assert any(each.startswith(f"profiles/acme/x.yaml:{message}") for each in found), found
    assert not any(each.startswith("rig.yaml") for each in found), found


def test_a_mistake_is_said_once_however_many_gears_have_the_profile(tmp_path):
    write_profile(tmp_path, "tags: {x: {address: hr:70000}}")
    text = rig_text("acme/x").replace("name: m,", "name: m, for_each: [{id: a}, {id: b}],")
    _, problems = load_text(text, tmp_path / "rig.yaml")
    assert len(problems) == 1


def test_what_the_rig_says_wrong_is_said_in_the_rig():
    assert said("eastron/sdm120", "tags: {power: {type: flaot}}")[0].startswith(
        "rig.yaml:4:104: error: type: 'flaot' is"
    )
    assert said("eastron/sdm121") == [
        "rig.yaml:4:67: error: there is no profile 'eastron/sdm121' | did you mean 'eastron/sdm120'?"
    ]
    assert said("eastron/sdm120", "select: [powre]") == [
        "rig.yaml:4:92: error: the profile 'eastron/sdm120' has no tag 'powre' | did you mean 'power'?"
    ]


def test_other_mistakes_are_said_together_with_a_missing_profile():
    found = said("nobody/nothing", "every: 5")
    assert [each.split(": ")[2] for each in found] == ["there is no profile 'nobody/nothing' | known", "every"]


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path):
    (tmp_path / "profiles/acme/x.yaml").mkdir(parents=True)
    assert said("acme/x", folder=tmp_path) == ["profiles/acme/x.yaml: error: cannot be read: Is a directory"]


def test_the_keys_of_a_profile_are_those_of_the_manifest():
    known = set(Catalog().manifest("io_modbus").config["properties"])
    for name in NAMES:
        profile = Profiles().profile(name, Problems())
        assert profile and set(profile.defaults.entries if profile.defaults else {}) <= known


def test_the_rigs_of_the_tests_use_both_kinds(tmp_path):
    rig, _ = load(Path(__file__).resolve().parents[1] / "rigs/good/for_each.yaml")
    assert rig and [len(gear.config["tags"]) for gear in rig.gears if gear.type == "io_modbus"] == [3, 3, 2, 2]
