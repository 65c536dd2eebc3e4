"""Serial lines with a device at the other end: pairs of pseudo terminals, named as udev names adapters.

The terminals are left as they come, with line editing and echo, and worse, as another program may have left them: a
platform has to switch that off by itself.
"""

import asyncio
import fcntl
import os
import pty
import struct
import termios
from pathlib import Path

READ_SIZE = 65_536
POLL_S = 0.005
TCGETS2 = 0x802C542A
SPEEDS = "=4I B 19s 2I"  # struct termios2 of Linux, whose last two numbers are the baud rates


class Line:
    """One line: `path` is what is opened. `keeps` is a device that only listens, `echoes` one that answers."""

    def __init__(self, path: Path, behaviour: str):
        self.path = path
        self.behaviour = behaviour
        self.received = bytearray()
        self._to_send = bytearray()
        self.plug_in()

    def plug_in(self) -> None:
        self._device, self._line = pty.openpty()
        os.set_blocking(self._device, False)
        attributes = termios.tcgetattr(self._line)
        attributes[0] |= termios.BRKINT | termios.ISTRIP | termios.IGNCR | termios.IXOFF | termios.PARMRK
        attributes[2] |= termios.CSTOPB | termios.PARODD
        termios.tcsetattr(self._line, termios.TCSANOW, attributes)
        self.path.symlink_to(os.ttyname(self._line))
        if self.behaviour != "is_deaf":
            asyncio.get_running_loop().add_reader(self._device, self._receive)

    def unplug(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._device)
        loop.remove_writer(self._device)
        self.path.unlink()
        os.close(self._device)
        os.close(self._line)

    def send(self, data: bytes) -> None:
        self._to_send += data
        self._send()

    def waiting(self) -> int:
        """How many bytes the line holds that nobody has read."""
        return struct.unpack("i", fcntl.ioctl(self._line, termios.FIONREAD, bytes(4)))[0]

    def settings(self) -> dict[str, int]:
        iflag, oflag, cflag, lflag, *_ = termios.tcgetattr(self._line)
        speeds = fcntl.ioctl(self._line, TCGETS2, bytes(struct.calcsize(SPEEDS)))
        return {
            "baud": struct.unpack(SPEEDS, speeds)[-1],
            "data_bits": 8 if cflag & termios.CSIZE == termios.CS8 else 0,
            "stop_bits": 2 if cflag & termios.CSTOPB else 1,
            "odd": int(bool(cflag & termios.PARODD)),  # a pseudo terminal has no parity, and keeps only this of it
            "changes_input": iflag,
            "changes_output": oflag & termios.OPOST,
            "edits": lflag & (termios.ICANON | termios.ECHO | termios.ISIG | termios.IEXTEN),
        }

    def _receive(self) -> None:
        data = os.read(self._device, READ_SIZE)
        self.received += data
        if self.behaviour == "echoes":
            self.send(data)

    def _send(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            sent = os.write(self._device, self._to_send)
        except BlockingIOError:
            sent = 0
        del self._to_send[:sent]
        if self._to_send:
            loop.add_writer(self._device, self._send)
        else:
            loop.remove_writer(self._device)


class Lines:
    """The lines of one session of tests."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._lines: dict[str, Line] = {}

    def __getitem__(self, path: str) -> Line:
        return self._lines[path]

    def open(self, behaviour: str) -> str:
        """A new line with a device of that behaviour. Its path."""
        path = self._folder / f"ttyTEST{len(self._lines)}"
        self._lines[str(path)] = Line(path, behaviour)
        return str(path)

    async def at_least(self, path: str, count: int) -> bytearray:
        """What the device has received, once it is `count` bytes or more."""
        while len(self._lines[path].received) < count:
            await asyncio.sleep(POLL_S)
        return self._lines[path].received

    async def stale(self, path: str, data: bytes) -> None:
        """The device sends, and it has arrived."""
        self._lines[path].send(data)
        while self._lines[path].waiting() < len(data):
            await asyncio.sleep(POLL_S)

    def close(self) -> None:
        for line in self._lines.values():
            if line.path.is_symlink():
                line.unplug()
