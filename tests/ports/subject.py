"""The platform under test: the Host of the interpreter that runs the test."""

import sys

from tests.ports.peer import ask


def new_host():
    """A Host with an empty state folder."""
    if sys.implementation.name == "micropython":
        from fluxrig_ports.micropython.host import MicroPythonHost

        return MicroPythonHost(ask("folder"))
    from fluxrig_ports.cpython.host import CPythonHost

    return CPythonHost(ask("folder"))


async def until(condition, clock, limit_ms: int = 5000) -> None:
    """Wait until `condition()` is true; TransientError after `limit_ms`."""
    await clock.wait_for(_poll(condition, clock), limit_ms)


async def _poll(condition, clock) -> None:
    while not condition():
        await clock.sleep_ms(5)
