"""Running things under MicroPython from tests and benchmarks."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MICROPYTHON = Path(sys.executable).parent / "micropython"
HEAP = "heapsize=128wk"
"""The `w` scales by the size of a word: the room that 128 KiB are on a 32-bit device."""

HEAP_WORDS = 32 * 1024
"""That room in machine words, of 4 bytes there and 8 bytes here."""


def micropython_command(*arguments: str) -> list[str]:
    return [str(MICROPYTHON), "-X", HEAP, *arguments]


def micropython_environment(*extra_path: str) -> dict[str, str]:
    path = ":".join([".frozen", "core", "ports", "tests/core", *extra_path])
    return {**os.environ, "MICROPYPATH": path}


def run_micropython(
    *arguments: str, timeout_s: float = 120, extra_path: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Run a script to its end, from the root of the checkout."""
    return subprocess.run(
        micropython_command(*arguments),
        cwd=ROOT,
        env=micropython_environment(*extra_path),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
