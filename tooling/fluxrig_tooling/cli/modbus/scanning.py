"""Finds out which units answer on a line, at which settings. Only reads, and at most ten requests a second.

| what comes back | means |
|---|---|
| an answer, or an exception | the unit is there |
| an answer after the time for it | the unit is there, and slow |
| what was sent, and nothing else | echo: the adapter returns what it sends |
| other bytes | noise: wrong settings, crossed wires, or another master |
| nothing | silence |
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from fluxrig.errors import FluxError
from fluxrig.host import Host
from fluxrig.modbus.identification import BASIC
from fluxrig.modbus.line import NOT_CONNECTED, LineError
from fluxrig.modbus.pdu import ExceptionResponse, read_request
from fluxrig.modbus.request import Request
from fluxrig.modbus.rtu import Receiver
from fluxrig_tooling.cli.modbus.identity import Identity, identify
from fluxrig_tooling.cli.modbus.listening import ListeningHost
from fluxrig_tooling.cli.modbus.options import Target
from fluxrig_tooling.cli.modbus.reading import items
from fluxrig_tooling.cli.modbus.session import Session
from fluxrig_tooling.cli.modbus.small_rig import ANY_TAG, device
from fluxrig_tooling.cli.modbus.trouble import span
from fluxrig_tooling.modbus.tables import READ_FUNCTIONS

LIKELY_UNITS = 10
"""So many units are tried at every setting before the others are tried at any."""

ANSWER, EXCEPTION, LATE = "answer", "exception", "late"


@dataclass(frozen=True)
class Setting:
    """How a serial line is driven. On a network there is one setting, without `baud`."""

    baud: int = 0
    parity: str = ""
    stop_bits: int = 1

    def __str__(self) -> str:
        return f"{self.baud} 8{self.parity[0].upper()}{self.stop_bits}" if self.baud else ""

    def keys(self) -> dict[str, Any]:
        """The keys of a Gear's config that say so."""
        return {"baud": self.baud, "parity": self.parity, "stop_bits": self.stop_bits} if self.baud else {}


@dataclass
class Found:
    """A unit that is there. `how` it answered: one of the words above; `detail` is what, as text."""

    setting: Setting
    unit_id: int
    how: str
    detail: str
    identity: Identity | None = None


@dataclass(frozen=True)
class Noise:
    """Bytes that are no answer, after a request to a unit."""

    setting: Setting
    unit_id: int
    data: bytes


class Scan:
    """One scan. What it has found so far can be looked at while it runs, and after it was ended.

    `probe` is (table, address), what each unit is asked for. Once a unit is found on a serial line, its setting is that
    of the line, and the others are given up unless `all_settings`.
    """

    CONNECT_ATTEMPTS = 3
    CONNECT_PAUSE_MS = 500

    def __init__(
        self,
        host: Host,
        target: Target,
        settings: Sequence[Setting],
        units: Sequence[int],
        probe: tuple[str, int] = ("hr", 0),
        all_settings: bool = False,
    ):
        self.found: list[Found] = []
        self.noise: list[Noise] = []
        self.echoes = self.silences = self.closed = self.done = 0
        self.error: FluxError | None = None
        self.complete = False
        self.now = ""
        self._host = ListeningHost(host)
        self._target = target
        self._table, self._address = probe
        self._all_settings = all_settings
        self._waiting = deque(attempts(settings, units))
        self._session: Session | None = None
        self._opened: tuple[Setting, bool] | None = None
        self._is_rtu = False
        self._failures = self._under_way = 0
        self._doubtful: tuple[Setting, Request, bytes] | None = None  # it may be answered late

    @property
    def total(self) -> int:
        """Attempts, those under way and to come included."""
        return self.done + self._under_way + len(self._waiting)

    @property
    def requests(self) -> int:
        """Requests that were sent."""
        return self._host.ear.requests

    async def run(self, progress: Callable[[Scan], None]) -> None:
        """Try everything, until that is done, cancelled, or there is no link. `progress` is called at each step."""
        try:
            while self._waiting and self.error is None:
                setting, unit_id = self._waiting.popleft()
                self.now = f"unit {unit_id}" + (f" at {setting}" if setting.baud else "")
                progress(self)
                self._under_way = 1
                await self._try(setting, unit_id)
                self._under_way = 0
                self.done += 1
            self._settle(b"", b"")
            for found in self.found:
                self.now = f"who is unit {found.unit_id}?"
                progress(self)
                session = await self._session_at(found.setting, bool(self.echoes))
                found.identity = await identify(session, found.unit_id, BASIC)
            self.complete = self.error is None
            progress(self)
        finally:
            await self._close()

    async def _try(self, setting: Setting, unit_id: int) -> None:
        if self._opened != (setting, False):
            self._settle(b"", b"")  # what comes from now on came at another setting
        session = await self._session_at(setting, False)
        ear = self._host.ear
        ear.sent = ear.heard = b""
        request = Request(unit_id, read_request(READ_FUNCTIONS[self._table], self._address, 1))
        failures = session.line.connect_failures
        await session.ask([request])
        late, ear.late = ear.late, b""
        heard = ear.heard
        if self._is_rtu and ear.sent and heard.startswith(ear.sent):
            self.echoes += 1
            heard = heard[len(ear.sent) :]
        if self._settle(late, heard):
            heard = b""
        if session.line.connect_failures > failures:
            await self._not_connected(setting, unit_id, request.error)
            return
        self._failures = 0
        if request.data is not None or isinstance(request.error, ExceptionResponse):
            self._answered(setting, request, request.error, request.data, is_late=False)
        else:
            self._doubtful = setting, request, heard

    def _settle(self, late: bytes, heard: bytes) -> bool:
        """Judge the request before, now that it is known what came after the time for its answer.

        That is `late`, and `heard` since the next request was sent. Whether the answer was among it.
        """
        if self._doubtful is None:
            return False
        setting, request, before = self._doubtful
        self._doubtful = None
        data, error = _find(request, before + late + heard) if self._is_rtu else (None, None)
        if data is not None or error is not None:
            self._answered(setting, request, error, data, is_late=True)
            return True
        if before + late:
            self.noise.append(Noise(setting, request.unit_id, before + late))
        elif isinstance(request.error, LineError) and request.error.reason == NOT_CONNECTED:
            self.closed += 1
        else:
            self.silences += 1
        return False

    def _answered(
        self, setting: Setting, request: Request, error: FluxError | None, data: bytes | None, is_late: bool
    ) -> None:
        if isinstance(error, ExceptionResponse) and error.unreachable:
            self.silences += 1  # a gateway says so instead of the unit
            return
        if data is not None:
            detail = f"{span(self._table, self._address, 1)} is {items(self._table, data, 1)[0]}"
        else:
            detail = f"exception {error.exception_code} ({error.reason})" if error else ""
        how = LATE if is_late else EXCEPTION if data is None else ANSWER
        self.found.append(Found(setting, request.unit_id, how, detail))
        if not self._all_settings:
            self._waiting = deque(each for each in self._waiting if each[0] == setting)

    async def _not_connected(self, setting: Setting, unit_id: int, error: FluxError | None) -> None:
        """Try again after a pause, a few times: some devices need a moment until they take the next connection."""
        self._failures += 1
        self.error = error
        if self._failures < self.CONNECT_ATTEMPTS and not setting.baud and self.requests:
            self.error = None
            self._waiting.appendleft((setting, unit_id))
            await self._host.clock.sleep_ms(self.CONNECT_PAUSE_MS)

    async def _session_at(self, setting: Setting, local_echo: bool) -> Session:
        if self._session is None or self._opened != (setting, local_echo):
            await self._close()
            keys = {**setting.keys(), **({"local_echo": True} if local_echo else {})}
            gear = device(self._target.config(ANY_TAG, **keys))
            self._is_rtu = gear.link["kind"] != "tcp"
            self._session, self._opened = Session(self._host, gear), (setting, local_echo)
        return self._session

    async def _close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.line.close()


def attempts(settings: Sequence[Setting], units: Sequence[int]) -> Iterable[tuple[Setting, int]]:
    """Every unit at every setting: at first the likely units at all settings, then the others."""
    for block in (units[:LIKELY_UNITS], units[LIKELY_UNITS:]):
        for setting in settings:
            for unit_id in block:
                yield setting, unit_id


def _find(request: Request, heard: bytes) -> tuple[bytes | None, ExceptionResponse | None]:
    """The answer to `request` in what was heard: its data, or its refusal."""
    receiver = Receiver()
    receiver.expect(request.unit_id, request.prefix, request.size, request.frame)
    try:
        return receiver.feed(heard[: Receiver.MAX_RECEIVED]), None
    except ExceptionResponse as exc:
        return None, exc
