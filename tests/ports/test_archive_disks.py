"""A Rack with an archive on disks that fill up, become read-only, are slow, or are limited; on CPython.

What is on the disk in the end is judged by tests/peers/journal_format.py.
"""

import asyncio
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from probes import chain, gear, gear_of, settings

from fluxrig.codec import Codec
from fluxrig.rack import Rack
from fluxrig_ports.cpython import files
from fluxrig_ports.cpython.host import CPythonHost
from tests.peers.journal_format import begun, load, verify

HERE = Path(__file__).resolve().parent
CORRELATOR = ("out", "joined", "diff", "parity", "checkpoint", "err")


def may_mount() -> bool:
    return subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode == 0


def on_a_disk(scenario: str, state: Path) -> dict[str, Any]:
    """What the Rack of disk_rack.py reports."""
    command = [sys.executable, str(HERE / "disk_rack.py"), scenario, str(state)]
    if scenario != "file_size":
        if not may_mount():
            pytest.skip("mounting a disk takes root, and a kernel that lets it")
        command = ["unshare", "-m", *command]
    path = os.pathsep.join([str(HERE.parent / "core"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    found["errors"] = [text for level, text in found["logged"] if level == "error"]
    assert not [text for text in found["errors"] if "Traceback" in text]
    return found


def check(report: dict[str, Any], folder: Path) -> dict[int, int]:
    """Whether everything that left is in order, each once, and where it says it is. {position: n} of the disk."""
    got = report["got"]
    assert [n for n, _ in got] == list(range(len(got))), "the live path has everything, in order"
    codec = Codec()
    records = verify(begun(load(folder))).records
    assert sorted(records) == list(range(1, len(records) + 1))
    messages = {position: codec.decode(data) for position, data in records.items()}
    numbers = {position: msg.data["n"] for position, msg in messages.items() if "n" in msg.data}
    for n, position in got:
        assert position == 0 or numbers[position] == n
    assert [n for n, position in got if position == 0] == report["volatile"]
    assert list(numbers.values()) == sorted(set(numbers.values()))
    missing = set(range(len(got))) - set(numbers.values())
    assert len(missing) <= report["stats"]["archive"]["lost"]
    return numbers


@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        ("full", "no space left"),
        ("read_only", "read-only"),
        ("read_only_at_the_start", "read-only"),
    ],
)
def test_a_disk_that_is_away_for_a_while(scenario: str, words: str, tmp_path: Path):
    report = on_a_disk(scenario, tmp_path)
    numbers = check(report, tmp_path / "copy")
    assert set(numbers.values()) == set(range(len(report["got"]))), "everything is taken up when it is back"
    assert report["volatile"] and not report["stats"]["archive"]["volatile"]
    (said,) = [text for text in report["errors"] if "WITHOUT being archived" in text]
    assert words in said.lower() and str(tmp_path / "disk" / "archive") in said
    assert any("archiving again" in text for _, text in report["logged"])
    assert report["got"][-1][1] == max(numbers)


def test_a_disk_that_is_full_at_the_stop(tmp_path: Path):
    report = on_a_disk("full_at_the_stop", tmp_path)
    numbers = check(report, tmp_path / "copy")
    assert len(numbers) >= 20
    assert any("the disk did not take" in text for text in report["errors"])
    assert not set(report["volatile"]) & set(numbers.values())


def test_a_limit_of_the_size_of_files_only_makes_segments_shorter(tmp_path: Path):
    report = on_a_disk("file_size", tmp_path)
    numbers = check(report, tmp_path / "copy")
    assert set(numbers.values()) == set(range(len(report["got"])))
    assert all(path.stat().st_size <= 100_000 for path in (tmp_path / "copy").iterdir())
    assert any("too large" in text for text in report["errors"])


class Bench:
    def __init__(self, state: Path, host: CPythonHost | None = None, **changed: Any):
        gears = [gear("a", "source"), gear("archive", "correlator", outputs=CORRELATOR), gear("s", "sink")]
        compiled = chain(*gears, archive=settings(commit_ms=1, **changed))
        self.rack = Rack(host or CPythonHost(state, "error"), compiled)
        self.source = gear_of(self.rack, "a")
        self.got = gear_of(self.rack, "s").got
        self.archive = self.rack.archive
        self.n = 0

    def send(self, count: int = 1) -> None:
        for _ in range(count):
            self.source.emit({"n": self.n})
            self.n += 1

    async def emitted(self) -> None:
        await until(lambda: len(self.got) == self.n)

    def report(self) -> dict[str, Any]:
        got = [(msg.data["n"], int(msg.meta.get("archive.pos", 0))) for msg in self.got]
        volatile = [msg.data["n"] for msg in self.got if "archive.volatile" in msg.meta]
        return {"got": got, "volatile": volatile, "stats": self.rack.stats()}


async def until(condition: Any) -> None:
    while not condition():
        await asyncio.sleep(0.002)


class Gate:
    """What takes the place of fdatasync: it waits, in the thread of the volume, while the gate is closed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.open = threading.Event()
        self.open.set()
        self._force = files._force
        monkeypatch.setattr(files, "_force", self)

    def __call__(self, descriptor: int) -> None:
        assert self.open.wait(60)
        self._force(descriptor)


async def test_a_slow_disk_holds_back_messages_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    gate = Gate(monkeypatch)
    bench = Bench(tmp_path)
    await bench.rack.start()
    bench.send(3)
    await bench.emitted()
    gate.open.clear()
    bench.send(3)
    turns = 0
    while turns < 100:  # the loop goes round while the disk does not answer
        await asyncio.sleep(0.001)
        turns += 1
    assert len(bench.got) == 3
    gate.open.set()
    await bench.emitted()
    await bench.rack.stop()
    assert not bench.report()["volatile"]
    check(bench.report(), tmp_path / "archive")


async def test_a_disk_that_hangs_is_given_up_and_taken_up_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    gate = Gate(monkeypatch)
    bench = Bench(tmp_path)
    bench.archive.SLOW_MS = 100
    await bench.rack.start()
    bench.send(3)
    await bench.emitted()
    gate.open.clear()
    bench.send(3)
    await bench.emitted()
    assert bench.archive.volatile
    bench.send(3)
    assert len(bench.got) == 9, "at once, now"
    gate.open.set()
    await until(lambda: not bench.archive.volatile)
    bench.send(1)
    await bench.emitted()
    await bench.rack.stop()
    report = bench.report()
    assert report["volatile"] == [3, 4, 5, 6, 7, 8]
    assert set(check(report, tmp_path / "archive").values()) == set(range(10))


async def test_a_disk_that_is_too_slow_costs_the_oldest_and_no_more_ram(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    gate = Gate(monkeypatch)
    bench = Bench(tmp_path, ram_bytes=20_000)
    await bench.rack.start()
    gate.open.clear()
    for _ in range(50):
        bench.send(10)
        await asyncio.sleep(0)
        # One more than that, as what is being written cannot be given up.
        assert bench.archive.journal.pending_bytes <= 20_000 + 300
    assert len(bench.got) >= 400
    gate.open.set()
    await until(lambda: not bench.archive.volatile and not bench.archive.pending)
    await bench.rack.stop()
    report = bench.report()
    assert report["stats"]["archive"]["lost"] > 300
    check(report, tmp_path / "archive")


async def test_a_disk_that_hangs_at_the_stop_does_not_keep_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    gate = Gate(monkeypatch)
    bench = Bench(tmp_path)
    bench.rack.DRAIN_MS = 200
    await bench.rack.start()
    bench.send(3)
    await bench.emitted()
    monkeypatch.setattr("fluxrig_ports.cpython.volume.FolderVolume.CLOSE_LIMIT_S", 0.2)
    gate.open.clear()
    bench.send(3)
    await bench.rack.stop()
    assert bench.report()["stats"]["archive"]["lost"] >= 3
    gate.open.set()
    again = Bench(tmp_path)

    async def taken() -> None:
        while True:
            try:
                await again.rack.start()
                return
            except Exception as exc:
                assert "in use" in str(exc)
                await asyncio.sleep(0.01)

    await taken()
    again.send(1)
    await again.emitted()
    await again.rack.stop()
    numbers = verify(begun(load(tmp_path / "archive"))).records
    assert len(numbers) >= 4
