"""Modbus peers in a thread of pytest's process, steered by one-line commands over TCP, as those of `tests.ports.peers`.

`tests.peers.wire` is the other end, for tests that run under either interpreter.
"""

import asyncio
import re
from typing import Any

from fluxrig import cbor
from fluxrig_tooling.rig import compile_rig, load_text
from tests.peers.serial_bus import SerialBus
from tests.peers.servers import ADDRESS, Libmodbus, Pymodbus
from tests.ports.peers import Peers
from tests.services import require

MBPOLL_VALUE = re.compile(r"^\[\d+\]:\s+(\S+)", re.MULTILINE)


class ModbusPeers(Peers):
    """`libmodbus` is the path of the compiled server."""

    def __init__(self, libmodbus: str):
        self._libmodbus = libmodbus
        self._servers: list[Libmodbus | Pymodbus] = []
        self._buses: list[SerialBus] = []

    async def _end(self) -> None:
        await self.do_close_servers()
        await super()._end()

    async def do_serve(self, transport: str, wanted: list[tuple[str, list[int]]]) -> tuple[str, list[int]]:
        """Start servers, each (kind, unit ids): the link to them as a rig has it, and the number of each server.

        Several of libmodbus share one serial line. pymodbus has one for itself, because it answers for other units.
        """
        bus = SerialBus() if transport == "rtu" else None
        if bus:
            self._buses.append(bus)
        port = 0
        numbers = []
        for kind, unit_ids in wanted:
            server = Libmodbus(self._libmodbus, unit_ids[0]) if kind == "libmodbus" else Pymodbus(unit_ids)
            port = await server.start(transport, bus.add_unit() if bus else "")
            numbers.append(len(self._servers))
            self._servers.append(server)
        return f"serial://{bus.client}" if bus else f"{transport}://{ADDRESS}:{port}", numbers

    async def do_close_servers(self) -> None:
        """Stop all that `do_serve` has started."""
        for server in self._servers:
            await server.close()
        for bus in self._buses:
            bus.close()
        self._servers, self._buses = [], []

    async def do_set(self, server: int, table: str, address: int, values: list[int]) -> None:
        await self._servers[server].set(table, address, values)

    async def do_encode(self, server: int, table: str, address: int, type_name: str, order: str, value: float) -> None:
        await self._servers[server].encode(table, address, type_name, order, value)

    async def do_dump(self, server: int, table: str, address: int, count: int) -> list[int]:
        return await self._servers[server].dump(table, address, count)

    async def do_mbpoll(self, link: str, unit_id: str, arguments: list[str], values: list[str]) -> list[str]:
        """Run mbpoll once: what it has read, as it prints it, or nothing where it writes `values`."""
        where = link.partition("://")[2]
        if link.startswith("serial://"):
            target = ["-m", "rtu", "-b", "115200", "-P", "none", *arguments, where]
        else:
            host, _, port = where.partition(":")
            target = ["-m", "tcp", "-p", port, *arguments, host]
        process = await asyncio.create_subprocess_exec(
            require("mbpoll"),
            *("-1", "-0", "-a", unit_id, *target, "--", *values),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        assert process.returncode == 0, output.decode()
        return MBPOLL_VALUE.findall(output.decode())

    async def do_compiled(self, link: str, tags: str, settings: dict[str, Any]) -> str:
        """The compiled config of an io_modbus Gear, as CBOR in hex."""
        options = "".join(f"      {key}: {value}\n" for key, value in settings.items())
        lines = "".join(f"        {line.strip()}\n" for line in tags.strip().splitlines())
        model, problems = load_text(
            "fluxrig: 1\nmeta: {name: test, version: 1.0.0}\ngears:\n"
            f"  - name: plc\n    type: io_modbus\n    config:\n      link: {link}\n{options}      tags:\n{lines}"
            "  - {name: show, type: console}\nwires: [{from: plc, to: show}]\n"
        )
        assert model, [str(problem) for problem in problems]
        config = next(each["config"] for each in compile_rig(model)["gears"] if each["name"] == "plc")
        return cbor.dumps(config).hex()
