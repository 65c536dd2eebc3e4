"""Messages made durable on the disk of this checkout: beside a bare loop that writes and forces, and beside SQLite.

Ours is the journal of a gateway as a Rack has it: on a volume with a thread of its own, waited for by the event loop;
each message has a frame with a CRC, each group a link of the chain, and the next group comes in while one is being
written. The bare loop joins the same messages to one `os.write`, with no frame, and calls `os.fsync`. SQLite inserts
them in one transaction, its journal being a write-ahead log that it forces at each commit (synchronous=FULL). All work
in turns, on the same bytes, on files of their own in the same folder.

All run on one processor: on two, waking the other one up costs a virtual machine as much as the disk does. The median
of the rounds counts: a disk has fast and slow moments of its own, and the best round is luck.
"""

import asyncio
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import median
from time import perf_counter, time_ns

from fluxrig.journal.journal import Journal
from fluxrig_ports.cpython.volume import FolderVolume
from tests.bench.contest import LAST, on_processor
from tests.bench.figure import Figure
from tests.interpreter import ROOT

AREA = "journal"
SIZE = 200
SEGMENT_BYTES = 16 * 1024 * 1024
ROUNDS = 60
BARE = "os.write, os.fsync"
SQLITE = "SQLite, WAL, FULL"

Commit = Callable[[int], None]
"""Make groups durable, so many."""


def figures() -> Iterator[Figure]:
    for group, count, goal in ((1, 20, 0.9), (100, 10, 0.8), (1000, 5, 0.8)):
        messages = [os.urandom(SIZE) for _ in range(group)]
        with ExitStack() as stack:
            stack.enter_context(on_processor(LAST))
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=".bench-", dir=ROOT)))
            commits = [
                _journal(stack, folder / "journal", messages),
                _bare(stack, folder / "bare", messages),
                _sqlite(stack, folder / "sqlite", messages),
            ]
            ours, bare, sqlite = [group * count / seconds / 1000 for seconds in _in_turns(commits, count)]
        what = "one message a commit" if group == 1 else f"groups of {group}"
        name = f"messages of {SIZE} B, {what}"
        yield Figure(AREA, name, "k/s", ours, BARE, bare, goal, True)
        yield Figure(AREA, name, "k/s", ours, SQLITE, sqlite, None if group == 1 else 1.0, True)


def _in_turns(commits: list[Commit], count: int) -> list[float]:
    """The median of the seconds that each one's rounds took, after one that does not count. Each round begins with
    another one: a disk that has had much to do is slower for whoever comes next."""
    rounds: list[list[float]] = [[] for _ in commits]
    for number in range(ROUNDS + 1):
        for place in range(len(commits)):
            index = (number + place) % len(commits)
            start = perf_counter()
            commits[index](count)
            if number:
                rounds[index].append(perf_counter() - start)
    return [median(taken) for taken in rounds]


def _journal(stack: ExitStack, folder: Path, messages: list[bytes]) -> Commit:
    loop = asyncio.new_event_loop()
    stack.callback(loop.close)
    journal = Journal(FolderVolume(folder), "bench", time_ns, os.urandom, SEGMENT_BYTES)
    stack.callback(lambda: loop.run_until_complete(journal.close()))
    loop.run_until_complete(journal.open())

    async def one_by_one(count: int) -> None:
        for _ in range(count):
            journal.append(messages[0])
            await journal.commit()

    async def in_groups(count: int) -> None:
        written = None
        for _ in range(count):
            for message in messages:
                journal.append(message)
            if written:
                await written
            written = asyncio.ensure_future(journal.commit())
            await asyncio.sleep(0)  # it begins
        if written:
            await written

    work = one_by_one if len(messages) == 1 else in_groups
    return lambda count: loop.run_until_complete(work(count))


def _bare(stack: ExitStack, path: Path, messages: list[bytes]) -> Commit:
    file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    stack.callback(os.close, file)

    def work(count: int) -> None:
        for _ in range(count):
            os.write(file, b"".join(messages))
            os.fsync(file)

    return work


def _sqlite(stack: ExitStack, path: Path, messages: list[bytes]) -> Commit:
    database = stack.enter_context(closing(sqlite3.connect(path)))
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE message (position INTEGER PRIMARY KEY, data BLOB NOT NULL)")
    rows = [(message,) for message in messages]

    def work(count: int) -> None:
        for _ in range(count):
            with database:
                database.executemany("INSERT INTO message (data) VALUES (?)", rows)

    return work
