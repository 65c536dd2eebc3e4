"""Reads with a time limit, cancelled reads and discarded input, as `fluxrig.host.Stream` promises them."""

import asyncio

from expect import raises, raises_async

from fluxrig.errors import TransientError
from tests.ports.peer import open_port
from tests.ports.streams import KIB, LIMIT_MS, connected, connected_to, finished, take
from tests.ports.subject import until


async def test_a_read_with_a_time_limit_gets_what_comes_in_time():
    _, stream = await connected("echoes")
    for payload in (b"one", b"two"):
        await stream.write(payload)
        assert await stream.read(10, LIMIT_MS) == payload
    await stream.close()


async def test_a_read_with_a_time_limit_is_none_when_nothing_came():
    host, stream = await connected("echoes")
    for timeout_ms in (30, 10, 1, 20):
        start = host.clock.ticks_us()
        assert await stream.read(10, timeout_ms) is None
        assert host.clock.ticks_diff(host.clock.ticks_us(), start) >= (timeout_ms - 1) * 1000
    await stream.write(b"late")
    assert await take(host, stream, 4) == b"late"
    await stream.close()


async def test_each_read_has_the_time_limit_it_was_given():
    """A limit that has not passed must not end a later read: neither one with more time, nor one without a limit."""
    host, stream = await connected("echoes")
    await stream.write(b"x")
    assert await stream.read(10, 20) == b"x"
    start = host.clock.ticks_us()
    assert await stream.read(10, 60) is None
    assert host.clock.ticks_diff(host.clock.ticks_us(), start) >= 59_000
    await stream.write(b"x")
    assert await stream.read(10, 20) == b"x"
    waiting = asyncio.create_task(stream.read(10))
    await host.clock.sleep_ms(40)
    assert not waiting.done()
    await stream.write(b"y")
    assert await host.clock.wait_for(finished(waiting), LIMIT_MS) == b"y"
    await stream.close()


async def test_a_short_time_limit_ends_before_a_longer_one_that_was_not_needed():
    host, stream = await connected("echoes")

    async def answered(timeout_ms, after_ms):
        waiting = asyncio.create_task(stream.read(10, timeout_ms))
        await host.clock.sleep_ms(after_ms)
        await stream.write(b"x")
        assert await host.clock.wait_for(finished(waiting), LIMIT_MS) == b"x"

    for after_ms in (1, 40):  # the longer limit begins to count while the first one still does, or after it
        await answered(20, 1)
        await answered(60_000, after_ms)
        assert await host.clock.wait_for(stream.read(10, 20), LIMIT_MS) is None
    await stream.close()


async def test_a_read_with_a_time_limit_can_be_cancelled_and_loses_nothing():
    host, stream = await connected("echoes")
    for turn in range(5):
        waiting = asyncio.create_task(stream.read(10, LIMIT_MS))
        await host.clock.sleep_ms(turn)
        waiting.cancel()
        await raises_async(asyncio.CancelledError, waiting)
        await stream.write(b"kept")
        assert await take(host, stream, 4) == b"kept"
    await stream.close()


async def test_a_cancellation_is_never_taken_for_the_end_of_the_time():
    """Both may come within one turn of the loop: the time of a read is up, and somebody cancels its task."""
    host, stream = await connected("is_silent")
    clock = host.clock
    for turns in range(6):
        waiting = asyncio.create_task(stream.read(10, 3))
        await clock.sleep_ms(1)
        overdue = clock.ticks_add(clock.ticks_us(), 5000)
        while clock.ticks_diff(overdue, clock.ticks_us()) > 0:
            pass  # the loop must not see the time pass
        for _ in range(turns):
            await asyncio.sleep(0)
        if waiting.cancel():
            await raises_async(asyncio.CancelledError, waiting)
        else:
            assert await waiting is None
    await stream.close()


async def test_many_short_time_limits_and_answers_lose_nothing():
    host, stream = await connected("echoes")
    sent = received = b""
    for number in range(200):
        await stream.write(bytes((number,)))
        sent += bytes((number,))
        received += await stream.read(10, 1) or b""
    received += await take(host, stream, len(sent) - len(received)) if len(received) < len(sent) else b""
    assert received == sent
    await stream.close()


async def test_the_end_comes_before_the_time_limit():
    host, stream = await connected("breaks_off")
    await stream.write(b"request")
    assert await take(host, stream, 3) == b"abc"
    assert await stream.read(10, LIMIT_MS) == b""
    await stream.close()


async def test_a_reader_that_always_finds_something_lets_others_run():
    host, stream = await connected("pours")
    turns = 0

    async def other():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    await take(host, stream, KIB)
    before = turns
    for _ in range(3000):  # more than any platform keeps for the next read
        assert await stream.read(64, LIMIT_MS)
    assert turns > before
    task.cancel()
    await stream.close()


async def test_what_was_not_read_can_be_discarded():
    port = open_port("echoes")
    host, stream = await connected_to(port)
    assert stream.discard() == 0
    await stream.write(b"stale answer")
    assert await stream.read(1, LIMIT_MS) == b"s"
    dropped = 0
    while dropped < len("tale answer"):
        dropped += stream.discard()
        await host.clock.sleep_ms(1)
    assert await stream.read(10, 5) is None
    await stream.write(b"fresh")
    assert await take(host, stream, 5) == b"fresh"
    await stream.close()
    raises(TransientError, stream.discard)


async def test_discarding_finds_out_that_the_peer_has_closed():
    host, stream = await connected("breaks_off")
    await stream.write(b"request")

    def at_its_end():
        try:
            stream.discard()
        except TransientError:
            return True
        return False

    await until(at_its_end, host.clock)
    assert await stream.read(10, LIMIT_MS) == b""
    await stream.close()


async def test_discarding_from_a_peer_that_never_stops_comes_to_an_end():
    _, stream = await connected("pours")
    assert await stream.read(1, LIMIT_MS)
    assert 0 < stream.discard() < 16 << 20
    assert await stream.read(10, LIMIT_MS)
    await stream.close()
