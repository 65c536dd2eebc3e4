"""pymodbus as the device that the `fluxrig modbus` commands talk to, in a thread, over TCP or a serial line.

The values are encoded by pymodbus, so that what the commands show is checked against somebody else's reading of Modbus.
"""

import asyncio
import os
import pty
import threading
import tty
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from select import select
from typing import Any

from pymodbus import ModbusDeviceIdentification
from pymodbus.client.mixin import ModbusClientMixin
from pymodbus.framer import FramerType
from pymodbus.pdu import ModbusPDU
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

ADDRESS = "127.0.0.1"
SERVER_S = 20
TYPE = ModbusClientMixin.DATATYPE

IDENTITY = {0: "Acme", 1: "PM-200", 2: "V1.7", 3: "https://acme.example", 4: "Power meter", 5: "PM-200-A"}

HOLDING = {
    0: ModbusClientMixin.convert_to_registers(61.625, TYPE.FLOAT32, word_order="little"),
    2: ModbusClientMixin.convert_to_registers(-125, TYPE.INT16),
    3: ModbusClientMixin.convert_to_registers(123456, TYPE.UINT32),
    5: [0b1010],
    6: ModbusClientMixin.convert_to_registers("FLUX-1  ", TYPE.STRING),
    10: [17, 0, 0, 0],
    200: list(range(250)),
}
"""First address: registers. The others do not exist."""

INPUTS = {0: [7, 8, 9], 8: ModbusClientMixin.convert_to_registers(49.98, TYPE.FLOAT32)}
COILS = [True, False, True, True] + [False] * 28


@dataclass
class Peer:
    """`port` of a TCP server, or `path` of its serial line. `asked` has the PDUs it was asked, oldest first."""

    port: int = 0
    path: str = ""
    asked: list[ModbusPDU] = field(default_factory=list)

    @property
    def link(self) -> str:
        return f"tcp://{ADDRESS}:{self.port}"

    def functions(self) -> list[int]:
        return [pdu.function_code for pdu in self.asked]


def devices(unit_ids: Iterable[int], action: Any) -> list[SimDevice]:
    blocks = (
        [SimData(0, values=COILS, datatype=DataType.BITS)],
        [SimData(0, values=[True, False] * 8, datatype=DataType.BITS)],
        [SimData(first, values=values, datatype=DataType.REGISTERS) for first, values in HOLDING.items()],
        [SimData(first, values=values, datatype=DataType.REGISTERS) for first, values in INPUTS.items()],
    )
    return [SimDevice(id=unit_id, simdata=blocks, action=action) for unit_id in unit_ids]


@contextmanager
def running_peer(
    unit_ids: tuple[int, ...] = (1, 3),
    path: str = "",
    mute: tuple[int, ...] = (),
    action: Any = None,
    **options: Any,
) -> Iterator[Peer]:
    """A server with these units, on a free TCP port or on the serial line `path`. Nobody answers for other units.

    Functions in `mute` are carried out and not answered; `action` is that of a SimDevice.
    """
    peer = Peer(path=path)
    unit_at = 0 if path or options.get("framer") == FramerType.RTU else 6

    def passed(sending: bool, packet: bytes) -> bytes:
        is_silent = packet[unit_at] not in unit_ids or packet[unit_at + 1] in mute
        return b"" if sending and is_silent else packet

    def heard(sending: bool, pdu: ModbusPDU) -> ModbusPDU:
        if not sending:
            peer.asked.append(pdu)
        return pdu

    # For all servers of a process: pymodbus keeps one identity for them.
    options["identity"] = ModbusDeviceIdentification(info=dict(IDENTITY))

    async def start() -> ModbusTcpServer | ModbusSerialServer:
        units = devices(unit_ids, action)
        if path:
            line = ModbusSerialServer(units, port=path, trace_packet=passed, trace_pdu=heard, **options)
            await line.serve_forever(background=True)
            return line
        server = ModbusTcpServer(units, address=(ADDRESS, 0), trace_packet=passed, trace_pdu=heard, **options)
        await server.serve_forever(background=True)
        peer.port = server.transport.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        return server

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(start(), loop).result(SERVER_S)
    try:
        yield peer
    finally:
        asyncio.run_coroutine_threadsafe(server.shutdown(), loop).result(SERVER_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(SERVER_S)
        loop.close()


RTU_OVER_TCP: dict[str, Any] = {"framer": FramerType.RTU}


@contextmanager
def null_modem() -> Iterator[tuple[str, str]]:
    """Two serial lines of which each receives what the other sends. A pseudo terminal has no baud rate."""
    ends = [pty.openpty() for _ in range(2)]
    for _, line in ends:
        tty.setraw(line)
    (one, _), (other, _) = ends
    woken, wake = os.pipe()

    def copy() -> None:
        while True:
            ready, _, _ = select([one, other, woken], [], [])
            if woken in ready:
                return
            for source in ready:
                os.write(other if source == one else one, os.read(source, 4096))

    thread = threading.Thread(target=copy, daemon=True)
    thread.start()
    try:
        yield os.ttyname(ends[0][1]), os.ttyname(ends[1][1])
    finally:
        os.write(wake, b".")
        thread.join(SERVER_S)
        for descriptor in (woken, wake, *ends[0], *ends[1]):
            os.close(descriptor)
