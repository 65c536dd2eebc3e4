"""No value is ever attributed to the wrong tag, whatever goes wrong on the way: under the virtual clock.

Each register says which it is and which request it answers (`tests.peers.faults.Plant`). Faults are drawn for one
request after the other; when they end, everything must be good again within the pauses of the back-off.
"""

import asyncio
from contextlib import nullcontext
from itertools import groupby
from operator import itemgetter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from probes import chain, gear, gear_of, stop

from fluxrig.errors import TransientError
from fluxrig.msg import FluxMsg
from fluxrig.rack import Rack
from fluxrig_ports.memory import MemoryHost, NullModem, VirtualClock
from tests.peers.faults import (
    CLOSE,
    HALF_OPEN,
    IDS,
    SERIAL_FAULTS,
    TCP_FAULTS,
    Acts,
    Exchange,
    Fault,
    Plant,
    Slowly,
    framed,
    on_serial,
    on_tcp,
)

TIMEOUT_MS = 60
EVERY_MS = 100
PAUSE_MAX_MS = 100
RETRY_REFUSED_MS = 150
RECOVERY_MS = 2 * TIMEOUT_MS + 2 * PAUSE_MAX_MS + 4 * RETRY_REFUSED_MS + 8 * EVERY_MS
"""The last faults, the longest pauses, the refused tags one a poll, and some polls."""

PLACES = {(7, 3, 0): 0, (7, 3, 10): 10, (7, 4, 0): 20, (8, 3, 0): 30, (8, 3, 10): 40}
"""Two units of the same make: every answer has the form of some other."""

THREE = b"", ">HHH"
REQUESTS = {
    7: [
        [3, 0, 3, *THREE, [["a", "raw"], ["b", "raw"], ["c", "raw"]]],
        [3, 10, 3, *THREE, [["d", "raw"], ["e", "raw"], ["f", "raw"]]],
        [4, 0, 3, bytes([4, 5, 2, 3, 0, 1]), ">HHH", [["i", "raw"], ["h", "raw"], ["g", "raw"]]],
        [3, 1, 3, b"", ">HI", [["b2", "raw"], ["wide", "raw"]]],
    ],
    8: [
        [3, 0, 3, *THREE, [["a", "raw"], ["b", "raw"], ["c", "raw"]]],
        [3, 10, 3, *THREE, [["d", "raw"], ["e", "raw"], ["f", "raw"]]],
    ],
}
TAG_IDS: dict[str, dict[str, tuple[int, ...]]] = {
    "7": {tag: (number,) for tag, number in zip("abcdefghi", (0, 1, 2, 10, 11, 12, 20, 21, 22), strict=True)},
    "8": {tag: (number,) for tag, number in zip("abcdef", (30, 31, 32, 40, 41, 42), strict=True)},
}
"""{unit id: {tag: the ids of its registers}}"""

TAG_IDS["7"] |= {"b2": (1,), "wide": (2, 3)}


def config(link: dict[str, Any]) -> dict[str, Any]:
    times = {
        "timeout_ms": TIMEOUT_MS,
        "connect_timeout_ms": TIMEOUT_MS,
        "reconnect_min_ms": 20,
        "reconnect_max_ms": PAUSE_MAX_MS,
        "pause_after_connect_ms": 0,
        "request_delay_ms": 0,
        "turnaround_ms": 0,
        "local_echo": False,
        "byte_us": 0,
        "silence_us": 0,
        "pipeline": 1,
    }
    polls = [
        {
            "name": f"fast.{unit}",
            "group": "fast",
            "unit_id": unit,
            "every_ms": EVERY_MS,
            "phase_ms": 0,
            "requests": requests,
        }
        for unit, requests in REQUESTS.items()
    ]
    return {
        "line": "line",
        "link": times | link,
        "raw": False,
        "retry_refused_ms": RETRY_REFUSED_MS,
        "polls": polls,
        "writes": [],
        "expires_ms": 1000,
        "write_queue": 1,
    }


class Connection:
    """The server's end of a connection, on which answers do what their faults say.

    What is sent slowly on a serial line may meet what another unit sends.
    """

    def __init__(self, stream: NullModem, clock: VirtualClock, is_serial: bool):
        self._stream = stream
        self._clock = clock
        self._half_open = False
        self._sending = nullcontext() if is_serial else asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    async def read(self) -> bytes | None:
        try:
            return await self._stream.read(1000)
        except TransientError:
            return b""

    def play(self, acts: Acts) -> None:
        task = asyncio.create_task(self._play(acts))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _play(self, acts: Acts) -> None:
        now = 0
        for after_ms, together in groupby(acts, itemgetter(0)):
            await self._clock.sleep_ms(after_ms - now)
            now = after_ms
            async with self._sending:
                for _, what in together:
                    await self._do(what)

    async def _do(self, what: object) -> None:
        self._half_open |= what is HALF_OPEN
        if what is CLOSE:
            await self._stream.close()
        elif not self._half_open:
            assert isinstance(what, bytes | Slowly)
            pieces, step_ms = ([what], 0) if isinstance(what, bytes) else (what.pieces, what.step_ms)
            try:
                for piece in pieces:
                    await self._stream.write(piece)
                    await self._clock.sleep_ms(step_ms)
            except TransientError:
                pass  # the client has gone


class Got(list):
    """The messages of the Gear. `asked[n]` is how many requests the plant had got before the nth."""

    def __init__(self, plant: Plant):
        super().__init__()
        self.asked: list[int] = []
        self._plant = plant

    def append(self, msg: FluxMsg) -> None:
        self.asked.append(len(self._plant.asked))
        super().append(msg)


class Bench:
    """The Gear, and a plant at the other end of its line that has `faults` for the next requests."""

    def __init__(self, link: dict[str, Any], faults: list[Fault | None]):
        self.host = MemoryHost(seed=1)
        self.plant = Plant(PLACES)
        self._faults = list(faults)
        self._before = b""
        self.host.clock.SETTLE_TURNS = 20  # enough for this bench, and an example takes half the time
        if link["kind"] == "rtu":
            self.host.network.listen_serial("line", self._serve_serial)
            link = {"serial": {"path": "line"}, **link}
        else:
            serve = self._serve_tcp if link["kind"] == "tcp" else self._serve_serial
            self.host.network.listen("plc", 502, serve)
            link = {"address": "plc", "port": 502, **link}
        self.rack = Rack(self.host, chain(gear("plc", "io_modbus", config(link)), gear("sink", "sink")))
        self.got = gear_of(self.rack, "sink").got = Got(self.plant)

    @property
    def faults_are_over(self) -> bool:
        return not self._faults

    async def _serve_tcp(self, stream: NullModem) -> None:
        connection = Connection(stream, self.host.clock, False)
        waiting = b""
        while data := await connection.read():
            waiting += data
            while len(waiting) >= 12:
                request, waiting = waiting[:12], waiting[12:]
                pdu = self.plant.answer(request[6], request[7:])
                answer = request[:4] + (1 + len(pdu)).to_bytes(2, "big") + request[6:7] + pdu
                connection.play(on_tcp(self._fault(), self._exchange(request, answer)))

    async def _serve_serial(self, stream: NullModem) -> None:
        connection = Connection(stream, self.host.clock, True)
        while request := await connection.read():
            answer = framed(request[0], self.plant.answer(request[0], request[1:-2]))
            connection.play(on_serial(self._fault(), self._exchange(request, answer)))

    def _fault(self) -> Fault | None:
        return self._faults.pop(0) if self._faults else None

    def _exchange(self, request: bytes, answer: bytes) -> Exchange:
        exchange = Exchange(request, answer, self._before, TIMEOUT_MS)
        self._before = answer
        return exchange

    def check(self) -> None:
        """Every value is of the register of its tag, and of a request of the very poll that its message tells of."""
        since = dict.fromkeys(TAG_IDS, 0)
        for msg, asked in zip(self.got, self.got.asked, strict=True):
            unit = msg.meta["unit_id"]
            assert set(msg.data) == set(TAG_IDS[unit])
            for tag, value in msg.data.items():
                quality = msg.quality(tag)
                if value is None:
                    assert quality.startswith("bad:"), f"{tag} is None and said to be good"
                    continue
                assert quality == "good", f"{tag} has a value and is said to be {quality}"
                registers = (value >> 16, value & 0xFFFF) if tag == "wide" else (value,)
                found = [divmod(register, IDS) for register in registers]
                assert tuple(each for _, each in found) == TAG_IDS[unit][tag], f"{tag} of unit {unit} has {found}"
                assert len({generation for generation, _ in found}) == 1, f"{tag} has parts of two answers"
                assert found[0][0] >= since[unit], f"{tag} has a value of an earlier poll"
            since[unit] = asked
        assert len(self.plant.asked) < 0x10000 // IDS, "so many requests that their numbers begin again"


async def attributed(link: dict[str, Any], faults: list[Fault | None]) -> None:
    bench = Bench(link, faults)
    await bench.rack.start()
    while not bench.faults_are_over:
        await bench.host.clock.advance(EVERY_MS)
    await bench.host.clock.advance(RECOVERY_MS)
    await stop(bench.rack)
    bench.check()
    for unit in TAG_IDS:
        last = [msg for msg in bench.got if msg.meta["unit_id"] == unit][-1]
        assert {last.quality(tag) for tag in last.data} == {"good"}, f"unit {unit} does not recover"


def faults_of(kinds: dict[str, Any]) -> st.SearchStrategy[list[Fault | None]]:
    fault = st.builds(Fault, st.sampled_from(sorted(kinds)), st.integers(0, 99))
    return st.lists(st.none() | fault | fault, max_size=24)


@settings(max_examples=80)
@given(st.integers(1, 8), faults_of(TCP_FAULTS))
def test_no_value_is_attributed_to_the_wrong_tag_on_tcp(pipeline: int, faults: list[Fault | None]):
    asyncio.run(attributed({"kind": "tcp", "pipeline": pipeline}, faults))


@settings(max_examples=80)
@given(st.sampled_from([(0, 0), (573, 2006), (100, 1750)]), faults_of(SERIAL_FAULTS))
def test_no_value_is_attributed_to_the_wrong_tag_on_a_serial_line(times: tuple[int, int], faults: list[Fault | None]):
    asyncio.run(attributed({"kind": "rtu", "byte_us": times[0], "silence_us": times[1]}, faults))


@settings(max_examples=30)
@given(faults_of(SERIAL_FAULTS))
def test_no_value_is_attributed_to_the_wrong_tag_by_a_gateway_of_a_serial_line(faults: list[Fault | None]):
    asyncio.run(attributed({"kind": "rtu+tcp"}, faults))
