"""Cycles to measure, each in a process of its own: `python -m tests.bench.modbus_cycle_clients NAME FLUX | PORT`.

The work of these contestants (see `contest`) is to read `TAGS` once, into one dict.
"""

import asyncio
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.bench.contest import obey

UNIT = 1
FRAGMENTS = [(1000 + 100 * number, 12 + number % 2) for number in range(40)]
"""Where each begins, and how many registers it has. Between them are registers that nobody asked for."""

TAGS = {f"tag_{start + offset}": start + offset for start, count in FRAGMENTS for offset in range(count)}
"""The address of each tag, which is also what the server's register holds."""


def fluxrig(flux: str) -> Callable[[int], None]:
    """The poll of the running Gear, from the request to the message."""
    from fluxrig.flux import unpack
    from fluxrig.rack import Rack
    from fluxrig_ports.cpython.host import CPythonHost
    from fluxrig_ports.cpython.loop import new_loop

    loop = new_loop()
    rack = Rack(CPythonHost(tempfile.gettempdir()), unpack(Path(flux).read_bytes()))
    gear = rack.stations[0].gear
    poll = gear._polls[0]

    async def cycles(count: int) -> None:
        for _ in range(count):
            await poll.once(0)

    def work(count: int) -> None:
        loop.run_until_complete(cycles(count))
        assert poll.data == TAGS
        assert not gear.values_bad

    return work


def one_by_one(port: str) -> Callable[[int], None]:
    async def cycle(client) -> dict[str, int]:
        data = {}
        for tag, address in TAGS.items():
            answer = await client.read_holding_registers(address, count=1, device_id=UNIT)
            data[tag] = answer.registers[0]
        return data

    return _with_pymodbus(port, cycle)


def merged(port: str) -> Callable[[int], None]:
    names = list(TAGS)

    async def cycle(client) -> dict[str, int]:
        data: dict[str, int] = {}
        for start, count in FRAGMENTS:
            answer = await client.read_holding_registers(start, count=count, device_id=UNIT)
            data.update(zip(names[len(data) : len(data) + count], answer.registers, strict=True))
        return data

    return _with_pymodbus(port, cycle)


def _with_pymodbus(port: str, cycle) -> Callable[[int], None]:
    from pymodbus.client import AsyncModbusTcpClient

    loop = asyncio.new_event_loop()

    async def connected() -> AsyncModbusTcpClient:
        client = AsyncModbusTcpClient("127.0.0.1", port=int(port))
        assert await client.connect()
        return client

    client = loop.run_until_complete(connected())

    async def cycles(count: int) -> None:
        for _ in range(count):
            assert await cycle(client) == TAGS

    return lambda count: loop.run_until_complete(cycles(count))


CLIENTS = {
    "fluxrig": fluxrig,
    "pymodbus async, a request a tag": one_by_one,
    "pymodbus async, the same requests": merged,
}

if __name__ == "__main__":
    obey(CLIENTS[sys.argv[1]](sys.argv[2]))
