"""MQTT on MicroPython: umqtt.simple speaks, asyncio waits.

umqtt.simple blocks while it reads. So it is called only when there is something to read, or nothing to wait for:

 * `connect` first opens an ordinary TCP connection, without blocking, and closes it: a dead broker costs no more than
   that. Then umqtt connects, and the program stands still for two round trips to the broker (and for a name look-up).
 * `publish` sends the message and waits in asyncio for the acknowledgement, which the listening task reads. It blocks
   only when the broker has stopped reading and the system's send buffer is full, and then at most its timeout.
"""

# mypy: disable-error-code="attr-defined, arg-type"
import asyncio
import struct
import sys

from umqtt.simple import MQTTClient, MQTTException  # type: ignore[import-not-found]

from fluxrig.errors import LocalError, RemoteError, TransientError
from fluxrig_ports.micropython import net
from fluxrig_ports.micropython.contract import Mqtt
from fluxrig_ports.micropython.faults import link_error
from fluxrig_ports.micropython.link import Link

_PUBACK = 0x40
_BUSY = 3
_REFUSALS = {
    1: "unsupported protocol version",
    2: "client identifier not valid",
    _BUSY: "server unavailable",
    4: "bad user name or password",
    5: "not authorized",
}
"""Return codes of a CONNACK (MQTT 3.1.1 section 3.2.2.3)."""


class UmqttSession(Mqtt):
    """One clean MQTT 3.1.1 session at a time, publishing at QoS 1. Options: see `Host.mqtt`.

    A publish that is not acknowledged in time ends the session: the broker may have the message or not, and a link that
    swallows messages is better opened again.
    """

    LIMIT = 16
    """Messages that may wait for their acknowledgement at once; one more is a TransientError."""

    PACKET_MS = 1000
    """How long the rest of a packet may take once its first byte is there, and a ping or DISCONNECT to be sent. The
    program stands still meanwhile; it takes a broken broker or link to use this up."""

    def __init__(self, options: dict):
        _check(options)
        self.connected = False
        self._options = options
        self._where = "broker {}:{}".format(options["address"], options["port"])
        self._client: _Client | None = None
        self._tasks: list = []
        self._unanswered = 0  # pings since the broker was heard
        self._waiting: dict = {}  # packet id: Event
        self._lost = ""  # why the last session ended

    async def connect(self, timeout_ms: int) -> None:
        await self.close()
        address, port = self._options["address"], self._options["port"]
        probe = await net.connect(address, port, timeout_ms)
        await probe.close()
        client = _Client(self._options, Link(timeout_ms))
        try:
            client.open()
        except OSError as exc:
            raise link_error(exc, address, port)
        except MQTTException as exc:
            code = exc.args[0]
            kind = TransientError if code == _BUSY else LocalError
            reason = _REFUSALS.get(code, code)
            raise kind(f"{self._where} refuses this session: {reason}", reason=reason)
        except (AssertionError, RemoteError):
            raise LocalError(f"{self._where} does not speak MQTT 3.1.1: check the address and the port")
        self._client = client
        self._unanswered = 0
        self._tasks = [asyncio.create_task(self._listen(client)), asyncio.create_task(self._keep_alive(client))]
        self.connected = True

    async def publish(self, topic: str, payload: bytes, retain: bool, timeout_ms: int) -> None:
        client = self._client
        if client is None:
            raise TransientError("not connected to the broker")
        if not _is_topic(topic):
            raise LocalError(f"cannot publish to topic {topic!r}: not a topic name", topic=topic)
        if len(self._waiting) >= self.LIMIT:
            raise TransientError(f"{self.LIMIT} messages wait for the broker's acknowledgement already")
        acknowledged = asyncio.Event()
        client.link.within(timeout_ms)
        try:
            packet_id = client.send(topic.encode(), payload, retain)
        except OSError as exc:
            error = link_error(exc, self._options["address"], self._options["port"])
            self._drop(str(error))
            raise error
        self._waiting[packet_id] = acknowledged
        try:
            await asyncio.wait_for_ms(acknowledged.wait(), timeout_ms)
        except asyncio.TimeoutError:
            late = f"the broker did not acknowledge within {timeout_ms} ms"
            self._drop(late)
            raise TransientError(late, timeout_ms=timeout_ms)
        finally:
            self._waiting.pop(packet_id, None)
        if self._client is not client:
            raise TransientError(self._lost)

    async def close(self) -> None:
        client = self._client
        if client is None:
            return
        self._stop_tasks()
        client.link.within(self.PACKET_MS)
        try:
            client.disconnect()
        except OSError:
            pass  # the broker is gone already, and DISCONNECT with it
        self._drop("the session was closed")

    async def _listen(self, client: "_Client") -> None:
        """Take what the broker sends, for as long as the session lasts."""
        stream = asyncio.StreamReader(client.link.sock)
        try:
            while True:
                await stream.read(0)  # returns when there is something to read
                client.link.within(self.PACKET_MS)
                packet_id = client.take()
                self._unanswered = 0
                if packet_id in self._waiting:
                    self._waiting[packet_id].set()
        except OSError as exc:
            self._drop(str(link_error(exc, self._options["address"], self._options["port"])))
        except (AssertionError, RemoteError) as exc:
            self._drop(f"{self._where}: connection lost ({exc})")

    async def _keep_alive(self, client: "_Client") -> None:
        """Ping every half keepalive time; the link is lost when nothing came back twice (section 3.1.2.10)."""
        while True:
            await asyncio.sleep_ms(self._options["keepalive_s"] * 500)
            if self._unanswered == 2:
                self._drop(f"{self._where}: connection lost, no answer to pings")
                return
            self._unanswered += 1
            client.link.within(self.PACKET_MS)
            try:
                client.ping()
            except OSError as exc:
                self._drop(str(link_error(exc, self._options["address"], self._options["port"])))
                return

    def _drop(self, why: str) -> None:
        """End the session without a DISCONNECT, and fail what waits for it with `why`."""
        client, self._client = self._client, None
        if client is None:
            return
        self.connected = False
        self._lost = why
        self._stop_tasks()
        client.link.close()
        for acknowledged in self._waiting.values():
            acknowledged.set()

    def _stop_tasks(self) -> None:
        # Before the socket closes: a closed one must not stay in the loop's poll set.
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()


class _Client(MQTTClient):
    """umqtt.simple with packet ids that wrap and messages that are sent in one piece."""

    def __init__(self, options: dict, link: Link):
        user, password = options["user"], options["password"]
        super().__init__(
            options["client_id"].encode(),
            options["address"],
            options["port"],
            None if user is None else user.encode(),
            b"" if password is None else password.encode(),
            options["keepalive_s"],
            ssl=link,
        )
        self.link = link
        if options["will"] is not None:
            topic, payload = options["will"]
            self.set_last_will(topic.encode(), payload, retain=True, qos=1)
        self.set_callback(_ignore)

    def open(self) -> None:
        """Connect and wait for the CONNACK. Raises OSError, MQTTException, AssertionError or RemoteError."""
        # umqtt.simple 1.3 looks for `wrap_socket` there; later ones ask what they were given as `ssl`.
        sys.modules["ussl"] = self.link  # type: ignore[assignment]
        try:
            self.connect()
        except BaseException:
            if self.sock is not None:
                self.sock.close()
            raise
        finally:
            del sys.modules["ussl"]

    def send(self, topic: bytes, payload: bytes, retain: bool) -> int:
        """Send a PUBLISH at QoS 1 (section 3.3). Returns its packet id, 1 to 65535. Raises OSError."""
        self.pid: int = self.pid % 0xFFFF + 1
        packet = bytearray(5)
        packet[0] = 0x32 | retain
        size = 2 + len(topic) + 2 + len(payload)
        used = 1
        while size > 0x7F:
            packet[used] = size & 0x7F | 0x80
            size >>= 7
            used += 1
        packet[used] = size
        head = struct.pack(">H", len(topic)) + topic + struct.pack(">H", self.pid)
        self.sock.write(bytes(packet[: used + 1]) + head + payload)
        return self.pid

    def take(self) -> int:
        """Take the one packet that has begun to arrive. The packet id it acknowledges, or 0. Raises OSError."""
        kind = self.wait_msg()
        if kind is None or kind & 0xF0 == 0x30:
            return 0
        if kind != _PUBACK or self.sock.read(1) != b"\x02":
            raise RemoteError(f"unexpected packet, type {kind:#x}")
        return struct.unpack(">H", self.sock.read(2))[0]


def _ignore(topic: bytes, payload: bytes) -> None:
    """Nothing is subscribed to."""


def _is_topic(text: str) -> bool:
    return 0 < len(text.encode()) < 65_536 and "+" not in text and "#" not in text


def _check(options: dict) -> None:
    if not 0 < options["keepalive_s"] < 65_536:
        raise LocalError("keepalive must be 1 to 65535 seconds, not {}".format(options["keepalive_s"]))
    if options["will"] is not None and not _is_topic(options["will"][0]):
        raise LocalError("cannot announce a last will on topic {!r}: not a topic name".format(options["will"][0]))
