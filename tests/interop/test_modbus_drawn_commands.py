"""What the Gear says of a command is true, whatever goes wrong on the way: under the virtual clock.

Faults are drawn for one request after the other, polls included. The device notes what it carries out, and each command
has a value of its own, so it can be told how often and when each was carried out.
"""

import asyncio
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from probes import gear, gear_of, rig, stop

from fluxrig.rack import Rack
from fluxrig_ports.memory import MemoryHost
from tests.peers.faults import SERIAL_FAULTS, TCP_FAULTS, Fault
from tests.peers.faulty_link import FaultyLink

TIMEOUT_MS = 60
PAUSE_MAX_MS = 100
EXPIRES_MS = 300
EVERY_MS = 100
UNIT = 7

WRITES: list[list[Any]] = [
    ["single", UNIT, 6, 0, 1, b"", ">H", ["single", "raw"], None, None, True, False],
    ["multiple", UNIT, 16, 1, 2, b"", ">I", ["multiple", "raw"], None, None, True, False],
    ["both", UNIT, 23, 3, 1, b"", ">H", ["both", "raw"], None, None, True, False],
    ["again", UNIT, 6, 4, 1, b"", ">H", ["again", "raw"], None, None, True, True],
    ["unread", UNIT, 6, 5, 1, b"", ">H", ["unread", "raw"], None, None, False, False],
]
PLACES: dict[str, tuple[int, int]] = {entry[0]: (entry[3], entry[4]) for entry in WRITES}
IDEMPOTENT = "again"


def config(link: dict[str, Any]) -> dict[str, Any]:
    requests = [[3, 0, 6, b"", ">6H", [[f"r{at}", "raw"] for at in range(6)]]]
    poll = {"name": "fast", "group": "fast", "unit_id": UNIT, "every_ms": EVERY_MS, "phase_ms": 0, "requests": requests}
    return {
        "line": "line",
        "link": {
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
            **link,
        },
        "raw": False,
        "retry_refused_ms": 200,
        "polls": [poll],
        "writes": WRITES,
        "expires_ms": EXPIRES_MS,
        "write_queue": 8,
    }


class Device:
    """Six holding registers. `carried_out` has (ms, address, bytes) of each write."""

    def __init__(self, host: MemoryHost):
        self.held = bytearray(12)
        self.carried_out: list[tuple[int, int, bytes]] = []
        self._clock = host.clock
        self._began = host.clock.wall_ns()

    def ms(self) -> int:
        return (self._clock.wall_ns() - self._began) // 1_000_000

    def answer(self, unit: int, pdu: bytes) -> bytes:
        function, address, count = pdu[0], int.from_bytes(pdu[1:3], "big"), int.from_bytes(pdu[3:5], "big")
        if function == 6:
            self._write(address, pdu[3:])
            return pdu
        if function == 16:
            self._write(address, pdu[6:])
            return pdu[:5]
        if function == 23:
            self._write(int.from_bytes(pdu[5:7], "big"), pdu[10:])
        return bytes([function, 2 * count]) + self.held[2 * address : 2 * (address + count)]

    def _write(self, address: int, data: bytes) -> None:
        self.carried_out.append((self.ms(), address, data))
        self.held[2 * address : 2 * address + len(data)] = data


async def told_truly(link: dict[str, Any], faults: list[Fault | None], commands: list[tuple[str, int]]) -> None:
    host = MemoryHost(seed=1)
    host.clock.SETTLE_TURNS = 20  # enough here, and an example takes half the time
    device = Device(host)
    faulty = FaultyLink(host, link["kind"], device.answer, faults, TIMEOUT_MS)
    gears = [
        gear("commands", "source"),
        gear("plc", "io_modbus", config(faulty.link | link)),
        gear("out", "sink"),
        gear("err", "sink"),
    ]
    wires = [("commands", "out", "plc", "in"), ("plc", "out", "out", "in"), ("plc", "err", "err", "in")]
    rack = Rack(host, rig(gears, wires))
    await rack.start()
    given: list[tuple[int, str, int, bytes]] = []  # (ms, tag, value, id) of each command
    for number, (tag, pause_ms) in enumerate(commands):
        value = 0x0101 * (number + 1)
        given.append((device.ms(), tag, value, gear_of(rack, "commands").emit({tag: value}).id))
        await host.clock.advance(pause_ms)
    await host.clock.advance(EXPIRES_MS + 20 * TIMEOUT_MS)
    await stop(rack)
    outcomes = [("out", msg) for msg in gear_of(rack, "out").got if "write" in msg.meta]
    outcomes += [("err", msg) for msg in gear_of(rack, "err").got]
    check(given, outcomes, device.carried_out)


def check(given: list[tuple[int, str, int, bytes]], outcomes: list, carried_out: list[tuple[int, int, bytes]]) -> None:
    assert Counter(msg.ref_id for _, msg in outcomes) == Counter(command for *_, command in given), "one outcome each"
    said = {msg.ref_id: (port, msg.meta["write"], msg.data) for port, msg in outcomes}
    for given_ms, tag, value, command in given:
        address, count = PLACES[tag]
        data = value.to_bytes(2 * count, "big")
        times = [ms for ms, at, written in carried_out if (at, written) == (address, data)]
        port, how, told = said[command]
        what = f"{tag} = {value} is {how}, and was carried out {len(times)} times"
        assert told == {tag: value}
        assert len(times) <= (2 if tag == IDEMPOTENT else 1), what
        assert all(given_ms <= ms <= given_ms + EXPIRES_MS for ms in times), f"{what}, late"
        assert (port == "out") == (how in ("confirmed", "accepted"))
        if how in ("confirmed", "accepted", "not_confirmed"):
            assert times, what
        elif how == "not_sent":
            assert not times, what
        else:
            assert how in ("refused", "unknown"), how
    by_tag = [(at, data) for _, at, data in carried_out]
    order = [(PLACES[tag][0], value.to_bytes(2 * PLACES[tag][1], "big")) for _, tag, value, _ in given]
    assert list(dict.fromkeys(by_tag)) == [each for each in order if each in by_tag], "in the order of their arrival"


def faults_of(kinds: dict[str, Any]) -> st.SearchStrategy[list[Fault | None]]:
    # An exception instead of the answer would be a lie: the device has carried the write out.
    names = sorted(set(kinds) - {"refused"} | {"unheard", "lost"})
    fault = st.builds(Fault, st.sampled_from(names), st.integers(0, 99))
    return st.lists(st.none() | fault, max_size=24)


COMMANDS = st.lists(st.tuples(st.sampled_from(sorted(PLACES)), st.integers(0, 150)), min_size=1, max_size=8)


@settings(max_examples=40)
@given(faults_of(TCP_FAULTS), COMMANDS)
def test_what_is_said_of_a_command_is_true_on_tcp(faults: list[Fault | None], commands: list[tuple[str, int]]):
    asyncio.run(told_truly({"kind": "tcp"}, faults, commands))


@settings(max_examples=40)
@given(faults_of(SERIAL_FAULTS), COMMANDS)
def test_what_is_said_of_a_command_is_true_on_a_serial_line(
    faults: list[Fault | None], commands: list[tuple[str, int]]
):
    asyncio.run(told_truly({"kind": "rtu"}, faults, commands))
