"""Serves many periodic deadlines for some seconds and prints, as one line of JSON, how that went.

`python -m tests.bench.modbus_fleet_clients fluxrig FLUX PERIOD_MS`: the Rack that runs this compiled rig.
`python -m tests.bench.modbus_fleet_clients bare COUNT PERIOD_MS`: tasks that only sleep, on the same event loop.
"""

import asyncio
import json
import resource
import sys
import tempfile
from pathlib import Path

from fluxrig.flux import unpack
from fluxrig.histogram import Histogram
from fluxrig.rack import Rack
from fluxrig_ports.cpython.host import CPythonHost
from fluxrig_ports.cpython.loop import run
from tests.bench.scheduler import percentile

SETTLE_S = 2
"""Until every connection is open."""

MEASURE_S = 3


class QuietHost(CPythonHost):
    def log(self, level: str, who: str, text: str) -> None:
        if level in ("warning", "error"):
            print(level, who, text, file=sys.stderr)


async def rack(flux: str) -> dict[str, float]:
    running = Rack(QuietHost(tempfile.gettempdir()), unpack(Path(flux).read_bytes()))
    tickers = running.schedule.tickers
    found: dict[str, float] = {}

    async def measured() -> None:
        await asyncio.sleep(SETTLE_S)
        served, missed, cpu_s = sum(ticker.ticks for ticker in tickers), running.schedule.missed(), _cpu_s()
        for ticker in tickers:
            ticker.lateness = Histogram()
        await asyncio.sleep(MEASURE_S)
        found["served"] = sum(ticker.ticks for ticker in tickers) - served
        found["missed"] = running.schedule.missed() - missed
        found["p99_us"] = running.schedule.lateness().percentile(99)
        found["cpu_ms_a_s"] = (_cpu_s() - cpu_s) * 1000 / MEASURE_S
        assert not sum(station.gear.values_bad for station in running.stations), "a server did not answer"

    await running.run(measured())
    return found


async def sleepers(count: int, period_s: float) -> dict[str, float]:
    loop = asyncio.get_running_loop()
    late: list[float] = []
    missed = 0

    async def sleep() -> None:
        nonlocal missed
        deadline = start
        while True:
            deadline += period_s
            await asyncio.sleep(deadline - loop.time())
            late.append(loop.time() - deadline)
            skipped = int(late[-1] / period_s)
            missed += skipped
            deadline += skipped * period_s

    start = loop.time()
    tasks = [asyncio.create_task(sleep()) for _ in range(count)]
    await asyncio.sleep(SETTLE_S)
    missed, cpu_s = 0, _cpu_s()
    late.clear()
    await asyncio.sleep(MEASURE_S)
    cpu_s = _cpu_s() - cpu_s
    for task in tasks:
        task.cancel()
    return {
        "served": len(late),
        "missed": missed,
        "p99_us": percentile(late, 99) * 1e6,
        "cpu_ms_a_s": cpu_s * 1000 / MEASURE_S,
    }


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    name, argument, period_ms = sys.argv[1:]
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    print(json.dumps(run(rack(argument) if name == "fluxrig" else sleepers(int(argument), int(period_ms) / 1000))))
