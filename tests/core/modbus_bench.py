"""The Gear between a scripted server (modbus_server.py) and a sink, on a null modem, under the virtual clock."""

import gc

from modbus_server import ADDRESS, PORT, TIMEOUT_MS, UNIT, Server
from probes import chain, gear, gear_of

from fluxrig.gears.io_modbus import io_modbus
from fluxrig.modbus import tcp_line
from fluxrig.rack import Rack
from fluxrig_ports.memory import MemoryHost, streams

LOADED = (io_modbus, streams, tcp_line)
"""What a Rack would import in the first test, loaded while the heap is in one piece."""

EVERY_MS = 100
PAUSE_MIN_MS, PAUSE_MAX_MS = 150, 600

FAST_TAGS = {"a": 0, "b": 1, "c": 2, "x": 10, "y": 11}
REQUESTS = [
    [3, 0, 3, b"", ">HHH", [["a", "raw"], ["b", "raw"], ["c", "raw"]]],
    [4, 10, 2, bytes([2, 3, 0, 1]), ">HH", [["y", "raw"], ["x", "raw"]]],
]
BITS = [1, 4, 6, b"\x00\x00", ">BB", [["even", "bit", 1, False, True], ["odd", "bit", 2, False, True]]]


def config(polls=None, pipeline=1, **more):
    compiled: dict = {
        "line": "tcp://plc:502",
        "link": {
            "kind": "tcp",
            "address": ADDRESS,
            "port": PORT,
            "pipeline": pipeline,
            "timeout_ms": TIMEOUT_MS,
            "connect_timeout_ms": 80,
            "reconnect_min_ms": PAUSE_MIN_MS,
            "reconnect_max_ms": PAUSE_MAX_MS,
            "pause_after_connect_ms": 0,
            "request_delay_ms": 0,
        },
        "raw": False,
        "retry_refused_ms": 60_000,
        "polls": polls or [poll("fast", REQUESTS)],
        "writes": [],
        "expires_ms": 2000,
        "write_queue": 8,
    }
    for key, value in more.items():
        (compiled["link"] if key in compiled["link"] else compiled)[key] = value
    return compiled


def poll(name, requests, every_ms=EVERY_MS, phase_ms=0, unit_id=UNIT):
    return {
        "name": name,
        "group": name,
        "unit_id": unit_id,
        "every_ms": every_ms,
        "phase_ms": phase_ms,
        "requests": requests,
    }


class Bench:
    """A Rack with the Gear under test, its server, and what it sent."""

    def __init__(self, compiled=None):
        gc.collect()  # a test makes many: what the one before left must not split the heap of this one
        self.host = MemoryHost(seed=1)
        self.clock = self.host.clock
        self.server = Server(self.host)
        self.rack = Rack(self.host, chain(gear("plc", "io_modbus", compiled or config()), gear("sink", "sink")))
        self.gear = gear_of(self.rack, "plc")
        self.got = gear_of(self.rack, "sink").got
        self.began = self.host.clock.wall_ns()
        self.started = False

    async def run(self, ms):
        """Start if need be, and let virtual time pass."""
        if not self.started:
            self.started = True
            await self.rack.start()
        await self.clock.advance(ms)
        return self

    def logged(self, level):
        return [text for at, who, text in self.host.logged if at == level and who == "plc"]

    def qualities(self):
        """For each message in turn, the set of the qualities of its tags."""
        return [{msg.quality(tag) for tag in msg.data} for msg in self.got]

    def check_attribution(self, every_ms=EVERY_MS):
        """Each value comes from the register of its tag, and from a request of the same poll. Returns their number."""
        values = 0
        for msg in self.got:
            for tag, value in msg.data.items():
                if value is None:
                    assert msg.quality(tag).startswith("bad:"), f"{tag} is None and said to be good"
                    continue
                assert msg.quality(tag) == "good", f"{tag} has a value and is said to be {msg.quality(tag)}"
                values += 1
                number, register = divmod(value, 32)
                assert register == FAST_TAGS[tag], f"{tag} got register {register}"
                answered_ms = (msg.ts - self.began) // 1_000_000
                polled_ms = answered_ms // every_ms * every_ms
                assert polled_ms <= self.server.asked[number][0] <= answered_ms, f"{tag} got an old answer"
        return values
