"""Prints how late (us) each deadline of a Ticker was served: `lateness.py COUNT PERIOD_MS HOST`, on both interpreters.

HOST is `micropython`, `cpython`, or `asyncio`: the CPython Host on a stock event loop.
"""

import sys

from fluxrig.schedule import Schedule


async def measure(host, count, period_ms):
    schedule = Schedule(host.clock)
    ticker = schedule.ticker("measured", period_ms)
    schedule.start()
    await ticker.tick()  # joins the grid
    served = []
    for _ in range(count):
        served.append(await ticker.tick())
    return served


def main(count, period_ms, host_name):
    if host_name == "micropython":
        from asyncio import run

        from fluxrig_ports.micropython.host import MicroPythonHost as Host
    else:
        from fluxrig_ports.cpython.host import CPythonHost as Host  # type: ignore[assignment]

        if host_name == "asyncio":
            from asyncio import run
        else:
            from fluxrig_ports.cpython.loop import run  # type: ignore[assignment]
    for late in run(measure(Host("."), count, period_ms)):
        print(late)


main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
