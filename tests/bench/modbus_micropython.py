"""Modbus masters to measure under MicroPython: `modbus_micropython.py MASTER PORT REGISTERS`.

The work of these contestants (see `contest`) is to read so many holding registers from the server on 127.0.0.1, over
one connection. CPU seconds are not known here: they are printed as 0.
"""

import struct
import sys
import time

UNIT = 1
FIRST = 1000
"""The register that is read first. It holds its own address."""

PIPELINE = 16
BATCH = 32
"""Requests that fluxrig is handed at once, as if they were those of one poll."""

ticks_us = time.ticks_us  # type: ignore[attr-defined] # MicroPython's
ticks_diff = time.ticks_diff  # type: ignore[attr-defined]


def fluxrig(port: int, registers: int, pipeline: int, as_tags: bool):
    """The line that the Gear uses. Of each answer it makes a dict of tags, or a tuple."""
    from asyncio import run

    from fluxrig.modbus.pdu import read_request
    from fluxrig.modbus.request import Request
    from fluxrig.modbus.tcp_line import TcpLine
    from fluxrig.modbus.values import ReadPlan
    from fluxrig_ports.micropython.host import MicroPythonHost

    layout = ">%dH" % registers
    plan = ReadPlan(b"", layout, [["tag_%d" % index, "raw"] for index in range(registers)])
    blank = dict.fromkeys(plan.tags)
    found: list = [None]

    class Tags(Request):
        def take(self, data, arrived_ns):
            self.error = None
            found[0] = blank.copy()
            plan.read(data, found[0], {})

    class Tuple(Request):
        def take(self, data, arrived_ns):
            self.error = None
            found[0] = struct.unpack(layout, data)

    config = {
        "kind": "tcp",
        "address": "127.0.0.1",
        "port": port,
        "pipeline": pipeline,
        "timeout_ms": 1000,
        "connect_timeout_ms": 3000,
        "reconnect_min_ms": 500,
        "reconnect_max_ms": 30_000,
        "pause_after_connect_ms": 0,
        "request_delay_ms": 0,
    }
    line = TcpLine(MicroPythonHost("."), "bench", config, lambda *_: None)
    pdu = read_request(3, FIRST, registers)
    requests = [(Tags if as_tags else Tuple)(UNIT, pdu) for _ in range(BATCH)]
    last = plan.tags[-1] if as_tags else -1

    async def ask(count):
        for _ in range(0, count, BATCH):
            await line.ask(requests, 0)

    def work(count):
        run(ask(count))
        assert requests[-1].error is None
        assert found[0][last] == FIRST + registers - 1

    return work


def micropython_modbus(port: int, registers: int):
    """It makes a tuple of each answer, of 123 registers at most."""
    from umodbus.tcp import TCP

    master = TCP("127.0.0.1", port)

    def work(count):
        for _ in range(count):
            assert master.read_holding_registers(UNIT, FIRST, registers, False)[-1] == FIRST + registers - 1

    return work


def main(name: str, port: int, registers: int) -> None:
    if name == "micropython-modbus":
        work = micropython_modbus(port, registers)
    else:
        work = fluxrig(port, registers, 1 if name == "sequential" else PIPELINE, name != "tuples")
    while True:
        line = sys.stdin.readline()
        if not line:
            break
        start = ticks_us()
        work(int(line))
        print(ticks_diff(ticks_us(), start) / 1e6, 0)


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
