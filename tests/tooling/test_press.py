"""The simulated press: the machine by itself, and as pymodbus's own client sees it."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from itertools import pairwise

import pytest
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.client.mixin import ModbusClientMixin

from fluxrig_tooling.sim.press import REGISTERS, STATES, Press, PressProcess, Register, Values, encode

DATATYPE = ModbusClientMixin.DATATYPE
STANDING_MS = 3_600_000  # no step comes while a test lasts


@asynccontextmanager
async def connected(press: Press) -> AsyncIterator[AsyncModbusTcpClient]:
    """A pymodbus client for the length of a block."""
    client = AsyncModbusTcpClient(press.address, port=press.port, retries=0)
    assert await client.connect()
    try:
        yield client
    finally:
        client.close()


def run(seed: int, seconds: int) -> list[Values]:
    process = PressProcess(seed)
    return [process.advance(0.05) for _ in range(seconds * 20)]


def test_the_same_seed_gives_the_same_values():
    assert run(3, 30) == run(3, 30)
    assert run(3, 30) != run(4, 30)


def test_the_cycle_goes_through_its_states_in_order():
    states = [values.state for values in run(1, 120)]
    changes = [(a, b) for a, b in pairwise(states) if a != b]
    assert len(changes) > 50
    assert all(b == (a + 1) % len(STATES) for a, b in changes)


def test_each_cycle_makes_one_piece_and_pauses_follow_batches():
    values = run(1, 300)
    pieces = values[-1].pieces - values[0].pieces
    returns = sum(1 for a, b in pairwise(values) if a.state == 4 and b.state == 0)
    assert pieces == returns > 40
    standing = {each.pieces for each in values if not each.motor_running}
    assert standing
    assert all(count % PressProcess.BATCH == 0 for count in standing)
    assert all(each.motor_speed == 0 for each in values if not each.motor_running)


def test_values_stay_in_their_ranges_and_move_like_a_machine():
    values = run(2, 600)
    assert all(0 <= each.pressure <= 250 and 0 <= each.flow <= 80 for each in values)
    assert max(each.pressure for each in values) > 200
    assert min(each.pressure for each in values) < 10
    assert all(abs(a.oil_temp - b.oil_temp) < 0.02 for a, b in pairwise(values)), "oil warms slowly"
    assert all(a.energy <= b.energy and a.pieces <= b.pieces for a, b in pairwise(values)), "counters count up"
    assert values[-1].energy > values[0].energy


@pytest.mark.parametrize(
    ("order", "registers"),
    [
        ("ABCD", [0x0102, 0x0304]),
        ("CDAB", [0x0304, 0x0102]),
        ("BADC", [0x0201, 0x0403]),
        ("DCBA", [0x0403, 0x0201]),
    ],
)
def test_an_order_is_that_of_the_bytes_as_they_are_sent(order: str, registers: list[int]):
    assert encode(Register("x", "hr", 0, "I", "", order), 0x01020304) == registers


def test_the_entries_of_a_table_follow_one_another():
    for table in ("hr", "ir", "co", "di"):
        entries = [entry for entry in REGISTERS if entry.table == table]
        assert entries[0].address == 0
        for entry, following in pairwise(entries):
            assert following.address == entry.address + len(encode(entry, 0))
    assert sorted(entry.name for entry in REGISTERS) == sorted(asdict(Values()))


async def test_a_pymodbus_client_reads_what_the_map_says():
    async with Press(seed=5, step_ms=STANDING_MS) as press, connected(press) as client:
        wanted = press.values
        holding = (await client.read_holding_registers(0, count=10)).registers
        assert client.convert_from_registers(holding[0:2], DATATYPE.FLOAT32, "little") == as_single(wanted.pressure)
        assert client.convert_from_registers(holding[2:3], DATATYPE.INT16) == round(wanted.oil_temp * 10)
        assert client.convert_from_registers(holding[3:5], DATATYPE.FLOAT32) == as_single(wanted.flow)
        assert holding[5] == wanted.state
        assert client.convert_from_registers(holding[6:8], DATATYPE.UINT32) == wanted.pieces
        assert struct.unpack("<I", struct.pack(">HH", *holding[8:10])) == (wanted.energy,)
        assert (await client.read_input_registers(0, count=1)).registers == [wanted.motor_speed]
        assert (await client.read_coils(0, count=1)).bits[0] == wanted.motor_running
        assert (await client.read_discrete_inputs(0, count=1)).bits[0] == wanted.guard_closed
        assert (await client.read_holding_registers(0, count=11)).exception_code == 2, "the map ends there"


async def test_the_served_press_moves():
    async with Press(step_ms=5) as press, connected(press) as client:
        seen: set[tuple[int, ...]] = set()
        while len(seen) < 3:
            seen.add(tuple((await client.read_holding_registers(0, count=10)).registers))
            await asyncio.sleep(0.005)


async def test_presses_stand_side_by_side_and_are_gone_afterwards():
    async with Press() as first, Press(unit_id=4) as second:
        assert first.port != second.port
        async with connected(second) as client:
            assert not (await client.read_coils(0, count=1, device_id=4)).isError()
    with pytest.raises(OSError):
        await asyncio.open_connection(first.address, first.port)


def as_single(value: float) -> float:
    """The single-precision float nearest to `value`."""
    return struct.unpack(">f", struct.pack(">f", value))[0]
