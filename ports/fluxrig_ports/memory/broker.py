"""MQTT in RAM: one broker, and the sessions of Racks with it."""

from fluxrig.errors import TransientError
from fluxrig.host import Mqtt


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
            raise TransientError(f"{self.options['address']}:{self.options['port']}: connection refused")
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
