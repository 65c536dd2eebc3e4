"""Streams, as `fluxrig.host.Stream` promises them, against peers on good and on bad days."""

import asyncio

from expect import raises_async

from fluxrig.errors import LocalError, TransientError
from tests.ports.peer import HERE, ask, open_port
from tests.ports.streams import KIB, LIMIT_MS, connected, connected_to, finished, take
from tests.ports.subject import new_host


async def test_bytes_go_out_and_come_back():
    host, stream = await connected("echoes")
    for payload in (b"x", b"hello", bytes(range(256)) * 40):
        await stream.write(payload)
        assert await take(host, stream, len(payload)) == payload
    await stream.close()


async def test_the_callers_buffer_may_be_reused_after_a_write():
    host, stream = await connected("echoes")
    buffer = bytearray(b"first")
    await stream.write(buffer)
    buffer[:] = b"later"
    assert await take(host, stream, 5) == b"first"
    await stream.close()


async def test_read_gives_what_is_there_and_never_more_than_asked():
    host, stream = await connected("echoes")
    await stream.write(b"abcdefghij")
    first = await host.clock.wait_for(stream.read(4), LIMIT_MS)
    assert 1 <= len(first) <= 4
    assert first + await take(host, stream, 10 - len(first)) == b"abcdefghij"
    await stream.close()


async def test_a_refused_connection_says_where():
    host = new_host()
    port = open_port("refuses")
    error = await raises_async(TransientError, host.connect(HERE, port, LIMIT_MS))
    assert (error.address, error.port) == (HERE, port)
    assert "refused" in str(error) and f"{HERE}:{port}" in str(error)


async def test_a_connection_that_nobody_answers_ends_in_time():
    host = new_host()
    port = open_port("never_accepts")
    error = await raises_async(TransientError, host.connect(HERE, port, 100))
    assert (error.address, error.port, error.timeout_ms) == (HERE, port, 100)
    assert "timed out" in str(error)


async def test_a_name_that_is_not_there():
    host = new_host()
    error = await raises_async(TransientError, host.connect("", 502, LIMIT_MS))  # no name server knows this one
    assert "name not found" in str(error) and error.port == 502


async def test_an_impossible_port_is_a_mistake_of_this_side():
    host = new_host()
    for port in (0, -1, 65_536):
        error = await raises_async(LocalError, host.connect(HERE, port, LIMIT_MS))
        assert error.port == port


async def test_a_peer_that_closes_in_the_middle():
    host, stream = await connected("breaks_off")
    await stream.write(b"request")
    assert await take(host, stream, 3) == b"abc"
    assert await host.clock.wait_for(stream.read(10), LIMIT_MS) == b""
    assert await host.clock.wait_for(stream.read(10), LIMIT_MS) == b"", "the end stays the end"
    await stream.close()


async def test_a_connection_that_the_peer_resets():
    port = open_port("resets")
    host, stream = await connected_to(port)
    await stream.write(b"request")
    error = await raises_async(TransientError, host.clock.wait_for(stream.read(10), LIMIT_MS))
    assert (error.address, error.port) == (HERE, port)
    assert "reset" in str(error)
    await stream.close()


async def test_a_peer_that_only_ended_its_own_direction_can_still_be_written_to():
    port = open_port("stops_sending")
    host, stream = await connected_to(port)
    assert await host.clock.wait_for(stream.read(10), LIMIT_MS) == b""
    await stream.write(b"still here")
    assert ask("heard", port, "still here")
    await stream.close()


async def test_a_read_that_ran_out_of_time_loses_nothing():
    host, stream = await connected("echoes")
    await raises_async(TransientError, host.clock.wait_for(stream.read(10), 20))
    await stream.write(b"late")
    assert await take(host, stream, 4) == b"late"
    await stream.close()


async def test_a_task_may_write_while_another_one_reads():
    port = open_port("reads_when_told")
    host, stream = await connected_to(port)
    writing = Pouring(stream)
    while not await writing.is_stuck(host):
        assert await stream.read(10, 5) is None
    for _ in range(5):
        assert await stream.read(10, 5) is None
    ask("go_on", port)
    await host.clock.wait_for(finished(writing.task), LIMIT_MS)
    assert ask("received", port, writing.written) == writing.written
    await stream.close()


async def test_close_ends_the_write_of_another_task():
    host, stream = await connected("is_deaf")
    writing = Pouring(stream)
    while not await writing.is_stuck(host):
        pass
    await stream.close()
    assert "closed" in str(await raises_async(TransientError, host.clock.wait_for(finished(writing.task), LIMIT_MS)))


class Pouring:
    """Writes more than the buffers of two kernels hold, in a task."""

    def __init__(self, stream):
        self.written = 0
        self.task = asyncio.create_task(self._pour(stream))

    async def _pour(self, stream):
        block = bytes(64 * KIB)
        for _ in range(256):
            await stream.write(block)
            self.written += len(block)

    async def is_stuck(self, host):
        """Whether nothing could be written for a while."""
        before = self.written
        await host.clock.sleep_ms(50)
        return self.written == before > 0


async def test_a_write_to_a_peer_that_reads_nothing_waits_and_can_be_given_up():
    host, stream = await connected("is_deaf")

    async def pour():
        while True:
            await stream.write(bytes(64 * KIB))

    await raises_async(TransientError, host.clock.wait_for(pour(), 300))
    await host.clock.wait_for(stream.close(), LIMIT_MS)


async def test_a_peer_that_sends_faster_than_we_read_is_held_back():
    port = open_port("pours")
    host, stream = await connected_to(port)
    await host.clock.sleep_ms(1)
    sent = await held_back(host, port)
    assert 0 < sent < 16 << 20
    for number in range(256):
        block = await take(host, stream, KIB)
        assert int.from_bytes(block[:4], "big") == number
    await stream.close()


async def held_back(host, port):
    """How much the peer of `port` could send. The loop of the platform runs meanwhile, as it would in a Rack."""
    seen = None
    while True:
        await host.clock.sleep_ms(50)
        before, seen = seen, ask("stalled", port)
        if seen == before:
            return seen


async def test_close_ends_the_read_of_another_task():
    host, stream = await connected("is_silent")
    reading = asyncio.create_task(stream.read(10))
    await host.clock.sleep_ms(10)
    await stream.close()
    assert await host.clock.wait_for(finished(reading), LIMIT_MS) == b""


async def test_a_closed_stream_reads_nothing_and_takes_nothing():
    port = open_port("echoes")
    host, stream = await connected_to(port)
    await stream.close()
    await stream.close()
    assert await host.clock.wait_for(stream.read(10), LIMIT_MS) == b""
    error = await raises_async(TransientError, stream.write(b"x"))
    assert (error.address, error.port) == (HERE, port)


async def test_what_was_written_before_close_arrives():
    port = open_port("is_silent")
    _, stream = await connected_to(port)
    await stream.write(bytes(50 * KIB))
    await stream.close()
    assert ask("received", port, 50 * KIB) == 50 * KIB


async def test_many_connections_one_after_the_other_cost_no_sockets():
    host = new_host()
    port = open_port("echoes")
    refusing = open_port("refuses")
    silent = open_port("never_accepts")
    stream = await host.connect(HERE, port, LIMIT_MS)
    first = stream_number(stream)
    await stream.close()
    for _ in range(300):
        stream = await host.connect(HERE, port, LIMIT_MS)
        await stream.close()
        await raises_async(TransientError, host.connect(HERE, refusing, LIMIT_MS))
    for _ in range(20):
        await raises_async(TransientError, host.connect(HERE, silent, 5))
    stream = await host.connect(HERE, port, LIMIT_MS)
    assert stream_number(stream) < first + 10
    await stream.close()


def stream_number(stream):
    """The file descriptor of a stream: the lowest free one, so it tells how many are in use."""
    return (stream._file if hasattr(stream, "_file") else stream._sock).fileno()


async def test_a_close_delivers_what_was_written_and_an_abort_resets():
    for ending, resets in (("close", False), ("abort", True)):
        port = open_port("echoes")
        host, stream = await connected_to(port)
        await stream.write(b"x")
        assert await take(host, stream, 1) == b"x"
        await getattr(stream, ending)()
        assert ask("was_reset", port) is resets, ending
        assert await stream.read(1) == b""
        await stream.abort()  # may be called after the end, as close may
