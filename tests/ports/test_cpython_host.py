"""What only the CPython Host has: its log and output, its modes of files, its loop."""

import asyncio
import inspect
import re
import socket
import stat
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from fluxrig.errors import LocalError
from fluxrig_ports.cpython import loop
from fluxrig_ports.cpython.host import CPythonHost
from tests.ports import test_host_clock, test_host_serial, test_host_tcp, test_host_tcp_reads

ON_OUR_LOOP = [
    test
    for module in (test_host_clock, test_host_serial, test_host_tcp, test_host_tcp_reads)
    for name, test in vars(module).items()
    if name.startswith("test_") and inspect.iscoroutinefunction(test)
]
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (debug|info|warning|error) +(\S+): (.*)")


def test_a_log_line_has_a_time_a_level_and_a_speaker(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    CPythonHost(tmp_path).log("warning", "plc", "no answer")
    out, err = capsys.readouterr()
    match = LINE.fullmatch(err.strip())
    assert match and match.groups() == ("warning", "plc", "no answer")
    assert out == ""


def test_the_log_shows_its_level_and_what_is_above(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    host = CPythonHost(tmp_path, log_level="warning")
    for level in ("debug", "info", "warning", "error"):
        host.log(level, "x", level)
    assert [line.rsplit(" ", 1)[1] for line in capsys.readouterr().err.splitlines()] == ["warning", "error"]
    with pytest.raises(LocalError, match="loud"):
        CPythonHost(tmp_path, log_level="loud")


def test_no_text_can_pass_for_a_log_line_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    CPythonHost(tmp_path).log("info", "x", "first\n2026-01-01T00:00:00.000Z error rack: forged\n")
    lines = capsys.readouterr().err.splitlines()
    assert [bool(LINE.match(line)) for line in lines] == [True, False]


def test_write_out_writes_one_line_to_standard_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    CPythonHost(tmp_path).write_out("pressure 101.2")
    assert capsys.readouterr() == ("pressure 101.2\n", "")


def test_an_output_that_is_gone_is_an_error_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    ours, theirs = socket.socketpair()
    with ours, ours.makefile("w") as file:
        theirs.close()
        monkeypatch.setattr("sys.stdout", file)
        with pytest.raises(LocalError, match="the peer has closed it"):
            CPythonHost(tmp_path).write_out("x")
        monkeypatch.undo()
        with pytest.raises(BrokenPipeError):
            file.close()


def test_what_it_stores_is_for_its_owner_only(tmp_path: Path):
    host = CPythonHost(tmp_path / "new" / "state")
    host.store.write("a", b"1")
    folder = tmp_path / "new" / "state" / "store"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "a").stat().st_mode) == 0o600


@pytest.mark.parametrize("test", ON_OUR_LOOP, ids=lambda test: test.__name__)
def test_the_promises_hold_on_the_loop_with_fine_timers(test: Callable[[], Coroutine[None, None, None]]):
    loop.run(test())


def test_the_loop_serves_sockets_and_timers_and_sleeps_between(monkeypatch: pytest.MonkeyPatch):
    turns = 0
    original = loop._selector.select

    def counted(self, timeout=None):
        nonlocal turns
        turns += 1
        return original(self, timeout)

    monkeypatch.setattr(loop._selector, "select", counted)

    async def main() -> list[str]:
        ours, theirs = socket.socketpair()
        happened: list[str] = []
        reader, writer = await asyncio.open_connection(sock=ours)
        asyncio.get_running_loop().call_later(0.05, theirs.send, b"x")
        asyncio.get_running_loop().call_later(0.02, happened.append, "timer")
        happened.append((await reader.read(1)).decode())
        await asyncio.sleep(0.3)
        writer.close()
        theirs.close()
        return happened

    assert loop.run(main()) == ["timer", "x"]
    # Three timers, each with the turns of its last quarter of a millisecond; a loop that never slept makes 100,000.
    assert turns < 3000


def test_the_loop_returns_results_and_raises_errors():
    async def result() -> int:
        return 7

    async def error() -> None:
        raise ValueError("x")

    assert loop.run(result()) == 7
    with pytest.raises(ValueError, match="x"):
        loop.run(error())
