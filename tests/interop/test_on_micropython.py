"""The tests against real peers under MicroPython: each file as a whole."""

from pathlib import Path

import pytest

from tests.interpreter import run_micropython

SHARED = sorted(path.name for path in Path(__file__).parent.glob("test_wire_*.py"))

HEAP = "heapsize=192wk"
"""128 KiB of a device and half as much again: when a test starts a rig, the one before may not be collected yet."""


@pytest.mark.parametrize("name", SHARED)
def test_file(name: str):
    result = run_micropython("tests/core/run_file.py", f"tests/interop/{name}", extra_path=(".",), heap=HEAP)
    assert result.returncode == 0, result.stdout + result.stderr
