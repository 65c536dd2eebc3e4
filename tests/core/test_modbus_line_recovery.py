"""Lines after what went wrong: answers that may still come, adapters that hang, gateways that want a pause."""

import asyncio

from test_modbus_line import TIMEOUT_MS, Bench, answer, frames, reads, rtu_answer

from fluxrig.modbus.pdu import write_register
from fluxrig.modbus.request import Request
from fluxrig_ports.memory.streams import Pipe


class Slow(Bench):
    """A bench whose device closes the first connection after the first request, if `closes`."""

    closes = False


async def slow_device(bench, stream):
    """Answers over whatever connection stands by then: a gateway passes on what it hears."""
    bench.stream = stream
    while True:
        request = await stream.read(100)
        if not request:
            return
        if bench.closes:
            bench.closes = False
            await stream.close()
        await bench.clock.sleep_ms(TIMEOUT_MS - 10)
        await bench.stream.write(rtu_answer(7, int.from_bytes(request[2:4], "big")))


async def test_what_a_cancelled_request_is_answered_meets_no_other_request():
    for kind in ("rtu", "rtu+tcp"):
        bench = Slow(kind, slow_device)
        asking = asyncio.create_task(bench.line.ask(reads(7, 1)))
        await bench.clock.advance(5)
        asking.cancel()
        await bench.clock.advance(0)
        assert await bench.ask(reads(7, 2), 3 * TIMEOUT_MS) == [b"\0\2"], kind
        assert bench.connections == 2


async def test_what_is_answered_after_a_lost_connection_meets_no_other_request():
    bench = Slow("rtu+tcp", slow_device)
    bench.closes = True
    assert await bench.ask(reads(7, 1), 10) == ["not_connected"]
    assert await bench.ask(reads(7, 2), 3 * TIMEOUT_MS) == [b"\0\2"]
    assert bench.connections == 2


async def test_who_waits_for_a_late_answer_does_not_hold_up_the_others():
    async def script(bench, stream):
        while True:
            request = await stream.read(100)
            if not request:
                return
            if request[0] == 8:
                await stream.write(rtu_answer(8, 3))

    bench = Bench("rtu", script)
    assert await bench.ask(reads(7, 1), TIMEOUT_MS) == ["timeout"]
    waiting = asyncio.create_task(bench.line.ask(reads(7, 2), even_paused=True))
    await bench.clock.advance(1)
    assert await bench.ask(reads(8, 3), 1) == [b"\0\3"]
    await bench.clock.advance(2 * TIMEOUT_MS)
    assert waiting.done()


async def test_the_beginning_of_an_echo_is_no_damaged_answer():
    # A read of one register from 0x0201 on begins as its answer would: seven bytes, the third of them a 2.
    async def script(bench, stream):
        for _ in range(2):
            request = await stream.read(100)
            await stream.write(request)
            await bench.clock.sleep_ms(80)
            await stream.write(rtu_answer(7, int.from_bytes(request[2:4], "big")))

    bench = Bench("rtu", script, timeout_ms=100)
    assert await bench.ask(reads(7, 0x201, 0x202), 200) == [b"\2\1", b"\2\2"]
    assert bench.line.protocol_errors == 0


async def test_an_adapter_that_takes_nothing_more_is_opened_again():
    async def script(bench, stream):
        if bench.connections == 1:
            await bench.clock.sleep_ms(10_000)
        else:
            await slow_device(bench, stream)

    bench = Slow("rtu", script)
    assert await bench.ask(reads(7, 1), TIMEOUT_MS) == ["timeout"]
    assert bench.line._stream is not None
    await bench.line._stream.write(bytes(Pipe.CAPACITY - 8))  # as if it had been asked often
    assert await bench.ask(reads(7, 1), 5 * TIMEOUT_MS, True) == [b"\0\1"]
    assert bench.connections == 2


async def test_a_gateway_has_its_pause_also_after_it_could_not_reach_a_unit():
    asked = []

    async def script(bench, stream):
        while True:
            for request in await frames(stream):
                asked.append(bench.clock.ticks_us())
                refused = request[:4] + b"\0\3" + request[6:7] + b"\x83\x0b"
                await stream.write(refused if request[6] == 7 else answer(request))
            if not request:
                return

    bench = Bench("tcp", script, request_delay_ms=20)
    assert await bench.ask(reads(7, 1), 1) == ["gateway_target_no_response"]
    assert await bench.ask(reads(8, 2), 30) == [b"\0\2"]
    assert bench.clock.ticks_diff(asked[1], asked[0]) >= 20_000


async def test_an_idle_connection_that_was_closed_is_counted_also_when_a_write_finds_out():
    async def script(bench, stream):
        request = (await frames(stream))[0]
        await stream.write(answer(request) if request[7] == 3 else request)
        await stream.close()

    bench = Bench("tcp", script)
    assert await bench.ask(reads(7, 1), 1) == [b"\0\1"]
    write = Request(7, write_register(1, b"\0\5"))
    write.repeatable = False
    assert await bench.ask([write], 1) == [b""]
    assert bench.line.disconnects == bench.line.reconnects == 1
