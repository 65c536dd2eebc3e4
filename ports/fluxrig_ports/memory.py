"""The Host in RAM: a virtual clock that moves only when told, null-modem streams and a store that forgets.

For tests and simulation: the same rig, seed and inputs give the same bytes. It runs on both interpreters.

    host = MemoryHost(seed=1)
    rack = Rack(host, rig)
    await rack.start()
    await host.clock.advance(1000)     # one second passes, in no time
"""

import asyncio

from fluxrig.errors import LocalError, TransientError
from fluxrig.host import Clock, Host, Mqtt, Store, Stream

_WRAP = 1 << 30
_HALF = _WRAP >> 1


class VirtualClock(Clock):
    """A clock that stands still until `advance`. Its ticks wrap at 2**30 us, as on a 32-bit device.

    Sleepers wake in the order of their deadlines, then of their calls. Between two deadlines every other task runs
    until it waits, bounded by `SETTLE_TURNS` turns of the event loop.
    """

    SETTLE_TURNS = 50

    def __init__(self, wall_ns: int = 1_767_225_600_000_000_000, ticks: int = _WRAP - 1_000_000):
        # The default ticks wrap one second after the start, so that every test crosses the wrap.
        self._wall_start = wall_ns
        self._ticks_start = ticks
        self._now_us = 0
        self._sleepers: list = []  # [due (us), order, event]
        self._order = 0

    def wall_ns(self) -> int:
        return self._wall_start + self._now_us * 1000

    def step_wall(self, ns: int) -> None:
        """Correct the wall clock by `ns`, as a time server does; ticks do not notice."""
        self._wall_start += ns

    def ticks_us(self) -> int:
        return (self._ticks_start + self._now_us) % _WRAP

    def ticks_add(self, ticks: int, us: int) -> int:
        return (ticks + us) % _WRAP

    def ticks_diff(self, later: int, earlier: int) -> int:
        return (later - earlier + _HALF) % _WRAP - _HALF

    async def sleep_ms(self, ms: int) -> None:
        await self._sleep(max(ms, 0) * 1000)

    async def sleep_until(self, ticks: int) -> None:
        await self._sleep(max(self.ticks_diff(ticks, self.ticks_us()), 0))

    async def wait_for(self, awaitable, ms: int):
        done = asyncio.Event()
        outcome: list = []
        task = asyncio.create_task(_settle_into(outcome, done, awaitable))
        sleeper = self._add_sleeper(ms * 1000, done)
        try:
            await done.wait()
            timed_out = not outcome
            if timed_out:
                # As on a real loop, whoever is timed out has cleaned up before the caller hears of it.
                task.cancel()
                done.clear()
                while not outcome:
                    await done.wait()
        finally:
            self._remove(sleeper)
            task.cancel()
        if timed_out:
            raise TransientError(f"timed out after {ms} ms", timeout_ms=ms)
        result, error = outcome[0]
        if error is not None:
            raise error
        return result

    async def advance(self, ms: int) -> None:
        """Let `ms` of virtual time pass."""
        end = self._now_us + ms * 1000
        await self._settle()
        while self._sleepers:
            sleeper = min(self._sleepers, key=_due)
            if sleeper[0] > end:
                break
            self._now_us = max(self._now_us, sleeper[0])
            self._remove(sleeper)
            sleeper[2].set()
            await self._settle()
        self._now_us = end

    async def _sleep(self, us: int) -> None:
        if us == 0:
            await asyncio.sleep(0)
            return
        event = asyncio.Event()
        sleeper = self._add_sleeper(us, event)
        try:
            await event.wait()
        finally:
            self._remove(sleeper)

    def _add_sleeper(self, us: int, event) -> list:
        self._order += 1
        sleeper = [self._now_us + us, self._order, event]
        self._sleepers.append(sleeper)
        return sleeper

    def _remove(self, sleeper: list) -> None:
        if sleeper in self._sleepers:
            self._sleepers.remove(sleeper)

    async def _settle(self) -> None:
        for _ in range(self.SETTLE_TURNS):
            await asyncio.sleep(0)


def _due(sleeper: list) -> tuple:
    return sleeper[0], sleeper[1]


async def _settle_into(outcome: list, done, awaitable) -> None:
    try:
        outcome.append((await awaitable, None))
    except (Exception, asyncio.CancelledError) as exc:
        outcome.append((None, exc))
    done.set()


class Pipe:
    """One direction of a null modem: at most `CAPACITY` bytes wait in it."""

    CAPACITY = 8192

    def __init__(self):
        self.closed = False
        self._bytes = b""
        self._changed = asyncio.Event()

    async def read(self, limit: int) -> bytes:
        while not self._bytes and not self.closed:
            self._changed.clear()
            await self._changed.wait()
        chunk, self._bytes = self._bytes[:limit], self._bytes[limit:]
        self._changed.set()
        return chunk

    async def write(self, data: bytes) -> None:
        while data:
            if self.closed:
                raise TransientError("the peer has closed the connection")
            room = self.CAPACITY - len(self._bytes)
            if room:
                self._bytes += data[:room]
                data = data[room:]
                self._changed.set()
            else:
                self._changed.clear()
                await self._changed.wait()

    def close(self) -> None:
        self.closed = True
        self._changed.set()


class NullModem(Stream):
    """One end of a connection: what is written at one end is read at the other."""

    def __init__(self, inbound: Pipe, outbound: Pipe):
        self._inbound = inbound
        self._outbound = outbound

    async def read(self, limit: int) -> bytes:
        return await self._inbound.read(limit)

    async def write(self, data: bytes) -> None:
        await self._outbound.write(bytes(data))

    async def close(self) -> None:
        self._inbound.close()
        self._outbound.close()


def null_modem() -> tuple:
    """The two ends of a new connection."""
    there, back = Pipe(), Pipe()
    return NullModem(back, there), NullModem(there, back)


class Broker:
    """An MQTT broker in RAM. `published` is every message in order, `retained` the last of each topic.

    Set `up` to False to take it down: sessions are lost and connecting fails.
    """

    def __init__(self):
        self.published: list = []  # (topic, payload, retain)
        self.retained: dict = {}
        self.sessions: list = []
        self.up = True

    def take(self, topic: str, payload: bytes, retain: bool) -> None:
        self.published.append((topic, payload, retain))
        if retain:
            self.retained[topic] = payload

    def go_down(self) -> None:
        self.up = False
        for session in self.sessions:
            session.connected = False
        self.sessions = []

    def lose(self, session: "MemoryMqtt") -> None:
        """The session's link is cut without a DISCONNECT: the broker publishes its last will."""
        session.connected = False
        self.sessions.remove(session)
        if session.will:
            self.take(session.will[0], session.will[1], True)


class MemoryMqtt(Mqtt):
    def __init__(self, broker: Broker, options: dict):
        self.options = options
        self.will = options.get("will")
        self.connected = False
        self._broker = broker

    async def connect(self, timeout_ms: int) -> None:
        if not self._broker.up:
            raise TransientError("connection refused: the broker is down")
        self.connected = True
        self._broker.sessions.append(self)

    async def publish(self, topic: str, payload: bytes, retain: bool, timeout_ms: int) -> None:
        if not self.connected:
            raise TransientError("not connected to the broker")
        self._broker.take(topic, bytes(payload), retain)

    async def close(self) -> None:
        if self.connected:
            self.connected = False
            self._broker.sessions.remove(self)


class MemoryStore(Store):
    def __init__(self):
        self.files: dict = {}

    def read(self, name: str) -> bytes | None:
        return self.files.get(name)

    def write(self, name: str, data: bytes) -> None:
        self.files[name] = bytes(data)

    def remove(self, name: str) -> None:
        self.files.pop(name, None)

    def names(self) -> list[str]:
        return sorted(self.files)


class Network:
    """What the hosts of one simulation share: listeners by (address, port), and a broker."""

    def __init__(self):
        self.broker = Broker()
        self._listeners: dict = {}
        self._serving: list = []

    def listen(self, address: str, port: int, serve) -> None:
        """Serve each connection to `address`:`port` with the coroutine function `serve(stream)`."""
        self._listeners[address, port] = serve

    def unlisten(self, address: str, port: int) -> None:
        self._listeners.pop((address, port), None)

    def dial(self, address: str, port: int) -> Stream:
        serve = self._listeners.get((address, port))
        if serve is None:
            raise TransientError(f"connection to {address}:{port} refused", address=address, port=port)
        ours, theirs = null_modem()
        # The loop keeps no reference to a task, and one without any may vanish in the middle of its work.
        self._serving.append(asyncio.create_task(serve(theirs)))
        return ours


class MemoryHost(Host):
    """A platform without hardware. `logged` and `lines` keep what the rig said, for assertions."""

    name = "memory"
    clock: VirtualClock
    store: MemoryStore

    def __init__(self, seed: int = 0, network: Network | None = None, secrets: dict | None = None):
        self.clock = VirtualClock()
        self.store = MemoryStore()
        self.network = Network() if network is None else network
        self.secrets = {} if secrets is None else secrets
        self.logged: list = []  # (level, who, text)
        self.lines: list = []
        self._random = seed & 0xFFFFFFFF or 0x9E3779B9

    def entropy(self, count: int) -> bytes:
        """Reproducible bytes (xorshift32, Marsaglia 2003): the same seed gives the same run. Not for keys."""
        out = bytearray(count)
        x = self._random
        for index in range(count):
            x ^= (x << 13) & 0xFFFFFFFF
            x ^= x >> 17
            x ^= (x << 5) & 0xFFFFFFFF
            out[index] = x & 0xFF
        self._random = x
        return bytes(out)

    def log(self, level: str, who: str, text: str) -> None:
        self.logged.append((level, who, text))

    def secret(self, name: str) -> str:
        if name not in self.secrets:
            raise LocalError(f"secret {name!r} is not set: pass secrets={{...}} to MemoryHost", secret=name)
        return self.secrets[name]

    async def connect(self, address: str, port: int, timeout_ms: int) -> Stream:
        return self.network.dial(address, port)

    def mqtt(self, options: dict) -> MemoryMqtt:
        return MemoryMqtt(self.network.broker, options)

    def write_out(self, text: str) -> None:
        self.lines.append(text)
