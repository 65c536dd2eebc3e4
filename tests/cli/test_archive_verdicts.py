"""What `fluxrig archive verify` says where an archive cannot be read, holds nothing, or is of a machine that was
renamed; and what it makes of anchors."""

from __future__ import annotations

import errno
import json
import os
from io import FileIO
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from fluxrig_tooling.archive import segments
from fluxrig_tooling.archive.check import check
from fluxrig_tooling.archive.findings import CheckTask, Unread
from fluxrig_tooling.archive.records import check_records
from fluxrig_tooling.cli.main import main
from tests.cli.archives import document, page
from tests.peers import journal_format as fmt
from tests.peers.archived import filled
from tests.peers.journal_format import Writer


def without(writer: Writer, folder: Path, *firsts: int) -> Path:
    """The archive without the segments that begin at these positions."""
    files = writer.all_files()
    for first in firsts:
        del files[fmt.name(first)]
    fmt.save(files, folder)
    return folder


def kept(path: Path, *writers: Writer) -> Path:
    """All checkpoints of these archives, one a line."""
    checkpoints = [link.checkpoint(each.journal, each.machine) for each in writers for _, link in each.links]
    path.write_text("".join(f"acme/_rack/x/archive/checkpoint {json.dumps({'v': each})}\n" for each in checkpoints))
    return path


def results(report: dict[str, Any]) -> dict[str, list[int]]:
    """{result: positions of the anchors}."""
    found: dict[str, list[int]] = {}
    for each in report["anchors"]:
        found.setdefault(each["result"], []).append(each["position"])
    return found


def run(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(main, ["archive", *map(str, arguments)])
    assert isinstance(result.exception, SystemExit | None), result.exception
    return result


def deny(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Files of these names may not be read: what root, as whom tests may run, never meets."""
    really = os.open

    def denied(path: Path, flags: int, *more: Any) -> int:
        if Path(path).name in names:
            raise PermissionError(errno.EACCES, "Permission denied")
        return really(path, flags, *more)

    monkeypatch.setattr(segments.os, "open", denied)


def test_a_file_that_may_not_be_read_is_not_called_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    writer = filled(63)
    folder, anchors = writer.write(tmp_path / "archive"), kept(tmp_path / "anchors", writer)
    deny(monkeypatch, fmt.name(21))
    result = run("verify", folder, "--anchor", anchors)
    assert result.exit_code == 1
    text = " ".join(result.output.split())
    reason = "cannot be read (Permission denied): run it as the user of the Rack"
    assert f"not verified: {fmt.name(21)} {reason}" in text
    assert "positions 1 to 60, of which 40 could be verified" in text
    assert text.endswith("1 file could not be verified: what could be read is whole")
    assert "4 anchors, positions 25 to 40: in a segment that cannot be read" in text
    assert "BAD" not in text and "NOT what was written" not in text and "damaged" not in text
    report = json.loads(run("verify", folder, "--anchor", anchors, "--json").output)
    assert (report["ok"], report["problems"]) == (False, [])
    (unread,) = report["unread"]
    assert (unread["segment"], unread["reason"]) == (fmt.name(21), reason)
    assert results(report)["unknown"] == [25, 30, 35, 40]


def test_a_file_that_may_not_be_read_for_its_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = filled(20).write(tmp_path / "archive") / fmt.name(1)
    task = CheckTask(path, 1, None, True)
    result = check(task)
    deny(monkeypatch, path.name)
    check_records(task, result)
    assert isinstance(result.problem, Unread) and "run it as the user" in str(result.problem)


@pytest.mark.parametrize("name", [fmt.name(61), "removed"])
def test_the_stub_and_the_last_segment_may_be_those_that_cannot_be_read(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    writer = filled(63)
    anchors = kept(tmp_path / "anchors", writer)
    writer.remove()
    folder = writer.write(tmp_path / "archive")
    deny(monkeypatch, name)
    report = json.loads(run("verify", folder, "--anchor", anchors, "--json").output)
    assert (report["problems"], [each["segment"] for each in report["unread"]]) == ([], [name])
    assert "contradicted" not in results(report) and "missing" not in results(report)
    text = " ".join(run("verify", folder).output.split())
    assert f"not verified: {name} cannot be read (Permission denied): run it as the user" in text


def test_a_folder_of_somebody_else_is_one_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = filled(203).write(tmp_path / "archive")
    deny(monkeypatch, *(path.name for path in folder.iterdir()))
    result = run("verify", folder)
    assert result.exit_code == 1
    text = " ".join(result.output.split())
    names = ", ".join(fmt.name(first) for first in (1, 21, 41))
    assert f"not verified: {names} and 8 more cannot be read (Permission denied): run it as" in text
    assert text.endswith("11 files could not be verified: nothing is known of the archive")
    result = run("checkpoint", folder)
    assert result.exit_code == 1 and f"{fmt.name(201)} cannot be read (Permission denied): run it as" in result.output


@pytest.mark.parametrize("verb", ["verify", "checkpoint"])
@pytest.mark.parametrize("methods", [("iterdir",), ("iterdir", "stat")], ids=["itself", "the one above"])
def test_a_folder_that_may_not_be_read(
    verb: str, methods: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = filled(5).write(tmp_path / "archive")

    def denied(path: Path, *_: Any, **__: Any) -> Any:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    for method in methods:
        monkeypatch.setattr(Path, method, denied)
    result = run(verb, folder)
    assert result.exit_code == 1
    assert f"{folder} cannot be read (Permission denied): run it as the user of the Rack" in result.output


def test_a_bad_place_on_the_disk_is_not_called_tampering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    class Failing(FileIO):
        def readinto(self, buffer: Any) -> int:
            if os.fstat(self.fileno()).st_ino == bad:
                raise OSError(errno.EIO, "Input/output error")
            return super().readinto(buffer)

    folder = filled(63).write(tmp_path / "archive")
    bad = (folder / fmt.name(41)).stat().st_ino
    monkeypatch.setattr(segments, "FileIO", Failing)
    result = run("verify", folder)
    text = " ".join(result.output.split())
    assert result.exit_code == 1 and "BAD" not in text
    assert f"not verified: {fmt.name(41)} cannot be read (Input/output error): the disk may be failing" in text


def test_damage_elsewhere_is_still_the_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = filled(63).write(tmp_path / "archive")
    data = bytearray((folder / fmt.name(41)).read_bytes())
    data[700] ^= 1
    (folder / fmt.name(41)).write_bytes(data)
    deny(monkeypatch, fmt.name(1))
    text = " ".join(run("verify", folder).output.split())
    assert f"not verified: {fmt.name(1)}" in text and f"BAD: {fmt.name(41)}" in text
    assert text.endswith("the archive is NOT what was written; and 1 file could not be verified")


def test_what_is_missing_behind_a_file_that_cannot_be_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = without(filled(103), tmp_path, 41, 61)
    deny(monkeypatch, fmt.name(21))
    (problem,) = json.loads(run("verify", folder, "--json").output)["problems"]
    assert problem["segment"] == fmt.name(61)
    assert problem["reason"] == "positions 61 to 80 are missing: their segments are not here"


def test_the_last_position_is_that_of_the_last_message_not_a_count(tmp_path: Path):
    folder = without(filled(63), tmp_path, 21)
    assert "positions   1 to 60, of which 40 could be verified, in 8 groups" in page("verify", folder, exit_code=1)
    report = document("verify", folder, exit_code=1)
    assert (report["first"], report["last"], report["messages"]) == (1, 60, 40)


def test_an_archive_that_holds_nothing_is_not_whole(tmp_path: Path):
    fmt.save({fmt.name(1): bytes(5000)}, tmp_path)
    assert page("verify", tmp_path, exit_code=1)[-1] == "this archive holds nothing: no segment has a header"
    assert document("verify", tmp_path, exit_code=1)["verdict"] == "this archive holds nothing: no segment has a header"
    anchors = kept(tmp_path / "anchors", filled(20))
    lines = page("verify", tmp_path, "--anchor", anchors, exit_code=1)
    assert lines[-1] == "this archive holds nothing: no segment has a header"
    anchors.unlink()
    # Beside others a crash leaves such a segment.
    filled(20).write(tmp_path)
    fmt.save({fmt.name(21): bytes(5000)}, tmp_path)
    assert document("verify", tmp_path)["verdict"] == "ok: the chain is whole"


def test_checkpoints_of_other_machines_are_passed_over(tmp_path: Path):
    writer, other, third = filled(63), Writer("press-line", b"j" * 16), Writer("oven", b"k" * 16)
    filled(80, writer=other)
    filled(10, writer=third)
    folder = writer.write(tmp_path / "archive")
    anchors = kept(tmp_path / "anchors", other, writer, third)
    lines = page("verify", folder, "--anchor", anchors)
    assert "anchors     12 of 12 confirmed, the newest at position 60" in lines
    assert "            18 checkpoints of 2 other machines passed over" in lines
    report = document("verify", folder, "--anchor", anchors)
    assert {result: len(those) for result, those in results(report).items()} == {"confirmed": 12, "passed over": 18}


def test_where_none_is_of_this_machine_that_is_an_error(tmp_path: Path):
    other = filled(80, writer=Writer("press-line", b"j" * 16))
    folder = filled(63).write(tmp_path / "archive")
    anchors = kept(tmp_path / "anchors", other)
    lines = page("verify", folder, "--anchor", anchors, exit_code=1)
    assert "of machine 'press-line', and this archive is of 'press-1'" in " ".join(" ".join(lines).split())
    assert lines[-1] == "no checkpoint in the anchor file is of this archive"


def test_another_journal_of_the_same_machine_contradicts(tmp_path: Path):
    writer, anew = filled(63), filled(40, writer=Writer(journal=b"j" * 16))
    folder = writer.write(tmp_path / "archive")
    anchors = kept(tmp_path / "anchors", writer, anew)
    lines = page("verify", folder, "--anchor", anchors, exit_code=1)
    assert "it was made anew" in " ".join(" ".join(lines).split())
    assert lines[-1] == "the anchors contradict the archive"


def renamed() -> Writer:
    """The Rack goes on under another name, in the same folder."""
    writer = filled(43)
    writer.machine = "press-9"
    writer.begin()
    return filled(60, writer=writer)


def test_a_machine_that_was_renamed_is_remarked(tmp_path: Path):
    writer = renamed()
    folder = writer.write(tmp_path / "archive")
    report = document("verify", folder)
    assert (report["machine"], report["ok"]) == ("press-9", True)
    assert report["remarks"] == ["from position 44 on the machine is called 'press-9'"]
    # A replaced segment is still seen, whatever it is called.
    other = filled(20, writer=Writer("press-9", b"j" * 16))
    (folder / fmt.name(44)).write_bytes(bytes(other.files[fmt.name(1)]))
    assert document("verify", folder, exit_code=1)["problems"]


def test_anchors_of_a_machine_that_was_renamed(tmp_path: Path):
    """Each has the name that the machine had then; that of a segment which was removed is not known any more."""
    writer = renamed()
    links = [link for _, link in writer.links]
    writer.remove()

    def answers(early: str, late: str) -> dict[str, list[int]]:
        names = {link.position: early if link.position <= 43 else late for link in links}
        lines = [json.dumps(link.checkpoint(machine=names[link.position])) for link in links if link.position >= 20]
        (tmp_path / "anchors").write_text("\n".join(lines))
        result = run("verify", writer.write(tmp_path / "archive"), "--anchor", tmp_path / "anchors", "--json")
        return results(json.loads(result.output))

    assert answers("press-1", "press-9").keys() == {"confirmed"}
    assert answers("press-1", "press-1")["contradicted"] == [link.position for link in links if link.position > 43]
    assert answers("press-9", "press-9")["contradicted"] == [25, 30, 35, 40]


def test_the_stub_of_a_machine_that_was_renamed_belongs_to_its_journal(tmp_path: Path):
    writer = renamed()
    writer.remove()
    assert document("verify", writer.write(tmp_path / "a"))["ok"] is True
    writer.journal = b"j" * 16  # of the stub
    (problem,) = document("verify", writer.write(tmp_path / "b"), exit_code=1)["problems"]
    assert (problem["segment"], problem["position"], problem["byte"]) == ("removed", None, None)


def test_findings_come_before_anchors_which_take_few_lines(tmp_path: Path):
    writer = filled(403)
    folder, anchors = writer.write(tmp_path / "archive"), kept(tmp_path / "anchors", writer)
    for path in folder.iterdir():
        data = bytearray(path.read_bytes())
        data[700] ^= 1
        path.write_bytes(data)
    for first in range(81, 402, 20):
        (folder / fmt.name(first)).unlink()
    lines = page("verify", folder, "--anchor", anchors, exit_code=1)
    begin = next(index for index, line in enumerate(lines) if line.startswith("anchors"))
    assert begin > max(index for index, line in enumerate(lines) if line.startswith(("BAD", "also")))
    assert len(lines) - begin < 8, lines[begin:]
    assert len(document("verify", folder, "--anchor", anchors, exit_code=1)["anchors"]) == len(writer.links)


def test_anchors_in_a_part_that_is_missing_are_not_said_to_be_rewritten(tmp_path: Path):
    writer = filled(63)
    folder, anchors = without(writer, tmp_path / "archive", 21), kept(tmp_path / "anchors", writer)
    report = document("verify", folder, "--anchor", anchors, exit_code=1)
    assert results(report)["missing"] == [25, 30, 35, 40]
    assert set(results(report)) == {"missing", "confirmed"}
    assert "            4 anchors, positions 25 to 40: positions 21 to 40 are missing" in page(
        "verify", folder, "--anchor", anchors, exit_code=1
    )


def test_more_missing_than_retention_has_removed(tmp_path: Path):
    writer = filled(103)
    anchors = kept(tmp_path / "anchors", writer)
    writer.remove(2)
    folder = without(writer, tmp_path / "archive", 41)
    report = document("verify", folder, "--anchor", anchors, exit_code=1)
    (problem,) = report["problems"]
    assert (problem["segment"], problem["position"], problem["byte"]) == (fmt.name(41), 41, None)
    assert problem["reason"] == "positions 41 to 60 are missing: retention removed only up to 40"
    assert results(report)["missing"] == [45, 50, 55, 60]
    assert results(report)["unknown"] == [5, 10, 15, 25, 30, 35]


def test_a_stub_has_no_position(tmp_path: Path):
    writer = filled(63)
    writer.remove()
    folder = writer.write(tmp_path)
    (folder / "removed").write_bytes(b"x" * 40)
    lines = page("verify", folder, exit_code=1)
    assert lines[lines.index("BAD: removed") + 1].strip() == "the stub was changed: its CRC does not fit"
