"""A hydraulic press behind a Modbus/TCP server (pymodbus), for the demo and for tests.

`REGISTERS` is its register map, as a manual would print it. `PressProcess` is the machine, without any I/O: the same
seed gives the same values, step by step. `Press` serves it.
"""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass
from random import Random
from types import TracebackType
from typing import Literal, cast

from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

IDLE, APPROACH, PRESS, HOLD, RETURN = range(5)
STATES = {IDLE: "idle", APPROACH: "approach", PRESS: "press", HOLD: "hold", RETURN: "return"}


@dataclass(frozen=True)
class Register:
    """One entry of the map; the entries of a table follow one another from address 0, without gaps.

    `name` is the field of `Values`, `layout` the `struct` code of the raw value (`?`: one bit), `order` that of its
    bytes over several registers.
    """

    name: str
    table: str
    address: int
    layout: str
    doc: str
    order: str = "ABCD"
    scale: float = 1
    unit: str = ""


REGISTERS = (
    Register("pressure", "hr", 0, "f", "Cylinder pressure, 0 to 250", "CDAB", unit="bar"),
    Register("oil_temp", "hr", 2, "h", "Oil temperature, in tenths", scale=0.1, unit="degC"),
    Register("flow", "hr", 3, "f", "Oil flow, 0 to 80", unit="l/min"),
    Register("state", "hr", 5, "H", "Step of the cycle, see STATES"),
    Register("pieces", "hr", 6, "I", "Pieces pressed since commissioning"),
    Register("energy", "hr", 8, "I", "Energy used since commissioning", "DCBA", unit="Wh"),
    Register("motor_speed", "ir", 0, "H", "Speed of the pump motor", unit="rpm"),
    Register("motor_running", "co", 0, "?", "The pump motor runs"),
    Register("guard_closed", "di", 0, "?", "The guard door is closed"),
)

_WRITE_FUNCTIONS = {"co": 15, "di": 2, "hr": 16, "ir": 4}
"""How pymodbus's server names the table to set."""


@dataclass
class Values:
    """The process values at one moment, in engineering units."""

    pressure: float = 4.0
    oil_temp: float = 38.0
    flow: float = 2.0
    state: int = IDLE
    pieces: int = 18_241
    energy: int = 2_345_678
    motor_speed: int = 0
    motor_running: bool = False
    guard_closed: bool = False


@dataclass(frozen=True)
class Step:
    """One step of the cycle: how long it takes (s), and what pressure (bar) and flow (l/min) tend to in it."""

    state: int
    seconds: float
    pressure: float
    flow: float


CYCLE = (
    Step(IDLE, 0.6, 4, 2),
    Step(APPROACH, 1.2, 35, 62),
    Step(PRESS, 0.8, 212, 14),
    Step(HOLD, 1.5, 205, 1),
    Step(RETURN, 1.1, 24, 55),
)


class PressProcess:
    """The machine: cycles of about five seconds, and after every `BATCH` pieces a pause in which the motor stands."""

    BATCH = 15
    PAUSE_S = 8.0
    PRESSURE_LAG_S = 0.15
    FLOW_LAG_S = 0.1
    AMBIENT_C = 22.0
    COOLING_S = 900.0
    IDLE_POWER_KW = 1.5
    EFFICIENCY = 0.8

    def __init__(self, seed: int = 1):
        self.values = Values()
        self._random = Random(seed)
        self._position = 0
        self._remaining_s = CYCLE[0].seconds
        self._pressure = self.values.pressure
        self._flow = self.values.flow
        self._temperature = self.values.oil_temp
        self._energy_wh = float(self.values.energy)

    def advance(self, seconds: float) -> Values:
        """Let `seconds` pass (well under the length of a step), and give the new values."""
        self._remaining_s -= seconds
        if self._remaining_s <= 0:
            self._next_step()
        step = CYCLE[self._position]
        running = not self._pausing()
        noise = self._random.gauss
        self._pressure += (step.pressure - self._pressure) * min(seconds / self.PRESSURE_LAG_S, 1)
        self._flow += (step.flow * running - self._flow) * min(seconds / self.FLOW_LAG_S, 1)
        # The loss of a hydraulic system is heat: it warms with its pressure and cools towards the hall.
        cooling = (self._temperature - self.AMBIENT_C) / self.COOLING_S
        self._temperature += (self._pressure / 4000 - cooling) * seconds
        power_kw = (self._pressure * self._flow / 600 / self.EFFICIENCY + self.IDLE_POWER_KW) * running
        self._energy_wh += power_kw * seconds / 3.6
        load = self._pressure / 250
        self.values = Values(
            pressure=min(max(self._pressure + noise(0, 0.25), 0), 250),
            oil_temp=self._temperature,
            flow=min(max(self._flow + noise(0, 0.1), 0), 80),
            state=step.state,
            pieces=self.values.pieces,
            energy=int(self._energy_wh),
            motor_speed=round(1490 - 40 * load + noise(0, 1.5)) if running else 0,
            motor_running=running,
            guard_closed=step.state != IDLE,
        )
        return self.values

    def _pausing(self) -> bool:
        return self._position == 0 and self.values.pieces % self.BATCH == 0

    def _next_step(self) -> None:
        self._position = (self._position + 1) % len(CYCLE)
        if self._position == 0:
            self.values.pieces += 1
        seconds = self.PAUSE_S if self._pausing() else CYCLE[self._position].seconds
        self._remaining_s += seconds * self._random.uniform(0.9, 1.1)


class Press:
    """`async with Press() as press:` serves a press on loopback, `press.port`, as Modbus unit `unit_id`."""

    address = "127.0.0.1"

    def __init__(self, port: int = 0, seed: int = 1, unit_id: int = 1, step_ms: int = 50):
        self.port = port
        self._unit_id = unit_id
        self._step_s = step_ms / 1000
        self._process = PressProcess(seed)
        self._server: ModbusTcpServer | None = None
        self._moving: asyncio.Task[None] | None = None

    @property
    def values(self) -> Values:
        """What the registers hold."""
        return self._process.values

    async def __aenter__(self) -> Press:
        tables = image(self.values)
        device = SimDevice(
            id=self._unit_id,
            simdata=(
                [SimData(0, values=tables["co"], datatype=DataType.BITS)],
                [SimData(0, values=tables["di"], datatype=DataType.BITS)],
                [SimData(0, values=tables["hr"], datatype=DataType.REGISTERS)],
                [SimData(0, values=tables["ir"], datatype=DataType.REGISTERS)],
            ),
        )
        self._server = ModbusTcpServer(device, address=(self.address, self.port))
        await self._server.serve_forever(background=True)
        listener = cast(asyncio.Server, self._server.transport)  # declared as a transport, which a listener is not
        self.port = listener.sockets[0].getsockname()[1]
        self._moving = asyncio.create_task(self._move(self._server))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._moving is not None:
            self._moving.cancel()
            await asyncio.wait([self._moving])
        if self._server is not None:
            await self._server.shutdown()

    async def _move(self, server: ModbusTcpServer) -> None:
        while True:
            await asyncio.sleep(self._step_s)
            # All tables change without an await that could let a request see half of a step.
            for table, content in image(self._process.advance(self._step_s)).items():
                await server.async_setValues(self._unit_id, _WRITE_FUNCTIONS[table], 0, content)


def image(values: Values) -> dict[str, list]:
    """What each table holds, from address 0 on: bools, or registers."""
    tables: dict[str, list] = {"co": [], "di": [], "hr": [], "ir": []}
    for register in REGISTERS:
        tables[register.table] += encode(register, getattr(values, register.name))
    return tables


def encode(register: Register, value: float) -> list[bool] | list[int]:
    """The items that hold `value`."""
    if register.layout == "?":
        return [bool(value)]
    raw = value if register.layout == "f" else round(value / register.scale)
    data = struct.pack(">" + register.layout, raw)
    words = [data[at : at + 2] for at in range(0, len(data), 2)]
    if register.order in ("CDAB", "DCBA"):
        words.reverse()
    byte_order: Literal["big", "little"] = "little" if register.order in ("BADC", "DCBA") else "big"
    return [int.from_bytes(word, byte_order) for word in words]
