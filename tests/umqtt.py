"""umqtt.simple for the tests under MicroPython: `python -m tests.umqtt` fetches it once into the environment.

On devices it comes frozen or by mip. Its sdist on PyPI has no setup.py, so pip cannot install it.
"""

import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from tests.services import missing

REQUIREMENT = "micropython-umqtt.simple==1.3.4"
SHA256 = "b6a2520239e3992c63a7de9370ee9b3d9d27819a90359c521f1c0f7ccab8d12f"
MODULE = "umqtt/simple.py"
FOLDER = Path(sys.prefix) / "share" / "micropython"


def fetch_umqtt(folder: Path = FOLDER) -> Path:
    """`folder`, which holds umqtt/simple.py afterwards. Raises CalledProcessError without a package index."""
    target = folder / MODULE
    if target.exists():
        return folder
    with tempfile.TemporaryDirectory() as download:
        command = [sys.executable, "-m", "unearth", REQUIREMENT, "--download", download]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=120)
        archive = next(Path(download).glob("*.tar.gz"))
        if hashlib.sha256(archive.read_bytes()).hexdigest() != SHA256:
            raise RuntimeError(f"{archive.name} is not the file that these tests were written against")
        with tarfile.open(archive) as members:
            name = next(name for name in members.getnames() if name.endswith("/" + MODULE))
            content = members.extractfile(name)
            assert content is not None
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.read())
    return folder


def require_umqtt() -> Path:
    """The folder for MICROPYPATH. Skips the test where `make venv` has not fetched it, fails it in CI."""
    if not (FOLDER / MODULE).exists():
        missing("umqtt.simple is not there: run `python -m tests.umqtt`")
    return FOLDER


if __name__ == "__main__":
    print(fetch_umqtt() / MODULE)
