"""Units behind a link of a MemoryHost, whose answers do what drawn faults say."""

from collections.abc import Callable
from typing import Any

from fluxrig.errors import TransientError
from fluxrig_ports.memory import MemoryHost
from fluxrig_ports.memory.streams import NullModem
from tests.peers.faults import Exchange, Fault, framed, on_serial, on_tcp
from tests.peers.proxy import Player


class FaultyLink:
    """`answer(unit id, PDU)` is what a unit answers, and carries out. `faults` holds what happens to the next answers.

    The fault "unheard" is a request that got lost: nobody carries it out.
    """

    def __init__(
        self, host: MemoryHost, kind: str, answer: Callable[[int, bytes], bytes], faults: list, timeout_ms: int
    ):
        self.faults: list[Fault | None] = list(faults)
        self._clock = host.clock
        self._answer = answer
        self._timeout_ms = timeout_ms
        self._before = b""
        self._is_tcp = kind == "tcp"
        if kind == "rtu":
            host.network.listen_serial("line", self._serve_serial)
            self.link: dict[str, Any] = {"kind": kind, "serial": {"path": "line"}, "timeout_ms": timeout_ms}
        else:
            host.network.listen("plc", 502, self._serve_tcp if self._is_tcp else self._serve_serial)
            self.link = {"kind": kind, "address": "plc", "port": 502, "timeout_ms": timeout_ms}

    async def _serve_tcp(self, stream: NullModem) -> None:
        player = self._player(stream)
        waiting = b""
        while data := await _read(stream):
            waiting += data
            while len(waiting) >= 6 and len(waiting) >= (size := 6 + int.from_bytes(waiting[4:6], "big")):
                self._take(player, waiting[:size], waiting[6], waiting[7:size])
                waiting = waiting[size:]

    async def _serve_serial(self, stream: NullModem) -> None:
        player = self._player(stream)
        while request := await _read(stream):
            self._take(player, request, request[0], request[1:-2])

    def _player(self, stream: NullModem) -> Player:
        return Player(stream.write, stream.close, self._clock.sleep_ms, self._is_tcp)

    def _take(self, player: Player, request: bytes, unit: int, pdu: bytes) -> None:
        fault = self.faults.pop(0) if self.faults else None
        if fault and fault.what == "unheard":
            return
        pdu = self._answer(unit, pdu)
        if self._is_tcp:
            answer = request[:4] + (1 + len(pdu)).to_bytes(2, "big") + bytes([unit]) + pdu
        else:
            answer = framed(unit, pdu)
        exchange = Exchange(request, answer, self._before, self._timeout_ms)
        self._before = answer
        player.play((on_tcp if self._is_tcp else on_serial)(fault, exchange))


async def _read(stream: NullModem) -> bytes | None:
    try:
        return await stream.read(1000)
    except TransientError:
        return b""
