"""Serial lines of the unix port: `termios` makes them raw, and writes in small pieces keep the loop alive.

The unix port opens files the plain way, which has two consequences that a gateway (CPython) does not know. A driver
that waits for a carrier makes the whole program wait: `stty -F PATH clocal` before the start. And when a program that
leads its session, such as a service, opens a line, the end of the line ends the program: start it from a shell.
"""

# mypy: disable-error-code="attr-defined"
import errno
import select
import sys
import termios

from fluxrig.errors import FluxError, LocalError
from fluxrig_ports.micropython.faults import line_error
from fluxrig_ports.micropython.polled import PolledStream

# Linux's numbers: `termios` has no names for them, and its names for the baud rates leave out the common ones.
_CS8 = 0o60
_CSTOPB = 0o100
_CREAD = 0o200
_CLOCAL = 0o4000
_PARITY = {"none": 0, "even": 0o400, "odd": 0o1400}
_VTIME = 5
_VMIN = 6
_RATES = {300: 7, 600: 8, 1200: 9, 2400: 11, 4800: 12, 9600: 13, 19200: 14, 38400: 15}


def open_tty(options: dict, was_there: bool) -> "TtyStream":
    """The line of `options`, as `Host.serial`. `was_there`: it has been opened before."""
    path = options["path"]
    if sys.platform != "linux":
        raise LocalError(f"{path}: MicroPython's unix port knows serial lines on Linux only", path=path)
    if options["rs485"] or any([options[name] is not None for name in ("direction_pin", "tx_pin", "rx_pin")]):
        raise LocalError(
            f"{path}: nothing here switches an RS-485 transceiver or has pins: leave rs485 and the pins out, "
            "and take an adapter that switches by itself",
            path=path,
        )
    rate = _rate(options["baud"], path)
    try:
        file = open(path, "r+b")  # noqa: SIM115
    except OSError as exc:
        raise line_error(exc, path, was_there)
    try:
        _set_raw(file.fileno(), rate, _PARITY[options["parity"]], options["stop_bits"])
    except OSError as exc:
        file.close()
        raise line_error(exc, path, was_there)
    return TtyStream(file, path)


def _rate(baud: int, path: str) -> int:
    """The number that stands for `baud` here."""
    if termios.B9600 == 9600:  # newer C libraries count in baud
        return baud
    rate = getattr(termios, f"B{baud}", None) or _RATES.get(baud)
    if rate is None:
        raise LocalError(f"{path}: {baud} baud is not a rate that MicroPython can set", path=path, baud=baud)
    return rate


def _set_raw(fd: int, rate: int, parity: int, stop_bits: int) -> None:
    """Bytes as they are, both ways, and reads that never wait. What is in the input is thrown away."""
    termios.setraw(fd)  # which is what discards
    attributes = termios.tcgetattr(fd)
    attributes[0] = 0
    attributes[2] = _CS8 | _CREAD | _CLOCAL | parity | (_CSTOPB if stop_bits == 2 else 0)
    attributes[4] = attributes[5] = rate
    attributes[6][_VMIN] = attributes[6][_VTIME] = 0
    termios.tcsetattr(fd, termios.TCSANOW, attributes)


class TtyStream(PolledStream):
    """One line. Its end is always a TransientError: the adapter was pulled out."""

    PIECE = 256
    """Bytes at once. As many fit without waiting where Linux says that a tty can be written to."""

    def __init__(self, file, path: str):
        super().__init__(file)
        self._path = path
        self._state = select.poll()
        self._state.register(file, select.POLLOUT)

    def _receive(self, limit: int) -> bytes | None:
        # A tty that has nothing reads like one that has hung up.
        return self._file.read(limit) or (None if self._has_room() is not None else b"")

    def _send(self, data) -> int:
        sent = 0
        while sent < len(data):
            has_room = self._has_room()
            if has_room is None:
                raise OSError(errno.EIO)
            if not has_room:
                break
            sent += self._file.write(memoryview(data)[sent : sent + self.PIECE])
        return sent

    def _has_room(self) -> bool | None:
        """Whether the line takes more now. None when it has hung up."""
        ready = self._state.poll(0)
        if not ready:
            return False
        return None if ready[0][1] & (select.POLLERR | select.POLLHUP) else True

    def _end(self) -> bytes:
        raise line_error(OSError(errno.EIO), self._path, True)

    def _lost(self, fault: OSError | None) -> FluxError:
        return line_error(fault or OSError(errno.EBADF), self._path, True)

    def _release(self, file) -> None:
        file.close()
