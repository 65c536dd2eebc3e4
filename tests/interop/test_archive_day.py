"""A day of virtual time: what an archive holds in RAM does not grow, whatever is away meanwhile."""

import gc
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "core"))

from archive_bench import Bench, correlator, gear, gear_of, settings
from probes import rig

from fluxrig.errors import TransientError
from tests.peers.journal_format import begun, verify

QUARTER_MS = 6 * 3_600_000
OPTIONS = {"max_attempts": 3, "retry_min_ms": 1000, "retry_max_ms": 3_600_000}


@pytest.mark.parametrize("away", ["nothing", "the disk", "the disk, now and then", "the consumer"])
async def test_ram_is_bounded(away: str):
    gears = [gear("a", "source"), correlator(), gear("s", "sink"), gear("b", "away")]
    wires = [
        ("a", "out", "archive", "in"),
        ("archive", "out", "s", "in"),
        ("archive", "out", "b", "in", "guaranteed", OPTIONS),
    ]
    archive = settings(
        max_bytes=40_000,
        segment_bytes=4000,
        commit_ms=10_000,
        ram_bytes=10_000,
        policy="drop_oldest",
        keep_ms=QUARTER_MS,
    )
    bench = await Bench(compiled=rig(gears, wires, archive)).start()
    bench.clock.SETTLE_TURNS = 15
    consumer = gear_of(bench.rack, "b")
    consumer.away = away == "the consumer"
    held = []
    taken = 0
    for hour in range(24):
        if away.startswith("the disk"):
            well = away != "the disk" and hour % 2
            bench.volume.fail = None if well else TransientError("no space left")
        for _ in range(60):
            bench.send(1)
            await bench.wait(60_000)
        taken += len(bench.got)
        bench.sink.got.clear()
        consumer.got.clear()
        bench.host.logged.clear()
        if hour % 6 == 5:
            gc.collect()
            held.append(len(gc.get_objects()))
    assert taken >= 24 * 60 - 1, "the live path has everything"
    # The first quarter fills what may be filled.
    assert max(held[1:]) - min(held[1:]) < 300, held
    assert sum(map(len, bench.volume.files.values())) < 40_000 + 4000
    assert bench.archive.journal.pending_bytes <= 10_000
    files = {name: bytes(data) for name, data in bench.volume.files.items()}
    verify(begun(files))
    await bench.stop()
