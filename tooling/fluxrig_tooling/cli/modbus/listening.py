"""A Host for scans: it sends slowly, and hears everything that comes, also what is no answer."""

from __future__ import annotations

from typing import Any

from fluxrig.host import Clock, Host, Stream

PER_SECOND = 10
"""Requests a second, at most: other masters, slow radios and gateways must be able to bear a scan."""


class Ear:
    """What was sent last, and what came: since then, and after nobody waited for it any more.

    Between two requests, whoever sends them, there is at least the tenth part of a second.
    """

    GAP_US = 1_000_000 // PER_SECOND

    def __init__(self, clock: Clock):
        self.requests = 0
        self.sent = b""
        self.heard = b""
        self.late = b""
        self._clock = clock
        self._sent_at: int | None = None

    def left_us(self) -> int:
        """How long it is until the next request may be sent."""
        if self._sent_at is None:
            return 0
        passed_us = self._clock.ticks_diff(self._clock.ticks_us(), self._sent_at)
        return self.GAP_US - passed_us if 0 <= passed_us < self.GAP_US else 0  # else the clock has wrapped since

    def note(self, data: bytes) -> None:
        """`data` is sent now."""
        self.requests += 1
        self.sent, self.heard = data, b""
        self._sent_at = self._clock.ticks_us()


class ListeningHost(Host):
    """Another Host, of which only clock, connections and serial lines are used. Each write is one request."""

    def __init__(self, host: Host):
        self.name = host.name
        self.clock = host.clock
        self.ear = Ear(host.clock)
        self._host = host

    async def connect(self, address: str, port: int, timeout_ms: int) -> Stream:
        return ListeningStream(await self._host.connect(address, port, timeout_ms), self.ear)

    async def serial(self, options: dict[str, Any]) -> Stream:
        return ListeningStream(await self._host.serial(options), self.ear)


class ListeningStream(Stream):
    """A stream of a `ListeningHost`."""

    CHUNK = 512

    def __init__(self, stream: Stream, ear: Ear):
        self._stream = stream
        self._ear = ear

    async def read(self, limit: int, timeout_ms: int = 0) -> bytes | None:
        data = await self._stream.read(limit, timeout_ms)
        self._ear.heard += data or b""
        return data

    def discard(self) -> int:
        return self._stream.discard()

    async def write(self, data: bytes) -> None:
        while (left_us := self._ear.left_us()) > 0:
            late = await self._stream.read(self.CHUNK, -(-left_us // 1000))
            if late == b"":
                break  # closed: the write will say so
            self._ear.late += late or b""
        self._ear.note(data)
        await self._stream.write(data)

    async def close(self) -> None:
        await self._stream.close()
