"""What the example rig takes of a small device's heap, measured on MicroPython's unix port (64-bit words)."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from fluxrig.flux import pack
from fluxrig_tooling.rig import compile_rig, load
from tests.bench.figure import Figure
from tests.interpreter import HEAP_WORDS, run_micropython
from tests.plant import running_plant
from tests.umqtt import require_umqtt

AREA = "memory"
WORD = 8


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder, running_plant() as plant:
        model, problems = load(plant.rig(Path(folder)))
        assert model, list(problems)
        flux = Path(folder) / "press.flux"
        flux.write_bytes(pack(compile_rig(model, model.racks[0].name)))
        result = run_micropython(
            "tests/bench/memory_micropython.py", str(flux), folder, extra_path=(str(require_umqtt()),)
        )
        assert result.returncode == 0, result.stderr
        heap = json.loads(result.stdout.splitlines()[-1])
    words = {key: (max(value) if key == "running" else value) / WORD / 1024 for key, value in heap.items()}
    peer, room = "the heap of a 128 KiB device", HEAP_WORDS / 1024
    yield Figure(AREA, "the example rig, loaded", "Ki words", words["loaded"], peer, room, goal=1.0)
    yield Figure(AREA, "the example rig, running", "Ki words", words["running"], peer, room, goal=1.0)
