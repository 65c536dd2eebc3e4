"""`fluxrig archive show`, `stats`, `export` and `extract` where an archive is not all there, or may not be read."""

import errno
import itertools
import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from fluxrig_tooling.archive.entries import ArchiveReader
from fluxrig_tooling.cli.archive import command as archive_group
from tests.cli.archives import archive, document, page
from tests.peers import journal_format as fmt
from tests.peers.archived import filled, message, trace_of, wire


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """65 messages in segments of 20, then one that is not committed."""
    writer = filled(65)
    writer.record(wire(message(66)))
    return writer.write(tmp_path / "archive")


def test_missing_segments_are_said(folder: Path, tmp_path: Path):
    (folder / fmt.name(21)).unlink()
    said = "error: positions 21 to 40 are missing: their segments are not here\n"
    for verb, more in (("show", ()), ("export", ("-o", tmp_path / "x.csv")), ("extract", ("--trace", trace_of(3)))):
        assert archive(verb, folder, *more, exit_code=1).stderr.startswith(said), verb
    stats = document("stats", folder, exit_code=1)
    assert [(each["first"], each["last"]) for each in stats["problems"]] == [(21, 40)]
    assert stats["messages"] == 45 and not stats["ok"]
    assert "missing     positions 21 to 40, 20 messages" in "\n".join(page("stats", folder, exit_code=1))


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        (("--from", "41"), None),
        (("--from", "41", "--tag", "pieces"), None),
        (("--to", "20"), None),
        (("--last", "5"), None),
        (("--to", "21"), "position 21 is missing: its segment is not here"),
        (("--from", "40", "--tag", "pieces"), "position 40 is missing"),
        (("--from", "30", "--to", "35"), "positions 30 to 35 are missing"),
        (("--from", "2026-01-01"), "positions 21 to 40 are missing"),
    ],
)
def test_what_is_missing_matters_where_it_was_asked_for(folder: Path, options: tuple[str, ...], missing: str | None):
    (folder / fmt.name(21)).unlink()
    error = archive("show", folder, *options, exit_code=1 if missing else 0).stderr
    assert (missing or "") in error and ("error:" in error) == bool(missing)


def test_what_retention_has_removed_is_not_missing(tmp_path: Path):
    writer = filled(90)
    writer.remove(2)
    folder = writer.write(tmp_path / "archive")
    assert archive("show", folder).stderr == ""
    assert document("stats", folder)["ok"]
    (folder / fmt.name(41)).unlink()
    assert "positions 41 to 60 are missing" in archive("show", folder, exit_code=1).stderr
    (folder / "removed").unlink()
    assert "positions 1 to 60 are missing" in archive("show", folder, exit_code=1).stderr
    (folder / "removed").write_bytes(b"what")
    error = archive("show", folder, exit_code=1).stderr
    assert "whether retention has removed the positions 1 to 60 is not known" in error


@pytest.mark.parametrize(
    ("content", "first"),
    [(lambda data: data[: len(data) // 2], 31), (lambda data: random.Random(4).randbytes(len(data)), 21)],
    ids=["cut", "random"],
)
def test_what_is_lost_within_a_segment_is_counted(folder: Path, content: Callable[[bytes], bytes], first: int):
    path = folder / fmt.name(21)
    path.write_bytes(content(path.read_bytes()))
    result = archive("show", folder, "--json", exit_code=1)
    positions = [json.loads(line)["position"] for line in result.stdout.splitlines()]
    assert positions == [*range(1, first), *range(41, 66)]
    lost = f"positions {first} to 40 are lost ({41 - first} messages)"
    assert [line for line in result.stderr.splitlines() if "error" in line] == [
        f"error: {path.name}, byte {fmt.frames(path.read_bytes())[-1].end if first > 21 else 0}: {lost}"
    ]
    text = " ".join(" ".join(page("stats", folder, exit_code=1)).split())
    assert f"lost positions {first} to 40, {41 - first} messages: in {path.name}" in text and "damaged" not in text


def test_a_damaged_length_loses_what_follows_it(folder: Path):
    path = folder / fmt.name(61)
    data = bytearray(path.read_bytes())
    second = [each for each in fmt.frames(bytes(data)) if each.kind == b"M"][1]
    data[second.offset + 2] ^= 0x55
    path.write_bytes(data)
    result = archive("show", folder, "--from", "61", exit_code=1)
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["61"]
    assert f"{path.name}, byte {second.offset}: positions from 62 on are lost" in result.stderr


def _denied(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Files of these names may not be opened, as files of somebody else."""
    real = os.open

    def denying(path: Any, *arguments: Any, **more: Any) -> int:
        if Path(path).name in names:
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, *arguments, **more)

    monkeypatch.setattr(os, "open", denying)


def test_what_may_not_be_read_is_said_once(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    _denied(monkeypatch, fmt.name(21))
    output = tmp_path / "out.csv"
    for arguments in (["show", str(folder)], ["export", str(folder), "-o", str(output)]):
        result = CliRunner().invoke(archive_group, arguments)
        assert result.exit_code == 1
        (error,) = [line for line in result.stderr.splitlines() if "error" in line]
        said = f"error: {fmt.name(21)} cannot be read (Permission denied): run it as the user of the Rack"
        assert error == said
    result = CliRunner().invoke(archive_group, ["stats", str(folder), "--jobs", "1"])
    assert result.exit_code == 1 and "run it as the user of the Rack" in " ".join(result.stdout.split())


def test_an_archive_that_may_not_be_read_is_not_exported(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    _denied(monkeypatch, *(path.name for path in folder.iterdir()))
    output = tmp_path / "out.csv"
    for arguments in (["show", str(folder)], ["export", str(folder), "-o", str(output)], ["stats", str(folder)]):
        result = CliRunner().invoke(archive_group, arguments)
        assert result.exit_code == 1 and result.stdout == ""
        assert result.stderr.count("\n") == 1 and "run it as the user of the Rack" in result.stderr
    assert not output.exists()


def test_follow_begins_with_the_first_that_is_left(tmp_path: Path):
    writer = filled(90)
    writer.remove(2)
    archive_reader = ArchiveReader(writer.write(tmp_path / "archive"))
    found = [entry.position for entry in itertools.takewhile(bool, archive_reader.follow()) if entry]
    assert found == list(range(41, 91))
    assert archive_reader.damage.count == 0


def test_follow_says_what_is_missing_and_lost(tmp_path: Path):
    folder = filled(90).write(tmp_path / "archive")
    (folder / fmt.name(21)).unlink()
    with (folder / fmt.name(61)).open("r+b") as file:
        file.truncate(2000)
    archive_reader = ArchiveReader(folder)
    found = [entry.position for entry in itertools.takewhile(bool, archive_reader.follow()) if entry]
    lost = 61 + len([each for each in fmt.frames((folder / fmt.name(61)).read_bytes()) if each.kind == b"M"])
    assert found == [*range(1, 21), *range(41, lost), *range(81, 91)]
    said = [problem.reason for problem in archive_reader.damage.problems]
    assert said[0].startswith("positions 21 to 40 are missing") and len(said) == 2
    assert said[1] == f"positions {lost} to 80 are lost ({81 - lost} messages)"


def test_figures_of_damage_divide_like_by_like(folder: Path):
    path = folder / fmt.name(21)
    before = document("stats", folder)
    path.write_bytes(path.read_bytes()[: len(path.read_bytes()) // 2])
    after = document("stats", folder, exit_code=1)
    around = [(each["bytes"] - each["message_bytes"]) / each["messages"] for each in (before, after)]
    assert around[0] == pytest.approx(around[1], rel=0.1)
    assert after["disk_bytes"] == sum(each.stat().st_size for each in folder.iterdir())
    assert before["bytes"] < before["disk_bytes"], "what is not committed is on the disk too"
