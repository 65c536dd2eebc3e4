"""The MicroPython Host: a state folder, the environment where there is one, and the asyncio loop."""

# mypy: disable-error-code="attr-defined"
import os
import sys
import time

from fluxrig.errors import LocalError, TransientError
from fluxrig_ports.micropython import net
from fluxrig_ports.micropython.clock import TicksClock
from fluxrig_ports.micropython.contract import Host, Mqtt, Stream
from fluxrig_ports.micropython.store import FolderStore
from fluxrig_ports.micropython.volume import FolderVolume

LEVELS = ("debug", "info", "warning", "error")


class MicroPythonHost(Host):
    """The platform of a Rack on the unix port, or on a device.

    `state_dir` holds what must survive: `store/`, a folder for each volume, and `secrets/` with one file a secret.
    Messages below `log_level` are not shown.
    """

    name = "micropython"

    def __init__(self, state_dir: str, log_level: str = "info"):
        if log_level not in LEVELS:
            raise LocalError(f"unknown log level {log_level!r} (want {', '.join(LEVELS)})")
        self.state_dir = state_dir
        self.clock = TicksClock()
        self.store = FolderStore(state_dir + "/store")
        self._shown = LEVELS[LEVELS.index(log_level) :]
        self._lines: dict = {}  # {path: the stream that was opened last}

    def entropy(self, count: int) -> bytes:
        return os.urandom(count)

    def volume(self, name: str) -> FolderVolume:
        return FolderVolume(self.state_dir + "/" + name)

    def codec(self, mint):
        from fluxrig.codec import Codec

        return Codec(mint)

    def log(self, level: str, who: str, text: str) -> None:
        if level in self._shown:
            at = "%d-%02d-%02dT%02d:%02d:%02dZ" % tuple(time.gmtime()[:6])
            print(at, level, who + ":", text.rstrip("\n").replace("\n", "\n    "), file=sys.stderr)

    def secret(self, name: str) -> str:
        """From the environment variable FLUXRIG_SECRET_<NAME> or the file <state_dir>/secrets/<name>.

        The variable is `name` in capitals with `_` for `-`; devices have none. The file must be closed to others
        (mode 0600) where the file system knows modes; one newline at its end is not part of the secret.
        """
        # Imported here, so that it can be forgotten: secrets are asked for when Gears are made.
        from fluxrig_ports.micropython.secrets import read_secret

        return read_secret(self.state_dir + "/secrets/", name)

    async def connect(self, address: str, port: int, timeout_ms: int) -> Stream:
        return await net.connect(address, port, timeout_ms)

    async def serial(self, options: dict) -> Stream:
        """Nobody but this program is kept out of a line that is open: MicroPython has no lock for it."""
        path = options["path"]
        last = self._lines.get(path)
        if last is not None and not last.closed:
            raise TransientError(f"{path}: busy: this program has it open", path=path)
        try:
            if path.startswith("uart"):
                from fluxrig_ports.micropython import uart

                line: Stream = uart.open_uart(options, self.clock)
            else:
                from fluxrig_ports.micropython import tty

                line = tty.open_tty(options, last is not None)
        except ImportError:
            raise LocalError(f"{path}: no such line here (want uart1 on a device, /dev/ttyUSB0 elsewhere)", path=path)
        self._lines[path] = line
        return line

    def mqtt(self, options: dict) -> Mqtt:
        try:
            from fluxrig_ports.micropython.mqtt import UmqttSession
        except ImportError:
            raise LocalError("umqtt.simple is not installed: mpremote mip install umqtt.simple, or freeze it in")
        return UmqttSession(options)

    def write_out(self, text: str) -> None:
        print(text)
