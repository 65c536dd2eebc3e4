"""How late periodic work starts: our Ticker beside a C loop that only sleeps, with and without a busy neighbour."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.figure import Figure
from tests.interpreter import ROOT, micropython_command, micropython_environment

AREA = "scheduler"
PERIOD_MS = 10
COUNT = 70
ROUNDS = 16
BOUND_US = 100.0
"""What the Ticker on MicroPython's unix port has to keep at the 99th percentile."""

C_LOOP = "a C loop on clock_nanosleep"
SCRIPT = str(Path(__file__).with_name("lateness.py"))
BUSY = "while True: pass"


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        c_loop = compiled_c_loop(Path(folder))
        yield from _compared(c_loop, "")
        with busy_neighbour():
            yield from _compared(c_loop, ", busy neighbour")


def _compared(c_loop: Path, where: str) -> Iterator[Figure]:
    peer, ours, stock, device = alternately(
        [str(c_loop), str(COUNT), str(PERIOD_MS * 1000)],
        _python("cpython"),
        _python("asyncio"),
        micropython_command(SCRIPT, str(COUNT), str(PERIOD_MS), "micropython"),
        rounds=ROUNDS,
    )
    p99 = percentile(ours, 99)
    name = f"Ticker lateness at {PERIOD_MS} ms{where}: "
    yield Figure(AREA, name + "median", "us", percentile(ours, 50), C_LOOP, percentile(peer, 50))
    yield Figure(AREA, name + "p99", "us", p99, C_LOOP, percentile(peer, 99), goal=2.0)
    yield Figure(AREA, name + "max", "us", max(ours), C_LOOP, max(peer))
    yield Figure(AREA, name + "p99, for reference", "us", p99, "the stock asyncio loop", percentile(stock, 99))
    goal = None if where else 1.0
    yield Figure(AREA, name + "p99, MicroPython", "us", percentile(device, 99), "the bound", BOUND_US, goal=goal)


def _python(host: str) -> list[str]:
    return [sys.executable, SCRIPT, str(COUNT), str(PERIOD_MS), host]


def compiled_c_loop(folder: Path) -> Path:
    """The C loop as an executable in `folder`; its arguments are how often, and the period in us."""
    target = folder / "nanosleep"
    subprocess.run(["cc", "-O2", "-o", target, Path(__file__).with_name("nanosleep.c")], check=True, timeout=60)
    return target


def alternately(*commands: list[str], rounds: int) -> list[list[float]]:
    """The numbers that each command prints, of all rounds together, in turns: what disturbs one disturbs all."""
    environment = {**micropython_environment(), "PYTHONPATH": os.pathsep.join(["core", "ports", "."])}
    samples: list[list[float]] = [[] for _ in commands]
    for _ in range(rounds):
        for index, command in enumerate(commands):
            result = subprocess.run(
                command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True, timeout=60
            )
            samples[index] += [float(line) for line in result.stdout.split()]
    return samples


def percentile(samples: list[float], percent: int) -> float:
    """The smallest sample that `percent` of them do not exceed."""
    return sorted(samples)[(len(samples) * percent - 1) // 100]


@contextmanager
def busy_neighbour() -> Iterator[None]:
    """Meanwhile another process does not stop computing."""
    process = subprocess.Popen([sys.executable, "-c", BUSY])
    try:
        yield
    finally:
        process.kill()
        process.wait()
