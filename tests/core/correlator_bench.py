"""A Rack in RAM with a real archive and a correlator: what the tests of that Gear share."""

from probes import gear, gear_of, rig, settings, stop
from relating import MS, compare_config

from fluxrig import codec, stats, wiring
from fluxrig.archive import archive as archiving
from fluxrig.archive import opening
from fluxrig.decimal import Decimal
from fluxrig.gears.correlator import analysis
from fluxrig.journal import recovery
from fluxrig.rack import Rack
from fluxrig_ports.memory import MemoryHost

LOADED = (codec, stats, wiring, archiving, opening, analysis, recovery)
"""What a Rack would import in the first test, loaded while the heap is in one piece."""

PORTS = ("out", "joined", "diff", "parity", "checkpoint", "err")
EXACT = ["x", "absolute", Decimal(0, 0), Decimal(0, 0)]


def comparing(**changed):
    """The compiled config of a correlator that compares the field `x`."""
    config = compare_config(fields={"x": EXACT}, queue=8, report_ms=5000, max_diffs=3)
    config.update(changed)
    return {"compare": config, "tick_ms": 100}


class Plant:
    """Sources, a correlator `c` with `config`, and a sink for each of `ports`. `archive`: settings that differ."""

    def __init__(self, config=None, sources=("a", "b"), ports=("out", "err"), **archive):
        self.host = MemoryHost()
        gears = [gear(name, "source") for name in sources]
        gears.append(gear("c", "correlator", config, on_error="reject" if "err" in ports else "drop", outputs=PORTS))
        gears += [gear("s." + port, "sink") for port in ports]
        wires = [(name, "out", "c", name if name in ("live", "shadow") else "in") for name in sources]
        wires += [("c", port, "s." + port, "in") for port in ports]
        self.rack = Rack(self.host, rig(gears, wires, settings(**archive)))
        self.correlator = gear_of(self.rack, "c")

    async def __aenter__(self):
        await self.rack.start()
        await self.advance(0)
        return self

    async def __aexit__(self, *error):
        await stop(self.rack)

    def emit(self, source, data, meta=None, ms=None):
        return gear_of(self.rack, source).emit(data, meta, None if ms is None else ms * MS)

    def got(self, port="out"):
        return gear_of(self.rack, "s." + port).got

    async def advance(self, ms):
        await self.host.clock.advance(ms)

    def stats(self):
        """The counters of the correlator that are not 0."""
        return {name: value for name, value in self.rack.stats()["gears"]["c"].items() if value}
