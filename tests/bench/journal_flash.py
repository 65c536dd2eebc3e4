"""What the archive of a device does to its flash: littlefs on a block device in RAM that counts, one event a second.

The peer is what a script does without an archive: it appends each event to a file as it comes, and flushes, which on
littlefs copies the last block of the file each time. Years are those until the blocks of the file system have been
erased 100,000 times each, 1.5 of the 2 MiB being its own. littlefs moves what it writes much to other blocks, each time
that it has erased a block 100 times. So one block is ahead of the others in the hours that are measured here, and less
so in the long run: after a million events the most erased block had 690 erases, and the average was 426.
"""

import json
import subprocess
from collections.abc import Iterator

from tests.bench.figure import Figure
from tests.interpreter import MICROPYTHON, ROOT, micropython_environment

AREA = "journal_flash"
SCRIPT = "tests/bench/journal_flash_micropython.py"
HEAP = "heapsize=16m"
"""The flash is in it."""

END_S = 300
ENDURANCE = 100_000
YEAR_S = 365.25 * 24 * 3600
PEER = "a flush for each event"


def figures() -> Iterator[Figure]:
    ours, naive = _measured("archive", "naive")
    events = ours["events"]
    yield _figure("programmed for a byte of events", "B", _each(ours, naive, "programmed", "bytes"))
    yield _figure("blocks erased for 1000 events", "", [1000 * found["erases"] / events for found in (ours, naive)])
    yield _figure("erases of the most erased block", "", [found["worst"] for found in (ours, naive)])
    yield _figure("2 MiB at 1 event/s of 180 B last", "years", [_years(found) for found in (ours, naive)], True)


def _figure(name: str, unit: str, values: list[float], higher_is_better: bool = False) -> Figure:
    return Figure(AREA, name, unit, values[0], PEER, values[1], None, higher_is_better)


def _each(ours: dict[str, int], naive: dict[str, int], what: str, of: str) -> list[float]:
    return [found[what] / found[of] for found in (ours, naive)]


def _years(found: dict[str, int]) -> float:
    return found["blocks"] * ENDURANCE / (found["erases"] / found["events"]) / YEAR_S


def _measured(*names: str) -> list[dict[str, int]]:
    """What the script counts for each, at the same time: nothing here depends on how long it takes."""
    command = [str(MICROPYTHON), "-X", HEAP, SCRIPT]
    processes = [
        subprocess.Popen(
            [*command, name],
            cwd=ROOT,
            env=micropython_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in names
    ]
    found = []
    for process in processes:
        output, errors = process.communicate(timeout=END_S)
        if process.returncode:
            raise RuntimeError(f"{SCRIPT}: {errors or output}")
        found.append(json.loads(output))
    return found
