"""Archives events under MicroPython's virtual clock and prints the live heap (bytes) after each COUNT of them.

`memory_archive_micropython.py STATE COUNT…`: a Rack with a source, a correlator and a sink, with the settings of a
device and its archive in the folder STATE, which holds about a thousand events. Also printed: the same of a Rack
without the correlator. The heap is measured when a group has just been written.
"""

import asyncio
import gc
import json
import sys

from fluxrig.gear import Gear
from fluxrig.registry import register
from fluxrig_ports.memory import MemoryHost
from fluxrig_ports.micropython.volume import FolderVolume

ARCHIVE = {
    "keep_ms": 0,
    "max_bytes": 384 * 1024,
    "policy": "drop_oldest_sent",
    "segment_bytes": 0,
    "commit_ms": 10_000,
    "commit_bytes": 4096,
    "commit_count": 4096,
    "checkpoint_ms": 3_600_000,
    "ram_bytes": 8192,
}


class Source(Gear):
    def init(self, ctx):
        self._ctx = ctx

    def send(self, number) -> None:
        self.out(self._ctx.message({"temp": number % 1000 * 0.5}, self._ctx.meta({})))


class Sink(Gear):
    received = 0

    def init(self, ctx):
        pass

    def on_in(self, msg):
        self.received += 1


def live() -> int:
    gc.collect()
    gc.collect()
    return gc.mem_alloc()  # type: ignore[attr-defined] # MicroPython's


async def main(state: str, counts: list) -> None:
    from fluxrig.rack import Rack

    register("source", "__main__", "Source")
    register("sink", "__main__", "Sink")
    plain = Rack(MemoryHost(), rig(False))
    await plain.start()
    without = live()
    host = MemoryHost()
    host.volumes["archive"] = FolderVolume(state)
    rack = Rack(host, rig(True))
    await rack.start()
    await host.clock.advance(0)
    source, sink, sent = rack.stations[0].gear, rack.stations[-1].gear, 0
    found: list = []
    for count in counts:
        while sent < count or sink.received < sent:
            source.send(sent)
            sent += 1
            await host.clock.advance(1000)
        found.append(live())
    stats = rack.stats()["archive"]
    await rack.stop()
    assert not stats["failures"] and not stats["lost"]
    print(json.dumps({"without": without, "after": found, "removed": stats["removed"]}))


def rig(archived: bool) -> dict:
    gears = [gear("source", "source"), gear("sink", "sink")]
    whole: dict = {"rig": "bench", "version": "1", "rack": "bench", "machine": "bench", "gears": gears}
    if archived:
        gears.insert(1, gear("archive", "correlator"))
        whole["archive"] = ARCHIVE
    whole["wires"] = [[index, "out", index + 1, "in", "hot"] for index in range(len(gears) - 1)]
    return whole


def gear(name: str, kind: str) -> dict:
    port_id = (name + " out.............")[:16].encode()
    outputs = {"out": port_id}
    return {"name": name, "type": kind, "id": port_id, "config": {}, "on_error": "drop", "outputs": outputs}


asyncio.run(main(sys.argv[1], [int(count) for count in sys.argv[2:]]))
