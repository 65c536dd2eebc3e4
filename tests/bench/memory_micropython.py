"""Runs a compiled rig for two seconds and prints the live heap before, after loading and after running (bytes)."""

import asyncio
import gc
import json
import sys


def live() -> int:
    gc.collect()
    return gc.mem_alloc()  # type: ignore[attr-defined] # MicroPython's


async def main(path: str, state: str) -> None:
    empty = live()
    from fluxrig_ports.micropython.run import forget_starting, load

    rack = load(path, state)
    loaded = live()
    running: list = []

    async def until() -> None:
        forget_starting()
        await _settled(running)

    await rack.run(until())
    print(json.dumps({"empty": empty, "loaded": loaded, "running": running}))


async def _settled(running: list) -> None:
    for _ in range(4):
        await asyncio.sleep_ms(500)  # type: ignore[attr-defined] # MicroPython's
        running.append(live())


asyncio.run(main(sys.argv[1], sys.argv[2]))
