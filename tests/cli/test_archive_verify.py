"""`fluxrig archive verify` and `checkpoint`, as a user runs them."""

import json
import os
import pty
import subprocess
from pathlib import Path

import pytest

from tests.cli.archives import FLUXRIG, archive, document, page
from tests.peers import journal_format as fmt
from tests.peers.archived import filled, message, note, wire
from tests.peers.journal_format import Writer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return filled(63).write(tmp_path / "archive")


def flip(path: Path, byte: int) -> None:
    data = bytearray(path.read_bytes())
    data[byte] ^= 1
    path.write_bytes(data)


def test_an_archive_that_is_right(folder: Path):
    text = "\n".join(page("verify", folder))
    for part in ("press-1", "1 to 60, in 12 groups", "4, 3 of them sealed", "ok: the chain is whole"):
        assert part in text
    assert "3 messages after the last link" in text
    assert "Without --anchor" in text
    report = document("verify", folder)
    assert (report["ok"], report["first"], report["position"], report["messages"]) == (True, 1, 60, 60)
    assert (report["uncommitted"], report["problems"], report["anchors"]) == (3, [], [])


def test_what_is_wrong_is_named_by_segment_position_and_byte(folder: Path):
    path = folder / fmt.name(21)
    record = [each for each in fmt.frames(path.read_bytes()) if each.kind == b"M"][7]
    flip(path, record.offset + 100)
    lines = page("verify", folder, exit_code=1)
    assert f"BAD: {path.name}" in lines
    assert f"     position 28, byte {record.offset}" in lines
    assert "bytes of this record were changed" in " ".join(lines)
    (problem,) = document("verify", folder, exit_code=1)["problems"]
    assert (problem["segment"], problem["position"], problem["byte"]) == (path.name, 28, record.offset)


def test_every_bad_segment_is_listed_the_first_one_first(folder: Path):
    flip(folder / fmt.name(41), 500)
    flip(folder / fmt.name(1), 700)
    report = document("verify", folder, exit_code=1)
    assert [each["segment"] for each in report["problems"]] == [fmt.name(1), fmt.name(41)]
    assert "also: " + fmt.name(41) in page("verify", folder, exit_code=1)


def test_anchors_are_found_in_any_text(folder: Path, tmp_path: Path):
    anchors = tmp_path / "anchors.txt"
    links = [link.checkpoint() for _, link in filled(63).links]
    message = {"id": "1", "data": {"checkpoint": links[2]}}
    lines = [
        "acme/press/_checkpoint " + json.dumps({"v": links[0], "t": 1, "q": "good"}),
        "not JSON { at all",
        json.dumps({"checkpoint": links[1]}),
        json.dumps([message], indent=2),
        "2026-11-25 " + json.dumps(links[-1]) + " trailing",
    ]
    anchors.write_text("\n".join(lines))
    report = document("verify", folder, "--anchor", anchors)
    assert [(each["position"], each["result"]) for each in report["anchors"]] == [
        (5, "confirmed"),
        (10, "confirmed"),
        (15, "confirmed"),
        (60, "confirmed"),
    ]
    text = "\n".join(page("verify", folder, "--anchor", anchors))
    assert "4 of 4 confirmed, the newest at position 60" in text
    assert "Without --anchor" not in text


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"position": 61}, "ends at position 60"),
        ({"head": "0" * 64}, "no such link"),
        ({"time": 1}, "no such link"),
        ({"position": 59}, "no such link"),
        ({"machine": "press-2"}, "of machine 'press-2', and what the archive has there is of 'press-1'"),
        ({"journal": "0" * 32}, "another archive"),
    ],
)
def test_an_anchor_that_is_not_of_this_archive(folder: Path, tmp_path: Path, change: dict, reason: str):
    anchor = tmp_path / "anchor.json"
    anchor.write_text(json.dumps({**filled(60).links[-1][1].checkpoint(), **change}))
    report = document("verify", folder, "--anchor", anchor, exit_code=1)
    (answer,) = report["anchors"]
    assert (answer["result"], reason in answer["reason"]) == ("contradicted", True), answer
    assert report["problems"] == []
    lines = page("verify", folder, "--anchor", anchor, exit_code=1)
    assert "0 of 1 confirmed" in "\n".join(lines)
    assert any(line.startswith(f"            1 anchor, position {answer['position']}: ") for line in lines)


def test_an_anchor_in_a_part_that_was_removed_counts_only_at_the_end_of_a_segment(tmp_path: Path):
    writer = filled(63)
    links = [link for _, link in writer.links]
    writer.remove(2)
    folder = writer.write(tmp_path / "archive")
    anchors = tmp_path / "anchors.jsonl"

    def results(*positions: int, exit_code: int = 0) -> list[str]:
        chosen = [json.dumps(link.checkpoint()) for link in links if link.position in positions]
        anchors.write_text("\n".join(chosen))
        found = document("verify", folder, "--anchor", anchors, exit_code=exit_code)["anchors"]
        return [each["result"] for each in found]

    assert results(20, 40) == ["confirmed", "confirmed"]
    assert results(35, 60) == ["unknown", "confirmed"]
    assert results(5, 35, exit_code=1) == ["unknown", "unknown"]


def test_a_checkpoint_is_an_anchor_as_long_as_nothing_is_rewritten(folder: Path, tmp_path: Path):
    anchor = tmp_path / "anchor.json"
    anchor.write_text(archive("checkpoint", folder).stdout)
    assert json.loads(anchor.read_text()) == filled(60).links[-1][1].checkpoint()
    filled(120).write(folder)  # the Rack went on
    assert document("verify", folder, "--anchor", anchor)["position"] == 120
    (folder / fmt.name(41)).unlink()
    for first in (61, 81, 101):
        (folder / fmt.name(first)).unlink(missing_ok=True)
    assert document("verify", folder)["ok"] is True
    assert document("verify", folder, "--anchor", anchor, exit_code=1)["ok"] is False


def test_no_checkpoint_of_what_is_damaged_or_empty(folder: Path, tmp_path: Path):
    flip(folder / fmt.name(61), 300)
    (folder / fmt.name(61)).write_bytes((folder / fmt.name(41)).read_bytes())
    assert fmt.name(61) in archive("checkpoint", folder, exit_code=1).stderr
    writer = Writer()
    writer.begin()
    writer.cursor(b"c" * 16, 0)
    writer.link()
    assert "nothing is committed" in archive("checkpoint", writer.write(tmp_path / "new"), exit_code=1).stderr


def test_a_removal_that_nobody_has_noted_is_remarked(tmp_path: Path):
    def report(noted: bool) -> dict:
        writer = filled(40)
        data = {"first": 1, "last": 20, "undelivered": 0, "why": "the archive is full"}
        writer.record(wire(note(41, "removed", data) if noted else message(41)))
        writer.link()
        writer.remove()
        return document("verify", writer.write(tmp_path / str(noted)), "--records")

    assert report(noted=True)["remarks"] == []
    (remark,) = report(noted=False)["remarks"]
    assert "up to 20 were removed, and no note" in remark


def test_positions_that_are_gone_are_named(tmp_path: Path):
    """After a disk has lost what a consumer had acknowledged, the Rack goes on behind it: no position is used twice."""
    writer = filled(20)
    writer.position += 3
    filled(10, writer=writer)
    folder = writer.write(tmp_path / "archive")
    (problem,) = document("verify", folder, exit_code=1)["problems"]
    assert "positions 21 to 23 are missing" in problem["reason"]
    (folder / fmt.name(1)).unlink()
    assert "positions 1 to 23 are missing" in document("verify", folder, exit_code=1)["problems"][0]["reason"]


def test_other_files_in_the_folder_are_remarked(folder: Path):
    for name in ("lock", "removed~", "notes.txt"):
        (folder / name).touch()
    (remark,) = document("verify", folder)["remarks"]
    assert "'notes.txt' in the folder is not of the archive" in remark


@pytest.mark.parametrize("digits", [19, 20])
def test_a_name_beyond_all_positions_is_bad_or_not_of_the_archive(folder: Path, digits: int):
    last = sorted(folder.glob("*.seg"))[-1]
    last.rename(folder / f"{'9' * digits}.seg")
    lines = page("verify", folder, exit_code=1 if digits == 19 else 0)
    assert ("BAD" in "\n".join(lines)) == (digits == 19)
    assert ("is not of the archive" in " ".join(lines)) == (digits == 20)


def test_progress_is_for_terminals(folder: Path):
    assert archive("verify", folder).stderr == ""
    ours, terminal = pty.openpty()
    try:
        command = [FLUXRIG, "archive", "verify", str(folder)]
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=terminal, text=True, check=True, timeout=60)
        assert b"verifying" in os.read(ours, 65536)
        assert "ok: the chain is whole" in result.stdout and "\x1b" not in result.stdout
    finally:
        os.close(ours)
        os.close(terminal)


def test_a_folder_without_an_archive(tmp_path: Path):
    assert "no archive in" in archive("verify", tmp_path, exit_code=1).stderr
    assert document("verify", tmp_path, exit_code=1)["ok"] is False
    filled(5).write(tmp_path / "archive")
    assert f"did you mean {tmp_path / 'archive'}?" in archive("verify", tmp_path, exit_code=1).stderr
    assert archive("verify", tmp_path / "nowhere", exit_code=2).stderr


def test_what_is_no_file_is_not_waited_for(folder: Path):
    os.mkfifo(folder / fmt.name(81))
    (folder / fmt.name(101)).mkdir()
    (folder / fmt.name(121)).symlink_to(folder / fmt.name(121))
    problems = {each["segment"]: each["reason"] for each in document("verify", folder, exit_code=1)["problems"]}
    assert "not a regular file" in problems[fmt.name(81)]
    assert problems.keys() >= {fmt.name(81), fmt.name(101), fmt.name(121)}
    loop = folder / "loop"
    loop.symlink_to(loop)
    assert archive("verify", loop, exit_code=2).stderr


def test_a_file_without_a_checkpoint_is_a_negative_answer(folder: Path, tmp_path: Path):
    (tmp_path / "anchor").write_text('{"position": 1}')
    assert "there is no checkpoint in" in archive("verify", folder, "--anchor", tmp_path / "anchor", exit_code=1).stderr


def test_several_processes_find_the_same_as_one(tmp_path: Path):
    """An archive that is not small: 34 MiB, with a record changed near its end."""
    writer = Writer()
    for number in range(1, 35):
        writer.record(wire(message(number, {"blob": bytes(1 << 20)})))
        writer.seal()
    folder = writer.write(tmp_path / "archive")
    two = document("verify", folder, "--jobs", "2")
    assert two == document("verify", folder, "--jobs", "1")
    assert (two["ok"], two["position"]) == (True, 34)
    flip(folder / fmt.name(30), 5000)
    two = document("verify", folder, "--jobs", "2", exit_code=1)
    assert two == document("verify", folder, "--jobs", "1", exit_code=1)
    assert [each["position"] for each in two["problems"]] == [30]


def test_a_file_of_any_size_with_nothing_in_it_takes_no_time(folder: Path):
    """Room that was reserved, and files that claim to be larger than the disk."""
    for first in (1, 61):
        os.truncate(folder / fmt.name(first), 1 << 42)
    report = document("verify", folder)
    assert (report["ok"], report["position"]) == (True, 60)
    assert len(page("show", folder, "--last", "2")) == 2
    with (folder / fmt.name(1)).open("r+b") as file:
        file.seek((1 << 42) - 1)
        file.write(b"x")
    (problem,) = document("verify", folder, exit_code=1)["problems"]
    assert (problem["segment"], problem["position"], problem["byte"]) == (fmt.name(1), 20, (1 << 42) - 1)
