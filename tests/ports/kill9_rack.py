"""The Rack that test_kill9.py kills: a source that counts, the archive, and two guaranteed wires from there.

One leads to uns and a broker, the other to a Gear that appends to a file.
"""

import asyncio
import sys

import probes
from uns_bench import config

from fluxrig import registry
from fluxrig.gear import Gear
from fluxrig.rack import Rack

OPTIONS = {"max_attempts": 5, "retry_min_ms": 10, "retry_max_ms": 100}


class Counter(Gear):
    def init(self, ctx):
        self._ctx = ctx
        self._meta = ctx.meta({})
        self._n = ctx.config["base"]
        if self._n >= 0:
            ctx.spawn("count", self._count)

    async def _count(self):
        while True:
            for _ in range(self._ctx.config["burst"]):
                self.out(self._ctx.message({"p": self._n}, self._meta))
                self._n += 1
            await self._ctx.clock.sleep_ms(self._ctx.config["every_ms"])


class Notebook(Gear):
    """What it has written has been handed to the kernel: that survives the end of the process."""

    def init(self, ctx):
        self._file = open(ctx.config["path"], "a")  # noqa: SIM115, PTH123

    def on_in(self, msg):
        self._file.write(str(msg.data["p"]) + "\n")
        self._file.flush()


registry.register("counter", "kill9_rack", "Counter")
registry.register("notebook", "kill9_rack", "Notebook")


def rig(state: str, port: int, base: int, burst: int, every_ms: int) -> dict:
    uns = config(
        sources=[(probes.id_of("a"), {"p": "acme/site/p"})], reconnect_min_ms=5, reconnect_max_ms=50, backlog_rate=20000
    )
    uns["broker"]["port"] = port
    gears = [
        probes.gear("a", "counter", {"base": base, "burst": burst, "every_ms": every_ms}),
        probes.gear("c", "correlator"),
        probes.gear("book", "notebook", {"path": state + "/book"}),
        probes.gear("uns", "uns", uns, outputs=("err",)),
    ]
    wires = [
        ("a", "out", "c", "in"),
        ("c", "out", "book", "in", "guaranteed", OPTIONS),
        ("c", "out", "uns", "in", "guaranteed", OPTIONS),
    ]
    return probes.rig(gears, wires, probes.settings(commit_ms=3, max_bytes=1 << 28, ram_bytes=1 << 24))


async def run(host, rig: dict) -> None:
    """Run for longer than any test. A source with a negative base does not count."""
    rack = Rack(host, rig)
    await rack.start()
    await asyncio.sleep(3600)


def serve(state: str, port: int) -> None:
    """Run on CPython: a line `start BASE` of standard input forks a Rack that counts from there, `kill` kills it.

    Everything is loaded before, so that each is there in milliseconds.
    """
    import os
    import signal

    from fluxrig.archive import archive, cursor, guaranteed  # noqa: F401 # imported before the fork
    from fluxrig.gears.correlator import correlator  # noqa: F401
    from fluxrig.gears.uns import uns  # noqa: F401
    from fluxrig_ports.cpython import mqtt  # noqa: F401
    from fluxrig_ports.cpython.host import CPythonHost

    child = 0
    for line in sys.stdin:
        command, *arguments = line.split()
        if command == "start":
            child = os.fork()
            if not child:
                asyncio.run(run(CPythonHost(state, "warning"), rig(state, port, int(arguments[0]), 1, 1)))
        else:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        print("done", flush=True)


def main(state: str, port: int, base: int) -> None:
    """Run on MicroPython."""
    from fluxrig_ports.micropython.host import MicroPythonHost

    asyncio.run(run(MicroPythonHost(state, "warning"), rig(state, port, base, 1, 5)))
