"""What the compiler says a serial line can carry, the Rack keeps: under the virtual clock, with units that die.

The line is simulated by the characters on it: each answer arrives when the wire and the device have had their time. Who
does not answer is drawn anew for each request, within what `max_dead` allows.
"""

import asyncio
from random import Random
from typing import Any

import pytest
from probes import counted

from fluxrig.rack import Rack
from fluxrig_ports.memory import MemoryHost
from fluxrig_tooling.rig import compile_rig, load_text

GEAR = """\
  - name: g{unit}
    type: io_modbus
    config:
      link: serial:///dev/ttyUSB0
      baud: {baud}
      timeout: {timeout}ms
      reconnect_min: {pause}ms
      max_dead: {max_dead}
      response_time: {response}ms
      unit_id: {unit}
      every: {slow}ms
      groups: {{fast: {{every: {fast}ms}}}}
      tags:
        a: {{address: hr:0, type: raw, length: {short}, group: fast}}
        b: {{address: hr:200, type: raw, length: {long}}}
        c: {{address: ir:0, type: uint16}}
"""


def crc(data: bytes) -> bytes:
    """CRC-16 of the serial line specification, bit by bit."""
    register = 0xFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0xA001 if register & 1 else 0)
    return register.to_bytes(2, "little")


class Wire:
    """The devices on the line. `dead` are the units that did not answer their last request."""

    def __init__(self, host: MemoryHost, baud: int, response_ms: int, max_dead: int, dice: Random):
        self.clock = host.clock
        self.character_us = 11 * 1_000_000 / baud
        self.silence_us = 1750 if baud > 19_200 else 3.5 * self.character_us
        self.response_us = response_ms * 1000
        self.max_dead = max_dead
        self.dice = dice
        self.dead: set[int] = set()
        self.silences = self.answers = 0
        host.network.listen_serial("/dev/ttyUSB0", self.serve)

    async def serve(self, stream: Any) -> None:
        while request := await stream.read(300):
            assert crc(request[:-2]) == request[-2:]
            unit, function = request[0], request[1]
            may_be_silent = unit in self.dead or len(self.dead) < self.max_dead
            if may_be_silent and self.dice.random() < 0.4:
                self.dead.add(unit)
                self.silences += 1
                continue
            self.dead.discard(unit)
            self.answers += 1
            size = 2 * int.from_bytes(request[4:6], "big")
            answer = bytes((unit, function, size)) + bytes(size)
            characters = len(request) + len(answer) + 2
            taken_us = int(characters * self.character_us + self.silence_us) + self.response_us
            await self.clock.sleep_until(self.clock.ticks_add(self.clock.ticks_us(), taken_us))
            await stream.write(answer + crc(answer))


def drawn_rig(dice: Random) -> tuple[dict[str, Any], dict[str, int], int]:
    """A compiled rig that just about holds, what its devices are like, and its longest period."""
    like = {
        "baud": dice.choice((9600, 19_200, 38_400, 115_200)),
        "response": dice.choice((5, 20)),
        "max_dead": dice.choice((0, 1, 1, 2)),
    }
    line = {**like, "timeout": dice.choice((40, 100)), "pause": dice.choice((50, 300, 1000))}
    fast, slow = dice.choice((50, 80)), dice.choice((200, 500, 800))
    sizes = [(unit, dice.randint(1, 30), dice.randint(1, 60)) for unit in range(1, dice.randint(2, 4))]
    for _ in range(40):
        gears = [
            GEAR.format(unit=unit, short=short, long=long, fast=fast, slow=slow, **line) for unit, short, long in sizes
        ]
        head = "fluxrig: 1\nmeta: {name: test, version: 1.0.0}\ngears:\n"
        model, problems = load_text(head + "".join(gears))
        if model:
            return compile_rig(model), like, slow
        assert all("cannot be polled every" in problem.message for problem in problems.errors), problems.errors
        fast, slow = fast * 11 // 10, slow * 11 // 10
    raise AssertionError("nothing holds")


@pytest.mark.parametrize("seed", range(12))
def test_what_is_compiled_misses_no_deadline(seed: int):
    dice = Random(seed)
    compiled, like, longest_ms = drawn_rig(dice)

    async def run() -> None:
        host = MemoryHost(seed=1)
        wire = Wire(host, like["baud"], like["response"], like["max_dead"], dice)
        rack = Rack(host, compiled)
        await rack.start()
        await host.clock.advance(12 * longest_ms)
        late = {ticker.name: ticker.lateness.max for ticker in rack.schedule.tickers if ticker.lateness.max}
        assert late == {}, "a poll had not ended when its next one was due"
        assert wire.answers > 20
        assert bool(wire.silences) == bool(like["max_dead"])
        assert counted(rack)["protocol_errors"] == 0
        await rack.stop()

    asyncio.run(run())
