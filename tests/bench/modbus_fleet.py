"""Many servers polled at 100 ms from one process, and how many the machine carries.

A deadline is missed when it is not served before the next one. The peer is as many tasks that only sleep to their
deadlines, in a process of its own: what the event loop and the machine keep of them is all that anybody could keep.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from time import monotonic

from fluxrig.flux import pack
from fluxrig_tooling.rig import compile_rig, load
from tests.bench.figure import Figure
from tests.interpreter import ROOT
from tests.libmodbus import running_server

AREA = "modbus_fleet"
SERVERS = 200
PERIOD_MS = 100
ROUNDS = 2
BARE = "as many tasks that only sleep"
SERVERS_A_PROCESS = 400
"""libmodbus waits with `select`, which knows 1024 descriptors: a listener and a connection for each server."""

SEARCH_S = 40
"""After this time no more servers are tried."""

RIG = """\
fluxrig: 1
meta: {{name: fleet, version: 1.0.0}}
uns: {{enterprise: acme, site: montevideo}}
gears:
{gears}
"""
GEAR = """\
  - name: plc{number}
    type: io_modbus
    config:
      link: tcp://127.0.0.1:{port}
      every: {period}ms
      tags:
        pressure: {{address: hr:1000, type: float32, unit: bar}}
        temp: {{address: hr:1002, type: int16, scale: 0.1, unit: degC}}
        speed: {{address: hr:1003, unit: rpm}}
"""


def figures() -> Iterator[Figure]:
    rounds = [_side_by_side(SERVERS) for _ in range(ROUNDS)]
    best, bare = (min(found, key=lambda result: result["missed"]) for found in zip(*rounds, strict=True))
    name = f"{SERVERS} servers at {PERIOD_MS} ms: "
    yield Figure(AREA, name + "deadlines kept", "%", _kept(best), BARE, _kept(bare), 1.0, True)
    yield Figure(AREA, name + "p99 of lateness", "ms", best["p99_us"] / 1000, BARE, bare["p99_us"] / 1000)
    yield Figure(AREA, name + "CPU", "ms/s", best["cpu_ms_a_s"], BARE, bare["cpu_ms_a_s"])
    yield Figure(AREA, f"servers carried at {PERIOD_MS} ms", "", _carried(), "those wanted", SERVERS, None, True)


def _carried() -> int:
    """The most servers, of 200, 400, 800 …, with no more missed deadlines than as many sleeping tasks."""
    carried, tried = 0, SERVERS
    end = monotonic() + SEARCH_S
    while monotonic() < end:
        ours, bare = _side_by_side(tried)
        if ours["missed"] > bare["missed"]:
            break
        carried, tried = tried, 2 * tried
    return carried


def _side_by_side(servers: int) -> tuple[dict[str, float], dict[str, float]]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ports: list[int] = []
        while len(ports) < servers:
            count = min(servers - len(ports), SERVERS_A_PROCESS)
            ports += stack.enter_context(running_server(count))
        return _result("fluxrig", str(_compiled(folder, ports))), _result("bare", str(servers))


def _result(name: str, argument: str) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.modbus_fleet_clients", name, argument, str(PERIOD_MS)]
    result = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60)
    return json.loads(result.stdout.splitlines()[-1])


def _kept(result: dict[str, float]) -> float:
    return 100 * result["served"] / (result["served"] + result["missed"])


def _compiled(folder: Path, ports: list[int]) -> Path:
    """The compiled rig that polls all of these ports, a Gear each."""
    gears = [GEAR.format(number=number, port=port, period=PERIOD_MS) for number, port in enumerate(ports)]
    source = folder / "fleet.yaml"
    source.write_text(RIG.format(gears="".join(gears)), encoding="utf-8")
    model, problems = load(source)
    assert model, list(problems)
    flux = folder / "fleet.flux"
    flux.write_bytes(pack(compile_rig(model, model.racks[0].name)))
    return flux
