"""The CPython Host: a state folder, the environment, and the asyncio loop it runs on."""

import os
import re
import stat
import sys
from pathlib import Path
from time import gmtime, strftime, time_ns
from typing import TextIO

from fluxrig.codec import Codec
from fluxrig.errors import LocalError, TransientError
from fluxrig.fast_codec import FastCodec
from fluxrig.host import Host, Mqtt, Stream
from fluxrig_ports.cpython import net
from fluxrig_ports.cpython.clock import LoopClock
from fluxrig_ports.cpython.faults import file_error
from fluxrig_ports.cpython.store import FolderStore
from fluxrig_ports.cpython.volume import FolderVolume

LEVELS = ("debug", "info", "warning", "error")
SECRET_SIZE_LIMIT = 65_536

_SECRET_NAME = re.compile(r"[A-Za-z0-9_-]+")


class CPythonHost(Host):
    """The platform of a Rack on a gateway, a server or a laptop.

    `state_dir` holds what must survive: `store/`, a folder for each volume, and `secrets/` with one file a secret.
    Messages below `log_level` are not shown. `lines_to_stderr` leaves standard output to the program around the Rack.
    """

    name = "cpython"

    def __init__(self, state_dir: str | Path, log_level: str = "info", lines_to_stderr: bool = False):
        if log_level not in LEVELS:
            raise LocalError(f"unknown log level {log_level!r} (want {', '.join(LEVELS)})")
        self.state_dir = Path(state_dir)
        self.clock = LoopClock()
        self.store = FolderStore(self.state_dir / "store")
        self.lost_log_lines = 0
        self._lines_to_stderr = lines_to_stderr
        self._lines_seen: set[str] = set()
        self._shown = LEVELS[LEVELS.index(log_level) :]

    def entropy(self, count: int) -> bytes:
        return os.urandom(count)

    def volume(self, name: str) -> FolderVolume:
        return FolderVolume(self.state_dir / name)

    def codec(self, mint) -> Codec:
        return FastCodec(mint)

    def log(self, level: str, who: str, text: str) -> None:
        if level not in self._shown:
            return
        now_ms = time_ns() // 1_000_000
        at = f"{strftime('%Y-%m-%dT%H:%M:%S', gmtime(now_ms // 1000))}.{now_ms % 1000:03d}Z"
        # Continued lines are indented, so that no text can pass for a line of its own.
        try:
            _say(sys.stderr, f"{at} {level:<7} {who}: " + text.rstrip("\n").replace("\n", "\n    "))
        except (LocalError, TransientError):
            self.lost_log_lines += 1

    def secret(self, name: str) -> str:
        """From the environment variable FLUXRIG_SECRET_<NAME> or the file <state_dir>/secrets/<name>.

        The variable is `name` in capitals with `_` for `-`. The file must be closed to others (mode 0600); one newline
        at its end is not part of the secret.
        """
        if not _SECRET_NAME.fullmatch(name):
            raise LocalError(f"not a secret's name: {name!r} (want only letters, digits, '_' and '-')", secret=name)
        variable = "FLUXRIG_SECRET_" + name.upper().replace("-", "_")
        if variable in os.environ:
            return os.environ[variable]
        path = self.state_dir / "secrets" / name
        try:
            return _read_secret(path)
        except FileNotFoundError:
            raise LocalError(
                f"secret {name!r} is not set: set the environment variable {variable}, "
                f"or write it to {path} and chmod 600 that file",
                secret=name,
            ) from None
        except OSError as exc:
            raise file_error(exc, path, "read") from exc

    async def connect(self, address: str, port: int, timeout_ms: int) -> Stream:
        return await net.connect(address, port, timeout_ms)

    async def serial(self, options: dict) -> Stream:
        path = options["path"]
        if os.name != "posix":
            raise LocalError(f"{path}: no serial lines on {sys.platform} yet: use Linux, or an RTU-over-TCP gateway")
        # Imported here: a rig without serial lines does not pay for the library.
        from fluxrig_ports.cpython.tty import open_tty

        line = open_tty(options, path in self._lines_seen)
        self._lines_seen.add(path)
        return line

    def mqtt(self, options: dict) -> Mqtt:
        # Imported here: a rig without a broker does not pay for the library.
        from fluxrig_ports.cpython.mqtt import PahoSession

        return PahoSession(options)

    def write_out(self, text: str) -> None:
        _say(sys.stderr if self._lines_to_stderr else sys.stdout, text)


def _say(stream: TextIO, text: str) -> None:
    try:
        stream.write(text + "\n")
        stream.flush()
    except ValueError as exc:
        raise LocalError(f"cannot write to {stream.name}: it is closed") from exc
    except OSError as exc:
        raise file_error(exc, stream.name, "write to") from exc


def _read_secret(path: Path) -> str:
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
            raise LocalError(f"{path} can be read by others (mode {stat.S_IMODE(mode):04o}): chmod 600 {path}")
        content = file.read(SECRET_SIZE_LIMIT + 1)
    if len(content) > SECRET_SIZE_LIMIT:
        raise LocalError(f"{path} is longer than {SECRET_SIZE_LIMIT} bytes: not a secret")
    try:
        return content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise LocalError(f"{path} is not UTF-8 text") from None
