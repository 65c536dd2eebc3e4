"""One unit behind an open line, for as long as a command runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from fluxrig.errors import FluxError
from fluxrig.gears.io_modbus.io_modbus import open_line
from fluxrig.host import Host
from fluxrig.modbus.line import Line, LineError
from fluxrig.modbus.request import Request
from fluxrig_tooling.cli.common import refused
from fluxrig_tooling.cli.modbus.options import Target
from fluxrig_tooling.cli.modbus.small_rig import Device

T = TypeVar("T")


class Session:
    """Asks units behind the line of a device."""

    def __init__(self, host: Host, device: Device, retries: int = 0):
        self.clock = host.clock
        self.line: Line = open_line(host, device.line, device.link, _nobody_listens)
        self._retries = retries
        self._kind = device.link["kind"]

    async def ask(self, requests: Sequence[Request]) -> None:
        """Ask `requests`, all of one unit, in order; each ends with its data or its error.

        What is silent is asked again, unless it may be asked only once. A LineError gets a field more, the `link_kind`:
        what there is to check depends on it.
        """
        waiting = list(requests)
        for _ in range(1 + self._retries):
            if waiting:
                await self.line.ask(waiting, even_paused=True)
            waiting = [each for each in waiting if isinstance(each.error, LineError) and each.repeatable]
        for each in requests:
            if isinstance(each.error, LineError):
                each.error.fields["link_kind"] = self._kind


@asynccontextmanager
async def opened(device: Device, target: Target) -> AsyncIterator[Session]:
    """A session on this machine, whose line is opened by its first request."""
    from fluxrig_ports.cpython.host import CPythonHost

    # Nothing here is kept between two runs, so nothing is ever made in the state folder.
    session = Session(CPythonHost(Path(click.get_app_dir("fluxrig"))), device, target.retries)
    try:
        yield session
    finally:
        await session.line.close()


def run(main: Coroutine[Any, Any, T], as_json: bool) -> T:
    """The result of `main`. What ends it is a negative answer; Ctrl-C is a KeyboardInterrupt, after it has ended."""
    from fluxrig_ports.cpython.loop import run as run_loop

    try:
        return run_loop(main)
    except FluxError as exc:
        raise refused(str(exc), as_json) from exc


def _nobody_listens(_level: str, _text: str) -> None:
    """What a Gear would log, the command says itself."""
