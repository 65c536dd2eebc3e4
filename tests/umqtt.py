"""umqtt.simple for the tests under MicroPython: `python -m tests.umqtt` fetches it once into the environment.

On devices it comes frozen or by mip.
"""

import sys
from pathlib import Path

from tests.sdist import fetch
from tests.services import missing

REQUIREMENT = "micropython-umqtt.simple==1.3.4"
SHA256 = "b6a2520239e3992c63a7de9370ee9b3d9d27819a90359c521f1c0f7ccab8d12f"
MODULE = "umqtt/simple.py"
FOLDER = Path(sys.prefix) / "share" / "micropython"


def require_umqtt() -> Path:
    """The folder for MICROPYPATH. Skips the test where `make venv` has not fetched it, fails it in CI."""
    if not (FOLDER / MODULE).exists():
        missing("umqtt.simple is not there: run `python -m tests.umqtt`")
    return FOLDER


if __name__ == "__main__":
    fetch(REQUIREMENT, SHA256, "umqtt", FOLDER)
    print(FOLDER / MODULE)
