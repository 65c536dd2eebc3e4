"""A serial line made of pseudo-terminals."""

import asyncio
import os
import pty
import tty


class SerialBus:
    """One client and any number of units on a two-wire line: what one of them sends, all the others hear.

    `client` and what `add_unit` returns are the paths of devices to be opened. There is no baud rate: bytes arrive at
    once.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._masters: list[int] = []
        self._slaves: list[int] = []  # kept open: a terminal without any user reports an error to its other end
        self.client = self.add_unit()

    def add_unit(self) -> str:
        """The path of one more device on the line."""
        master, slave = pty.openpty()
        tty.setraw(slave)
        self._masters.append(master)
        self._slaves.append(slave)
        self._loop.add_reader(master, self._pass_on, master)
        return os.ttyname(slave)

    def close(self) -> None:
        for master in self._masters:
            self._loop.remove_reader(master)
        for fd in (*self._masters, *self._slaves):
            os.close(fd)

    def _pass_on(self, master: int) -> None:
        data = os.read(master, 4096)
        for other in self._masters:
            if other != master:
                os.write(other, data)
