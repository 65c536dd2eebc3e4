"""The tests against real peers under MicroPython: each file as a whole."""

import subprocess
from pathlib import Path

import pytest

from tests.interpreter import MICROPYTHON, ROOT, micropython_environment

SHARED = sorted(path.name for path in Path(__file__).parent.glob("test_wire_*.py"))

HEAP = "heapsize=192wk"
"""128 KiB of a device and half as much again: when a test starts a rig, the one before may not be collected yet."""


@pytest.mark.parametrize("name", SHARED)
def test_file(name: str):
    command = [str(MICROPYTHON), "-X", HEAP, "tests/core/run_file.py", f"tests/interop/{name}"]
    result = subprocess.run(
        command, cwd=ROOT, env=micropython_environment("."), capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
