"""Power cuts under a journal on the CPython volume: what the system was not told to force may be there or not."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from journal_life import Life, survive

from fluxrig_ports.cpython.volume import FolderVolume
from tests.ports.disk import Recorder, after_cut, after_kill, content

CUTS = 4
"""Different disks for each moment."""


class Recorded(FolderVolume):
    """A volume whose log is what it asked of the system."""

    def __init__(self, folder: Path, recorder: Recorder):
        super().__init__(folder)
        self.log = recorder.log


async def written(life: Life) -> Life:
    """Groups of records short and long, cursors, segments that are full and one that is sealed, removals.

    A restart when the last segment has nothing but a cursor, and is replaced then.
    """
    await life.open()
    for number, size in enumerate((1, 3, 1, 2, 40, 1)):
        await life.group(*[bytes([number, index, 0]) * (size * 11) for index in range(size)])
        await life.acknowledge()
        if number == 2:
            await life.seal()
        await life.retain()
    await life.seal()
    await life.group()
    await life.journal.close()
    again = Life(life.volume, life.written, life.said[-1])
    again.said = life.said
    await again.open()
    for record in (b"after", b"the restart"):
        await again.group(record)
    await again.journal.close()
    return again


def on_a_disk(tmp_path: Path) -> Callable[[dict[str, bytes]], Path]:
    """Makes folders with some files."""
    count = 0

    def make(files: dict[str, bytes]) -> Path:
        nonlocal count
        count += 1
        folder = tmp_path / f"disk-{count}"
        folder.mkdir(mode=0o700)
        for name, data in files.items():
            (folder / name).write_bytes(data)
        return folder

    return make


async def survives(life: Life, folder: Path, known, recorder: Recorder | None = None) -> Life:
    volume = FolderVolume(folder) if recorder is None else Recorded(folder, recorder)
    after = await survive(life, volume, known, lambda: content(folder))
    await volume.close()
    return after


async def recorded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Recorder, Life]:
    """The whole life of a journal there."""
    with monkeypatch.context() as patch:
        recorder = Recorder(folder, patch)
        life = await written(Life(Recorded(folder, recorder)))
    kinds = {entry[0] for entry in recorder.log}
    assert kinds == {"create", "write", "truncate", "force", "unlink", "force names", "replace"}
    assert after_cut(recorder, len(recorder.log), random.Random(1)) == content(folder), "what was closed is all there"
    return recorder, life


async def test_a_journal_survives_whatever_the_disk_makes_of_its_last_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Twice: the power goes again while it recovers and writes on."""
    make, pick = on_a_disk(tmp_path), random.Random(5)
    recorder, life = await recorded(tmp_path / "archive", monkeypatch)
    for count in range(len(recorder.log) + 1):
        for _ in range(CUTS):
            left = make(after_cut(recorder, count, pick))
            with monkeypatch.context() as patch:
                second = Recorder(left, patch)
                again = await survives(life, left, life.known_at(count), second)
            at = pick.randint(0, len(second.log))
            await survives(again, make(after_cut(second, at, pick)), again.known_at(at))


async def test_what_it_takes_over_from_a_killed_process_survives_a_power_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    make, pick = on_a_disk(tmp_path), random.Random(6)
    recorder, life = await recorded(tmp_path / "archive", monkeypatch)
    for count in range(len(recorder.log) + 1):
        left = make(after_kill(recorder, count))
        with monkeypatch.context() as patch:
            second = Recorder(left, patch, (recorder, count))
            again = await survives(life, left, life.known_at(count), second)
        for _ in range(CUTS):
            at = pick.randint(count, len(second.log))
            await survives(again, make(after_cut(second, at, pick)), again.known_at(at))
