"""The master of micropython-modbus, to measure beside ours: `python -m tests.micropython_modbus` fetches it.

It is GPL: it comes into the environment for `make bench` alone, and never into what is shipped.
"""

import sys
from pathlib import Path

from tests.sdist import fetch

REQUIREMENT = "micropython-modbus==2.3.7"
SHA256 = "b9351a66af0ff29dd585900e53827a989dedcb02ec63b1041358165089652271"
FOLDER = Path(sys.prefix) / "share" / "micropython-modbus"


def folder() -> Path:
    """For MICROPYPATH; the package there is called `umodbus`. CalledProcessError without a package index."""
    fetch(REQUIREMENT, SHA256, "umodbus", FOLDER)
    return FOLDER


if __name__ == "__main__":
    print(folder() / "umodbus")
