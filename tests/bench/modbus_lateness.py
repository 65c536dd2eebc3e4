"""A group of 10 ms in a running Rack: how late its requests leave, beside a C loop that only sleeps, and pymodbus.

Late means: after the deadline on the absolute grid of 10 ms. With and without a process that does not stop computing.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from fluxrig.flux import pack
from fluxrig_tooling.rig import compile_rig, load
from tests.bench.figure import Figure
from tests.bench.scheduler import C_LOOP, PERIOD_MS, alternately, busy_neighbour, compiled_c_loop, percentile
from tests.libmodbus import running_server

AREA = "modbus_lateness"
COUNT = 120
ROUNDS = 6
PYMODBUS = "pymodbus on asyncio"

RIG = """\
fluxrig: 1
meta: {{name: fast, version: 1.0.0}}
uns: {{enterprise: acme, site: montevideo}}
gears:
  - name: plc
    type: io_modbus
    config:
      link: tcp://127.0.0.1:{port}
      every: {period}ms
      tags:
        pressure: {{address: hr:1000, type: float32, unit: bar}}
        temp: {{address: hr:1002, type: int16, scale: 0.1, unit: degC}}
        running: {{address: co:0}}
"""


def figures() -> Iterator[Figure]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        port = stack.enter_context(running_server())[0]
        commands = [
            [str(compiled_c_loop(folder)), str(COUNT), str(PERIOD_MS * 1000)],
            _client("fluxrig", str(_compiled(folder, port))),
            _client("pymodbus", str(port)),
        ]
        yield from _compared(commands, "")
        with busy_neighbour():
            yield from _compared(commands, ", busy neighbour")


def _compared(commands: list[list[str]], where: str) -> Iterator[Figure]:
    c_loop, ours, pymodbus = alternately(*commands, rounds=ROUNDS)
    name = f"lateness of requests at {PERIOD_MS} ms{where}: "
    p99 = percentile(ours, 99)
    yield Figure(AREA, name + "median", "us", percentile(ours, 50), C_LOOP, percentile(c_loop, 50))
    yield Figure(AREA, name + "p99", "us", p99, C_LOOP, percentile(c_loop, 99), 2.0)
    yield Figure(AREA, name + "max", "us", max(ours), C_LOOP, max(c_loop))
    yield Figure(AREA, name + "p99, for reference", "us", p99, PYMODBUS, percentile(pymodbus, 99))


def _client(name: str, argument: str) -> list[str]:
    module = "tests.bench.modbus_lateness_clients"
    return [sys.executable, "-m", module, name, str(COUNT), str(PERIOD_MS), argument]


def _compiled(folder: Path, port: int) -> Path:
    source = folder / "fast.yaml"
    source.write_text(RIG.format(port=port, period=PERIOD_MS), encoding="utf-8")
    model, problems = load(source)
    assert model, list(problems)
    flux = folder / "fast.flux"
    flux.write_bytes(pack(compile_rig(model, model.racks[0].name)))
    return flux
