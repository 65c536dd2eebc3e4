"""Runs a compiled rig: `micropython -m fluxrig_ports.micropython.run rig.flux [SECONDS]`, or `main(...)` on a device.

The last line it prints is the Rack's stats as JSON. Ctrl-C ends it in order.
"""

# mypy: disable-error-code="attr-defined"
import asyncio
import gc
import json
import sys

from fluxrig.errors import FluxError
from fluxrig.rack import Rack
from fluxrig_ports.micropython.faults import file_error
from fluxrig_ports.micropython.host import MicroPythonHost

_FOR_EVER_MS = 3_600_000
_LOADING_THRESHOLD = 8192
_STARTING = (
    "fluxrig.flux",
    "fluxrig.registry",
    "fluxrig.wiring",
    "fluxrig_ports.micropython.secrets",
    "fluxrig.archive.invariant",
    "fluxrig.archive.opening",
    "fluxrig.journal.recovery",
    "fluxrig.journal.removal",
    "fluxrig.journal.scan",
    "fluxrig.journal.window",
)
"""What a Rack that runs needs no more. Where it does all the same, it is imported again."""


def main(flux_path: str, seconds: int | None = None, state_dir: str = "fluxrig") -> None:
    """Run the rig in the file `flux_path` for `seconds`, or until interrupted. Raises what refuses the rig."""
    rack = load(flux_path, state_dir)
    try:
        asyncio.run(rack.run(_wait(rack, seconds)))
    except KeyboardInterrupt:
        # The interrupt left the loop in the middle of some task; the Rack's own are still there to be ended.
        asyncio.run(rack.stop())
    print(json.dumps(rack.stats()))


def load(flux_path: str, state_dir: str) -> Rack:
    """The Rack of the rig in a file, on this platform. FluxError that says what is wrong with the file.

    Until `forget_starting` is called, garbage is collected often.
    """
    from fluxrig import flux

    # A heap that is filled to the brim before garbage is collected is split by what came to live there meanwhile.
    gc.threshold(_LOADING_THRESHOLD)
    try:
        with open(flux_path, "rb") as file:
            rig = flux.unpack(file.read())
    except OSError as exc:
        raise file_error(exc, flux_path, "read")
    return Rack(MicroPythonHost(state_dir), rig)


def forget_starting() -> None:
    """The Rack runs: let go of the code that only starting needs, and collect garbage only where there is time."""
    for name in _STARTING:
        package, _, attribute = name.rpartition(".")
        if sys.modules.pop(name, None) is not None and hasattr(sys.modules[package], attribute):
            delattr(sys.modules[package], attribute)
    gc.threshold(-1)


async def _wait(rack: Rack, seconds: int | None) -> None:
    clock = rack.host.clock
    forget_starting()
    if seconds is not None:
        await clock.sleep_ms(seconds * 1000)
        return
    while True:
        await clock.sleep_ms(_FOR_EVER_MS)


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 3:
        print("usage: micropython -m fluxrig_ports.micropython.run RIG.flux [SECONDS]", file=sys.stderr)
        sys.exit(2)
    try:
        main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) == 3 else None)
    except FluxError as error:
        print("error:", error, file=sys.stderr)
        sys.exit(1)
