"""A Rack as a process: it ends in order when asked once, and at once when asked twice."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fluxrig import registry
from fluxrig.errors import LocalError
from fluxrig.gear import Gear
from fluxrig_ports.cpython.host import CPythonHost
from fluxrig_ports.cpython.run import run_rack
from tests.interpreter import ROOT

LIMIT_S = 30
PATH = os.pathsep.join(str(ROOT / folder) for folder in ("core", "ports"))
EMPTY_RIG = {"rig": "r", "version": "1", "rack": "bench", "machine": "m", "gears": [], "wires": []}


@contextmanager
def rack(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(Path(__file__).with_name("rack_process.py")), *arguments]
    process = subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": PATH}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for_line(process: subprocess.Popen[str], wanted: str) -> None:
    assert process.stdout
    for line in process.stdout:
        if line.strip() == wanted:
            return
    raise AssertionError(f"ended without saying {wanted!r}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_drains_and_stops_every_gear(number: signal.Signals, tmp_path: Path):
    with rack(str(tmp_path)) as process:
        wait_for_line(process, "working")
        process.send_signal(number)
        out, err = process.communicate(timeout=LIMIT_S)
    *said, stats = out.splitlines()
    assert said == ["draining", "drained", "stopped"]
    assert json.loads(stats)["gears"]["t"]["alive"] is True
    assert number.name in err
    assert process.returncode == 0


@pytest.mark.skipif(os.name != "posix", reason="the exit code tells the signal on POSIX only")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_the_process_at_once(number: signal.Signals, tmp_path: Path):
    with rack(str(tmp_path), "hang") as process:
        wait_for_line(process, "working")
        process.send_signal(number)
        wait_for_line(process, "draining")
        process.send_signal(number)
        out, _ = process.communicate(timeout=LIMIT_S)
    assert out == ""
    assert process.returncode == -number


def test_it_ends_by_itself_when_its_time_is_over(tmp_path: Path):
    with rack(str(tmp_path), "0") as process:
        out, _ = process.communicate(timeout=LIMIT_S)
    assert out.splitlines()[-2] == "stopped"
    assert process.returncode == 0


class Slow(Gear):
    """Takes longer to start than its Rack is to run."""

    def init(self, ctx):
        ctx.spawn("work", asyncio.Event().wait)

    async def start(self):
        await asyncio.sleep(0.01)


async def test_a_rack_that_is_told_to_stop_while_it_starts_waits_for_no_task_that_never_began(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    registry.register("slow", __name__, "Slow")
    slow = {"name": "s", "type": "slow", "id": bytes(16), "config": {}, "on_error": "drop", "outputs": {}}
    await run_rack({**EMPTY_RIG, "gears": [slow]}, CPythonHost(tmp_path), asyncio.sleep(0))
    assert "timed out" not in capsys.readouterr().err


async def test_an_error_while_waiting_stops_the_rack_and_is_raised(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    async def fails() -> None:
        raise RuntimeError("the terminal is gone")

    with pytest.raises(RuntimeError, match="the terminal is gone"):
        await run_rack(EMPTY_RIG, CPythonHost(tmp_path), fails())
    assert "bench: stopped" in capsys.readouterr().err


async def test_a_rig_that_is_refused_leaves_the_signals_as_they_were(tmp_path: Path):
    before = signal.getsignal(signal.SIGTERM)
    unknown = {"name": "x", "type": "no-such", "id": bytes(16), "config": {}, "on_error": "drop", "outputs": {}}
    with pytest.raises(LocalError, match="no-such"):
        await run_rack({**EMPTY_RIG, "gears": [unknown]}, CPythonHost(tmp_path), asyncio.sleep(3600))
    assert signal.getsignal(signal.SIGTERM) is before
