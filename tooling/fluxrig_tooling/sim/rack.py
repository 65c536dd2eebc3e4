"""The demo's Rack, as a process of its own, as on a gateway: nothing else shares its interpreter.

`python -m fluxrig_tooling.sim.rack RIG.flux STATE` prints {"ready": true}, runs the compiled rig, with its files in the
folder STATE, until its standard input closes, drains, and prints the Rack's statistics. `add_meter` is what the demo
adds to the rig beforehand.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from fluxrig import registry
from fluxrig.flux import unpack
from fluxrig_ports.cpython.host import CPythonHost
from fluxrig_ports.cpython.loop import run
from fluxrig_ports.cpython.run import run_rack
from fluxrig_tooling.sim.child import say, serve, stdin_closed

METER = "meter"


def add_meter(rig: dict[str, Any], source: str, uns: str) -> None:
    """Wire a meter of unfiltered traffic to the output of gear `source`, for the topics of gear `uns`."""
    position = {gear["name"]: index for index, gear in enumerate(rig["gears"])}
    config = {"sources": rig["gears"][position[uns]]["config"]["sources"]}
    meter = {"name": METER, "type": METER, "id": bytes(16), "config": config, "on_error": "drop", "outputs": {}}
    rig["gears"].append(meter)
    rig["wires"].append([position[source], "out", len(rig["gears"]) - 1, "in", "hot"])


async def main(flux: bytes, state_dir: str) -> None:
    registry.register(METER, "fluxrig_tooling.sim.meter", "Meter")
    rig = unpack(flux)
    closed = stdin_closed()
    say({"ready": True})
    say(await run_rack(rig, CPythonHost(state_dir, log_level="warning"), closed.wait()))


if __name__ == "__main__":
    serve(main(Path(sys.argv[1]).read_bytes(), sys.argv[2]), run)
