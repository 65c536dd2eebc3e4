"""What the example rig takes of a small device's heap, and what an archive does, on MicroPython's unix port.

Words have 64 bits there. What is measured is live: the heap itself is larger, so that sources can be compiled in it.
The archive is full after 2500 events, from then on the oldest ones are removed.
"""

import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fluxrig.flux import pack
from fluxrig_tooling.rig import compile_rig, load
from tests.bench.figure import Figure
from tests.interpreter import HEAP_WORDS, MICROPYTHON, ROOT, micropython_environment
from tests.plant import running_plant
from tests.umqtt import require_umqtt

AREA = "memory"
WORD = 8
HEAP = "heapsize=256wk"
ARCHIVE_SCRIPT = "tests/bench/memory_archive_micropython.py"
EVENTS = (100, 2_500, 10_000)
BLOCK = 32
"""Bytes: the smallest thing on this heap."""


def figures() -> Iterator[Figure]:
    yield from _example()
    yield from _archive()


def _example() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder, running_plant() as plant:
        source = plant.rig(Path(folder))
        # The settings of a device, which a gateway does not have.
        source.write_text(source.read_text(encoding="utf-8").replace("board: GENERIC", "board: UNIX"), encoding="utf-8")
        model, problems = load(source)
        assert model, list(problems)
        flux = Path(folder) / "press.flux"
        flux.write_bytes(pack(compile_rig(model, model.racks[0].name)))
        heap = _run("tests/bench/memory_micropython.py", str(flux), folder)
    words = {key: (max(value) if key == "running" else value) / WORD / 1024 for key, value in heap.items()}
    peer, room = "the heap of a 128 KiB device", HEAP_WORDS / 1024
    yield Figure(AREA, "the example rig, loaded", "Ki words", words["loaded"], peer, room, goal=1.0)
    yield Figure(AREA, "the example rig, running", "Ki words", words["running"], peer, room, goal=1.0)


def _archive() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        heap = _run(ARCHIVE_SCRIPT, folder, *[str(count) for count in EVENTS])
    first, full, last = heap["after"]
    one, room = "one block of the heap", HEAP_WORDS / 1024
    yield Figure(
        AREA, f"heap growth, a full archive, {EVENTS[2] - EVENTS[1]} events", "B", last - full, one, BLOCK, 0.0
    )
    yield Figure(AREA, f"heap growth, {EVENTS[0]} to {EVENTS[2]} events", "B", last - first, one, BLOCK)
    words = (last - heap["without"]) / WORD / 1024
    yield Figure(AREA, "a correlator and its archive, full", "Ki words", words, "the heap of a 128 KiB device", room)


def _run(script: str, *arguments: str) -> dict[str, Any]:
    """What `script` prints last."""
    result = subprocess.run(
        [str(MICROPYTHON), "-X", HEAP, script, *arguments],
        cwd=ROOT,
        env=micropython_environment(str(require_umqtt())),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if result.returncode:
        raise RuntimeError(f"{script}: {result.stderr or result.stdout}")
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found
