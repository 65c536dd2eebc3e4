"""A program that is not there: skipped by an engineer, a failure where every service is demanded."""

import sys
from pathlib import Path

import pytest

from tests.services import require


def test_a_program_that_is_there(monkeypatch: pytest.MonkeyPatch):
    python = Path(sys.executable)
    monkeypatch.setenv("PATH", str(python.parent))
    assert require(python.name) == str(python)


@pytest.mark.parametrize(("demanded", "outcome"), [("", pytest.skip.Exception), ("1", pytest.fail.Exception)])
def test_a_program_that_is_missing(demanded: str, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FLUXRIG_REQUIRE_SERVICES", demanded)
    with pytest.raises(outcome, match="no-such-program is not installed"):
        require("no-such-program")
