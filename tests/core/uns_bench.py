"""A Rack with source `a`, an archive and `uns`, and the broker it publishes to; for the tests of uns."""

import json

from probes import gear, gear_of, id_of, rig, settings

from fluxrig import wiring
from fluxrig.archive import archive as archiving
from fluxrig.archive import cursor, guaranteed, opening
from fluxrig.gears.uns import history, live, uns
from fluxrig.journal import recovery
from fluxrig.rack import Rack
from fluxrig_ports.memory import MemoryHost

LOADED = (guaranteed, wiring, archiving, cursor, opening, history, live, uns, recovery)
"""What a Rack would import in the first test, loaded while the heap is in one piece."""

P, T = "acme/site/p", "acme/site/t"
STATUS = "acme/site/_rack/bench"
NS = 1_000_000
OPTIONS = {"max_attempts": 3, "retry_min_ms": 100, "retry_max_ms": 60_000}
HOT = ("hot",)
GUARANTEED = ("guaranteed", OPTIONS)


def config(**changes):
    base = {
        "broker": {
            "address": "127.0.0.1",
            "port": 1883,
            "client_id": "bench",
            "keepalive_s": 30,
            "user": None,
            "password": None,
        },
        "timeout_ms": 1000,
        "reconnect_min_ms": 100,
        "reconnect_max_ms": 1000,
        "status": STATUS,
        "sources": [(id_of("a"), {"p": "acme/site/p", "t": "acme/site/t"})],
        "prefix": "acme/site",
        "max_topics": 2,
        "backlog_rate": 100,
    }
    base.update(changes)
    return base


class Bench:
    """`lane` is that of the wire from the correlator to uns. `after`: the Bench of which it has disks and broker."""

    def __init__(self, lane=HOT, archive=None, after=None, **changes):
        self.host = MemoryHost(0, None, {"pw": "s3cret"})
        if after is not None:
            self.host.network.broker = after.broker
            self.host.volumes["archive"] = after.host.volumes["archive"].cut()
            self.host.clock.step_wall(after.host.clock.wall_ns() - self.host.clock.wall_ns())
        self.broker = self.host.network.broker
        gears = [gear("a", "source"), gear("c", "correlator"), gear("uns", "uns", config(**changes), outputs=("err",))]
        wires = [("a", "out", "c", "in"), ("c", "out", "uns", "in") + lane]
        # Every message is durable at once, unless the test says otherwise. Segments are small: files are in RAM here.
        archive = dict(settings(commit_count=1, segment_bytes=2048), **(archive or {}))
        self.rack = Rack(self.host, rig(gears, wires, archive))
        self.source = gear_of(self.rack, "a")
        self.uns = gear_of(self.rack, "uns")

    async def start(self):
        await self.rack.start()
        await self.pass_ms(0)
        return self

    async def cut_power(self):
        """End everything where it stands. The broker hears nothing of it."""
        await self.rack.supervisor.end(1000)
        self.broker.lose(self.broker.sessions[0])
        return self

    async def pass_ms(self, ms):
        await self.host.clock.advance(ms)

    def count(self, name):
        """A counter of uns."""
        return self.uns.stats()[name]

    def at(self, topic):
        return json.loads(self.broker.retained[topic])

    def published(self, topic):
        """Everything that was published to `topic`: [(value, retained), …]."""
        return [(json.loads(payload)["v"], retain) for name, payload, retain in self.broker.published if name == topic]


def behind_the_archive(after=None, archive=None, **changes):
    """A Bench whose uns is at the end of a guaranteed wire."""
    return Bench(GUARANTEED, archive, after, **changes)


async def send_each(bench, values, every_ms, tag="p"):
    for value in values:
        bench.source.emit({tag: value})
        await bench.pass_ms(every_ms)


def fresh_order(values):
    """`values` without those that were there before."""
    seen = []
    for value in values:
        if value not in seen:
            seen.append(value)
    return seen
