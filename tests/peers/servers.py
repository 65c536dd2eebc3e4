"""Modbus servers that nobody here wrote, with the same handles: libmodbus and pymodbus.

What they hold is set, encoded and looked at through their own code. Tables are called co, di, hr and ir. Every table
has `ITEMS` items from address 0 on.
"""

import asyncio
import struct
from typing import Literal

from pymodbus import FramerType, ModbusDeviceIdentification
from pymodbus.client.mixin import ModbusClientMixin
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

ADDRESS = "127.0.0.1"
ITEMS = 1000
READ_ONLY = 900
"""From this address on pymodbus's holding registers and coils cannot be written."""

IDENTITY = {"VendorName": "Acme", "ProductCode": "P-7", "MajorMinorRevision": "1.2", "ModelName": "Press " + "7" * 40}

PYMODBUS_FUNCTIONS = {"co": (15, 1), "di": (2, 2), "hr": (16, 3), "ir": (4, 4)}
"""How pymodbus names each table when it is written and read."""

DATATYPES = {datatype.name.lower(): datatype for datatype in ModbusClientMixin.DATATYPE}

END_S = 10


class Libmodbus:
    """tests/peers/libmodbus_server.c in a process of its own; it answers as one unit."""

    def __init__(self, program: str, unit_id: int):
        self._program = program
        self._unit_id = unit_id

    async def start(self, transport: str, path: str) -> int:
        """Serve `transport` ("tcp", "rtu+tcp" or "rtu" at `path`). The port, 0 on a serial line."""
        options = ["-u", str(self._unit_id), "-n", str(ITEMS), transport, path or "0"]
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(self._program, *options, stdin=pipe, stdout=pipe)
        ready = await self._answer()
        return 0 if path else int(ready.split()[1])

    async def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        await asyncio.wait_for(self._process.wait(), END_S)

    async def set(self, table: str, address: int, values: list[int]) -> None:
        await self._obey(f"{table} {address} {' '.join(str(int(value)) for value in values)}")

    async def encode(self, table: str, address: int, type_name: str, order: str, value: float) -> None:
        """Put `value` there: float32 in any order, and integers with the highest register first."""
        if type_name == "float32":
            command = f"float_{order.lower()} {table}"
        else:
            assert order == "ABCD", "libmodbus does not encode that"
            command = table if type_name.endswith("16") else f"{type_name.removeprefix('u')} {table}"
        await self._obey(f"{command} {address} {value}")

    async def dump(self, table: str, address: int, count: int) -> list[int]:
        return [int(word) for word in (await self._obey(f"dump {table} {address} {count}")).split()]

    async def _obey(self, command: str) -> str:
        assert self._process.stdin
        self._process.stdin.write(command.encode() + b"\n")
        answer = await self._answer()
        assert not answer.startswith("error"), f"{command}: {answer}"
        return answer

    async def _answer(self) -> str:
        assert self._process.stdout
        return (await self._process.stdout.readline()).decode().strip()


class Pymodbus:
    """pymodbus's server in this process, with one device for each unit id."""

    def __init__(self, unit_ids: list[int]):
        self._unit_ids = unit_ids
        self._unit_id = unit_ids[0]
        self._devices = [SimDevice(id=unit_id, simdata=_tables()) for unit_id in unit_ids]
        self._server: ModbusTcpServer | ModbusSerialServer

    async def start(self, transport: str, path: str) -> int:
        """Serve `transport` ("tcp", "rtu+tcp" or "rtu" at `path`). The port, 0 on a serial line."""
        identity = ModbusDeviceIdentification(info_name=IDENTITY)
        if transport == "rtu":
            self._server = ModbusSerialServer(
                self._devices, port=path, identity=identity, broadcast_enable=True, trace_packet=self._say
            )
            await self._server.serve_forever(background=True)
            return 0
        framer = FramerType.SOCKET if transport == "tcp" else FramerType.RTU
        self._server = ModbusTcpServer(self._devices, framer=framer, address=(ADDRESS, 0), identity=identity)
        await self._server.serve_forever(background=True)
        return self._server.transport.sockets[0].getsockname()[1]  # type: ignore[attr-defined]

    def _say(self, sending: bool, data: bytes) -> bytes:
        # On a serial line a unit that is not there does not answer. This server would, with an exception.
        return b"" if sending and data[0] not in self._unit_ids else data

    async def close(self) -> None:
        await self._server.shutdown()

    async def set(self, table: str, address: int, values: list[int]) -> None:
        items = [bool(value) for value in values] if table in ("co", "di") else values
        await self._server.async_setValues(self._unit_id, PYMODBUS_FUNCTIONS[table][0], address, items)

    async def encode(self, table: str, address: int, type_name: str, order: str, value: float) -> None:
        """Put `value` there. Two of the four orders are pymodbus's, the others are those with swapped bytes."""
        words: Literal["little", "big"] = "little" if order in ("CDAB", "DCBA") else "big"
        registers = ModbusClientMixin.convert_to_registers(value, DATATYPES[type_name], words)
        if order in ("BADC", "DCBA"):
            registers = [struct.unpack("<H", struct.pack(">H", register))[0] for register in registers]
        await self.set(table, address, registers)

    async def dump(self, table: str, address: int, count: int) -> list[int]:
        values = await self._server.async_getValues(self._unit_id, PYMODBUS_FUNCTIONS[table][1], address, count)
        return [int(value) for value in values]


def _tables() -> tuple[list[SimData], list[SimData], list[SimData], list[SimData]]:
    def block(datatype: DataType, values: list[bool] | list[int], first: int, readonly: bool) -> SimData:
        return SimData(first, values=values, datatype=datatype, readonly=readonly)

    def bits(first: int, end: int, readonly: bool = False) -> SimData:
        return block(DataType.BITS, [False] * (end - first), first, readonly)

    def registers(first: int, end: int, readonly: bool = False) -> SimData:
        return block(DataType.REGISTERS, list(range(first, end)), first, readonly)

    return (
        [bits(0, READ_ONLY), bits(READ_ONLY, ITEMS, True)],
        [bits(0, ITEMS)],
        [registers(0, READ_ONLY), registers(READ_ONLY, ITEMS, True)],
        [registers(0, ITEMS)],
    )
