"""Serial lines on POSIX: pyserial opens and sets them, the loop reads and writes them."""

import asyncio
import errno
import fcntl
import os
import termios
from contextlib import suppress
from functools import partial

import serial
from serial.rs485 import RS485Settings

from fluxrig.errors import FluxError, LocalError
from fluxrig_ports.cpython.descriptor import DescriptorStream
from fluxrig_ports.cpython.faults import line_error

_PARITY = {"none": serial.PARITY_NONE, "even": serial.PARITY_EVEN, "odd": serial.PARITY_ODD}


def open_tty(options: dict, was_there: bool) -> "TtyStream":
    """The line of `options`, as `Host.serial`. `was_there`: it has been opened before."""
    path, baud = options["path"], options["baud"]
    if any(options[name] is not None for name in ("direction_pin", "tx_pin", "rx_pin")):
        raise LocalError(f"{path}: this platform has no pins: leave them out, and set rs485 for RS-485", path=path)
    if baud < 1:
        raise LocalError(f"{path}: {baud} baud is no rate", path=path, baud=baud)
    line = serial.Serial()
    line.port = path
    line.baudrate = baud
    line.parity = _PARITY[options["parity"]]
    line.stopbits = options["stop_bits"]
    line.exclusive = True
    if options["rs485"]:
        line.rs485_mode = RS485Settings()
        line.rts = False  # from now on the driver's
    try:
        line.open()
        _set_raw(line.fileno())
    except (OSError, ValueError, termios.error) as exc:
        line.close()
        raise line_error(exc, path, was_there) from exc
    # Some adapters keep what they received for 16 ms, unless they are told; many others do not know the word.
    with suppress(OSError, ValueError, NotImplementedError):
        line.set_low_latency_mode(True)
    return TtyStream(line, path)


def _set_raw(fd: int) -> None:
    """What pyserial leaves out: a break is no event, nothing to read is no end, and no other program comes in."""
    attributes = termios.tcgetattr(fd)
    attributes[0] = 0
    attributes[6][termios.VMIN] = 1
    termios.tcsetattr(fd, termios.TCSANOW, attributes)
    fcntl.ioctl(fd, termios.TIOCEXCL)


class TtyStream(DescriptorStream):
    """One line. Its end is always a TransientError: the adapter was pulled out."""

    LINGER_MS = 1000
    """How long `close` lets the line send what was written; a driver would hold up the whole program for 30 s."""

    LINGER_POLL_MS = 5

    def __init__(self, line: serial.Serial, path: str):
        fd = line.fileno()
        super().__init__(fd, partial(os.read, fd), partial(os.write, fd))
        self._line = line
        self._path = path

    async def abort(self) -> None:
        if not self._closed:
            with suppress(OSError, termios.error):
                self._line.reset_output_buffer()
        await self.close()

    def _end(self, fault: OSError | None) -> bytes:
        if self._closed:
            return b""
        raise self._lost(fault)

    def _lost(self, fault: OSError | None) -> FluxError:
        if fault is None:
            fault = OSError(errno.EBADF if self._closed else errno.EIO, "")
        return line_error(fault, self._path, True)

    async def _release(self) -> None:
        try:
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(self.LINGER_MS / 1000):
                    while self._line.out_waiting:  # noqa: ASYNC110
                        await asyncio.sleep(self.LINGER_POLL_MS / 1000)
        finally:
            with suppress(OSError, termios.error):
                if self._line.out_waiting:
                    self._line.reset_output_buffer()
                fcntl.ioctl(self._fd, termios.TIOCNXCL)
            with suppress(OSError):
                self._line.close()
