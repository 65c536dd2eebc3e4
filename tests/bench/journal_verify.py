"""Verifying an archive, as `fluxrig archive verify` does: beside `hashlib.sha256` over the same files.

Both read the files from the cache, in pieces of the same size. The hash of the peer is one process; verifying is given
as many as there are cores, as on the command line, and besides one for reference.
"""

import asyncio
import os
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from io import FileIO
from pathlib import Path
from time import perf_counter, time_ns

from fluxrig.host import Appender, Volume
from fluxrig.journal.journal import Journal
from fluxrig_tooling.archive.check import WINDOW
from fluxrig_tooling.archive.pool import cores
from fluxrig_tooling.archive.verify import verify
from tests.bench.figure import Figure
from tests.interpreter import ROOT

AREA = "journal_verify"
SIZE = 200
GROUP = 100
BYTES = 256 * 1024 * 1024
SEGMENT_BYTES = 16 * 1024 * 1024
ROUNDS = 5
PEER = "hashlib.sha256"
GOAL = 0.5


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=ROOT) as folder:
        positions = asyncio.run(_write(Path(folder)))
        ours, alone, peer = _in_turns(Path(folder), positions)
    what = f"verify, groups of {GROUP} x {SIZE} B"
    yield Figure(AREA, f"{what}, {cores()} processes", "MB/s", ours, PEER, peer, GOAL, True)
    yield Figure(AREA, f"{what}, 1 process", "MB/s", alone, PEER, peer, None, True)


def _in_turns(folder: Path, positions: int) -> list[float]:
    """MB/s of the best round of each: verifying with all cores, with one, hashing."""
    paths = sorted(folder.glob("*.seg"))
    size = sum(path.stat().st_size for path in paths)
    best = [float("inf")] * 3

    def check(jobs: int) -> None:
        report = verify(folder, jobs=jobs)
        if not report.ok or report.messages != positions:
            raise RuntimeError(f"the archive is not what was written: {report.problems}")

    for _ in range(ROUNDS):
        for index, work in enumerate((lambda: check(cores()), lambda: check(1), lambda: _hash(paths))):
            start = perf_counter()
            work()
            best[index] = min(best[index], perf_counter() - start)
    return [size / seconds / 1e6 for seconds in best]


def _hash(paths: list[Path]) -> None:
    digest = sha256()
    buffer = memoryview(bytearray(WINDOW))
    for path in paths:
        with FileIO(path) as file:
            while count := file.readinto(buffer):
                digest.update(buffer[:count])
    digest.digest()


async def _write(folder: Path) -> int:
    """Write the archive. Returns its last position."""
    journal = Journal(Unforced(folder), "bench", time_ns, os.urandom, SEGMENT_BYTES)
    await journal.open()
    messages = [os.urandom(SIZE) for _ in range(GROUP)]
    for _ in range(BYTES // (GROUP * SIZE)):
        for message in messages:
            journal.append(message)
        await journal.commit()
    await journal.seal()
    await journal.close()
    return journal.durable


class Unforced(Volume):
    """A folder for files that nobody needs after the benchmark, and are only written: nothing is forced."""

    def __init__(self, folder: Path):
        self._folder = folder

    async def open(self) -> None:
        pass

    async def names(self) -> list[str]:
        return []

    async def remove(self, name: str) -> None:
        pass

    async def create(self, name: str, reserve: int) -> Appender:
        return UnforcedAppender(self._folder / name)

    async def close(self) -> None:
        pass


class UnforcedAppender(Appender):
    def __init__(self, path: Path):
        self._file = FileIO(path, "xb")

    async def append(self, pieces: list) -> None:
        self._file.write(b"".join(pieces))

    async def close(self) -> None:
        self._file.close()
