"""Lines, without a Gear: requests asked over them, and what the other end does meanwhile, under the virtual clock."""

import asyncio

from fluxrig.errors import TransientError
from fluxrig.modbus.pdu import read_request
from fluxrig.modbus.request import Request
from fluxrig.modbus.rtu import frame
from fluxrig.modbus.rtu_line import RtuLine
from fluxrig.modbus.tcp_line import TcpLine
from fluxrig_ports.memory import MemoryHost

TIMEOUT_MS = 50
CONFIG = {
    "address": "plc",
    "port": 502,
    "serial": {"path": "line"},
    "pipeline": 4,
    "timeout_ms": TIMEOUT_MS,
    "connect_timeout_ms": TIMEOUT_MS,
    "reconnect_min_ms": 10,
    "reconnect_max_ms": 200,
    "pause_after_connect_ms": 0,
    "request_delay_ms": 0,
    "turnaround_ms": 20,
    "local_echo": False,
    "byte_us": 0,
    "silence_us": 0,
}


def no_log(level, text):
    pass


class Bench:
    """A line of `kind` with `script` at its other end: a coroutine function of (bench, stream) a connection."""

    def __init__(self, kind, script, **more):
        self.host = MemoryHost(seed=1)
        self.clock = self.host.clock
        self.script = script
        self.connections = 0
        self.host.network.listen("plc", 502, self._serve)
        self.host.network.listen_serial("line", self._serve)
        config = dict(CONFIG)
        config["kind"] = kind
        config.update(more)
        self.line = (TcpLine if kind == "tcp" else RtuLine)(self.host, "line", config, no_log)

    async def _serve(self, stream):
        self.connections += 1
        try:
            await self.script(self, stream)
        except TransientError:
            pass  # the line has closed it

    async def ask(self, requests, ms, even_paused=False):
        """Ask, and let `ms` pass: what each of the requests got, its data or the reason why there is none."""
        task = asyncio.create_task(self.line.ask(requests, even_paused=even_paused))
        await self.clock.advance(ms)
        await task
        return [request.error.reason if request.error else request.data for request in requests]


def reads(unit, *addresses):
    return [Request(unit, read_request(3, address, 1)) for address in addresses]


async def frames(stream, size=12):
    """The next requests that came at once."""
    data = await stream.read(1000)
    return [data[at : at + size] for at in range(0, len(data), size)]


def answer(request):
    """On TCP: each register holds its own address."""
    return request[:4] + b"\0\5" + request[6:8] + b"\2" + request[8:10]


def rtu_answer(unit, address):
    return frame(unit, b"\3\2" + address.to_bytes(2, "big"))


async def test_what_was_not_answered_when_a_connection_is_lost_is_asked_again_in_whatever_order_it_was():
    for lost in ((0,), (1,), (2,), (0, 2), (0, 1), (1, 2)):

        async def script(bench, stream, lost=lost):
            for number, request in enumerate(await frames(stream)):
                if bench.connections > 2 or number not in lost:
                    await stream.write(answer(request))
            if bench.connections == 2:
                await bench.clock.sleep_ms(5)
                await stream.close()
            await stream.read(1)

        async def one_answer(bench, stream, script=script):
            await stream.write(answer((await frames(stream))[0]))
            bench.script = script
            await stream.close()

        bench = Bench("tcp", one_answer)
        assert await bench.ask(reads(7, 9), 10) == [b"\0\x09"]  # so that it is known to answer
        assert await bench.ask(reads(7, 1, 2, 3), 100) == [b"\0\1", b"\0\2", b"\0\3"], lost
        assert bench.connections == 3


async def test_a_unit_that_failed_early_is_not_asked_before_its_late_answer_can_have_come():
    # More noise than anybody listens to ends the wait at once. The answer still comes, after 1.8 timeouts.
    async def script(bench, stream):
        await stream.read(100)
        await stream.write(b"\xff" * 1100)
        await bench.clock.sleep_ms(TIMEOUT_MS * 18 // 10)
        await stream.write(rtu_answer(7, 1))
        await stream.read(100)
        await stream.write(rtu_answer(7, 2))

    bench = Bench("rtu", script)
    assert await bench.ask(reads(7, 1), TIMEOUT_MS // 10) == ["protocol_error"]
    # After its pause, which is one timeout; and at once, for what cannot wait.
    await bench.clock.advance(TIMEOUT_MS)
    assert await bench.ask(reads(7, 2), 2 * TIMEOUT_MS) == [b"\0\2"]


async def test_a_late_answer_meets_no_request_when_the_clock_steps_or_a_pause_is_no_excuse():
    async def script(bench, stream):
        await stream.read(100)
        await bench.clock.sleep_ms(TIMEOUT_MS * 18 // 10)
        await stream.write(rtu_answer(7, 1))
        await stream.read(100)
        await stream.write(rtu_answer(7, 2))

    for step_s, even_paused in ((3600, False), (-3600, False), (0, True)):
        bench = Bench("rtu", script)
        assert await bench.ask(reads(7, 1), TIMEOUT_MS) == ["timeout"]
        bench.clock.step_wall(step_s * 1_000_000_000)
        assert await bench.ask(reads(7, 2), 2 * TIMEOUT_MS, even_paused) == [b"\0\2"], step_s


async def test_another_unit_is_asked_meanwhile():
    async def script(bench, stream):
        await stream.read(100)
        await stream.read(100)
        await stream.write(rtu_answer(8, 3))

    bench = Bench("rtu", script)
    assert await bench.ask(reads(7, 1), TIMEOUT_MS) == ["timeout"]
    assert await bench.ask(reads(8, 3), 1) == [b"\0\3"]


async def test_the_echo_of_an_adapter_is_taken_off_and_a_changed_one_is_an_error():
    for change, wanted in ((0, b"\0\1"), (1, "protocol_error")):

        async def script(bench, stream, change=change):
            sent = await stream.read(100)
            back = sent[:-1] + bytes((sent[-1] ^ change,))
            for byte in back + rtu_answer(7, 1):
                await stream.write(bytes((byte,)))

        assert await Bench("rtu", script, local_echo=True).ask(reads(7, 1), TIMEOUT_MS) == [wanted]
