"""What leaves a Rack is archived first: the correlators that the compiler inserts, and what it says of them."""

from typing import Any

import pytest

from fluxrig_tooling.rig import compile_rig, load, load_text, mermaid
from tests.tooling.archive_rigs import HEAD, TYPES, gear, model, text_of


def wires_of(gears: dict[str, str], *wires: str) -> list[str]:
    return [f"{wire}{' guaranteed' * (wire.lane != 'hot')}" for wire in model(text_of(gears, *wires)).wires]


PLC = {"plc": "source", "edge": "filter", "screen": "console", "uns": "uns"}


# Where one is inserted


def test_it_stands_right_behind_the_source_and_only_what_leads_outside_goes_through_it():
    assert wires_of(PLC, "plc -> screen", "plc -> edge", "edge -> uns", "edge.err -> screen") == [
        "plc.out -> screen.in",
        "plc.out -> archive.in",
        "archive.out -> edge.in",
        "edge.out -> uns.in",
        "edge.err -> screen.in",
        "archive.checkpoint -> uns.in",
    ]


def test_lanes_stay_with_the_old_targets_and_the_way_into_it_is_hot():
    rig = model(text_of(PLC, "plc -> edge guaranteed, delivery: {max_attempts: 7}", "plc -> screen", "edge -> uns"))
    lanes = {str(wire): (wire.lane, wire.delivery and wire.delivery.max_attempts) for wire in rig.wires}
    assert lanes["plc.out -> archive.in"] == ("hot", None)
    assert lanes["archive.out -> edge.in"] == ("guaranteed", 7)
    assert lanes["archive.checkpoint -> uns.in"] == ("hot", None)


def test_a_rig_that_sends_nothing_outside_gets_none():
    rig = model(text_of({"plc": "source", "screen": "console"}, "plc -> screen"))
    assert rig.insertions == [] and len(rig.gears) == 2 and "archive" not in compile_rig(rig)


def test_a_path_with_a_correlator_is_left_as_it_is_wherever_that_stands():
    gears = PLC | {"kept": "correlator"}
    for wires in (["plc -> kept", "kept -> edge", "edge -> uns"], ["plc -> edge", "edge -> kept", "kept -> uns"]):
        assert wires_of(gears, "plc -> screen", *wires)[1:] == [
            f"{source}.out -> {target}.in" for source, target in (wire.split(" -> ") for wire in wires)
        ]


def test_what_a_correlator_failed_to_archive_has_not_passed_it():
    gears = {"plc": "source", "kept": "correlator", "uns": "uns"}
    assert wires_of(gears, "plc -> kept", "kept -> uns", "kept.err -> uns", "kept.checkpoint -> uns") == [
        "plc.out -> kept.in",
        "kept.out -> uns.in",
        "kept.err -> archive.in",
        "archive.out -> uns.in",
        "kept.checkpoint -> uns.in",
    ]


def test_an_origin_behind_a_correlator_makes_events_that_are_not_archived_yet():
    gears = {"plc": "source", "kept": "correlator", "uns": "uns", "pump": "pump", "other": "uns"}
    found = wires_of(gears, "plc -> kept", "kept -> [pump, uns]", "pump -> uns", "uns.err -> other")
    assert "pump.out -> archive-pump.in" in found and "archive-pump.out -> uns.in" in found
    assert "uns.err -> archive-uns-err.in" in found and "archive-uns-err.out -> other.in" in found
    assert "kept.out -> uns.in" in found


def test_origins_with_the_same_targets_share_one_and_others_do_not():
    gears = {"a": "source", "b": "source", "c": "source", "d": "source", "edge": "console", "uns": "uns"}
    rig = model(
        text_of(gears, "[a, b, b.err] -> [edge, uns]", "c -> [uns, edge]", "d -> uns guaranteed", "edge -> uns")
    )
    assert {each.gear: each.origins for each in rig.insertions} == {
        "archive-a": (("a", "out"), ("b", "out"), ("b", "err")),
        "archive-c": (("c", "out"),),  # in another order
        "archive-d": (("d", "out"),),
    }
    # One chain, so one copy of its checkpoints is enough.
    assert [str(wire) for wire in rig.wires if wire.output == "checkpoint"] == ["archive-a.checkpoint -> uns.in"]


def test_it_is_not_for_senders_that_stand_behind_another_correlator():
    gears = {"plc": "source", "edge": "console", "uns": "uns", "kept": "correlator", "other": "uns"}
    rig = model(text_of(gears, "plc -> edge", "edge -> [uns, kept]", "kept -> other"))
    assert [each.senders for each in rig.insertions] == [("uns",)]
    assert [str(wire) for wire in rig.wires if wire.output == "checkpoint"] == ["archive.checkpoint -> uns.in"]


@pytest.mark.parametrize(
    ("taken", "wires", "names"),
    [
        ([], ["plc -> uns"], ["archive"]),
        ([], ["[plc, plc.err] -> uns"], ["archive"]),
        ([], ["plc.err -> uns"], ["archive"]),
        (["archive"], ["plc -> uns"], ["archive-plc"]),
        (["archive"], ["plc.err -> uns"], ["archive-plc-err"]),
        (["archive", "archive-plc"], ["plc -> uns"], ["archive-plc-2"]),
        (["archive", "archive-plc", "archive-plc-2"], ["plc -> uns"], ["archive-plc-3"]),
        ([], ["plc.err -> [uns, edge]", "plc -> uns", "edge -> uns"], ["archive-plc-err", "archive-plc"]),
    ],
)
def test_its_name_is_free_and_says_what_it_stands_behind(taken, wires, names):
    gears = {"plc": "source", "edge": "console", "uns": "uns"} | dict.fromkeys(taken, "console")
    feeds = [f"plc -> {name}" for name in [*taken, *["edge"] * ("edge" not in str(wires))]]
    rig = model(text_of(gears, *wires, *feeds))
    assert [each.gear for each in rig.insertions] == names


def test_a_long_name_is_cut_to_what_a_rig_file_may_hold():
    long = "p" * 63
    gears = {long: "source", "archive": "console", "uns": "uns"}
    rig = model(text_of(gears, f"{long} -> [archive, uns]"))
    (name,) = [each.gear for each in rig.insertions]
    assert name == "archive-" + "p" * 55
    rig = model(text_of(gears | {name: "console"}, f"{long} -> [archive, uns, {name}]"))
    assert rig.insertions[0].gear == "archive-" + "p" * 53 + "-2"


def test_each_rack_has_its_own():
    racks = "racks: [{name: one}, {name: two}]\n"
    gears = [gear(f"{kind}-{rack}", kind, rack) for rack in ("one", "two") for kind in ("source", "uns")]
    wires = "wires:\n  - {from: source-one, to: uns-one}\n  - {from: source-two, to: uns-two}\n"
    rig = model(HEAD + racks + "gears:\n" + "".join(gears) + wires)
    assert [(each.gear, each.rack) for each in rig.insertions] == [("archive", "one"), ("archive-source-two", "two")]
    assert all("archive" in compile_rig(rig, rack) for rack in ("one", "two"))


MINE = """
type = "mine"
class = "Mine"
summary = "For tests"
targets = ["cpython"]
sends_outside = {outside}
passes_tags = {passes}
{archives}
{inputs}
[outputs.out]
doc = "out"
[outputs.own]
doc = "own"
passes_tags = false
[config]
type = "object"
additionalProperties = false
"""


def beside(folder: Any, inputs: str = '[inputs.in]\ndoc = "in"', **values: str) -> Any:
    """A folder with the gear type `mine`."""
    home = folder / "gears" / "mine"
    home.mkdir(parents=True)
    keys = {"outside": "false", "passes": "true", "archives": ""} | values
    (home / "manifest.toml").write_text(MINE.format(inputs=inputs, **keys))
    return folder / "rig.yaml"


TYPES["mine"] = "type: mine"


def test_what_a_gear_makes_beside_what_it_passes_on_is_archived_behind_it(tmp_path):
    path = beside(tmp_path)
    gears = {"plc": "source", "kept": "correlator", "mine": "mine", "uns": "uns"}
    rig = model(text_of(gears, "plc -> kept", "kept -> mine", "[mine, mine.own] -> uns"), path=path)
    assert [each.origins for each in rig.insertions] == [(("mine", "own"),)]
    # It passes its tags on by the one output and not by the other.
    assert [tag.name for tag in rig.tags_into(rig.gear("uns"))] == ["x-plc"]


def test_a_gear_that_gets_nothing_has_nothing_to_pass_on(tmp_path):
    path = beside(tmp_path, inputs="")
    rig = model(text_of({"mine": "mine", "edge": "console", "uns": "uns"}, "mine -> edge", "edge -> uns"), path=path)
    assert [each.origins for each in rig.insertions] == [(("mine", "out"),)]


def test_a_sender_of_a_package_or_folder_is_one(tmp_path):
    path = beside(tmp_path, inputs='[inputs.mail]\ndoc = "what to send"', outside="true", passes="false")
    rig, problems = load_text(text_of({"plc": "source", "mine": "mine"}, "plc -> mine.mail"), path)
    assert rig and [str(wire) for wire in rig.wires] == ["plc.out -> archive.in", "archive.out -> mine.mail"]
    # It has no `in` for checkpoints, so that they go nowhere, which is said.
    assert [each.message for each in problems.warnings] == ["the checkpoints of gear 'archive' go nowhere"]
    assert compile_rig(rig)["gears"][2]["sends_outside"] is True


def test_only_the_correlator_of_this_package_archives(tmp_path):
    path = beside(tmp_path, archives="archives = true")
    rig, problems = load_text(
        text_of({"plc": "source", "mine": "mine", "uns": "uns"}, "plc -> mine", "mine -> uns"), path
    )
    assert rig is None
    assert "archives: only the built-in correlator archives" in problems.errors[0].message
    other = tmp_path / "other"
    (other / "gears" / "correlator").mkdir(parents=True)
    manifest = MINE.format(inputs="", outside="false", passes="true", archives="").replace('"mine"', '"correlator"')
    (other / "gears" / "correlator" / "manifest.toml").write_text(manifest)
    rig, problems = load_text(text_of({"plc": "source", "uns": "uns"}, "plc -> uns"), other / "rig.yaml")
    assert rig is None and "gear type 'correlator' exists twice" in problems.errors[0].message


# What is said


def test_the_check_says_it_without_a_warning():
    rig, problems = load_text(text_of(PLC, "plc -> [edge, screen]", "edge -> uns"))
    assert rig and problems.warnings == [] and problems.errors == []
    (info,) = problems.infos
    assert (info.severity, info.line, info.column) == ("info", 10, 12)
    assert "correlator 'archive' is inserted behind plc.out: uns sends outside" in info.message
    for wire in ("plc.out -> archive.in", "archive.out -> edge.in", "archive.checkpoint -> uns.in"):
        assert wire in info.hint


def test_a_rig_with_errors_is_told_of_those_only():
    _, problems = load_text(text_of(PLC, "plc -> [edge, screen]", "edge -> uns").replace("0.5", "nonsense"))
    assert problems.errors and problems.infos == []


def test_instances_of_one_gear_are_said_once(tmp_path):
    rows = ", ".join(f"{{id: m{number}}}" for number in range(5))
    text = text_of(PLC, "plc -> edge", "edge -> uns", "plc -> screen")
    text = text.replace("name: plc,", f"name: plc, for_each: [{rows}],").replace(
        "name: edge,", f"name: edge, for_each: [{rows}],"
    )
    text = text.replace("tcp://plc", "tcp://${id}").replace("x-plc:", "'x':").replace("uns: {enter", "uns: {enter")
    text = text.replace("name: plc,", "name: plc, uns: {cell: '${id}'},")
    rig, problems = load_text(text)
    assert rig, [str(each) for each in problems]
    assert len(rig.insertions) == 5
    (info,) = problems.infos
    assert "'archive-plc-m0' is inserted behind plc-m0.out" in info.message and "and 4 more like it" in info.message


def test_the_drawing_marks_it():
    drawn = mermaid(model(text_of(PLC, "plc -> [edge, screen]", "edge -> uns"))).splitlines()
    assert '    g1["archive<br/>correlator<br/>inserted"]' in drawn
    assert drawn[-2:] == ["  classDef inserted stroke-dasharray: 4 4", "  class g1 inserted"]
    explicit = text_of(PLC | {"archive": "correlator"}, "plc -> [archive, screen]", "archive -> edge", "edge -> uns")
    assert "inserted" not in mermaid(model(explicit))


def test_checkpoints_that_go_nowhere_are_warned_of_once_a_rack():
    gears = {"plc": "source", "one": "correlator", "two": "correlator", "uns": "uns"}
    wires = ["plc -> [one, two]", "[one, two] -> uns"]
    _, problems = load_text(text_of(gears, *wires))
    (warning,) = problems.warnings
    assert warning.message == "the checkpoints of gear 'one' go nowhere" and warning.line == 6
    assert "without a copy elsewhere a rewritten archive looks valid" in warning.hint
    assert "{from: one.checkpoint, to: uns}" in warning.hint
    _, problems = load_text(text_of(gears, *wires, "two.checkpoint -> uns"))
    assert list(problems) == []


def test_the_topics_of_sources_are_those_without_it():
    explicit = text_of(PLC | {"archive": "correlator"}, "plc -> archive", "archive -> [edge, screen]", "edge -> uns")
    for text in (text_of(PLC, "plc -> [edge, screen]", "edge -> uns"), explicit):
        rig = model(text)
        assert rig.gear("uns").compiled["sources"][0] == [rig.gear("plc").id, {"x-plc": "acme/x-plc"}]
        assert list(rig.gear("edge").compiled["tags"]) == ["x-plc"]


def test_a_plant_of_meters_gets_them_all(tmp_path):
    """200 meters, each with a filter of its own: 200 correlators, none of them in the way of another."""
    (tmp_path / "m.csv").write_text("id\n" + "".join(f"m{number}\n" for number in range(200)))
    text = text_of(PLC, "plc -> [edge, screen]", "edge -> uns").replace("tcp://plc", "tcp://${id}")
    for name in ("plc", "edge"):
        text = text.replace(f"name: {name},", f"name: {name}, uns: {{cell: '${{id}}'}}, for_each: m.csv,")
    (tmp_path / "rig.yaml").write_text(text)
    rig, _ = load(tmp_path / "rig.yaml")
    assert rig and len(rig.insertions) == 200
    compiled = compile_rig(rig)
    assert len(compiled["gears"]) == 602
    index = {each["name"]: number for number, each in enumerate(compiled["gears"])}
    wires = {(wire[0], wire[2]) for wire in compiled["wires"]}
    for number in range(200):
        plc, archive, edge = (index[f"{name}-m{number}"] for name in ("plc", "archive-plc", "edge"))
        assert {(plc, archive), (archive, edge), (edge, index["uns"])} <= wires and (plc, edge) not in wires
