"""Running things under MicroPython from tests and benchmarks."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MICROPYTHON = Path(sys.executable).parent / "micropython"
HEAP = "heapsize=128wk"
"""128 Ki words: the room of a 128 KiB heap on a 32-bit device, whose words are half as wide."""


def micropython_command(*arguments: str) -> list[str]:
    return [str(MICROPYTHON), "-X", HEAP, *arguments]


def micropython_environment(*extra_path: str) -> dict[str, str]:
    path = ":".join([".frozen", "core", "ports", "tests/core", *extra_path])
    return {**os.environ, "MICROPYPATH": path}


def run_micropython(*arguments: str, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
    """Run a script to its end, from the root of the checkout."""
    return subprocess.run(
        micropython_command(*arguments),
        cwd=ROOT,
        env=micropython_environment(),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
