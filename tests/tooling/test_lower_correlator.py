"""What a correlator gets to join and compare, what is said of mistakes, and the topics of what it makes."""

import json
from typing import Any

import pytest

from fluxrig.decimal import Decimal
from fluxrig.flux import pack, unpack
from fluxrig.rack import Rack
from fluxrig_ports.memory import MemoryHost
from fluxrig_tooling.rig import compile_rig, load_text
from fluxrig_tooling.rig.model import RigModel

JOIN = "join: [{name: cycle, parts: [plc, mesh], key: data.batch, within: 2s}]"


def rig(config: str, more: str = "", mesh: str = "batch: {address: hr:0}, vibration: {address: hr:1}") -> str:
    return f"""
fluxrig: 1
meta: {{name: r, version: 1}}
uns: {{enterprise: acme}}
gears:
  - name: plc
    type: io_modbus
    config:
      link: tcp://h
      tags: {{batch: {{address: hr:0}}, pressure: {{address: hr:2, type: float32, unit: bar, range: [0, 10]}}}}
  - {{name: mesh, type: io_modbus, uns: {{cell: mesh}}, config: {{link: tcp://m, tags: {{{mesh}}}}}}}
  - {{name: edge, type: filter}}
  - {{name: archive, type: correlator, config: {{{config}}}}}
  - {{name: screen, type: console}}
  - {{name: uns, type: uns, config: {{broker: mqtt://h}}}}
wires:
  - {{from: plc, to: edge}}
  - {{from: [edge, mesh], to: archive}}
  - {{from: [archive, archive.checkpoint], to: uns}}
  - {{from: archive, to: screen}}
{more}"""


JOINED = "  - {from: archive.joined, to: screen}\n"
COMPARED = (
    "  - {from: plc, to: archive.live}\n  - {from: mesh, to: archive.shadow}\n  - {from: archive.parity, to: screen}\n"
)


def model_of(text: str) -> RigModel:
    model, problems = load_text(text)
    assert model, [str(problem) for problem in problems]
    return model


def lowered(config: str, more: str = "") -> dict[str, Any]:
    return model_of(rig(config, more)).gear("archive").compiled


def said(text: str) -> list[str]:
    """The errors and warnings: line, message and hint."""
    _, problems = load_text(text)
    return [f"{each.line}: {each.message} | {each.hint}" for each in problems if each.severity != "info"]


def test_a_correlator_that_only_archives_gets_nothing():
    assert lowered("keep: 30d, max_size: 2GiB, policy: block") == {}
    assert lowered("join: []") == {}


def test_a_join_gets_ids_for_names_and_units_for_durations():
    model = model_of(rig(JOIN, JOINED))
    assert model.gear("archive").compiled == {
        "join": [
            {
                "name": "cycle",
                "parts": [
                    [model.gear("plc").id, "plc", "", "data", "batch"],
                    [model.gear("mesh").id, "mesh", "", "data", "batch"],
                ],
                "within_ns": 2_000_000_000,
                "wait_us": 2_000_000,
                "partial": "drop",
                "max_open": 64,
                "text_keys": False,
            }
        ],
        "tick_ms": 500,
    }


def test_each_part_may_have_its_own_key_and_a_prefix():
    config = (
        "join: [{name: j, parts: [{gear: plc, key: data.batch}, {gear: mesh, prefix: m_, key: meta.batch.no}], "
        "key: trace, within: 20ms, wait: 1h, partial: with_first, max_open: 3}]"
    )
    compiled = lowered(config, JOINED)
    (join,) = compiled["join"]
    assert [part[1:] for part in join["parts"]] == [
        ["plc", "", "data", "batch"],
        ["mesh", "m_", "meta", "batch.no"],
    ]
    assert (join["within_ns"], join["wait_us"], join["partial"], join["max_open"]) == (
        20_000_000,
        3_600_000_000,
        "with_first",
        3,
    )
    assert join["text_keys"]
    assert compiled["tick_ms"] == 1000


def test_a_trace_has_no_name_and_time_is_looked_at_no_faster_than_it_passes():
    prefixed = "[{gear: plc, prefix: p_}, mesh]"
    compiled = lowered(f"join: [{{name: j, parts: {prefixed}, key: trace, within: 5ms}}]", JOINED)
    assert [part[3:] for part in compiled["join"][0]["parts"]] == [["trace", ""], ["trace", ""]]
    assert compiled["tick_ms"] == 10


JOIN_LINE = 13


@pytest.mark.parametrize(
    ("join", "expected"),
    [
        ("parts: [plc, mash], key: trace", "parts: unknown gear 'mash' | did you mean 'mesh'?"),
        ("parts: [plc, plc], key: trace", "'plc' is a part already | each part comes from another gear"),
        (
            "parts: [plc, edge], key: trace",
            "parts: gear 'edge' only passes on what others send | name the gear it comes from: mesh or plc",
        ),
        (
            "parts: [plc, screen], key: trace",
            "parts: nothing of gear 'screen' arrives on the input in of 'archive' | "
            "add a wire such as {from: screen, to: archive}",
        ),
        ("parts: [plc, archive], key: trace", "parts: unknown gear 'archive' | known: plc, mesh, edge, screen and uns"),
        (
            "parts: [plc, mesh], key: trace",
            "the tag 'batch' is one of 'plc' and one of 'mesh' | "
            "tell them apart by a prefix: {gear: mesh, prefix: mesh_}",
        ),
        ("parts: [plc, mesh], key: data.bacth", "key: gear 'plc' has no tag 'bacth' | did you mean 'batch'?"),
        (
            "parts: [plc, {gear: mesh, key: data.lot}], key: data.batch",
            "key: gear 'mesh' has no tag 'lot' | known: batch and vibration",
        ),
        ("parts: [plc, mesh], key: data.batch, wait: 0s", "wait: expected at least 1ms, got 0ms | "),
    ],
)
def test_what_a_join_cannot_mean_is_said(join, expected):
    text = rig(f"join: [{{name: j, within: 1s, {join}}}]", JOINED)
    assert f"{JOIN_LINE}: {expected}" in said(text)


def test_what_is_wrong_with_the_shape_of_a_join_is_said():
    for join, part in (
        ("name: j, within: 1s, parts: [plc], key: trace", "parts"),
        ("name: j, within: 1s, parts: [plc, mesh], key: batch", "write trace, meta.NAME or data.NAME"),
        ("name: j, parts: [plc, mesh], key: trace", "within"),
        ("name: j, within: 1s, parts: [plc, {prefix: x}], key: trace", "gear"),
    ):
        (first, *_) = said(rig(f"join: [{{{join}}}]", JOINED))
        assert part in first, first


def test_two_joins_of_one_name_are_an_error():
    part = "{name: j, parts: [plc, mesh], key: data.batch, within: 1s}"
    assert said(rig(f"join: [{part}, {part}]", JOINED)) == [
        f"{JOIN_LINE}: there is a second join called 'j' | rename one of them"
    ]


def test_a_misspelt_source_causes_no_error_about_its_tags():
    (error, *_) = errors = said(rig(JOIN, JOINED, mesh="batch: {address: hr:0, type: unit16}"))
    assert "unit16" in error and len(errors) == 1


def test_what_goes_nowhere_is_warned_of():
    assert said(rig(JOIN)) == [
        f"{JOIN_LINE}: join: what gear 'archive' joins goes nowhere but into the archive | "
        "add a wire such as {from: archive.joined, to: …}"
    ]
    assert said(rig("compare: {}", COMPARED.replace("archive.parity", "edge"))) == [
        f"{JOIN_LINE}: compare: neither diff nor parity of gear 'archive' goes anywhere but into the archive | "
        "add a wire such as {from: archive.parity, to: …}"
    ]


def test_a_comparison_without_fields_compares_everything_exactly():
    assert lowered("compare: {}", COMPARED) == {
        "compare": {
            "fields": {},
            "other": ["absolute", Decimal(0, 0), Decimal(0, 0)],
            "align_ns": 200_000_000,
            "hold_us": 1_200_000,
            "report_ms": 60_000,
            "max_waiting": 64,
            "queue": 64,
            "max_diffs": 100,
        },
        "tick_ms": 300,
    }


def test_fields_have_tolerances_of_their_own_over_the_common_one():
    config = (
        "compare: {tolerance: 2.5%, floor: 0.1, align: 50ms, grace: 0ms, fields: {"
        "pressure: {shadow: vibration, tolerance: 0.3}, batch: {}}}"
    )
    compare = lowered(config, COMPARED)["compare"]
    assert {name: [repr(part) for part in rule] for name, rule in compare["fields"].items()} == {
        "pressure": ["'vibration'", "'absolute'", "Decimal(3, -1)", "Decimal(0, 0)"],
        "batch": ["'batch'", "'relative'", "Decimal(25, -3)", "Decimal(1, -1)"],
    }
    assert compare["other"] is None
    assert (compare["align_ns"], compare["hold_us"]) == (50_000_000, 50_000)
    own = "compare: {fields: {batch: {tolerance: 1%, floor: 3}}}"
    assert lowered(own, COMPARED)["compare"]["fields"]["batch"][1:] == ["relative", Decimal(1, -2), Decimal(3, 0)]


@pytest.mark.parametrize(
    ("compare", "expected"),
    [
        ("fields: {presure: {shadow: batch}}", "no tag 'presure' arrives on the input live of 'archive' | did you"),
        ("fields: {pressure: {}}", "no tag 'pressure' arrives on the input shadow of 'archive' | known: batch and"),
        (
            "fields: {pressure: {shadow: batch}, batch: {}}",
            "'batch' on shadow is compared with 'pressure' and with 'batch' | give one",
        ),
        ("fields: {batch: {floor: 1}}", "floor: the tolerance 0 has no use for it | a floor goes with"),
        ("tolerance: 1, floor: 1", "floor: the tolerance 1 has no use for it | a floor goes with"),
        ("report: 10ms", "report: expected at least 1s, got 10ms"),
        ("tolerance: 101%", "101% is more than 100%"),
    ],
)
def test_what_a_comparison_cannot_mean_is_said(compare, expected):
    assert any(expected in each for each in said(rig(f"compare: {{{compare}}}", COMPARED)))


def test_a_comparison_needs_both_paths_and_paths_a_comparison():
    parity = "  - {from: archive.parity, to: screen}\n"
    assert said(rig("compare: {}", parity)) == [
        f"{JOIN_LINE}: nothing feeds the input {port!r} of gear 'archive', which compares it | "
        f"add a wire such as {{from: …, to: archive.{port}}}"
        for port in ("live", "shadow")
    ]
    assert said(rig("", "  - {from: plc, to: archive.live}\n")) == [
        "21: gear 'archive' does not compare what arrives on its input 'live' | "
        "add `compare: {}` to the config of 'archive'"
    ]


def test_a_correlator_that_nothing_feeds_is_an_error_unless_it_compares():
    text = rig("").replace("  - {from: [edge, mesh], to: archive}\n", "")
    assert any("nothing feeds the input 'in' of gear 'archive'" in each for each in said(text))
    only = rig("compare: {}", COMPARED).replace("  - {from: [edge, mesh], to: archive}\n", "")
    assert not any("nothing feeds" in each for each in said(only))


PREFIXED = "join: [{name: cycle, parts: [plc, {gear: mesh, prefix: mesh_}], key: data.batch, within: 2s}]"


def test_what_the_correlator_makes_has_topics_where_it_leads_to_uns():
    config = f"{PREFIXED}, compare: {{fields: {{batch: {{}}}}}}"
    wires = COMPARED + "  - {from: [archive.joined, archive.parity, archive.diff], to: uns}\n"
    text = rig(config, wires).replace("type: correlator", "type: correlator, uns: {area: cell-1}")
    model = model_of(text)
    topics = {bytes(source): topics for source, topics in model.gear("uns").compiled["sources"]}
    mine = topics[model.gear("archive").id]
    assert {tag: topic for tag, topic in mine.items() if tag != "checkpoint"} == {
        tag: f"acme/cell-1/{tag}"
        for tag in ("batch", "pressure", "mesh_batch", "mesh_vibration", "parity", "parity_fields", "diff_batch")
    }
    assert "checkpoint" in mine
    assert topics[model.gear("plc").id] == {"batch": "acme/batch", "pressure": "acme/pressure"}


def test_tags_that_lead_elsewhere_have_no_topics():
    mine = [
        topics
        for source, topics in model_of(rig(PREFIXED, JOINED)).gear("uns").compiled["sources"]
        if "checkpoint" in topics
    ]
    assert [list(topics) for topics in mine] == [["checkpoint"]]


def test_a_joined_tag_beside_its_source_needs_another_topic():
    errors = said(rig(PREFIXED, "  - {from: archive.joined, to: uns}\n").replace("key: data.batch", "key: trace"))
    assert any("share the topic acme/batch" in each for each in errors)


def test_a_filter_knows_the_tags_of_joined_events():
    more = "  - {from: archive.joined, to: late}\n  - {from: late, to: screen}\n"
    text = rig(PREFIXED, more).replace("  - {name: screen", "  - LATE\n  - {name: screen")
    for tag, good in (("mesh_vibration", True), ("vibration", False)):
        late = f"{{name: late, type: filter, config: {{tags: {{{tag}: {{deadband: 1}}}}}}}}"
        assert (load_text(text.replace("LATE", late))[0] is not None) == good


async def test_a_compiled_rig_joins_compares_and_publishes():
    """Nothing answers at the links of this one, so bad values are what is joined, compared and published."""
    config = (
        "commit: 10ms, join: [{name: j, parts: [plc, {gear: mesh, prefix: m_}], key: meta.machine.id, within: 5s}], "
        "compare: {report: 1s}"
    )
    wires = COMPARED + "  - {from: [archive.joined, archive.parity], to: uns}\n"
    text = rig(config, wires).replace("type: correlator", "type: correlator, uns: {area: cell-1}")
    compiled = unpack(pack(compile_rig(model_of(text))))
    host = MemoryHost(seed=1)
    rack = Rack(host, compiled)
    await rack.start()
    await host.clock.advance(5000)
    stats = rack.stats()["gears"]["archive"]
    assert stats["joins_complete"] > 0 and stats["failures"] == stats["not_archived"] == 0
    assert stats["compared"] > 0
    retained = host.network.broker.retained
    assert b'"bad:not_connected"' in retained["acme/cell-1/m_vibration"]
    # Of the six samples of a round only those of `batch` are on both paths, both bad.
    parity = json.loads(retained["acme/cell-1/parity"])["v"]
    assert 0 < parity < 100
    (fields,) = [json.loads(payload)["v"] for topic, payload in retained.items() if topic.endswith("/parity_fields")]
    assert fields["batch"]["parity"] == 100 and fields["vibration"]["parity"] in (0, None)
