"""Modbus clients to measure, each in a process of its own: `python -m tests.bench.modbus_clients NAME PORT`.

The work of these contestants (see `contest`) is to read 125 holding registers from the server on 127.0.0.1, over one
connection.
"""

import asyncio
import socket
import sys
from collections.abc import Callable
from functools import partial

from tests.bench.contest import obey

UNIT = 1
REGISTERS = 125
FIRST = 1000
"""Where they stand. The server's registers hold their own addresses: Python keeps small integers, but not these."""

LAST_VALUE = FIRST + REGISTERS - 1
PIPELINE = 16
BATCH = 128
"""Requests that fluxrig is handed at once, as if they were those of one poll."""


def fluxrig(port: int, pipeline: int = PIPELINE) -> Callable[[int], None]:
    """The line that the Gear uses; each answer becomes a dict of 125 tags."""
    from fluxrig.modbus.pdu import read_request
    from fluxrig.modbus.request import Request
    from fluxrig.modbus.tcp_line import TcpLine
    from fluxrig.modbus.values import ReadPlan
    from fluxrig_ports.cpython.host import CPythonHost
    from fluxrig_ports.cpython.loop import new_loop

    class Block(Request):
        def __init__(self) -> None:
            super().__init__(UNIT, read_request(3, FIRST, REGISTERS))
            self.values: dict = {}
            self._plan = ReadPlan(b"", f">{REGISTERS}H", [[f"tag_{index}", "raw"] for index in range(REGISTERS)])
            self._template = dict.fromkeys(self._plan.tags)

        def take(self, data: bytes, arrived_ns: int) -> None:
            self.error = None
            self.values = self._template.copy()
            self._plan.read(data, self.values, {})

    config = {
        "kind": "tcp",
        "address": "127.0.0.1",
        "port": port,
        "pipeline": pipeline,
        "timeout_ms": 1000,
        "connect_timeout_ms": 3000,
        "reconnect_min_ms": 500,
        "reconnect_max_ms": 30_000,
        "pause_after_connect_ms": 0,
        "request_delay_ms": 0,
    }
    line = TcpLine(CPythonHost("."), "bench", config, lambda *_: None)
    blocks = [Block() for _ in range(BATCH)]
    loop = new_loop()

    async def ask(count: int) -> None:
        for _ in range(0, count, BATCH):
            await line.ask(blocks, 0)
            assert all(block.error is None for block in blocks)

    def read(count: int) -> None:
        loop.run_until_complete(ask(count))
        assert blocks[-1].values[f"tag_{REGISTERS - 1}"] == LAST_VALUE

    return read


def pymodbus_async(port: int) -> Callable[[int], None]:
    from pymodbus.client import AsyncModbusTcpClient

    loop = asyncio.new_event_loop()

    async def connected() -> AsyncModbusTcpClient:
        client = AsyncModbusTcpClient("127.0.0.1", port=port)
        assert await client.connect()
        return client

    async def ask(count: int) -> None:
        for _ in range(count):
            answer = await client.read_holding_registers(FIRST, count=REGISTERS, device_id=UNIT)
            assert answer.registers[-1] == LAST_VALUE

    client = loop.run_until_complete(connected())
    return lambda count: loop.run_until_complete(ask(count))


def pymodbus_sync(port: int) -> Callable[[int], None]:
    from pymodbus.client import ModbusTcpClient

    client = ModbusTcpClient("127.0.0.1", port=port)
    assert client.connect()

    def read(count: int) -> None:
        for _ in range(count):
            answer = client.read_holding_registers(FIRST, count=REGISTERS, device_id=UNIT)
            assert answer.registers[-1] == LAST_VALUE

    return read


def umodbus(port: int) -> Callable[[int], None]:
    from umodbus.client import tcp

    sock = socket.create_connection(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def read(count: int) -> None:
        for _ in range(count):
            registers = tcp.send_message(tcp.read_holding_registers(UNIT, FIRST, REGISTERS), sock)
            assert registers[-1] == LAST_VALUE

    return read


def modbus_tk(port: int) -> Callable[[int], None]:
    from modbus_tk.defines import READ_HOLDING_REGISTERS
    from modbus_tk.modbus_tcp import TcpMaster

    master = TcpMaster("127.0.0.1", port)

    def read(count: int) -> None:
        for _ in range(count):
            assert master.execute(UNIT, READ_HOLDING_REGISTERS, FIRST, REGISTERS)[-1] == LAST_VALUE

    return read


CLIENTS: dict[str, Callable[[int], Callable[[int], None]]] = {
    "fluxrig": fluxrig,
    "fluxrig, no pipeline": partial(fluxrig, pipeline=1),
    "pymodbus async": pymodbus_async,
    "pymodbus sync": pymodbus_sync,
    "umodbus": umodbus,
    "modbus_tk": modbus_tk,
}

if __name__ == "__main__":
    obey(CLIENTS[sys.argv[1]](int(sys.argv[2])))
