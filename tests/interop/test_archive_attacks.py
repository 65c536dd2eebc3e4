"""Deeds against an archive, and what `fluxrig archive verify` says: the table in core/fluxrig/journal/README.md.

The archives are made, and remade by the attacker, with `tests.peers.journal_format`, which shares nothing with fluxrig.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from fluxrig_tooling.cli.main import main
from tests.peers import journal_format as fmt
from tests.peers.archived import filled, message, wire
from tests.peers.journal_format import SECOND, Writer

README = Path(__file__).resolve().parents[2] / "core/fluxrig/journal/README.md"
HEADING = "| deed | without an anchor | with one |"

FIRST, SECOND_SEGMENT, THIRD = fmt.name(1), fmt.name(21), fmt.name(41)


@dataclass
class Deed:
    """What the attacker leaves: the files; and the anchors that the owner has kept, from the honest archive."""

    files: dict[str, bytes]
    anchors: list[dict[str, Any]] = field(default_factory=list)


def honest() -> Writer:
    """Three sealed segments of 20 messages in groups of 5, and a fourth that is being written."""
    return filled(70)


def kept(writer: Writer, index: int = -1) -> list[dict[str, Any]]:
    return [writer.links[index][1].checkpoint(writer.journal, writer.machine)]


def deed(change: Callable[[dict[str, bytes]], object], writer: Writer | None = None) -> Deed:
    """A change to the files, with an anchor from the end."""
    writer = writer or honest()
    files = writer.all_files()
    change(files)
    return Deed(files, kept(writer))


def remade(change: Callable[[int, bytes], bytes | None], **writer: Any) -> Writer:
    """The honest archive again, with every record passed through `change`, and its chain made anew."""
    again = Writer(**writer)
    for position, body in fmt.verify(honest().all_files()).records.items():
        changed = change(position, body)
        if changed is not None:
            again.record(changed)
        if position % 20 == 0:
            again.seal()
        elif position % 5 == 0:
            again.link()
    return again


def reframe(files: dict[str, bytes], name: str, change: Callable[[list[bytes]], None]) -> None:
    """Change the list of frames that a segment is."""
    frames = [each.data for each in fmt.frames(files[name])]
    change(frames)
    files[name] = b"".join(frames)


def flip(files: dict[str, bytes], name: str, byte: int) -> None:
    data = bytearray(files[name])
    data[byte] ^= 0x10
    files[name] = bytes(data)


def exchange(frames: list[bytes], one: slice, other: slice) -> None:
    frames[one], frames[other] = frames[other], frames[one]


def swap_files(files: dict[str, bytes]) -> None:
    files[FIRST], files[SECOND_SEGMENT] = files[SECOND_SEGMENT], files[FIRST]


def cut(name: str, size: Callable[[bytes], int]) -> Callable[[dict[str, bytes]], None]:
    def change(files: dict[str, bytes]) -> None:
        files[name] = files[name][: size(files[name])]

    return change


def at_link(data: bytes) -> int:
    return [each.end for each in fmt.frames(data) if each.kind == b"L"][-2]


def other_value(position: int, body: bytes) -> bytes:
    return wire(message(position, {"pressure": 0})) if position == 33 else body


def replaced_in_the_middle() -> Deed:
    forged = remade(other_value)
    return deed(lambda files: files.update({SECOND_SEGMENT: bytes(forged.files[SECOND_SEGMENT])}))


def replaced_by_another_journal() -> Deed:
    other = remade(lambda _, body: body, journal=bytes(16))
    return deed(lambda files: files.update({SECOND_SEGMENT: bytes(other.files[SECOND_SEGMENT])}))


def newest_replaced() -> Deed:
    forged = remade(lambda position, body: wire(message(position, {"pressure": 0})) if position == 65 else body)
    return deed(lambda files: files.update({fmt.name(61): bytes(forged.files[fmt.name(61)])}))


def rewritten(anchor: int = -1) -> Deed:
    return Deed(remade(other_value).all_files(), kept(honest(), anchor))


def sealed_again_today() -> Deed:
    """The shape of CVE-2023-31439: the past is changed and sealed with the state of today.

    What comes after takes the new head as the one before it, and times that do not go back.
    """
    writer = honest()
    forged = Writer()
    for position, body in fmt.verify(writer.all_files()).records.items():
        forged.record(other_value(position, body))
        if position == 40:
            forged.time += 10_000 * SECOND
        if position % 20 == 0:
            forged.seal()
        elif position % 5 == 0:
            forged.link()
    return Deed(forged.all_files(), kept(writer))


def made_anew() -> Deed:
    return Deed(remade(lambda position, _: wire(message(position, {"x": 1}))).all_files(), kept(honest()))


def of_another_machine() -> Deed:
    return Deed(remade(lambda _, body: body, machine="press-2", journal=b"j" * 16).all_files(), kept(honest()))


def older_copy(anchor: int) -> Deed:
    return Deed(filled(45).all_files(), kept(honest(), anchor))


def without_the_oldest(stub: bool, anchor: int = -1) -> Deed:
    writer = honest()
    if stub:
        writer.remove(2)
        return Deed(writer.all_files(), kept(writer, anchor))
    return deed(lambda files: files.pop(FIRST))


def stub_with_the_anchor() -> Deed:
    """Who deletes the oldest segments has read them, and the checkpoints too."""
    writer = honest()
    anchors = kept(writer, 1)
    writer.remove(2)
    files, anchor = writer.all_files(), anchors[0]
    (begin, *rest), second = writer.removed
    named = [begin, anchor["position"], bytes.fromhex(anchor["head"]), *rest[2:]]
    files["removed"] = fmt.stub([named, [anchor["position"] + 1, *rest], second])
    return Deed(files, anchors)


def retained(change: Callable[[dict[str, bytes]], object]) -> Deed:
    writer = honest()
    writer.remove(2)
    return deed(change, writer)


def other_head(files: dict[str, bytes]) -> None:
    files["removed"] = fmt.stub([[1, 40, b"h" * 32, 1000, fmt.T0]])


def after_a_crash() -> Deed:
    writer = filled(23)
    writer.end(junk=b"torn record")
    filled(22, writer=writer)
    return deed(lambda files: flip(files, SECOND_SEGMENT, len(files[SECOND_SEGMENT]) - 4), writer)


def clock_set_back() -> Deed:
    writer = filled(30)
    writer.time -= 3600 * SECOND
    filled(20, writer=writer)
    return Deed(writer.all_files(), kept(writer))


def appended(linked: bool) -> Deed:
    writer = honest()
    anchors = kept(writer)
    writer.record(wire(message(71)))
    if linked:
        writer.link()
    return Deed(writer.all_files(), anchors)


INSERTED = fmt.frame(b"M", wire(message(99)))

DEEDS: dict[str, Callable[[], Deed]] = {
    "a bit of a sealed segment flipped": lambda: deed(lambda files: flip(files, SECOND_SEGMENT, 1000)),
    "a record inserted": lambda: deed(lambda files: reframe(files, FIRST, lambda all: all.insert(3, INSERTED))),
    "a record deleted": lambda: deed(lambda files: reframe(files, FIRST, lambda all: all.__delitem__(3))),
    "two records exchanged": lambda: deed(
        lambda files: reframe(files, FIRST, lambda all: exchange(all, slice(2, 3), slice(3, 4)))
    ),
    "two groups exchanged": lambda: deed(
        lambda files: reframe(files, FIRST, lambda all: exchange(all, slice(1, 7), slice(7, 13)))
    ),
    "two segments exchanged": lambda: deed(swap_files),
    "a segment in the middle deleted": lambda: deed(lambda files: files.pop(SECOND_SEGMENT)),
    "a segment in the middle cut short": lambda: deed(cut(SECOND_SEGMENT, at_link)),
    "something appended behind a seal": lambda: deed(
        lambda files: files.update({FIRST: files[FIRST] + fmt.frame(b"M", wire(message(99)))})
    ),
    "a sealed segment replaced, the others left": replaced_in_the_middle,
    "a sealed segment replaced by that of another journal": replaced_by_another_journal,
    "the newest segments deleted": lambda: deed(lambda files: (files.pop(THIRD), files.pop(fmt.name(61)))),
    "the newest segment cut at a link": lambda: deed(cut(fmt.name(61), at_link)),
    "the newest segment cut within a record": lambda: deed(cut(fmt.name(61), lambda data: len(data) - 100)),
    "a bit of the very last link flipped": lambda: deed(
        lambda files: flip(files, fmt.name(61), len(files[fmt.name(61)]) - 10)
    ),
    "the newest segment replaced by one with a chain of its own": newest_replaced,
    "rewritten from some position on, the chain made anew": rewritten,
    "the same, with an anchor from before that position": lambda: rewritten(anchor=5),
    "old data changed and sealed again with today's clock and head": sealed_again_today,
    "all of it made anew under the same ids": made_anew,
    "the archive of another machine put in its place": of_another_machine,
    "an older copy put in its place": lambda: older_copy(anchor=-1),
    "an older copy and an older anchor put in their place": lambda: older_copy(anchor=8),
    "the oldest segments deleted": lambda: without_the_oldest(stub=False),
    "the oldest segments deleted, with a forged stub that fits": lambda: without_the_oldest(stub=True),
    "the same, with an anchor from the part that was deleted": lambda: without_the_oldest(stub=True, anchor=5),
    "the same, with a stub that has the head of that anchor too": stub_with_the_anchor,
    "a stub with another head": lambda: retained(other_head),
    "a bit of the stub flipped": lambda: retained(lambda files: flip(files, "removed", 60)),
    "the stub deleted": lambda: retained(lambda files: files.pop("removed")),
    "bytes changed that count for nothing, after a crash": after_a_crash,
    "a record added at the end": lambda: appended(linked=False),
    "a record added at the end, with a link that fits": lambda: appended(linked=True),
    "the clock set back while archiving": clock_set_back,
}


def table() -> dict[str, tuple[str, str]]:
    """Deed: what the README says happens without an anchor, and with one."""
    lines = README.read_text().partition(HEADING)[2].strip().splitlines()[1:]
    rows: dict[str, tuple[str, str]] = {}
    for line in lines:
        if not line.startswith("|"):
            break
        what, without, anchored = (cell.strip() for cell in line.strip("|").split("|"))
        assert what not in rows
        rows[what] = without, anchored
    return rows


TABLE = table()


def verified(folder: Path, *options: str) -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(main, ["archive", "verify", str(folder), *options, "--json"])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, json.loads(result.stdout)


def answer_of(exit_code: int, report: dict[str, Any]) -> str:
    """In the words of the table."""
    if exit_code:
        assert not report["ok"]
        blamed = report["problems"] or [each for each in report["anchors"] if each["result"] != "confirmed"]
        assert blamed and all(each["reason"] for each in blamed)
        return "detected"
    assert report["ok"] and not report["problems"]
    said = report["uncommitted"] or report["torn_bytes"] or report["removed"] or report["remarks"]
    return "shown" if said else "not detected"


def test_the_table_has_these_deeds_and_no_others():
    assert list(TABLE) == list(DEEDS)


@pytest.mark.parametrize("what", DEEDS)
def test_what_is_detected_without_an_anchor_and_with_one(what: str, tmp_path: Path):
    done = DEEDS[what]()
    fmt.save(done.files, tmp_path / "archive")
    anchors = tmp_path / "anchors.jsonl"
    anchors.write_text("".join(json.dumps(each) + "\n" for each in done.anchors))
    without = answer_of(*verified(tmp_path / "archive"))
    anchored = answer_of(*verified(tmp_path / "archive", "--anchor", str(anchors)))
    assert (without, anchored) == TABLE[what]


def independent(files: dict[str, bytes]) -> bool:
    try:
        fmt.verify(files)
    except (fmt.Bad, struct.error):
        return False
    return True


@pytest.mark.parametrize("what", DEEDS)
def test_the_independent_verifier_agrees(what: str):
    assert independent(DEEDS[what]().files) == (TABLE[what][0] != "detected")


def test_the_honest_archive_passes_with_every_anchor(tmp_path: Path):
    writer = honest()
    writer.write(tmp_path / "archive")
    anchors = tmp_path / "anchors.jsonl"
    anchors.write_text("\n".join(json.dumps(link.checkpoint()) for _, link in writer.links))
    exit_code, report = verified(tmp_path / "archive", "--anchor", str(anchors), "--records")
    assert exit_code == 0 and report["remarks"] == []
    assert [each["result"] for each in report["anchors"]] == ["confirmed"] * len(writer.links)
    assert (report["position"], report["head"]) == (70, writer.head.hex())
