"""What starting costs: imports of a Rack, and the command line's --help."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

from tests.bench.figure import Figure

AREA = "start"
ROUNDS = 15
BIN = Path(sys.executable).parent

# An installed package has its bytecode beside it; the first round writes it for a checkout.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

CLICK_PROGRAM = """
import click
@click.command()
def hello():
    "Say hello."
hello()
"""


def figures() -> Iterator[Figure]:
    rack, asyncio = _best(
        [sys.executable, "-c", "import fluxrig.rack, fluxrig.gears.filter.filter"],
        [sys.executable, "-c", "import asyncio"],
    )
    yield Figure(AREA, "import fluxrig.rack and one Gear", "ms", rack, "import asyncio", asyncio, goal=1.3)
    ours, peer = _best([str(BIN / "fluxrig"), "--help"], [sys.executable, "-c", CLICK_PROGRAM, "--help"])
    yield Figure(AREA, "fluxrig --help", "ms", ours, "a one-command click program", peer, goal=1.3)


def _best(*commands: list[str]) -> list[float]:
    """The best wall time of each command in ms, whole processes, in turns."""
    best = [float("inf")] * len(commands)
    for _ in range(ROUNDS):
        for index, command in enumerate(commands):
            start = perf_counter()
            # Waiting for the end of a pipe is exact; waiting for a process with a time limit polls every 50 ms.
            subprocess.run(command, check=True, capture_output=True, timeout=30, env=ENVIRONMENT)
            best[index] = min(best[index], (perf_counter() - start) * 1000)
    return best
