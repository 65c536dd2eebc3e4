"""No value is ever attributed to the wrong tag, whatever goes wrong on the way: under the virtual clock.

Each register says which it is and which request it answers, see `tests.peers.plant`. Faults are drawn for one request
after the other; when they end, everything must be good again within the pauses of the back-off.
"""

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from probes import chain, gear, gear_of, stop

from fluxrig.errors import TransientError
from fluxrig.rack import Rack
from fluxrig_ports.memory import MemoryHost, NullModem
from tests.peers.faults import SERIAL_FAULTS, TCP_FAULTS, Exchange, Fault, framed, on_serial, on_tcp
from tests.peers.plant import EVERY_MS, Got, Plant, config
from tests.peers.proxy import Player

TIMEOUT_MS = 60
PAUSE_MAX_MS = 100
RETRY_REFUSED_MS = 150
RECOVERY_MS = 2 * TIMEOUT_MS + 2 * PAUSE_MAX_MS + 4 * RETRY_REFUSED_MS + 8 * EVERY_MS
"""The last faults, the longest pauses, the refused tags one a poll, and some polls."""


class Bench:
    """The Gear, and a plant at the other end of its line that has `faults` for the next requests."""

    def __init__(self, link: dict[str, Any], faults: list[Fault | None]):
        self.host = MemoryHost(seed=1)
        self.plant = Plant()
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
        link = {"timeout_ms": TIMEOUT_MS, "reconnect_max_ms": PAUSE_MAX_MS, **link}
        compiled = config(link, RETRY_REFUSED_MS)
        self.rack = Rack(self.host, chain(gear("plc", "io_modbus", compiled), gear("sink", "sink")))
        self.got = gear_of(self.rack, "sink").got = Got(self.plant)

    @property
    def faults_are_over(self) -> bool:
        return not self._faults

    async def _serve_tcp(self, stream: NullModem) -> None:
        player = Player(stream.write, stream.close, self.host.clock.sleep_ms, True)
        waiting = b""
        while data := await read(stream):
            waiting += data
            while len(waiting) >= 12:
                request, waiting = waiting[:12], waiting[12:]
                pdu = self.plant.answer(request[6], request[7:])
                answer = request[:4] + (1 + len(pdu)).to_bytes(2, "big") + request[6:7] + pdu
                player.play(on_tcp(self._fault(), self._exchange(request, answer)))

    async def _serve_serial(self, stream: NullModem) -> None:
        player = Player(stream.write, stream.close, self.host.clock.sleep_ms, False)
        while request := await read(stream):
            answer = framed(request[0], self.plant.answer(request[0], request[1:-2]))
            player.play(on_serial(self._fault(), self._exchange(request, answer)))

    def _fault(self) -> Fault | None:
        return self._faults.pop(0) if self._faults else None

    def _exchange(self, request: bytes, answer: bytes) -> Exchange:
        exchange = Exchange(request, answer, self._before, TIMEOUT_MS)
        self._before = answer
        return exchange


async def read(stream: NullModem) -> bytes | None:
    try:
        return await stream.read(1000)
    except TransientError:
        return b""


async def attributed(link: dict[str, Any], faults: list[Fault | None]) -> None:
    bench = Bench(link, faults)
    await bench.rack.start()
    while not bench.faults_are_over:
        await bench.host.clock.advance(EVERY_MS)
    await bench.host.clock.advance(RECOVERY_MS)
    await stop(bench.rack)
    bench.got.check()
    assert bench.got.recovered(), "it does not recover"


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
