"""Reads areas of registers of which nobody knows which exist: around those that do not. Only reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from fluxrig.errors import FluxError, TransientError
from fluxrig.modbus.exceptions import NO_SUCH_ITEM, SERVER_DEVICE_FAILURE
from fluxrig.modbus.pdu import MAX_REGISTERS, ExceptionResponse, read_request
from fluxrig.modbus.request import Request
from fluxrig_tooling.cli.modbus.learning.panel import Reading
from fluxrig_tooling.cli.modbus.learning.ranking import Round, Sample
from fluxrig_tooling.cli.modbus.options import Target
from fluxrig_tooling.cli.modbus.reading import items
from fluxrig_tooling.cli.modbus.session import Session, opened
from fluxrig_tooling.cli.modbus.small_rig import Device
from fluxrig_tooling.cli.modbus.trouble import read_trouble, span
from fluxrig_tooling.modbus.tables import READ_FUNCTIONS

LONGEST = MAX_REGISTERS - MAX_REGISTERS % 2

NOT_ALL = (*NO_SUCH_ITEM, SERVER_DEVICE_FAILURE)
"""Exceptions that a device may give when a part of what was asked for is not there: some fail, instead of saying so."""


class Area:
    """Registers `first` to `last` of a table of one unit. `known` are the spans that exist, once it was explored.

    `refusal` is the last answer that there is nothing.
    """

    def __init__(self, unit_id: int, table: str, first: int, last: int):
        self.table = table
        self.size = last - first + 1
        self.known: list[tuple[int, int]] = []
        self.refusal: FluxError | None = None
        self._unit_id = unit_id
        self._waiting = list(_spans(first, last + 1))[::-1]

    @property
    def text(self) -> str:
        """What exists of it."""
        return ", ".join(span(self.table, first, count) for first, count in _joined(self.known)) or f"no {self.table}:"

    async def explore(self, session: Session, progress: Callable[[int], None]) -> dict[int, int]:
        """{address: register} of all that exist. `progress` hears of each span that is settled, how long it is.

        What is refused is asked for in halves. All begin and end at even addresses as long as they can, because some
        devices do not give away half of a value in two registers. TransientError when there is no answer at all.
        """
        registers: dict[int, int] = {}
        while self._waiting:
            first, count = self._waiting.pop()
            asked, code = await self._ask(session, first, count)
            if asked.data is None and count > 1 and code in NOT_ALL:
                middle = _middle(first, count)
                self._waiting += [(middle, first + count - middle), (first, middle - first)]
                continue
            if asked.data is not None:
                registers |= dict(zip(range(first, first + count), items(self.table, asked.data, count), strict=True))
                self.known.append((first, count))
            elif code not in NOT_ALL:
                self._waiting.clear()  # it is not the address that is wrong
            progress(count)
        return registers

    async def sample(self, session: Session) -> dict[int, int]:
        """The same registers again. TransientError when they are not all there any more."""
        registers: dict[int, int] = {}
        for first, count in self.known:
            asked, _ = await self._ask(session, first, count)
            if asked.data is None:
                raise TransientError(
                    str(read_trouble(asked.error, self._unit_id, table=self.table, first=first, count=count))
                )
            registers |= dict(zip(range(first, first + count), items(self.table, asked.data, count), strict=True))
        return registers

    async def _ask(self, session: Session, first: int, count: int) -> tuple[Request, int]:
        """The request, which has data or was refused, and the code of the refusal."""
        asked = Request(self._unit_id, read_request(READ_FUNCTIONS[self.table], first, count))
        await session.ask([asked])
        if asked.data is not None:
            return asked, 0
        self.refusal = asked.error
        if not isinstance(asked.error, ExceptionResponse):
            raise TransientError(
                str(read_trouble(asked.error, self._unit_id, table=self.table, first=first, count=count))
            )
        return asked, asked.error.exception_code


class Registers:
    """Areas of a device, looked at again and again. `mirrors`: both tables held the same, and one of them is left."""

    def __init__(self, device: Device, target: Target, areas: Sequence[Area]):
        self.areas = list(areas)
        self.mirrors = False
        self._device = device
        self._target = target
        self._samples: list[Sample] = []

    async def explore(self, progress: Callable[[int], None]) -> None:
        """Find out which registers exist, and look at them once."""
        async with opened(self._device, self._target) as session:
            found = {area.table: await area.explore(session, progress) for area in self.areas}
        self.areas = [area for area in self.areas if found[area.table]]
        if len(self.areas) > 1 and found[self.areas[0].table] == found[self.areas[1].table]:
            self.mirrors = True
            del self.areas[1:]
        if self.areas:
            self._samples.append({area.table: found[area.table] for area in self.areas})

    async def watch(self, looks: int, every_ms: int) -> None:
        """Look that often, each time after a pause."""
        async with opened(self._device, self._target) as session:
            for _ in range(looks):
                await session.clock.sleep_ms(every_ms)
                self._samples.append({area.table: await area.sample(session) for area in self.areas})

    def round(self, readings: Sequence[Reading | None]) -> Round:
        """What was seen since the last round, while the panel showed `readings`."""
        samples, self._samples = self._samples, []
        return Round(readings, samples)


def _spans(first: int, end: int) -> Iterator[tuple[int, int]]:
    """(first, count) of what is asked for at first: as much as a request can, each from an even address to another."""
    while first < end:
        count = min(LONGEST - first % 2, end - first)
        yield first, count
        first += count


def _middle(first: int, count: int) -> int:
    """Where the second half begins: at an even address, unless there is none between."""
    middle = first + count // 2
    return middle + 1 if middle % 2 and middle + 1 < first + count else middle


def _joined(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans, those that touch as one."""
    joined: list[tuple[int, int]] = []
    for first, count in sorted(spans):
        if joined and sum(joined[-1]) == first:
            joined[-1] = joined[-1][0], joined[-1][1] + count
        else:
            joined.append((first, count))
    return joined
