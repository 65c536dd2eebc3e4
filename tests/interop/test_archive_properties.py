"""`fluxrig archive verify` against archives, changes and garbage that hypothesis draws."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path

from click.testing import CliRunner
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fluxrig_tooling.archive.check import check
from fluxrig_tooling.archive.verify import Check, Report, verify
from fluxrig_tooling.cli.main import main
from tests.peers import journal_format as fmt
from tests.peers.archived import filled, message, wire
from tests.peers.journal_format import Frame, Writer

EXAMPLES = settings(max_examples=150)

bodies = st.one_of(
    st.binary(max_size=40),
    st.integers(1, 3000).map(lambda size: bytes(size)),
    # What a device sends may look like the frames around it.
    st.integers(0, 1 << 60).map(lambda time: fmt.frame(b"L", time.to_bytes(16, "big") + bytes(32))),
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("record"), bodies),
        st.tuples(st.just("cursor"), st.binary(min_size=16, max_size=16)),
        st.tuples(st.sampled_from(("link", "seal", "begin", "remove")), st.none()),
        st.tuples(st.just("end"), st.binary(max_size=100)),
    ),
    min_size=1,
    max_size=60,
)


def written(script: list) -> Writer:
    """An archive that was written step by step. A segment has a message, or is the only one."""
    writer = Writer()
    writer.begin()
    for step, argument in script:
        has_message = writer.position + 1 > int(max(writer.files)[:-4])
        if step == "record":
            writer.record(argument)
        elif step == "cursor" and writer.is_open:
            writer.cursor(argument, writer.position)
        elif step == "link" and writer.is_open:
            writer.link()
        elif step == "seal" and writer.is_open and has_message:
            writer.seal()
        elif step == "begin" and has_message:
            writer.begin()
        elif step == "end" and writer.is_open and has_message:
            writer.end(argument)
        elif step == "remove" and len(writer.files) > 1:
            writer.remove()
    return writer


def verified(files: dict[str, bytes], records: bool = False, check: Check = check) -> Report:
    with tempfile.TemporaryDirectory() as folder:
        fmt.save(files, Path(folder))
        return verify(Path(folder), records=records, check=check)


@EXAMPLES
@given(steps)
def test_what_the_independent_writer_writes_verifies(script: list):
    writer = written(script)
    found = fmt.verify(writer.all_files())
    report = verified(writer.all_files())
    assert report.ok, report.problems
    links = [link for segment, link in writer.links if segment in writer.files]
    assert (report.groups, report.uncommitted) == (len(links), found.uncommitted)
    assert report.messages == len(found.records)
    assert report.segments == len(writer.files)
    behind_messages = [
        link for segment, link in writer.links if segment in writer.files and link.position >= int(segment[:-4])
    ]
    if behind_messages:
        assert (report.position, report.head) == (behind_messages[-1].position, behind_messages[-1].head)


@settings(max_examples=40)
@given(steps, st.sampled_from((64, 100, 1000)))
def test_the_size_of_the_window_does_not_matter(script: list, window: int):
    files = written(script).all_files()
    whole = verified(files)
    small = partial(check, window=window + 1100)  # a header is read at once
    assert replace(verified(files, check=small), folder=whole.folder) == whole


def sealed() -> Writer:
    """Three sealed segments with cursors; behind the stub of a fourth."""
    writer = filled(40, group=5, segment=10)
    writer.cursor(b"c" * 16, 3)
    filled(6, group=3, segment=46, writer=writer)
    writer.remove()
    return writer


SEALED = sealed().all_files()
NEWEST = max(name for name in SEALED if name != "removed")
BYTES = [(name, byte) for name in SEALED for byte in range(len(SEALED[name]))]


def expected(name: str, byte: int) -> tuple[int, int]:
    """(byte, position) of the frame that a byte is in: of a link the last position, of a cursor the next."""
    position = int(name[:-4]) - 1
    for each in fmt.frames(SEALED[name]):
        position += each.kind == b"M"
        if byte < each.end:
            return each.offset, position + (each.kind in b"HC")
    raise AssertionError


@settings(max_examples=600)
@given(st.sampled_from(BYTES), st.integers(1, 255))
def test_any_changed_byte_is_reported_where_it_is(where: tuple[str, int], difference: int):
    name, byte = where
    data = bytearray(SEALED[name])
    data[byte] ^= difference
    # The very last byte as 0 is what a power cut leaves one byte earlier.
    assume(data[byte] or (name, byte) != (NEWEST, len(data) - 1))
    report = verified({**SEALED, name: bytes(data)})
    assert not report.ok
    problem = report.problems[0]
    assert problem.segment == name
    if name != "removed":
        assert (problem.byte, problem.position) == expected(name, byte)


@EXAMPLES
@given(st.data())
def test_a_changed_row_of_frames_never_passes(data: st.DataObject):
    """Whatever is done with whole frames: the chain shows it, or it is the end that is missing."""
    name = data.draw(st.sampled_from([each for each in SEALED if each != "removed"]))
    frames = [each.data for each in fmt.frames(SEALED[name])]
    drawn = data.draw(st.lists(st.sampled_from(frames), max_size=len(frames) + 2))
    changed = b"".join(drawn)
    assume(changed != SEALED[name])
    report = verified({**SEALED, name: changed})
    newest = name == NEWEST
    cut = newest and SEALED[name].startswith(changed)
    assert not report.ok or cut or (newest and report.segments + report.uncommitted + report.torn)
    if report.ok:
        # Then nothing is taken for committed that is not a beginning of what was written.
        committed = fmt.verify(SEALED).links
        assert not report.head or (report.position, report.head) in [(link.position, link.head) for link in committed]


garbage = st.dictionaries(
    st.sampled_from((fmt.name(1), fmt.name(2), fmt.name(30), "removed", "lock", "notes.txt")),
    st.one_of(
        st.binary(max_size=300),
        st.lists(
            st.one_of(
                st.sampled_from([each.data for name in SEALED for each in fmt.frames(SEALED[name])[:9]]),
                st.tuples(st.sampled_from((b"H", b"M", b"C", b"L", b"S", b"\0")), st.binary(max_size=120)).map(
                    lambda pair: fmt.frame(*pair)
                ),
                st.binary(max_size=20),
            ),
            max_size=12,
        ).map(b"".join),
    ),
    max_size=4,
)
COMMANDS = (
    ("verify",),
    ("verify", "--records"),
    ("show",),
    ("show", "--json", "--last", "3"),
    ("stats",),
    ("checkpoint",),
    ("extract", "--trace", "0" * 32),
    ("export", "--format", "csv", "-o", "-"),
)


@settings(max_examples=60)
@given(garbage)
def test_garbage_is_answered_and_never_crashes(files: dict[str, bytes]):
    with tempfile.TemporaryDirectory() as folder:
        fmt.save(files, Path(folder))
        for verb, *options in COMMANDS:
            result = CliRunner().invoke(main, ["archive", verb, folder, *options])
            assert result.exit_code in (0, 1), result.output
            assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
            if result.exit_code:
                assert result.output.strip(), verb


def test_every_moment_of_a_write_is_an_archive_that_is_right():
    """A Rack appends while this reads: what no link confirms yet is not damage, wherever the write has got to."""
    writer = filled(33, group=5, segment=20)
    files = writer.all_files()
    name = max(files)
    ends = [(each.end, index) for index, each in enumerate(fmt.frames(files[name])) if each.kind == b"L"]
    for reserve in (b"", bytes(500)):
        for size in range(len(files[name]) + 1):
            report = verified({**files, name: files[name][:size] + reserve})
            assert report.ok, (size, report.problems)
            committed = sum(1 for end, _ in ends if end <= size)
            assert report.position == 20 + 5 * committed
            assert report.segments == len(files)


def test_a_last_write_of_which_the_power_cut_left_some_sectors_is_no_damage_and_a_changed_byte_is():
    for begun in (20, 23):  # the write begins a segment, or stands behind other groups
        writer = filled(begun, group=1, segment=20)
        before = writer.all_files()
        for number in range(begun + 1, begun + 13):
            writer.record(wire(message(number, {"text": "x" * 300})))
        writer.link()
        files = writer.all_files()
        name = max(files)
        whole = files[name]
        start = len(before.get(name, b""))
        for sector in range(start // 512, len(whole) // 512 + 1):
            low, high = max(sector * 512, start), min(sector * 512 + 512, len(whole))
            report = verified({**files, name: whole[:low] + bytes(high - low) + whole[high:] + bytes(900)})
            assert report.ok and report.torn, (begun, sector, report.problems)
            assert report.position == begun
        for byte in range(start, len(whole) - 60, 97):
            for changed in (whole[byte] ^ 1, 0):
                if changed != whole[byte]:
                    report = verified({**files, name: whole[:byte] + bytes([changed]) + whole[byte + 1 :]})
                    assert not report.ok, (begun, byte)


def test_records_are_checked_one_by_one_where_asked():
    writer = filled(10)
    writer.record(b"\xa0")
    writer.link()
    files = writer.all_files()
    assert verified(files).ok
    report = verified(files, records=True)
    (problem,) = report.problems
    frame: Frame = fmt.frames(files[fmt.name(1)])[-2]
    assert (problem.position, problem.byte) == (11, frame.offset + 8)
    assert "message" in problem.reason
    # A chain that was made anew over a record whose CRC is wrong.
    body = wire(message(1))
    broken = bytearray(fmt.frame(b"M", body))
    broken[5] ^= 1
    forged = Writer()
    forged.begin()
    forged._group = bytes(broken)
    forged.files[fmt.name(1)] += broken
    forged.position = 1
    forged.link()
    assert verified(forged.all_files()).ok
    (problem,) = verified(forged.all_files(), records=True).problems
    assert (problem.position, "CRC" in problem.reason) == (1, True)
