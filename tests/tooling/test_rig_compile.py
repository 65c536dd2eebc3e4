"""The compiled rig: order, indexes, ids. The ids' oracle is the `uuid` module, the order's a plain definition."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from uuid import NAMESPACE_URL, UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxrig.errors import LocalError
from fluxrig.flux import pack
from fluxrig.rack import Rack
from fluxrig_ports.memory import MemoryHost
from fluxrig_tooling.rig import compile_rig, load_text
from fluxrig_tooling.rig.model import RigModel

ROOT = Path(__file__).resolve().parents[2]

RIG = """
fluxrig: 1
meta: {name: order, version: 1.10}
uns: {enterprise: acme}
racks:
  - {name: r1, machine: press-7}
  - {name: r2}
gears:
  - {name: screen, type: console, deploy: r1}
  - {name: plc, type: io_modbus, deploy: r1, config: {link: "tcp://h", tags: {x: {address: "hr:0"}}}}
  - {name: other, type: io_modbus, deploy: r2, config: {link: "tcp://h", tags: {x: {address: "hr:0"}}}}
  - {name: edge, type: filter, deploy: r1, on_error: kill}
  - {name: log, type: console, deploy: r1}
wires:
  - {from: edge, to: screen}
  - {from: plc, to: edge}
  - {from: [edge.err, screen.err], to: log}
"""


def model(text: str = RIG) -> RigModel:
    rig, problems = load_text(text)
    assert rig, [str(problem) for problem in problems]
    return rig


def test_the_head_says_what_it_is_and_for_whom():
    compiled = compile_rig(model(), "r1")
    head = {key: compiled[key] for key in ("rig", "version", "rack", "machine")}
    assert head == {"rig": "order", "version": "1.10", "rack": "r1", "machine": "press-7"}
    assert compile_rig(model(), "r2")["machine"] == "r2"


def test_gears_stand_in_the_order_of_the_flow_and_wires_in_that_of_the_file():
    compiled = compile_rig(model(), "r1")
    assert [gear["name"] for gear in compiled["gears"]] == ["plc", "edge", "screen", "log"]
    assert compiled["wires"] == [
        [1, "out", 2, "in", "hot"],
        [0, "out", 1, "in", "hot"],
        [1, "err", 3, "in", "hot"],
        [2, "err", 3, "in", "hot"],
    ]


def test_a_rack_gets_its_own_gears_only():
    assert [gear["name"] for gear in compile_rig(model(), "r2")["gears"]] == ["other"]


def test_on_error_is_reject_where_err_is_wired_and_drop_elsewhere():
    compiled = compile_rig(model(), "r1")
    assert {gear["name"]: gear["on_error"] for gear in compiled["gears"]} == {
        "plc": "drop",
        "edge": "kill",
        "screen": "reject",
        "log": "drop",
    }


def test_ids_come_from_names_alone():
    rig = uuid5(NAMESPACE_URL, "urn:fluxrig:rig:order")
    edge = uuid5(rig, "r1/edge")
    compiled = {gear["name"]: gear for gear in compile_rig(model(), "r1")["gears"]}
    assert UUID(bytes=compiled["edge"]["id"]) == edge
    assert compiled["edge"]["outputs"] == {"out": uuid5(edge, "out").bytes, "err": uuid5(edge, "err").bytes}


def test_the_same_rig_is_the_same_bytes_in_another_process():
    code = (
        "import sys; sys.path[:0] = ['core', 'ports', 'tooling']\n"
        "from fluxrig.flux import pack\n"
        "from fluxrig_tooling.rig import compile_rig, load\n"
        "sys.stdout.write(pack(compile_rig(load('tests/rigs/good/two_racks.yaml')[0], 'line-1')).hex())\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1 and len(outputs.pop()) > 1000


def test_comments_and_the_order_of_keys_change_nothing():
    changed = RIG.replace("{name: screen, type: console, deploy: r1}", "{deploy: r1, type: console, name: screen} # !")
    assert pack(compile_rig(model(changed), "r1")) == pack(compile_rig(model(), "r1"))


def test_what_cannot_run_is_not_compiled():
    rig = model()
    with pytest.raises(LocalError, match=r"has no rack 'r3': known: r1 and r2"):
        compile_rig(rig, "r3")
    with pytest.raises(LocalError, match="has 2 racks: say which one of r1, r2"):
        compile_rig(rig)


def test_a_guaranteed_wire_says_how_it_tries_again():
    wire = "{from: plc, to: edge, lane: guaranteed%s}"
    default = compile_rig(model(RIG.replace("{from: plc, to: edge}", wire % "")), "r1")["wires"]
    times = {"max_attempts": 5, "retry_min_ms": 500, "retry_max_ms": 60_000}
    assert default[1] == [0, "out", 1, "in", "guaranteed", times]
    assert [len(each) for each in default] == [5, 6, 5, 5]
    some = ", delivery: {max_attempts: 1, retry_max: 2m}"
    changed = compile_rig(model(RIG.replace("{from: plc, to: edge}", wire % some)), "r1")["wires"]
    assert changed[1][5] == {"max_attempts": 1, "retry_min_ms": 500, "retry_max_ms": 120_000}


def test_a_guaranteed_wire_closes_a_circle_too():
    rig, problems = load_text(RIG + "  - {from: screen, to: edge, lane: guaranteed}\n")
    (problem,) = problems.errors
    assert rig is None and (problem.line, problem.column) == (15, 12)
    assert problem.message == "the wires screen -> edge -> screen form a circle"
    assert "restarts included" in problem.hint


@st.composite
def flows(draw: st.DrawFn) -> tuple[list[int], set[tuple[int, int]]]:
    """Gears in the order of the file, and wires that go from a lower number to a higher one."""
    count = draw(st.integers(2, 7))
    edges = draw(st.sets(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=12))
    return draw(st.permutations(range(count))), {(a, b) for a, b in edges if a < b}


def rig_of(order: list[int], edges: set[tuple[int, int]]) -> str:
    fed = {target for _, target in edges}
    source = "type: io_modbus, config: {link: 'tcp://h', tags: {x: {address: 'hr:0'}}}"
    gears = [f"  - {{name: g{each}, {'type: console' if each in fed else source}}}\n" for each in order]
    wires = [f"  - {{from: g{a}, to: g{b}}}\n" for a, b in sorted(edges)]
    return "".join(["fluxrig: 1\nmeta: {name: r, version: 1}\ngears:\n", *gears, "wires:\n" * bool(wires), *wires])


@given(flows())
def test_the_order_is_the_first_by_the_file_that_the_wires_allow(flow):
    order, edges = flow
    compiled = compile_rig(model(rig_of(order, edges)))
    left, expected = list(order), []
    while left:
        free = next(each for each in left if not any(target == each and source in left for source, target in edges))
        left.remove(free)
        expected.append(f"g{free}")
    assert [gear["name"] for gear in compiled["gears"]] == expected
    assert all(source < target for source, _, target, _, _ in compiled["wires"])
    assert {(expected[a], expected[b]) for a, _, b, _, _ in compiled["wires"]} == {(f"g{a}", f"g{b}") for a, b in edges}


@given(flows(), st.data())
def test_a_circle_is_found_wherever_it_is(flow, data):
    order, edges = flow
    if not edges:
        return
    source, target = data.draw(st.sampled_from(sorted(edges)))
    rig, problems = load_text(rig_of(order, edges | {(target, source)}))
    circles = [problem for problem in problems.errors if "form a circle" in problem.message]
    assert rig is None and circles
    for problem in circles:
        names = problem.message.split("wires ")[1].split(" form")[0].split(" -> ")
        assert names[0] == names[-1] and len(set(names)) == len(names) - 1
        pairs = {(int(a[1:]), int(b[1:])) for a, b in pairwise(names)}
        assert pairs <= edges | {(target, source)}
        assert (target, source) in pairs


async def test_a_rack_runs_what_was_compiled():
    text = """
fluxrig: 1
meta: {name: r, version: 1}
uns: {enterprise: acme}
gears:
  - {name: plc, type: io_modbus, config: {link: "tcp://nobody", tags: {x: {address: "hr:0"}}}}
  - {name: edge, type: filter, config: {deadband: 5%}}
  - {name: uns, type: uns, config: {broker: "mqtt://127.0.0.1"}}
wires: [{from: plc, to: edge}, {from: edge, to: uns}]
"""
    host = MemoryHost()
    rack = Rack(host, compile_rig(model(text)))
    await rack.start()
    await host.clock.advance(10_000)
    retained = host.network.broker.retained
    assert b'"online"' in retained["acme/_rack/r"]
    assert b'"bad:not_connected"' in retained["acme/x"]
