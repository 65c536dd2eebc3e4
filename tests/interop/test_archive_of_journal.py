"""Archives that the journal itself has written, through crashes, failing disks and retention: both verifiers, and the
reading commands, find in them what was committed."""

from __future__ import annotations

import asyncio
import errno
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluxrig.errors import FluxError, TransientError
from fluxrig.journal.journal import Journal
from fluxrig.journal.retention import DROP_OLDEST, Limits, retain
from fluxrig_ports.cpython.volume import FolderVolume
from fluxrig_ports.memory import MemoryHost, MemoryVolume
from fluxrig_ports.memory.recorded import RecordedVolume
from fluxrig_tooling.archive.anchor import Anchor
from fluxrig_tooling.archive.check import check_chain
from fluxrig_tooling.archive.entries import ArchiveReader
from fluxrig_tooling.archive.findings import Checked, CheckTask
from fluxrig_tooling.archive.records import check_records
from fluxrig_tooling.archive.segments import UnreadableError
from fluxrig_tooling.archive.verify import Report, verify
from tests.peers import journal_format as fmt
from tests.peers.archived import message, wire

MACHINE = "press-1"
SEGMENT = 3000

steps = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 12)),
        st.tuples(st.just("cursor"), st.integers(0, 3)),
        st.tuples(st.sampled_from(("seal", "reopen", "fail", "retain")), st.none()),
        st.tuples(st.just("cut"), st.tuples(st.integers(0, 400), st.sampled_from((0, 1, 700)))),
    ),
    max_size=25,
)


class Story:
    """A journal on a volume in RAM, with what it has reported durable."""

    def __init__(self) -> None:
        self.host = MemoryHost(seed=3)
        self.volume = RecordedVolume()
        self.committed: dict[int, bytes] = {}
        self.anchors: list[Anchor] = []
        self.reports: list[Report] = []
        self.number = 0

    async def run(self, script: list[tuple[str, Any]]) -> None:
        await self._open()
        for step, argument in script:
            await self.host.clock.advance(1000)
            await getattr(self, "_" + step)(argument)
        await self.journal.close()

    async def _open(self) -> None:
        clock = self.host.clock
        self.journal = Journal(self.volume, MACHINE, clock.wall_ns, self.host.entropy, SEGMENT)
        await self.journal.open()

    async def _append(self, count: int) -> None:
        bodies = []
        for _ in range(count):
            self.number += 1
            bodies.append(wire(message(self.number)))
            self.journal.append(bodies[-1])
        first, last = await self.journal.commit()
        self._note(first, last)

    def _note(self, first: int, last: int) -> None:
        journal = self.journal
        data = fmt.verify({name: bytes(content) for name, content in self.volume.files.items()}).records
        self.committed.update({position: data[position] for position in range(first, last + 1)})
        if journal.segments and journal.segments[-1].first <= journal.durable:
            self.anchors.append(Anchor(MACHINE, journal.id, journal.durable, journal.head, journal.time))

    async def _cursor(self, number: int) -> None:
        self.journal.set_cursor(bytes([number]) * 16, self.journal.durable)
        self._note(*await self.journal.commit())

    async def _seal(self, _: None) -> None:
        await self.journal.seal()

    async def _reopen(self, _: None) -> None:
        await self.journal.close()
        await self._open()

    async def _fail(self, _: None) -> None:
        """A write that fails half-way, and is repeated when the disk works again."""
        self.number += 1
        self.journal.append(wire(message(self.number)))
        self.volume.fail = TransientError("the disk is full")
        with suppress(FluxError):
            await self.journal.commit()
        self.volume.fail = None
        self._note(*await self.journal.commit())

    async def _retain(self, _: None) -> None:
        await retain(self.journal, Limits(3 * SEGMENT, 0, DROP_OLDEST), self.host.clock.wall_ns(), SEGMENT, 1)

    async def _cut(self, argument: tuple[int, int]) -> None:
        """The power goes within a write. Before the Rack starts again, somebody looks at the disk."""
        part, tail = argument
        self.volume.record()
        count = len(self.volume.log)
        self.number += 1
        self.journal.append(wire(message(self.number)))
        await self.journal.commit()
        self.volume = self.volume.cut(count + (self.volume.log[count].kind == "create"), part, tail=tail)
        if self.volume.files:
            self.reports.append(verified(self.volume.files, []))
        await self._open()


def verified(files: dict[str, bytearray], anchors: list[Anchor]) -> Report:
    with tempfile.TemporaryDirectory() as folder:
        fmt.save({name: bytes(content) for name, content in files.items()}, Path(folder))
        return verify(Path(folder), anchors, records=True)


@settings(max_examples=80)
@given(steps)
def test_what_the_journal_writes_verifies_for_both(script: list[tuple[str, Any]]):
    story = Story()
    asyncio.run(story.run(script))
    for report in story.reports:
        # The power may go before the first header is written.
        assert report.ok or (report.is_empty and not report.problems), report.problems
    files = {name: bytes(content) for name, content in story.volume.files.items()}
    if not files:
        return
    found = fmt.verify(files)
    first = min(found.records, default=1)
    assert {position: story.committed[position] for position in found.records if position in story.committed} == {
        position: found.records[position] for position in story.committed if position >= first
    }
    report = verified(story.volume.files, story.anchors)
    assert report.problems == []
    removed = report.removed[-1].last if report.removed else 0
    assert all(answer.result == "confirmed" for answer in report.answers if answer.anchor.position > removed)
    with tempfile.TemporaryDirectory() as folder:
        fmt.save(files, Path(folder))
        archive = ArchiveReader(Path(folder))
        assert {each.position: each.body for each in archive.entries()} == found.records
        assert archive.damage.count == 0


class Fading:
    """An archive of eight segments in a folder, of which retention takes the oldest away when it is told to."""

    def __init__(self, folder: Path):
        self.folder = folder
        asyncio.run(self._write())
        self._save()
        self.count = len(list(folder.glob("*.seg")))

    async def _write(self) -> None:
        host = MemoryHost(seed=4)
        self.volume = MemoryVolume()
        self.journal = Journal(self.volume, MACHINE, host.clock.wall_ns, host.entropy, SEGMENT)
        await self.journal.open()
        while len(self.journal.segments) < 8:
            self.journal.append(wire(message(self.journal.durable + 1)))
            await self.journal.commit()

    def remove(self, number: int) -> None:
        for _ in range(number):
            assert asyncio.run(retain(self.journal, Limits(0, 0, DROP_OLDEST), 0, 0, 1))
        self._save()

    def _save(self) -> None:
        fmt.save({name: bytes(content) for name, content in self.volume.files.items()}, self.folder)
        for path in self.folder.glob("*.seg"):
            if path.name not in self.volume.files:
                path.unlink()


def test_what_retention_removes_beside_a_verification_is_no_problem(tmp_path: Path):
    archive = Fading(tmp_path)
    # Two are verified, and go together with the one that is next.
    report = verify(tmp_path, progress=lambda done, _: archive.remove(3) if done == 2 else None)
    assert report.problems == [] and report.segments == archive.count - 1
    assert report.position == archive.journal.durable


def test_nor_is_it_one_where_the_stub_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    archive = Fading(tmp_path)

    def denied(_: Path) -> None:
        raise UnreadableError(PermissionError(errno.EACCES, "Permission denied"))

    monkeypatch.setattr("fluxrig_tooling.archive.verify.read_stub", denied)
    report = verify(tmp_path, progress=lambda done, _: archive.remove(3) if done == 2 else None)
    assert (report.problems, [each.segment for each in report.unread]) == ([], ["removed"])


def test_a_segment_that_goes_while_its_records_are_looked_at_is_no_problem(tmp_path: Path):
    archive = Fading(tmp_path)
    checked: list[str] = []

    def checked_while_it_goes(task: CheckTask) -> Checked:
        result = check_chain(task)
        checked.append(task.name)
        if len(checked) == 1:
            archive.remove(1)
        if not result.gone:
            check_records(task, result)
        return result

    report = verify(tmp_path, records=True, check=checked_while_it_goes)
    assert report.problems == [] and report.segments == archive.count - 1
    assert len(checked) == archive.count


def test_verifying_and_reading_beside_a_writing_journal(tmp_path: Path):
    """No lock is needed, and what is being written is never taken for damage."""
    folder = tmp_path / "archive"
    started, stop = threading.Event(), threading.Event()

    async def write() -> None:
        host = MemoryHost(seed=5)
        journal = Journal(FolderVolume(folder), MACHINE, host.clock.wall_ns, host.entropy, 20_000)
        await journal.open()
        number = 0
        while not stop.is_set():
            for _ in range(7):
                number += 1
                journal.append(wire(message(number)))
            await journal.commit()
            if number == 70:
                started.set()
            if number % 700 == 0:
                await retain(journal, Limits(100_000, 0, DROP_OLDEST), 0, 20_000, 1)
        await journal.close()

    writer = threading.Thread(target=lambda: asyncio.run(write()))
    writer.start()
    try:
        assert started.wait(60)
        last = 0
        for _ in range(25):
            report = verify(folder, records=True)
            assert report.problems == []
            assert report.position >= last
            last = report.position
            positions = [each.position for each in ArchiveReader(folder).entries()]
            assert positions == list(range(positions[0], positions[-1] + 1))
            assert positions[-1] >= last
    finally:
        stop.set()
        writer.join()
    report = verify(folder)
    assert report.ok and report.uncommitted == report.torn == 0


def test_who_follows_sees_what_a_restart_puts_in_the_place_of_a_segment_without_messages(tmp_path: Path):
    host, volume = MemoryHost(seed=3), MemoryVolume()
    shown: list[int] = []

    async def run() -> None:
        journal = await opened()
        await append(journal, 1, 3)
        await journal.seal()
        journal.set_cursor(b"the broker's one", 3)
        await journal.commit()
        follow()
        await journal.close()
        journal = await opened()
        await append(journal, 4, 20)
        follow()
        await append(journal, 21, 22)
        follow()

    async def opened() -> Journal:
        journal = Journal(volume, MACHINE, host.clock.wall_ns, host.entropy, 1 << 20)
        await journal.open()
        return journal

    async def append(journal: Journal, first: int, last: int) -> None:
        for number in range(first, last + 1):
            journal.append(wire(message(number)))
        await journal.commit()

    def follow() -> None:
        fmt.save({name: bytes(data) for name, data in volume.files.items()}, tmp_path)
        while (entry := next(following)) is not None:
            shown.append(entry.position)

    fmt.save({fmt.name(1): b""}, tmp_path)
    following = ArchiveReader(tmp_path).follow()
    asyncio.run(run())
    assert shown == list(range(1, 23))
