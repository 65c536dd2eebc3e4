"""Runs a compiled rig under MicroPython and prints the live heap (bytes) after WARM_UP polls and after COUNT more.

`modbus_heap_micropython.py FLUX STATE COUNT`. The rig has one Gear, a poller. The heap is measured whenever its message
is handed over, so that it is at the same point of its work.
"""

import asyncio
import gc
import json
import sys

from fluxrig import flux
from fluxrig.rack import Rack
from fluxrig_ports.micropython.host import MicroPythonHost

WARM_UP = 500


async def main(path: str, state: str, count: int) -> None:
    with open(path, "rb") as file:
        rack = Rack(MicroPythonHost(state), flux.unpack(file.read()))
    gear = rack.stations[0].gear
    done = asyncio.Event()
    found = [0, 0]

    def on_message(msg) -> None:
        if gear.polls in (WARM_UP, WARM_UP + count):
            gc.collect()
            found[gear.polls > WARM_UP] = gc.mem_alloc()  # type: ignore[attr-defined] # MicroPython's
            if gear.polls > WARM_UP:
                done.set()

    gear.out = on_message
    await rack.run(done.wait())
    assert not gear.values_bad
    print(json.dumps({"before": found[0], "after": found[1]}))


asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
