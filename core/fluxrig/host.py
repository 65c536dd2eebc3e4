"""The Host contract: everything a Rack asks of the platform it runs on.

Implementations live in `fluxrig_ports`: `memory` (a virtual clock and everything in RAM, for tests and simulation),
`cpython` (gateways) and `micropython`. A Gear reaches the world only through these classes, so the same rig runs on
each of them. The classes here are the documentation; an implementation may inherit them, and must match them.

Every failure is a `FluxError`: TransientError when trying again may help (timeout, refused, lost), LocalError when it
cannot (no such device, no such secret).
"""


class Clock:
    """Time. `ticks` are microseconds on a monotonic clock that may wrap: compare them with `ticks_diff` only.

    On 32-bit MicroPython ticks wrap at 2**30 (18 minutes), so differences are valid up to 2**29 us either way: wait
    for no more than `fluxrig.schedule.LONGEST_WAIT_US` at once.
    """

    def wall_ns(self) -> int:
        """Unix time in nanoseconds. May step when the platform corrects its clock."""
        raise NotImplementedError

    def ticks_us(self) -> int:
        """Microseconds since some moment, on the monotonic clock. They wrap, on 32-bit MicroPython at 2**30."""
        raise NotImplementedError

    def ticks_add(self, ticks: int, us: int) -> int:
        """The ticks `us` microseconds after `ticks`, or before where that is negative: less than 2**29 either way."""
        raise NotImplementedError

    def ticks_diff(self, later: int, earlier: int) -> int:
        """Signed microseconds from `earlier` to `later`, which are less than 2**29 us (9 minutes) apart."""
        raise NotImplementedError

    async def sleep_ms(self, ms: int) -> None:
        """Sleep at least `ms`, to the platform's timer resolution."""
        raise NotImplementedError

    async def sleep_until(self, ticks: int) -> None:
        """Sleep until `ticks`, as exactly as the platform can. Returns at once, but yields, when it has passed."""
        raise NotImplementedError

    async def wait_for(self, awaitable, ms: int):
        """The result of `awaitable`, or TransientError after `ms`, when it is cancelled."""
        raise NotImplementedError


class Stream:
    """A byte stream in both directions, from `Host.connect` or `Host.serial`.

    One task may read while another one writes, but no two may read, or write, at the same time.
    """

    async def read(self, limit: int, timeout_ms: int = 0) -> bytes | None:
        """At least one and at most `limit` bytes, as soon as any are there; b"" once the peer or we have closed.

        None when nothing arrived within `timeout_ms`; 0 waits without end. A read that runs out of time or is cancelled
        loses nothing: what arrives later is there for the next one. TransientError when the connection is lost, which
        is also how a serial line ends whose adapter was pulled out.

        Cheap enough for every answer of a fieldbus: unlike `Clock.wait_for` it needs no task and no timer of its own.
        """
        raise NotImplementedError

    def discard(self) -> int:
        """Throw away what has arrived and was not read, without waiting: how many bytes that was.

        Where more keeps coming it stops after some tens of KiB. TransientError when the connection is known to be at
        its end.
        """
        raise NotImplementedError

    async def write(self, data: bytes) -> None:
        """Send all of `data`. Returns when the platform has taken it, which may be before the peer has."""
        raise NotImplementedError

    async def close(self) -> None:
        """Release the connection, and end the read of another task. Never raises, may be called twice."""
        raise NotImplementedError

    async def abort(self) -> None:
        """Like `close`, and what was written and has not left this machine never will: TCP resets the connection.

        For a peer that does not answer. A kernel goes on for minutes to deliver what was written before a `close`, and
        a command must not arrive late. Where a platform cannot do that, it closes.
        """
        await self.close()


class Mqtt:
    """One MQTT 3.1.1 session that publishes, from `Host.mqtt`."""

    connected = False
    """Whether the session stands, as far as is known without sending."""

    async def connect(self, timeout_ms: int) -> None:
        """Open the session. TransientError when the broker does not answer, LocalError when it refuses us."""
        raise NotImplementedError

    async def publish(self, topic: str, payload: bytes, retain: bool, timeout_ms: int) -> None:
        """Hand one message to the broker (QoS 1: returns once it is acknowledged)."""
        raise NotImplementedError

    async def close(self) -> None:
        """Disconnect in order, so that the broker does not send the last will. Never raises, may be called twice."""
        raise NotImplementedError


class Store:
    """Small named files that survive a power cut. Names are `[a-z0-9._-]+`, flat.

    For what identifies a device. Nothing in core or tooling uses it yet, every platform has it.
    """

    def read(self, name: str) -> bytes | None:
        """The content, or None when there is no such file."""
        raise NotImplementedError

    def write(self, name: str, data: bytes) -> None:
        """Replace the content: after a power cut the file holds either the old bytes or the new, whole."""
        raise NotImplementedError

    def remove(self, name: str) -> None:
        """Delete the file if it is there."""
        raise NotImplementedError

    def names(self) -> list[str]:
        """Every file, sorted."""
        raise NotImplementedError


class Appender:
    """The end of one file of a `Volume`, from `Volume.create`. One task uses it at a time."""

    async def append(self, pieces: list) -> None:
        """Append the bytes-like `pieces` in this order and force them to the medium.

        When it returns, no power cut can lose them. When it raises, or is cancelled, some of them may be there, whole
        or torn, in any order: the file takes nothing more, and is only to be closed.
        """
        raise NotImplementedError

    async def close(self) -> None:
        """Give the file the size of what was appended, and release it. Never raises, may be called twice."""
        raise NotImplementedError


class Volume:
    """Files that grow, in one folder: where a journal keeps its segments. Names are `[a-z0-9._-]+`, flat.

    A file that was not closed before the power went may be longer than what was appended to it: zeros follow.
    No method keeps the event loop waiting where the platform can help it, so that a slow disk stops nothing else.
    """

    block = 0
    """Bytes of one erase block, where writing whole ones wears the medium least; 0 where that does not matter."""

    allocation_unit = 1
    """A file takes a multiple of this many bytes, and of a block."""

    chunk = 2048
    """Bytes worth reading at once."""

    async def open(self) -> None:
        """Make the folder if need be and take it. TransientError with the field `busy` when somebody else has it."""
        raise NotImplementedError

    async def names(self) -> list[str]:
        """Every file, sorted."""
        raise NotImplementedError

    async def size(self, name: str) -> int:
        """Bytes of a file. LocalError when it is not there."""
        raise NotImplementedError

    async def read(self, name: str, offset: int, limit: int) -> bytes:
        """At most `limit` bytes from `offset` on, fewer only at the end; b"" from the end on. LocalError when there is
        no such file."""
        raise NotImplementedError

    async def create(self, name: str, reserve: int) -> Appender:
        """Start a file, which must not be there yet (LocalError). `reserve`: the size that it will probably reach."""
        raise NotImplementedError

    async def replace(self, name: str, data: bytes) -> None:
        """Write a small file whole: after a power cut it holds either the old bytes or the new."""
        raise NotImplementedError

    async def remove(self, name: str) -> None:
        """Delete the file if it is there."""
        raise NotImplementedError

    async def settle(self, name: str, size: int) -> None:
        """Force a file to the medium that a crashed process was appending to; what is in it is durable from then on.

        `size` is where its content ends: what a platform had reserved after it is released.
        """
        raise NotImplementedError

    async def room(self) -> tuple:
        """(free, total) bytes of the file system that the folder is on."""
        raise NotImplementedError

    async def close(self) -> None:
        """Release the folder and every file. Never raises, may be called twice."""
        raise NotImplementedError


class Host:
    """The platform of one Rack."""

    name = ""
    """What `doctor` and logs call it: `memory`, `cpython`, `micropython`."""

    clock: Clock
    store: Store

    def entropy(self, count: int) -> bytes:
        """`count` random bytes, fit for keys on real platforms, seeded in `memory`."""
        raise NotImplementedError

    def volume(self, name: str) -> Volume:
        """The folder `name` of this Rack's state, for files that grow. Not opened yet, nor made."""
        raise NotImplementedError

    def codec(self, mint):
        """The codec for messages that suits this platform; `mint` as in `fluxrig.codec.Codec`."""
        from fluxrig.codec import Codec

        return Codec(mint)

    def log(self, level: str, who: str, text: str) -> None:
        """Say something to whoever operates the Rack. Levels: `debug`, `info`, `warning`, `error`.

        Never raises: a full disk or a closed terminal must not end what is being logged.
        """
        raise NotImplementedError

    def secret(self, name: str) -> str:
        """The secret `name` of this Rack. LocalError, naming where it was looked for, when it is not set."""
        raise NotImplementedError

    async def connect(self, address: str, port: int, timeout_ms: int) -> Stream:
        """Open a TCP connection."""
        raise NotImplementedError

    async def serial(self, options: dict) -> Stream:
        """Open a serial line: 8 data bits, all 256 values unharmed both ways. Input that waits there is discarded.

        `options`, all of which must be there: `path` (text: "/dev/ttyUSB0", or "uart1" on a device), `baud` (int),
        `parity` ("none", "even" or "odd"), `stop_bits` (1 or 2), `rs485` (bool: the driver switches the transceiver, by
        RTS), `direction_pin`, `tx_pin` and `rx_pin` (int or None: pins of a device; the first is high while bytes are
        sent).

        A line has one user: the others of this platform are kept out where it can. LocalError when there never was such
        a line, it may not be opened, or the platform cannot do what an option asks. TransientError when it is in use,
        or has been there and is gone.
        """
        raise NotImplementedError

    def mqtt(self, options: dict) -> Mqtt:
        """An MQTT session, not yet connected.

        `options`: `address` (text), `port` (int), `client_id` (text), `keepalive_s` (int), `user` and `password`
        (text or None), `will` ((topic, payload bytes): published retained by the broker when this side vanishes; or
        None).
        """
        raise NotImplementedError

    def write_out(self, text: str) -> None:
        """One line for the person at the terminal: standard output, or the serial console of a device."""
        raise NotImplementedError
