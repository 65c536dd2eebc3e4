"""No value is ever attributed to the wrong tag, whatever goes wrong on the way: under the virtual clock.

Each register says which it is and which request it answers, see `tests.peers.plant`. Faults are drawn for one request
after the other; when they end, everything must be good again within the pauses of the back-off.
"""

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from probes import chain, gear, gear_of, stop

from fluxrig.rack import Rack
from fluxrig_ports.memory import MemoryHost
from tests.peers.faults import SERIAL_FAULTS, TCP_FAULTS, Fault
from tests.peers.faulty_link import FaultyLink
from tests.peers.plant import EVERY_MS, Got, Plant, config

TIMEOUT_MS = 60
PAUSE_MAX_MS = 100
RETRY_REFUSED_MS = 150
RECOVERY_MS = 2 * TIMEOUT_MS + 2 * PAUSE_MAX_MS + 4 * RETRY_REFUSED_MS + 8 * EVERY_MS
"""The last faults, the longest pauses, the refused tags one a poll, and some polls."""


async def attributed(link: dict[str, Any], faults: list[Fault | None]) -> None:
    host = MemoryHost(seed=1)
    host.clock.SETTLE_TURNS = 20  # enough here, and an example takes half the time
    plant = Plant()
    faulty = FaultyLink(host, link["kind"], plant.answer, faults, TIMEOUT_MS)
    compiled = config(faulty.link | {"reconnect_max_ms": PAUSE_MAX_MS} | link, RETRY_REFUSED_MS)
    rack = Rack(host, chain(gear("plc", "io_modbus", compiled), gear("sink", "sink")))
    got = gear_of(rack, "sink").got = Got(plant)
    await rack.start()
    while faulty.faults:
        await host.clock.advance(EVERY_MS)
    await host.clock.advance(RECOVERY_MS)
    await stop(rack)
    got.check()
    assert got.recovered(), "it does not recover"


def faults_of(kinds: dict[str, Any]) -> st.SearchStrategy[list[Fault | None]]:
    fault = st.builds(Fault, st.sampled_from(sorted(kinds)), st.integers(0, 99))
    return st.lists(st.none() | fault | fault, max_size=24)


@settings(max_examples=60)
@given(st.integers(1, 8), faults_of(TCP_FAULTS))
def test_no_value_is_attributed_to_the_wrong_tag_on_tcp(pipeline: int, faults: list[Fault | None]):
    asyncio.run(attributed({"kind": "tcp", "pipeline": pipeline}, faults))


@settings(max_examples=60)
@given(st.sampled_from([(0, 0), (573, 2006), (100, 1750)]), faults_of(SERIAL_FAULTS))
def test_no_value_is_attributed_to_the_wrong_tag_on_a_serial_line(times: tuple[int, int], faults: list[Fault | None]):
    asyncio.run(attributed({"kind": "rtu", "byte_us": times[0], "silence_us": times[1]}, faults))


@settings(max_examples=20)
@given(faults_of(SERIAL_FAULTS))
def test_no_value_is_attributed_to_the_wrong_tag_by_a_gateway_of_a_serial_line(faults: list[Fault | None]):
    asyncio.run(attributed({"kind": "rtu+tcp"}, faults))
