"""MQTT on CPython: paho does the protocol, the running asyncio loop drives it, without a thread.

The socket is ours: we connect it, watch it and close it. An attempt that ran out of time therefore leaves no session
behind that would take over the next one's client id, and set off its last will.
"""

import asyncio
import socket
from collections.abc import Callable

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from fluxrig.errors import FluxError, LocalError, TransientError
from fluxrig.host import Mqtt
from fluxrig_ports.cpython.net import no_answer, open_socket

_BUSY = "Server unavailable"
"""The one refusal of a CONNECT that passes by itself (MQTT 3.1.1 section 3.2.2.3, return code 3)."""

_NO_REASON = "Unspecified error"
"""What paho says when the broker closed the connection."""


class PahoSession(Mqtt):
    """One clean MQTT 3.1.1 session at a time, publishing at QoS 1. Options: see `Host.mqtt`.

    A publish that is not acknowledged in time ends the session: the broker may have the message or not, and a link that
    swallows messages is better opened again.
    """

    LIMIT = 64
    """Messages that may wait for their acknowledgement at once; one more is a TransientError."""

    CLOSE_MS = 1000
    """How long `close` lets a slow socket take the DISCONNECT."""

    def __init__(self, options: dict):
        _Client(options)  # raises LocalError for options that no broker could take
        self._options = options
        self._link: _Link | None = None

    @property
    def connected(self) -> bool:  # type: ignore[override] # read-only here: the link knows
        return self._link is not None and self._link.accepted and not self._link.ended.done()

    async def connect(self, timeout_ms: int) -> None:
        await self.close()
        address, port = self._options["address"], self._options["port"]
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                self._link = link = _Link(self._options, await open_socket(address, port))
                await link.answered()
        except TimeoutError:
            self._drop(None)
            raise no_answer(address, port, timeout_ms) from None
        except BaseException:
            self._drop(None)
            raise

    async def publish(self, topic: str, payload: bytes, retain: bool, timeout_ms: int) -> None:
        link = self._link
        if link is None or not self.connected:
            raise TransientError("not connected to the broker")
        if len(link.unacknowledged) >= self.LIMIT:
            raise TransientError(f"{self.LIMIT} messages wait for the broker's acknowledgement already")
        acknowledged = link.publish(topic, payload, retain)
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                await acknowledged
        except TimeoutError:
            late = TransientError(f"the broker did not acknowledge within {timeout_ms} ms", timeout_ms=timeout_ms)
            self._drop(late)
            raise late from None

    async def close(self) -> None:
        if self._link is not None and self.connected:
            try:
                async with asyncio.timeout(self.CLOSE_MS / 1000):
                    await self._link.disconnect()
            except TimeoutError:
                pass
        self._drop(None)

    def _drop(self, reason: FluxError | None) -> None:
        if self._link is not None:
            self._link.end(reason or TransientError("the session was closed"))
            self._link = None


class _Link:
    """One TCP connection and the paho client that speaks on it. It ends once, with a reason, and is not used again."""

    HOUSEKEEPING_S = 1.0
    """How often paho looks whether a ping is due or overdue."""

    def __init__(self, options: dict, sock: socket.socket):
        self.accepted = False
        self.unacknowledged: dict[int, asyncio.Future[None]] = {}
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self._answer: asyncio.Future[None] = self._loop.create_future()
        self._where = f"broker {options['address']}:{options['port']}"
        self._sock = sock
        self._client = client = _Client(options, sock)
        client.on_socket_close = self._unwatch
        client.on_connect = self._on_connect
        client.on_publish = self._on_publish
        client.on_disconnect = self._on_disconnect
        self._loop.add_reader(sock, self._drive, client.loop_read)
        self._timer = self._loop.call_later(self.HOUSEKEEPING_S, self._keep_house)
        self._drive(lambda: client.connect(options["address"], options["port"], options["keepalive_s"]))

    async def answered(self) -> None:
        """Wait for the CONNACK. Raises the broker's refusal."""
        await self._answer

    def publish(self, topic: str, payload: bytes, retain: bool) -> asyncio.Future[None]:
        """Send at QoS 1. The future is done when the broker has acknowledged, and fails when the link ends first."""
        acknowledged: asyncio.Future[None] = self._loop.create_future()
        try:
            info = self._client.publish(topic, bytes(payload), qos=1, retain=retain)
        except ValueError as exc:
            raise LocalError(f"cannot publish to topic {topic!r}: {exc}", topic=topic) from exc
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise TransientError(f"{self._where}: {paho.error_string(info.rc)}")
        self.unacknowledged[info.mid] = acknowledged
        acknowledged.add_done_callback(lambda _: self.unacknowledged.pop(info.mid, None))
        self._watch_writes()
        return acknowledged

    async def disconnect(self) -> None:
        """Send DISCONNECT, and wait until the socket has taken it."""
        self._drive(self._client.disconnect)
        await asyncio.wait([self.ended])

    def end(self, reason: FluxError) -> None:
        """Close the connection, without a DISCONNECT, and fail what waits for it with `reason`."""
        if self.ended.done():
            return
        self.ended.set_result(None)
        self._timer.cancel()
        if self._sock.fileno() >= 0:
            self._unwatch()
            self._sock.close()
        for future in (self._answer, *self.unacknowledged.values()):
            if not future.done():
                future.set_exception(type(reason)(str(reason), **reason.fields))  # each raises its own
                future.exception()  # whoever waited may have been cancelled: nobody is left to hear of it

    def _drive(self, step: Callable[[], object]) -> None:
        """Let paho do `step`. Whatever it raises at what the broker sent is the end of the link."""
        try:
            step()
        except Exception as exc:
            self.end(TransientError(f"{self._where}: {type(exc).__name__} in the session: {exc}"))
        self._watch_writes()

    def _watch_writes(self) -> None:
        if self.ended.done():
            return
        if self._client.want_write():
            self._loop.add_writer(self._sock, self._drive, self._client.loop_write)
        else:
            self._loop.remove_writer(self._sock)

    def _keep_house(self) -> None:
        self._timer = self._loop.call_later(self.HOUSEKEEPING_S, self._keep_house)
        self._drive(self._client.loop_misc)

    # What paho calls.

    def _unwatch(self, *_arguments) -> None:
        self._loop.remove_reader(self._sock)
        self._loop.remove_writer(self._sock)

    def _on_connect(self, _client, _userdata, _flags, code: ReasonCode, _properties) -> None:
        if self._answer.done():
            return
        if code.is_failure:
            kind = TransientError if code.getName() == _BUSY else LocalError
            self.end(kind(f"{self._where} refuses this session: {str(code).lower()}", reason=str(code)))
        else:
            self.accepted = True
            self._answer.set_result(None)

    def _on_publish(self, _client, _userdata, message_id: int, _code, _properties) -> None:
        acknowledged = self.unacknowledged.get(message_id)
        if acknowledged is not None and not acknowledged.done():
            acknowledged.set_result(None)

    def _on_disconnect(self, _client, _userdata, _flags, code: ReasonCode, _properties) -> None:
        if not self.accepted and code.getName() == "Protocol error":
            self.end(LocalError(f"{self._where} does not speak MQTT 3.1.1: check the address and the port"))
        else:
            why = "" if code.getName() == _NO_REASON else f" ({str(code).lower()})"
            self.end(TransientError(f"{self._where}: connection lost{why}"))


class _Client(paho.Client):
    """A paho client for `options`, on a socket that is connected already. LocalError for impossible options."""

    def __init__(self, options: dict, sock: socket.socket | None = None):
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=options["client_id"],
            clean_session=True,
            protocol=paho.MQTTv311,
            reconnect_on_failure=False,
        )
        self._connected_socket = sock
        if not 0 < options["keepalive_s"] < 65_536:
            raise LocalError(f"keepalive must be 1 to 65535 seconds, not {options['keepalive_s']}")
        self.max_inflight_messages_set(PahoSession.LIMIT)
        self.max_queued_messages_set(PahoSession.LIMIT)
        if options["user"] is not None:
            self.username_pw_set(options["user"], options["password"])
        if options["will"] is not None:
            topic, payload = options["will"]
            try:
                self.will_set(topic, payload, qos=1, retain=True)
            except ValueError as exc:
                raise LocalError(f"cannot announce a last will on topic {topic!r}: {exc}", topic=topic) from exc

    def _create_socket_connection(self) -> socket.socket:
        assert self._connected_socket is not None
        return self._connected_socket
