"""No value is ever attributed to the wrong tag, whatever goes wrong: over real sockets, on both interpreters.

pymodbus serves the registers, a proxy plays the faults: every kind of them, in an order of its own for each seed.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
from probes import chain, gear, gear_of
from pymodbus import FramerType
from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from fluxrig.rack import Rack
from fluxrig_ports.cpython.host import CPythonHost
from tests.interpreter import ROOT, micropython_command, micropython_environment
from tests.peers.faults import SERIAL_FAULTS, TCP_FAULTS, Fault
from tests.peers.plant import REGISTERS, Got, Plant, check_tags, config
from tests.peers.proxy import ADDRESS, Proxy

TIMEOUT_MS = 150
RETRY_REFUSED_MS = 200
RECOVERY_S = 20

KINDS = {"tcp": TCP_FAULTS, "rtu+tcp": SERIAL_FAULTS}
LATEST = 60
"""How late an answer may be on a serial line, in percent of what the clients allow: the machine may add to it."""


def every_fault(transport: str, seed: int) -> list[Fault | None]:
    random = Random(seed)
    kinds = sorted(KINDS[transport])
    random.shuffle(kinds)
    faults: list[Fault | None] = []
    for kind in kinds:
        faults += [Fault(kind, random.randrange(LATEST)), *[None] * random.randrange(4)]
    return faults


@asynccontextmanager
async def proxied(transport: str, seed: int) -> AsyncIterator[tuple[Plant, Proxy, dict[str, Any]]]:
    """A plant behind a proxy with faults, and the config of a Gear that polls it."""
    plant = Plant()

    def device(unit: int) -> SimDevice:
        async def act(
            function: int, start: int, address: int, count: int, registers: list[int], values: object
        ) -> ExcCodes | None:
            registers[:] = plant.registers(unit, function)
            return None

        bits, more = [[SimData(0, values=[False] * 16, datatype=DataType.BITS)] for _ in range(2)]
        holding, inputs = [[SimData(0, values=[0] * REGISTERS, datatype=DataType.REGISTERS)] for _ in range(2)]
        return SimDevice(id=unit, simdata=(bits, more, holding, inputs), action=act)

    framer = FramerType.SOCKET if transport == "tcp" else FramerType.RTU
    server = ModbusTcpServer([device(7), device(8)], framer=framer, address=(ADDRESS, 0))
    await server.serve_forever(background=True)
    port = server.transport.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    try:
        async with Proxy(transport, port, every_fault(transport, seed), TIMEOUT_MS) as proxy:
            link = {
                "kind": transport,
                "address": ADDRESS,
                "port": proxy.port,
                "pipeline": 4 if transport == "tcp" else 1,
            }
            link |= {"timeout_ms": TIMEOUT_MS, "reconnect_max_ms": 150}
            yield plant, proxy, config(link, RETRY_REFUSED_MS)
    finally:
        await server.shutdown()


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("transport", ["tcp", "rtu+tcp"])
async def test_no_value_is_attributed_to_the_wrong_tag(transport: str, seed: int, tmp_path: Path):
    async with proxied(transport, seed) as (plant, proxy, compiled):
        rack = Rack(CPythonHost(tmp_path), chain(gear("plc", "io_modbus", compiled), gear("sink", "sink")))
        got = gear_of(rack, "sink").got = Got(plant)
        await rack.start()
        try:
            async with asyncio.timeout(RECOVERY_S):
                while proxy.faults or not got.recovered():
                    await asyncio.sleep(0.02)
        finally:
            await rack.stop()
    assert got.check() > 50
    qualities = {msg.quality(tag) for msg in got for tag in msg.data}
    assert {"good", "bad:timeout", "bad:protocol_error"} <= qualities, "the faults were felt"


ON_MICROPYTHON = """
import asyncio, json
from probes import chain, gear, gear_of
from fluxrig.rack import Rack
from fluxrig_ports.micropython.host import MicroPythonHost

class Printed:
    def append(self, msg):
        qualities = dict([(tag, msg.quality(tag)) for tag in msg.data])
        print(json.dumps([msg.meta["unit_id"], msg.data, qualities]))

async def main():
    rack = Rack(MicroPythonHost({state!r}), chain(gear("plc", "io_modbus", {config!r}), gear("sink", "sink")))
    gear_of(rack, "sink").got = Printed()
    await rack.start()
    await asyncio.sleep(3600)

asyncio.run(main())
"""


@pytest.mark.parametrize("transport", ["tcp", "rtu+tcp"])
async def test_nor_on_micropython(transport: str, tmp_path: Path):
    script = tmp_path / "poll.py"
    async with proxied(transport, 3) as (_, proxy, compiled):
        script.write_text(ON_MICROPYTHON.format(state=str(tmp_path), config=compiled))
        process = await asyncio.create_subprocess_exec(
            *micropython_command(str(script)), cwd=ROOT, env=micropython_environment(), stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout
        last: dict[str, bool] = {}
        generations = {"7": -1, "8": -1}
        try:
            async with asyncio.timeout(RECOVERY_S):
                while proxy.faults or set(last.values()) != {True} or len(last) < 2:
                    unit, data, qualities = json.loads(await process.stdout.readline())
                    found = [generation for _, generation in check_tags(unit, data, qualities)]
                    assert min(found, default=generations[unit] + 1) > generations[unit], "a value of an earlier poll"
                    generations[unit] = max([generations[unit], *found])
                    last[unit] = len(found) == len(data)
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
