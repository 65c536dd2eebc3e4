"""The topics and the broker that a `uns` Gear gets."""

from dataclasses import replace
from typing import Any

import pytest

from fluxrig_tooling.rig import load_text
from fluxrig_tooling.rig.lower.uns import lower
from fluxrig_tooling.rig.model import Problems, RigModel

RIG = """
fluxrig: 1
meta: {name: plant, version: 1}
uns: {enterprise: acme, line: rig-line}
racks:
  - {name: r1, uns: {site: mvd, line: rack-line}}
gears:
  - {name: p1, type: io_modbus, config: {link: "tcp://h", tags: {y: {address: "hr:1"}, x: {address: "hr:0"}}}}
  - {name: p2, type: io_modbus, uns: {cell: two, line: own}, config: {link: "tcp://h", tags: {x: {address: "hr:0"}}}}
  - {name: edge, type: filter}
  - {name: uns, type: uns, uns: {area: gateway}, config: {broker: "mqtt://10.0.0.2"}}
wires:
  - {from: p1, to: edge}
  - {from: [edge, p2], to: uns}
"""


def model(text: str = RIG) -> RigModel:
    rig, problems = load_text(text)
    assert rig, [str(problem) for problem in problems]
    return rig


def lowered(text: str = RIG) -> dict[str, Any]:
    return model(text).gear("uns").compiled


def errors(text: str) -> list[str]:
    rig, problems = load_text(text)
    assert rig is None
    return [problem.message for problem in problems.errors]


def test_a_topic_has_the_levels_of_the_gear_its_tag_comes_from():
    rig = model()
    assert rig.gear("uns").compiled["sources"] == [
        [rig.gear("p1").id, {"y": "acme/mvd/rack-line/y", "x": "acme/mvd/rack-line/x"}],
        [rig.gear("archive-p1").id, {"checkpoint": "acme/mvd/rack-line/_rack/r1/archive-p1/checkpoint"}],
        [rig.gear("p2").id, {"x": "acme/mvd/own/two/x"}],
    ]


def test_tags_that_no_gear_declares_stand_below_the_levels_of_the_uns_gear():
    assert lowered()["prefix"] == "acme/mvd/gateway/rack-line"
    assert lowered()["max_topics"] == 64


def test_the_rate_of_catching_up_has_a_default_and_can_be_set():
    assert lowered()["backlog_rate"] == 200
    faster = RIG.replace('broker: "mqtt://10.0.0.2"', 'broker: "mqtt://10.0.0.2", backlog_rate: 5000')
    assert lowered(faster)["backlog_rate"] == 5000


def test_the_status_stands_below_the_levels_of_the_rack():
    assert lowered()["status"] == "acme/mvd/rack-line/_rack/r1"


def test_checkpoints_stand_below_the_rack_whatever_they_pass_on_their_way():
    through = RIG + "  - {from: [p1, p2], to: archive}\n  - {from: archive.checkpoint, to: screen}\n"
    through = through.replace("- {name: edge", "- {name: archive, type: correlator}\n  - {name: edge")
    through = through.replace("- {name: edge", "- {name: screen, type: console}\n  - {name: edge")
    through = through.replace(
        "  - {from: p1, to: edge}\n  - {from: [edge, p2], to: uns}\n", "  - {from: p1, to: edge}\n"
    )
    rig = model(through + "  - {from: [edge, screen], to: uns}\n")
    archive = [rig.gear("archive").id, {"checkpoint": "acme/mvd/rack-line/_rack/r1/archive/checkpoint"}]
    assert archive in rig.gear("uns").compiled["sources"]
    # Only checkpoints come by that wire: nothing of what has been archived.
    assert [tag.gear for tag in rig.tags_into(rig.gear("uns"))] == ["p1", "p1"]


def test_the_broker_and_its_defaults():
    compiled = lowered()
    assert compiled["broker"] == {
        "address": "10.0.0.2",
        "port": 1883,
        "client_id": "plant-r1-uns",
        "keepalive_s": 60,
        "user": None,
        "password": None,
    }
    assert (compiled["timeout_ms"], compiled["reconnect_min_ms"], compiled["reconnect_max_ms"]) == (5000, 500, 30_000)


def test_everything_about_the_broker_can_be_set():
    options = 'broker: "mqtt://[::1]:1884", user: secret:u, password: secret:p_1, client_id: c, keepalive: 10s'
    broker = lowered(RIG.replace('broker: "mqtt://10.0.0.2"', options))["broker"]
    assert broker == {
        "address": "::1",
        "port": 1884,
        "client_id": "c",
        "keepalive_s": 10,
        "user": {"secret": "u"},
        "password": {"secret": "p_1"},
    }


@pytest.mark.parametrize(
    "broker",
    ["10.0.0.2", "tcp://h", "mqtt://", "mqtt://h/topic", "mqtt://h?x=1", "mqtt://h#x", "mqtt://h:0", "mqtt://h:99999", "mqtt://[::1"],
)  # fmt: skip
def test_what_is_not_a_broker_is_refused(broker):
    assert errors(RIG.replace("mqtt://10.0.0.2", broker))[0].startswith("broker: ")


def test_no_error_repeats_a_password():
    for broker in ("mqtt://me:hunter2@h", "http://me:hunter2@h", "mqtt://me:hunter2@h:99999", "mqtts://me:hunter2@h"):
        assert "hunter2" not in str(errors(RIG.replace("mqtt://10.0.0.2", broker)))


def test_two_tags_cannot_share_a_topic():
    same = RIG.replace("uns: {cell: two, line: own}, ", "")
    assert errors(same) == ["the tags 'x' of 'p1' and of 'p2' share the topic acme/mvd/rack-line/x"]


def test_two_uns_gears_share_one_namespace():
    second = """
  - {name: uns-2, type: uns, config: {broker: "mqtt://10.0.0.3"}}
wires:
  - {from: p1, to: edge}
  - {from: edge, to: uns}
  - {from: p2, to: uns-2}
"""
    apart = RIG.split("wires:")[0].rstrip() + second
    assert model(apart)
    same = apart.replace("uns: {cell: two, line: own}, ", "")
    assert errors(same) == ["the tags 'x' of 'p1' and of 'p2' share the topic acme/mvd/rack-line/x"]
    # The same tag at two brokers is one topic, published twice.
    assert model(same.replace("from: p2", "from: p1"))


def test_levels_that_a_topic_cannot_have_are_refused():
    for level in ("a b", "a/b", "a.b", "+", "ü", ""):
        said = errors(RIG.replace("area: gateway", f'area: "{level}"'))
        assert len(said) == 1 and said[0].startswith("area: ")


def test_a_tag_that_cannot_be_a_level_is_refused_where_it_stands():
    rig = model()
    source = rig.gear("p2")
    assert source.tags
    source.tags = (replace(source.tags[0], name="oil temp"),)
    problems = Problems()
    lower(rig.gear("uns"), rig, problems)
    assert [problem.message for problem in problems] == ["the tag 'oil temp' of gear 'p2' cannot be a level of a topic"]
    assert [problem.line for problem in problems] == [9]


def test_a_source_without_levels_is_warned_of():
    bare = RIG.replace("uns: {enterprise: acme, line: rig-line}\n", "").replace(
        ", uns: {site: mvd, line: rack-line}", ""
    )
    rig, problems = load_text(bare.replace("uns: {area: gateway}, ", ""))
    assert rig
    assert [problem.message for problem in problems.warnings] == ["the topics have no levels above the tag"]
    assert rig.gear("uns").compiled["status"] == "_rack/r1"
