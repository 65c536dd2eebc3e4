"""Helper processes of the demo: what becomes of one that does not start, or does not go on."""

from collections.abc import Callable
from pathlib import Path
from textwrap import indent

import pytest

from fluxrig_tooling.sim.child import ChildError, running

HEAD = """
import asyncio
from fluxrig_tooling.sim.child import say, serve, stdin_closed

async def main():
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Makes a helper whose `main` is this, and gives the name of its module."""

    def made(body: str) -> str:
        (tmp_path / "helper.py").write_text(HEAD + indent(body, "    ") + "\nserve(main())")
        return "helper"

    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return made


async def test_it_says_something_first_and_something_last(module: Callable[[str], str]):
    body = "closed = stdin_closed()\nsay({'port': 1})\nawait closed.wait()\nsay({'served': 2})"
    async with running("it", module(body)) as child:
        assert child.first == {"port": 1} and not child.has_ended
        assert await child.end() == {"served": 2}
        assert child.has_ended


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("raise OSError('no port is free')", "it did not start: no port is free"),
        ("import nowhere", "it did not start: No module named 'nowhere'"),
        ("raise ValueError", "it did not start: ValueError"),
        ("return", "it did not start, see its messages above"),
        ("await stdin_closed().wait()", "it did not start within 1 s"),
    ],
)
async def test_one_that_does_not_start_says_why(module: Callable[[str], str], body: str, why: str):
    with pytest.raises(ChildError) as caught:
        async with running("it", module(body), start_s=1):
            pass
    assert str(caught.value) == why


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("say({})\nraise OSError('the disk is full')", "it ended: the disk is full"),
        ("say({})", "it did not report, see its messages above"),
    ],
)
async def test_one_that_ends_by_itself_says_why(module: Callable[[str], str], body: str, why: str):
    async with running("it", module(body)) as child:
        with pytest.raises(ChildError) as caught:
            await child.end()
    assert str(caught.value) == why
