"""Reading 125 registers, again and again, over one connection to one libmodbus server: fluxrig and other clients.

fluxrig makes a dict of 125 tags of each answer; the others make a list or a tuple of integers.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from tests.bench.contest import FIRST, LAST, Contestant, measure, on_processor
from tests.bench.figure import Figure
from tests.bench.modbus_clients import BATCH, REGISTERS
from tests.libmodbus import compiled, running_server

AREA = "modbus"
ROUNDS = 30
"""Many and short ones: the best of them is one that nobody else disturbed."""

COUNTS = {"pymodbus async": 250, "pymodbus sync": 350, "umodbus": 400, "modbus_tk": 80}
C_COUNT = 700
"""Requests a round of each client: about 50 ms."""

NO_PIPELINE = "fluxrig, no pipeline"
C_CLIENT = "C libmodbus, sequential"
C_NEIGHBOUR = "C libmodbus on the server's processor"
REQUEST_GOALS = {"pymodbus async": 10.0, C_CLIENT: 4.0}
CPU_BOUND = 0.15
"""CPU seconds for a million registers."""


def figures() -> Iterator[Figure]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        with on_processor(FIRST):
            port = str(stack.enter_context(running_server())[0])
        c_client = [str(compiled("libmodbus_client", folder)), port]
        contestants = [_python("fluxrig", port, 30 * BATCH), _python(NO_PIPELINE, port, 5 * BATCH)]
        contestants += [_python(name, port, count) for name, count in COUNTS.items()]
        contestants += [
            Contestant(C_CLIENT, c_client, C_COUNT, LAST),
            Contestant(C_NEIGHBOUR, c_client, C_COUNT, FIRST),
        ]
        found = measure(contestants, ROUNDS)
    ours, no_pipeline = found.pop("fluxrig"), found.pop(NO_PIPELINE)
    for name, peer in found.items():
        goal = REQUEST_GOALS.get(name)
        rates = ours.per_second / 1e3, peer.per_second / 1e3
        yield Figure(AREA, f"requests of {REGISTERS} registers", "k/s", rates[0], name, rates[1], goal, True)
    for name in REQUEST_GOALS:
        rates = no_pipeline.per_second / 1e3, found[name].per_second / 1e3
        yield Figure(AREA, "the same without a pipeline", "k/s", rates[0], name, rates[1], None, True)
    for name, peer in found.items():
        rates = ours.per_second * REGISTERS / 1e6, peer.per_second * REGISTERS / 1e6
        yield Figure(AREA, "registers", "M/s", rates[0], name, rates[1], None, True)
    cpu = "CPU for a million registers"
    for name, peer in found.items():
        yield Figure(AREA, cpu, "s", _cpu_per_million(ours), name, _cpu_per_million(peer))
    yield Figure(AREA, cpu, "s", _cpu_per_million(ours), "the bound", CPU_BOUND, 1.0)


def _python(name: str, port: str, count: int) -> Contestant:
    return Contestant(name, [sys.executable, "-m", "tests.bench.modbus_clients", name, port], count)


def _cpu_per_million(contestant: Contestant) -> float:
    return contestant.cpu_s / contestant.count / REGISTERS * 1e6
