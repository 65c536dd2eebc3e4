"""Whatever stands in a rig file, loading it gives a model or problems, and never fails in another way."""

from pathlib import Path
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from fluxrig.flux import pack, unpack
from fluxrig_tooling.rig import compile_rig, load, load_text

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted([*(ROOT / "tests/rigs").rglob("*.yaml"), *(ROOT / "tooling").rglob("examples/*.yaml")])
SOURCES = [path.read_text(encoding="utf-8") for path in FILES]
WORDS = sorted({word for source in SOURCES for word in source.replace("{", " ").replace(",", " ").split()})
LITTER = st.sampled_from(WORDS) | st.sampled_from(
    ["{", "}", "[", "]", ":", "- ", "\n", "  ", "&a ", "*a", "!t ", "'", '"']
)


def judged(text: str) -> None:
    """The model, when there is one, compiles; else there is at least one error, and each can be shown."""
    model, problems = load_text(text)
    assert (model is None) == bool(problems.errors)
    lines = text.splitlines()
    for problem in problems:
        assert problem.message and "\n" not in problem.message and len(problem.message) < 500
        assert str(problem).startswith(f"{problem.file}:")
        # What the rig refers to, such as a profile, has lines of its own.
        assert problem.file != "rig.yaml" or 0 <= problem.line <= len(lines) + 1
    if model and not any("guaranteed" in problem.message for problem in problems):
        for rack in model.racks:
            compiled = compile_rig(model, rack.name)
            assert unpack(pack(compiled)) == compiled


@given(st.text(max_size=200))
@example("fluxrig: 1")
@example("fluxrig: 1\ngears: {}\nmeta: []\nracks: 7\nwires: x\ntests: {a: 1}\nuns: []")
def test_any_text(text):
    judged(text)


@given(st.sampled_from(SOURCES), st.data())
def test_a_rig_file_with_a_piece_replaced(source, data):
    start = data.draw(st.integers(0, len(source)))
    end = data.draw(st.integers(start, min(start + 40, len(source))))
    judged(source[:start] + "".join(data.draw(st.lists(LITTER, max_size=4))) + source[end:])


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(WORDS) | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SCALARS, inner, max_size=3), max_leaves=6
)
PATHS = [
    "meta", "meta.name", "uns", "uns.site", "racks", "racks.line-1", "racks.line-1.uns", "racks.line-1.board", "gears",
    "gears.plc", "gears.plc.name", "gears.plc.type", "gears.plc.uns", "gears.plc.deploy", "gears.plc.on_error",
    "gears.plc.config", "gears.plc.config.link", "gears.plc.config.tags", "gears.plc.config.tags.flow",
    "gears.plc.config.tags.flow.range", "gears.plc.config.tags.flow.address", "gears.plc.config.tags.state.enum",
    "gears.plc.config.groups", "gears.plc.config.unit_id", "gears.plc.config.forbidden", "gears.plc.config.max_gap",
    "gears.plc.config.baud", "gears.plc.config.pipeline", "gears.plc.config.response_time",
    "gears.edge.config", "gears.edge.config.deadband", "gears.edge.config.tags",
    "gears.uns.config", "gears.uns.config.broker", "gears.uns.config.password", "gears.uns.config.keepalive", "wires",
    "wires.0", "wires.0.from", "wires.0.to", "wires.0.lane", "tests", "anything",
]  # fmt: skip


@given(st.dictionaries(st.sampled_from(PATHS), VALUES, min_size=1, max_size=3))
@example({"gears.plc.config.tags.flow.range": [float("inf"), float("nan")]})
@example({"gears.plc.config.tags.flow.address": 10**30})
@example({"gears.uns.config.broker": "mqtt://h:1\ud800"})
@example({"gears.plc.config.link": "serial:///dev/ttyS0", "gears.plc.config.baud": 300})
@example({"gears.plc.config.link": "tcp://h\ud800"})
def test_the_example_with_any_value_anywhere(overrides: dict[str, Any]):
    model, problems = load(ROOT / "tooling/fluxrig_tooling/rig/examples/press.yaml", overrides)
    assert (model is None) == bool(problems.errors)
    if model and len(model.racks) == 1 and not any("guaranteed" in problem.message for problem in problems):
        assert pack(compile_rig(model))


def test_a_file_that_cannot_be_read_is_a_problem_too(tmp_path):
    for path in (tmp_path / "none.yaml", tmp_path):
        model, problems = load(path)
        assert model is None
        (problem,) = problems
        assert str(problem).startswith(f"{path}: error: cannot be read: ")
        assert problem.as_dict() == {
            "file": str(path),
            "line": 0,
            "column": 0,
            "severity": "error",
            "message": problem.message,
            "hint": "",
        }
