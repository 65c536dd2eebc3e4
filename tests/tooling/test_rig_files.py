"""The rig files in tests/rigs and the examples: each says in its `#!` comments what the check has to say about it."""

from pathlib import Path

import pytest

from fluxrig.flux import pack, unpack
from fluxrig_tooling.rig import compile_rig, load

RIGS = Path(__file__).resolve().parents[1] / "rigs"
EXAMPLES = Path(__file__).resolve().parents[2] / "tooling/fluxrig_tooling/rig/examples"
GOOD = sorted([*(RIGS / "good").glob("*.yaml"), *EXAMPLES.glob("*.yaml")])
BAD = sorted((RIGS / "bad").glob("*.yaml"))


def said(path: Path) -> list[str]:
    _, problems = load(path)
    text = "\n".join(str(problem).removeprefix(f"{path}:") for problem in problems)
    return text.replace(f"{path.parent}/", "").splitlines()


def expected(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.removeprefix("#! ") for line in lines if line.startswith("#! ")]


@pytest.mark.parametrize("path", [*GOOD, *BAD], ids=lambda path: path.stem)
def test_the_check_says_what_is_wrong_and_nothing_else(path):
    assert said(path) == expected(path)


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_rig_gives_no_model(path):
    model, problems = load(path)
    assert model is None
    assert problems.errors


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_good_rig_compiles_for_each_of_its_racks(path):
    model, _ = load(path)
    assert model
    for rack in model.racks:
        compiled = compile_rig(model, rack.name)
        assert unpack(pack(compiled)) == compiled
        assert {gear["name"] for gear in compiled["gears"]} == {gear.name for gear in model.gears_of(rack.name)}


def test_the_folders_are_not_empty():
    assert len(GOOD) > 3 and len(BAD) > 10
