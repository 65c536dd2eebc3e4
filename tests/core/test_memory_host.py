import asyncio

from expect import raises, raises_async

from fluxrig.errors import LocalError, TransientError
from fluxrig_ports.memory import MemoryHost, MemoryMqtt, Network, VirtualClock
from fluxrig_ports.memory.streams import Pipe, null_modem


def test_ticks_wrap_and_differences_do_not():
    clock = VirtualClock()
    ticks = clock.ticks_us()
    later = clock.ticks_add(ticks, 2_000_000)
    assert later < ticks, "the default clock wraps within the first second"
    assert clock.ticks_diff(later, ticks) == 2_000_000
    assert clock.ticks_diff(ticks, later) == -2_000_000


async def test_sleepers_wake_in_the_order_of_their_deadlines():
    clock = VirtualClock()
    woken = []

    async def sleeper(name, ms):
        await clock.sleep_ms(ms)
        woken.append((name, clock.wall_ns()))

    start = clock.wall_ns()
    tasks = [asyncio.create_task(sleeper(*each)) for each in (("b", 20), ("a", 10), ("c", 20), ("d", 30))]
    await clock.advance(25)
    assert woken == [("a", start + 10_000_000), ("b", start + 20_000_000), ("c", start + 20_000_000)]
    tasks[3].cancel()


async def test_wait_for_returns_raises_and_times_out():
    clock = VirtualClock()

    async def after(ms, error=None):
        await clock.sleep_ms(ms)
        if error:
            raise error
        return ms

    async def finish(task):
        await clock.advance(100)
        return await task

    assert await finish(asyncio.create_task(clock.wait_for(after(10), 50))) == 10
    failing = asyncio.create_task(clock.wait_for(after(10, ValueError("x")), 50))
    await raises_async(ValueError, finish(failing))
    late = asyncio.create_task(clock.wait_for(after(60), 50))
    assert "timed out after 50 ms" in str(await raises_async(TransientError, finish(late)))


async def test_the_wall_clock_may_step_and_ticks_do_not_notice():
    clock = VirtualClock()
    ticks, wall = clock.ticks_us(), clock.wall_ns()
    clock.step_wall(-5_000_000_000)
    await clock.advance(10)
    assert clock.ticks_diff(clock.ticks_us(), ticks) == 10_000
    assert clock.wall_ns() == wall - 5_000_000_000 + 10_000_000


async def test_a_null_modem_carries_bytes_both_ways_and_reports_the_end():
    a, b = null_modem()
    await a.write(b"hello")
    assert await b.read(2) == b"he"
    assert await b.read(10) == b"llo"
    await b.write(b"back")
    assert await a.read(10) == b"back"
    await b.close()
    assert await a.read(10) == b""
    await raises_async(TransientError, a.write(b"x"))


async def test_what_was_not_read_can_be_discarded():
    a, b = null_modem()
    await a.write(b"stale")
    assert (b.discard(), b.discard()) == (5, 0)
    await a.write(b"fresh")
    assert await b.read(10) == b"fresh"
    await a.close()
    raises(TransientError, b.discard)


async def test_a_full_pipe_holds_the_writer_back():
    a, b = null_modem()
    writing = asyncio.create_task(a.write(bytes(Pipe.CAPACITY + 10)))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not writing.done()
    got = len(await b.read(Pipe.CAPACITY))
    while got < Pipe.CAPACITY + 10:
        got += len(await b.read(Pipe.CAPACITY))
    await writing
    assert got == Pipe.CAPACITY + 10


async def test_a_read_runs_out_of_time_on_the_virtual_clock_and_loses_nothing():
    clock = VirtualClock()
    a, b = null_modem(clock)
    reading = asyncio.create_task(b.read(10, timeout_ms=50))
    await clock.advance(49)
    assert not reading.done()
    await clock.advance(1)
    assert await reading is None
    await a.write(b"late")
    assert await b.read(10, timeout_ms=50) == b"late"


async def test_a_read_with_time_to_spare_gets_what_arrives():
    clock = VirtualClock()
    a, b = null_modem(clock)
    reading = asyncio.create_task(b.read(10, timeout_ms=50))
    await clock.advance(20)
    await a.write(b"now")
    await clock.advance(0)
    assert await reading == b"now"
    cancelled = asyncio.create_task(b.read(10, timeout_ms=50))
    await clock.advance(1)
    cancelled.cancel()
    await raises_async(asyncio.CancelledError, cancelled)
    await a.write(b"kept")
    assert await b.read(10) == b"kept"
    ending = asyncio.create_task(b.read(10, timeout_ms=50))
    await clock.advance(1)
    await b.close()
    assert await ending == b""


async def test_a_null_modem_without_a_clock_says_that_it_knows_no_time():
    _, b = null_modem()
    assert "clock" in str(await raises_async(LocalError, b.read(10, timeout_ms=5)))


async def test_hosts_on_one_network_reach_each_other():
    network = Network()
    host = MemoryHost(network=network)

    async def echo(stream):
        await stream.write(await stream.read(100))

    network.listen("plc", 502, echo)
    stream = await host.connect("plc", 502, 1000)
    await stream.write(b"ping")
    assert await stream.read(100) == b"ping"
    assert "refused" in str(await raises_async(TransientError, host.connect("plc", 503, 1000)))
    network.unlisten("plc", 502)
    await raises_async(TransientError, host.connect("plc", 502, 1000))


LINE = {"path": "/dev/ttyUSB0", "baud": 9600, "parity": "even", "stop_bits": 1, "rs485": False}


async def upper(stream):
    """A device that answers with capitals, at 9600 baud; at any other rate it makes noise."""
    while True:
        data = await stream.read(100)
        if not data:
            return
        await stream.write(data.upper() if stream.options["baud"] == 9600 else b"\xff")


async def test_a_serial_line_has_a_device_at_its_other_end():
    host = MemoryHost()
    host.network.listen_serial("/dev/ttyUSB0", upper)
    line = await host.serial(LINE)
    await line.write(b"ask")
    assert await line.read(100) == b"ASK"
    reading = asyncio.create_task(line.read(100, timeout_ms=20))
    await host.clock.advance(20)
    assert await reading is None
    await line.close()
    assert await line.read(100) == b""
    line = await host.serial(dict(LINE, baud=19200))
    await line.write(b"ask")
    assert await line.read(100) == b"\xff"


async def test_an_unknown_serial_line_names_the_known_ones():
    host = MemoryHost()
    assert "none" in str(await raises_async(LocalError, host.serial(LINE)))
    host.network.listen_serial("/dev/ttyS1", upper)
    error = await raises_async(LocalError, host.serial(LINE))
    assert error.path == "/dev/ttyUSB0" and "/dev/ttyS1" in str(error)


async def test_a_serial_line_has_one_user_at_a_time():
    network = Network()
    network.listen_serial("/dev/ttyUSB0", upper)
    host, other = MemoryHost(network=network), MemoryHost(network=network)
    line = await host.serial(LINE)
    assert "busy" in str(await raises_async(TransientError, other.serial(LINE)))
    await line.close()
    await (await other.serial(LINE)).close()


async def test_an_adapter_that_is_pulled_out_and_plugged_in_again():
    host = MemoryHost()
    host.network.listen_serial("/dev/ttyUSB0", upper)
    line = await host.serial(LINE)
    reading = asyncio.create_task(line.read(100))
    await host.clock.advance(1)
    await host.network.unlisten_serial("/dev/ttyUSB0")
    assert (await raises_async(TransientError, reading)).path == "/dev/ttyUSB0"
    await raises_async(TransientError, line.write(b"x"))
    await raises_async(TransientError, host.serial(LINE))
    host.network.listen_serial("/dev/ttyUSB0", upper)
    line = await host.serial(LINE)
    await line.write(b"back")
    assert await line.read(100) == b"BACK"


async def test_the_broker_keeps_what_is_retained_and_publishes_wills():
    host = MemoryHost()
    broker = host.network.broker
    session: MemoryMqtt = host.mqtt({"will": ("status", b"gone")})
    await session.connect(1000)
    await session.publish("t", b"1", True, 1000)
    await session.publish("t", b"2", False, 1000)
    assert broker.retained == {"t": b"1"}
    broker.lose(session)
    assert broker.retained["status"] == b"gone"
    await raises_async(TransientError, session.publish("t", b"3", True, 1000))
    broker.go_down()
    await raises_async(TransientError, host.mqtt({"address": "broker", "port": 1883}).connect(1000))


def test_store_secrets_and_entropy():
    host = MemoryHost(seed=3, secrets={"pw": "s3cret"})
    host.store.write("b", b"2")
    host.store.write("a", b"1")
    assert (host.store.read("a"), host.store.read("c"), host.store.names()) == (b"1", None, ["a", "b"])
    host.store.remove("a")
    host.store.remove("a")
    assert host.store.names() == ["b"]
    assert host.secret("pw") == "s3cret"
    error = raises(LocalError, host.secret, "other")
    assert "other" in str(error) and "s3cret" not in str(error)
    assert MemoryHost(seed=3).entropy(8) == MemoryHost(seed=3).entropy(8) != MemoryHost(seed=4).entropy(8)
