"""Modbus under MicroPython: requests beside the master of micropython-modbus, and whether polling grows the heap."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from fluxrig.flux import pack
from fluxrig_tooling.rig import compile_rig, load
from tests import micropython_modbus
from tests.bench.contest import FIRST, Contestant, measure, on_processor
from tests.bench.figure import Figure
from tests.interpreter import micropython_command, micropython_environment, run_micropython
from tests.libmodbus import running_server

AREA = "modbus_device"
ROUNDS = 10
COUNT = 640
PEER = "micropython-modbus"
GOAL = 2.0
SCRIPT = "tests/bench/modbus_micropython.py"
HEAP_SCRIPT = "tests/bench/modbus_heap_micropython.py"
POLLS = 10_000
BLOCK = 32
"""Bytes: the smallest thing on this heap."""

RIG = """\
fluxrig: 1
meta: {{name: device, version: 1.0.0}}
uns: {{enterprise: acme, site: montevideo}}
gears:
  - name: plc
    type: io_modbus
    config:
      link: tcp://127.0.0.1:{port}
      every: 1ms
      tags:
        pressure: {{address: hr:1000, type: float32, unit: bar}}
        temp: {{address: hr:1002, type: int16, scale: 0.1, unit: degC}}
        state: {{address: hr:1003, enum: {{1003: running}}}}
        alarm: {{address: hr:1004, bit: 3}}
        parts: {{address: ir:2000, type: uint32, order: CDAB}}
        running: {{address: co:0}}
"""


def figures() -> Iterator[Figure]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        with on_processor(FIRST):
            port = stack.enter_context(running_server())[0]
        masters = [("tags", 20), ("sequential", 20), (PEER, 20), ("tuples", 120), ("tags", 120), (PEER, 120)]
        found = measure([_contestant(name, registers, port) for name, registers in masters], ROUNDS)
        rates = {name: contestant.per_second / 1000 for name, contestant in found.items()}
        yield _beside(rates, "tags", 20, "dicts of 20 tags", GOAL)
        yield _beside(rates, "sequential", 20, "dicts of 20 tags, no pipeline", None)
        yield _beside(rates, "tuples", 120, "tuples of 120 registers", GOAL)
        yield _beside(rates, "tags", 120, "dicts of 120 tags", None)
        growth = _heap_growth(folder, port)
        yield Figure(AREA, f"heap growth over {POLLS} polls", "B", growth, "one block of the heap", BLOCK, 0.0)


def _contestant(name: str, registers: int, port: int) -> Contestant:
    command = micropython_command(SCRIPT, name, str(port), str(registers))
    environment = micropython_environment(str(micropython_modbus.folder()))
    return Contestant(f"{name} {registers}", command, COUNT, environment=environment)


def _beside(rates: dict[str, float], name: str, registers: int, what: str, goal: float | None) -> Figure:
    rate, peer_rate = rates[f"{name} {registers}"], rates[f"{PEER} {registers}"]
    return Figure(AREA, f"requests, {what}", "k/s", rate, f"{PEER}, tuples", peer_rate, goal, True)


def _heap_growth(folder: Path, port: int) -> int:
    source = folder / "device.yaml"
    source.write_text(RIG.format(port=port), encoding="utf-8")
    model, problems = load(source)
    assert model, list(problems)
    flux = folder / "device.flux"
    flux.write_bytes(pack(compile_rig(model, model.racks[0].name)))
    result = run_micropython(HEAP_SCRIPT, str(flux), str(folder), str(POLLS))
    if result.returncode:
        raise RuntimeError(f"{HEAP_SCRIPT}: {result.stderr}")
    heap = json.loads(result.stdout.splitlines()[-1])
    return heap["after"] - heap["before"]
