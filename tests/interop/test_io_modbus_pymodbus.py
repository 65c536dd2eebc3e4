"""The Gear on the CPython Host over real TCP: against pymodbus's server, well and badly behaved, and against none.

Where it matters whose answer is whose, each register that the server sends says which it is and which request it
answers: `32 * request + address`, as in tests/core/modbus_server.py.
"""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from probes import chain, counted, gear, gear_of
from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from fluxrig.msg import FluxMsg
from fluxrig.rack import Rack
from fluxrig_ports.cpython.host import CPythonHost
from fluxrig_tooling.rig import compile_rig, load_text
from fluxrig_tooling.sim.press import STATES, Press, Values

ADDRESS = "127.0.0.1"
SOON = {"timeout": "60ms", "reconnect_max": "20ms"}
"""For servers that are not going to answer."""

STANDING_MS = 3_600_000  # a press whose next step nobody sees

PRESS_TAGS = """
    pressure: {address: hr:0, type: float32, order: CDAB}
    oil_temp: {address: hr:2, type: int16, scale: 0.1}
    flow: {address: hr:3, type: float32}
    state: {address: hr:5, enum: {0: idle, 1: approach, 2: press, 3: hold, 4: return}}
    pieces: {address: hr:6, type: uint32}
    energy: {address: hr:8, type: uint32, order: DCBA}
    motor_speed: {address: ir:0}
    motor_running: {address: co:0}
    guard_closed: {address: di:0}
"""
COUNTED_TAGS = """
    a: {address: hr:0}
    b: {address: hr:1}
    c: {address: hr:2}
    x: {address: ir:10}
    y: {address: ir:11}
"""
REGISTERS = {"a": 0, "b": 1, "c": 2, "x": 10, "y": 11}


def compiled(port: int, tags: str, **settings: str) -> dict[str, Any]:
    """The compiled config of a rig with one Gear that polls these tags."""
    options = "\n".join(f"      {key}: {value}" for key, value in settings.items())
    model, problems = load_text(
        "fluxrig: 1\nmeta: {name: test, version: 1.0.0}\n"
        "gears:\n  - name: plc\n    type: io_modbus\n    config:\n"
        f"      link: tcp://{ADDRESS}:{port}\n{options}\n      tags:\n"
        + "\n".join("    " + line for line in tags.strip("\n").splitlines())
        + "\n  - {name: show, type: console}\nwires: [{from: plc, to: show}]\n"
    )
    assert model, list(map(str, problems))
    return next(each["config"] for each in compile_rig(model)["gears"] if each["name"] == "plc")


class Watch:
    """What a running Gear sends."""

    def __init__(self, rack: Rack):
        self.got: list[FluxMsg] = gear_of(rack, "sink").got
        self.rack = rack
        self.gear = gear_of(rack, "plc")

    async def until(self, met: Callable[[FluxMsg], bool], seconds: float = 10) -> FluxMsg:
        """The next message from now on that meets the condition."""
        at = len(self.got)
        async with asyncio.timeout(seconds):
            while True:
                while at < len(self.got):
                    if met(self.got[at]):
                        return self.got[at]
                    at += 1
                await asyncio.sleep(0.002)

    async def good(self) -> FluxMsg:
        return await self.until(lambda msg: qualities(msg) == {"good"})


def qualities(msg: FluxMsg) -> set[str]:
    return {msg.quality(tag) for tag in msg.data}


@asynccontextmanager
async def polled(tmp_path: Path, port: int, tags: str, **settings: str) -> AsyncIterator[Watch]:
    settings = {"every": "20ms", "timeout": "5s", "reconnect_min": "10ms", **settings}
    config = compiled(port, tags, **settings)
    rack = Rack(CPythonHost(tmp_path), chain(gear("plc", "io_modbus", config), gear("sink", "sink")))
    await rack.start()
    try:
        yield Watch(rack)
    finally:
        await rack.stop()


class Counting:
    """A pymodbus server whose registers say which request they answer. `tamper` and `pause_s` are its misbehaviour."""

    def __init__(self, port: int = 0):
        self.port = port
        self.tamper: Callable[[bytes], bytes] | None = None
        self.pause_s = 0.0
        self.before = b""  # the last answer, as it was before it was tampered with
        self._asked = 0

    async def __aenter__(self) -> "Counting":
        bits = [SimData(0, values=[False] * 16, datatype=DataType.BITS)]
        words = [SimData(0, values=[0] * 32, datatype=DataType.REGISTERS)]
        more = [SimData(0, values=[0] * 32, datatype=DataType.REGISTERS)]
        device = SimDevice(id=1, simdata=(bits, list(bits), words, more), action=self._act)
        self._server = ModbusTcpServer(device, address=(ADDRESS, self.port), trace_packet=self._trace)
        await self._server.serve_forever(background=True)
        self.port = self._server.transport.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.shutdown()

    async def _act(
        self, function: int, start: int, address: int, count: int, registers: list[int], values: object
    ) -> ExcCodes | None:
        registers[:] = [(32 * self._asked + start + offset) & 0xFFFF for offset in range(len(registers))]
        self._asked += 1
        if self.pause_s:
            await asyncio.sleep(self.pause_s)
        return None

    def _trace(self, sending: bool, data: bytes) -> bytes:
        if not sending:
            return data
        sent = self.tamper(data) if self.tamper else data
        self.before = data
        return sent


# A well-behaved server.


def as_read(values: Values) -> dict[str, object]:
    """What the tags are when the press has these values, which its registers round."""
    return {
        **asdict(values),
        "pressure": as_single(values.pressure),
        "oil_temp": round(values.oil_temp, 1),
        "flow": as_single(values.flow),
        "state": STATES[values.state],
    }


async def test_a_press_is_read_as_it_stands(tmp_path: Path):
    async with Press(seed=7, step_ms=STANDING_MS) as press, polled(tmp_path, press.port, PRESS_TAGS) as watch:
        msg = await watch.good()
        assert msg.data == as_read(press.values)
        assert msg.meta["function"] == "1,2,3,4"
        assert msg.meta["registers"] == "co:0 di:0 hr:0-9 ir:0"


async def test_a_moving_press_is_followed(tmp_path: Path):
    async with Press(seed=7, step_ms=5) as press, polled(tmp_path, press.port, PRESS_TAGS, every="5ms") as watch:
        await watch.until(lambda msg: msg.data["state"] == "approach")
        await watch.until(lambda msg: msg.data["flow"] > 30)
        assert {quality for msg in watch.got for quality in qualities(msg)} == {"good"}
        assert counted(watch.rack)["reconnects"] == 0


async def test_the_first_poll_is_at_the_start(tmp_path: Path):
    async with Press() as press, polled(tmp_path, press.port, PRESS_TAGS, every="1h") as watch:
        async with asyncio.timeout(10):
            while not watch.got:
                await asyncio.sleep(0.002)
        assert qualities(watch.got[0]) == {"good"}


async def test_what_the_server_does_not_have_is_an_illegal_address(tmp_path: Path):
    tags = PRESS_TAGS + "    beyond: {address: hr:50}\n"
    async with Press() as press, polled(tmp_path, press.port, tags) as watch:
        msg = await watch.until(lambda msg: msg.quality("pressure") == "good")
        assert {tag for tag in msg.data if msg.quality(tag) != "good"} == {"beyond"}
        assert msg.quality("beyond") == "bad:illegal_address"
        assert counted(watch.rack)["reconnects"] == 0


async def test_another_unit_is_answered_with_its_exception(tmp_path: Path):
    async with Press(unit_id=4) as press, polled(tmp_path, press.port, PRESS_TAGS, unit_id="5") as watch:
        msg = await watch.until(lambda msg: True)
        assert qualities(msg) == {"bad:device_failure"}, "what pymodbus says of a unit that it does not have"


# Servers that go away, or were never there.


async def test_a_server_that_restarts_is_found_again(tmp_path: Path):
    async with Press(step_ms=STANDING_MS) as press, polled(tmp_path, press.port, PRESS_TAGS) as watch:
        await watch.good()
        await press.__aexit__(None, None, None)
        msg = await watch.until(lambda msg: qualities(msg) == {"bad:not_connected"})
        assert set(msg.data.values()) == {None}
        async with Press(port=press.port, step_ms=STANDING_MS):
            await watch.good()
        assert counted(watch.rack)["reconnects"] >= 1
        assert counted(watch.rack)["connect_failures"] >= 1


@pytest.mark.parametrize(
    ("sent", "then_close", "quality"),
    [
        (b"", False, "bad:timeout"),
        (b"", True, "bad:not_connected"),
        (b"\x00\x01\x00\x00\x00\x09\x01\x03", False, "bad:timeout"),
        (b"\x00\x01\x00\x00\x00\x09\x01\x03", True, "bad:not_connected"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", True, "bad:protocol_error"),
        (b"\x00\x01\x00\x00\xff\xff", False, "bad:protocol_error"),
    ],
    ids=["half-open", "closes", "stalls within", "closes within", "speaks http", "announces too much"],
)
async def test_what_is_no_modbus_server_makes_every_tag_bad(
    tmp_path: Path, sent: bytes, then_close: bool, quality: str
):
    writers = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await reader.read(12)
        writer.write(sent)
        if then_close:
            writer.close()

    server = await asyncio.start_server(answer, ADDRESS, 0)
    port = server.sockets[0].getsockname()[1]
    try:
        async with polled(tmp_path, port, COUNTED_TAGS, **SOON) as watch:
            for _ in range(3):
                msg = await watch.until(lambda msg: True)
                assert qualities(msg) == {quality}
                assert set(msg.data.values()) == {None}
    finally:
        server.close()
        for writer in writers:
            writer.close()


# A server of which some answers go wrong on their way.


def wrong_transaction(server: Counting, frame: bytes) -> bytes:
    return bytes([frame[0], frame[1] ^ 1]) + frame[2:]


def wrong_unit(server: Counting, frame: bytes) -> bytes:
    return frame[:6] + bytes([frame[6] ^ 1]) + frame[7:]


def wrong_protocol(server: Counting, frame: bytes) -> bytes:
    return frame[:3] + b"\x01" + frame[4:]


def wrong_function(server: Counting, frame: bytes) -> bytes:
    return frame[:7] + bytes([frame[7] ^ 7]) + frame[8:]


def truncated(server: Counting, frame: bytes) -> bytes:
    return frame[:-1]


def the_one_before(server: Counting, frame: bytes) -> bytes:
    return server.before or frame[:4]


def of_another_request(server: Counting, frame: bytes) -> bytes:
    """Well framed, but with the data of the answer before, which is of another size."""
    return frame[:4] + server.before[4:] if server.before else frame[:4]


TAMPERING = (
    wrong_transaction,
    wrong_unit,
    wrong_protocol,
    wrong_function,
    truncated,
    the_one_before,
    of_another_request,
)


def check_attribution(watch: Watch, server: Counting) -> int:
    """Each value is of its own register, and of a later request than the message before. Returns their number."""
    last = -1
    values = 0
    for msg in watch.got:
        numbers = []
        for tag, value in msg.data.items():
            if value is None:
                assert msg.quality(tag).startswith("bad:")
                continue
            number, register = divmod(value, 32)
            assert register == REGISTERS[tag], f"{tag} has the value of register {register}"
            numbers.append(number)
            values += 1
        assert min(numbers, default=last + 1) > last, "an answer to an earlier poll"
        last = max(numbers, default=last)
    return values


@pytest.mark.parametrize("fault", TAMPERING, ids=lambda fault: fault.__name__)
async def test_no_value_is_attributed_to_the_wrong_tag_when_answers_are_tampered_with(
    tmp_path: Path, fault: Callable[[Counting, bytes], bytes]
):
    async with Counting() as server, polled(tmp_path, server.port, COUNTED_TAGS, **SOON) as watch:
        await watch.good()
        for skip in (0, 1):
            left = [True] * (skip + 1)
            wrong: list[bytes] = []

            def tamper(frame: bytes, left: list[bool] = left, wrong: list[bytes] = wrong) -> bytes:
                # The first or the second answer from now on, so that either request of a poll is hit.
                left.pop()
                if not left:
                    server.tamper = None
                    wrong.append(frame)
                    return fault(server, frame)
                return frame

            server.tamper = tamper
            await watch.until(lambda msg: qualities(msg) != {"good"})
            await watch.good()
            assert wrong
        assert check_attribution(watch, server) > 10


async def test_answers_that_come_twice_are_taken_once(tmp_path: Path):
    async with Counting() as server, polled(tmp_path, server.port, COUNTED_TAGS, **SOON) as watch:
        server.tamper = lambda frame: frame + frame
        for _ in range(5):
            await watch.good()
        assert counted(watch.rack)["strays"] >= 5
        assert check_attribution(watch, server) > 20
        assert {quality for msg in watch.got for quality in qualities(msg)} == {"good"}


async def test_late_answers_are_never_taken_for_others(tmp_path: Path):
    async with Counting() as server, polled(tmp_path, server.port, COUNTED_TAGS, **SOON) as watch:
        for _ in range(3):
            await watch.good()
            server.pause_s = 0.09
            await watch.until(lambda msg: "bad:timeout" in qualities(msg))
            server.pause_s = 0
        await watch.good()
        assert counted(watch.rack)["timeouts"] >= 3
        assert check_attribution(watch, server) > 10


def as_single(value: float) -> float:
    """The single-precision float nearest to `value`."""
    return struct.unpack(">f", struct.pack(">f", value))[0]
