"""What the archive costs an event: the same rig with and without a correlator in it, in CPU time of the whole process.

A source, a filter that lets everything pass, and a sink; the correlator stands before the filter. The archive is on the
disk of this checkout, with the settings of a gateway, and the time of its writer thread is counted too. An event is a
message of six tags, one group is made durable a second.
"""

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import process_time

from fluxrig.gear import Gear
from fluxrig.rack import Rack
from fluxrig.registry import register
from fluxrig_ports.cpython.host import CPythonHost
from tests.bench.codec_stream import standard
from tests.bench.figure import Figure
from tests.interpreter import ROOT

AREA = "journal_pipeline"
ROUNDS = 15
EVENTS = 1000
BOUND_US = 15.0

ARCHIVE = {
    "keep_ms": 0,
    "max_bytes": 1 << 30,
    "policy": "drop_oldest_sent",
    "segment_bytes": 0,
    "commit_ms": 1000,
    "commit_bytes": 0,
    "commit_count": 4096,
    "checkpoint_ms": 3_600_000,
    "ram_bytes": 16 << 20,
}


class Source(Gear):
    def init(self, ctx):
        pass

    def send(self, messages) -> None:
        for msg in messages:
            self.out(msg)


class Sink(Gear):
    received = 0

    def init(self, ctx):
        pass

    def on_in(self, msg):
        self.received += 1


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=ROOT) as folder:
        added, whole = asyncio.run(_measured(Path(folder)))
    name = "CPU that the archive adds to an event"
    yield Figure(AREA, name, "us", added, "the bound", BOUND_US, goal=1.0)
    yield Figure(AREA, "CPU of an event, archived", "us", whole, "not archived", whole - added)


async def _measured(folder: Path) -> tuple[float, float]:
    """(CPU us that the archive adds to an event, those of an archived event), of the best rounds."""
    register("bench_source", __name__, "Source")
    register("bench_sink", __name__, "Sink")
    racks = [Rack(CPythonHost(folder / str(kind), log_level="error"), _rig(kind)) for kind in (False, True)]
    best = [float("inf")] * 2
    for rack in racks:
        await rack.start()
    try:
        for number in range(ROUNDS + 1):
            for index, rack in enumerate(racks):
                spent = await _round(rack)
                if number:
                    best[index] = min(best[index], spent)
    finally:
        for rack in racks:
            await rack.stop()
    plain, archived = [seconds / EVENTS * 1e6 for seconds in best]
    return archived - plain, archived


async def _round(rack: Rack) -> float:
    """CPU seconds of the process until all events have arrived. Between them it sleeps, as long as a group waits."""
    source, sink = rack.stations[0].gear, rack.stations[-1].gear
    assert isinstance(source, Source) and isinstance(sink, Sink)
    messages = standard(EVENTS)
    expected = sink.received + EVENTS
    start = process_time()
    source.send(messages)
    while sink.received < expected:
        await asyncio.sleep(0.05)
    return process_time() - start


def _rig(archived: bool) -> dict:
    gears = [
        _gear("source", "bench_source", {}),
        _gear("edge", "filter", {"tags": {}, "default": ("change", 0.0, 0.0, 1)}),
        _gear("sink", "bench_sink", {}),
    ]
    rig: dict = {"rig": "bench", "version": "1", "rack": "bench", "machine": "bench", "gears": gears}
    if archived:
        gears.insert(1, _gear("archive", "correlator", {}))
        rig["archive"] = ARCHIVE
    rig["wires"] = [[index, "out", index + 1, "in", "hot"] for index in range(len(gears) - 1)]
    return rig


def _gear(name: str, kind: str, config: dict) -> dict:
    gear_id, port_id = name.encode().ljust(16), f"{name}.out".encode().ljust(16)
    return {
        "name": name,
        "type": kind,
        "id": gear_id,
        "config": config,
        "on_error": "drop",
        "outputs": {"out": port_id},
    }
