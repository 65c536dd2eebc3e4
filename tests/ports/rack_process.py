"""A Rack as a process, for test_cpython_run.py: `python rack_process.py STATE_DIR [hang] [SECONDS]`.

Its Gear says what happens to it, on standard output; with `hang` its drain does not end by itself.
"""

import asyncio
import json
import sys

from fluxrig import registry
from fluxrig.gear import Gear
from fluxrig_ports.cpython.host import CPythonHost
from fluxrig_ports.cpython.loop import run
from fluxrig_ports.cpython.run import run_rack


class Talker(Gear):
    def init(self, ctx):
        self._ctx = ctx
        ctx.spawn("work", self._work)

    async def drain(self):
        self._ctx.host.write_out("draining")
        if "hang" in sys.argv:
            await asyncio.sleep(3600)
        self._ctx.host.write_out("drained")

    async def stop(self):
        self._ctx.host.write_out("stopped")

    async def _work(self):
        self._ctx.host.write_out("working")
        await asyncio.sleep(3600)


registry.register("talker", __name__, "Talker")
RIG = {
    "rig": "test",
    "version": "1",
    "rack": "bench",
    "machine": "machine-1",
    "gears": [{"name": "t", "type": "talker", "id": bytes(16), "config": {}, "on_error": "drop", "outputs": {}}],
    "wires": [],
}


async def main() -> dict:
    seconds = sys.argv[-1]
    return await run_rack(RIG, CPythonHost(sys.argv[1]), asyncio.sleep(float(seconds)) if seconds.isdigit() else None)


print(json.dumps(run(main())))
