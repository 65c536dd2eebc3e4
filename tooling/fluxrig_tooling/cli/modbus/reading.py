"""Reads what a command line asks for: items as they are, or values of a type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Protocol

from fluxrig.modbus.exceptions import NO_SUCH_ITEM
from fluxrig.modbus.pdu import MAX_BITS, MAX_REGISTERS, TABLES, ExceptionResponse, read_request
from fluxrig.modbus.request import Request
from fluxrig.modbus.split import extent, split, tags_of
from fluxrig.modbus.values import ReadPlan
from fluxrig_tooling.cli.modbus.session import Session
from fluxrig_tooling.cli.modbus.small_rig import Device
from fluxrig_tooling.cli.modbus.trouble import Trouble, read_trouble, span, value_trouble
from fluxrig_tooling.modbus.tables import BIT_TABLES, READ_FUNCTIONS


@dataclass(frozen=True)
class Row:
    """One value: `name` is what to call it, `address` where it stands, `how` its type, empty for an item as it is.

    `trouble` says why there is no value.
    """

    name: str
    address: str
    how: str
    value: Any
    trouble: Trouble | None = None


class Source(Protocol):
    """What can be read again and again."""

    async def rows(self, session: Session) -> list[Row]:
        """Ask for everything once. The rows are the same each time, in the same order."""


class Span:
    """`count` items of a table from `first` on, as they are, in as few requests as it takes."""

    def __init__(self, unit_id: int, table: str, first: int, count: int):
        self._unit_id = unit_id
        self._table = table
        self._chunks = list(chunks(table, first, count))

    async def rows(self, session: Session) -> list[Row]:
        function = READ_FUNCTIONS[self._table]
        requests = [Request(self._unit_id, read_request(function, *chunk)) for chunk in self._chunks]
        await session.ask(requests)
        return [
            row
            for request, (first, count) in zip(requests, self._chunks, strict=True)
            for row in self._items(request, first, count)
        ]

    def _items(self, request: Request, first: int, count: int) -> Iterator[Row]:
        addresses = [span(self._table, first + index, 1) for index in range(count)]
        if request.data is None:
            trouble = read_trouble(request.error, self._unit_id, table=self._table, first=first, count=count)
            yield from (Row(address, address, how="", value=None, trouble=trouble) for address in addresses)
            return
        for address, value in zip(addresses, items(self._table, request.data, count), strict=True):
            yield Row(address, address, how="", value=value)


class Values:
    """Tags of a device: those in `labels`, in order, which says what to call them, or all of them."""

    def __init__(self, device: Device, labels: dict[str, str] | None = None):
        self._device = device
        self._labels = labels or {name: name for name in device.tags}
        chosen = self._labels.keys()
        self._requests = [
            (unit_id, request) for unit_id, request in device.requests if not chosen.isdisjoint(tags_of(request))
        ]

    async def rows(self, session: Session) -> list[Row]:
        found = await self._ask(session, self._requests)
        refused = [asked for asked in found if _is_partial(asked) and len(asked.plan.tags) > 1]
        # One tag may stand where nothing is: each is asked for alone.
        parts = [part for asked in refused for part in asked.parts()]
        found = [asked for asked in found if asked not in refused] + await self._ask(session, parts)
        rows = {name: row for asked in found for name, row in self._decoded(asked)}
        return [rows[name] for name in self._labels]

    async def _ask(self, session: Session, requests: list[tuple[int, list[Any]]]) -> list[_Asked]:
        asked = [_Asked(unit_id, request) for unit_id, request in requests]
        for _, of_one_unit in groupby(asked, key=lambda each: each.unit_id):
            await session.ask(list(of_one_unit))
        return asked

    def _decoded(self, asked: _Asked) -> Iterator[tuple[str, Row]]:
        """Each tag of a request, by name."""
        table = TABLES[asked.function]
        data: dict[str, Any] = {}
        bad: dict[str, str] = {}
        if asked.data is not None:
            asked.plan.read(asked.data, data, bad)
        for index, name in enumerate(asked.plan.tags):
            offset, size = extent(asked.request, index)
            trouble = None
            if asked.data is None:
                trouble = read_trouble(asked.error, asked.unit_id, table=table, first=asked.address, count=asked.count)
            elif name in bad:
                trouble = value_trouble(bad[name])
            address = span(table, asked.address + offset, size)
            label = self._labels.get(name, name)
            yield name, Row(label, address, how=self._device.how(name), value=data.get(name), trouble=trouble)


class _Asked(Request):
    """A request as a rig has it: [function, address, count, order, layout, slots]."""

    def __init__(self, unit_id: int, request: list[Any]):
        self.function, self.address, self.count, order, layout, slots = request
        super().__init__(unit_id, read_request(self.function, self.address, self.count))
        self.request = request
        self.plan = ReadPlan(order, layout, slots)

    def parts(self) -> list[tuple[int, list[Any]]]:
        """A request for each of its tags."""
        return [(self.unit_id, split(self.request, index, index + 1)) for index in range(len(self.plan.tags))]


class CombinedSource:
    """Several sources as one."""

    def __init__(self, sources: Iterable[Source]):
        self._sources = list(sources)

    async def rows(self, session: Session) -> list[Row]:
        return [row for source in self._sources for row in await source.rows(session)]


def chunks(table: str, first: int, count: int) -> Iterator[tuple[int, int]]:
    """(first, count) of the requests that read `count` items: each as long as the protocol lets it be."""
    limit = MAX_BITS if table in BIT_TABLES else MAX_REGISTERS
    for offset in range(0, count, limit):
        yield first + offset, min(limit, count - offset)


def items(table: str, data: bytes, count: int) -> list[Any]:
    """The items in an answer: bools of a table of bits, else registers."""
    if table in BIT_TABLES:
        return [bool(data[index // 8] >> index % 8 & 1) for index in range(count)]
    return [int.from_bytes(data[index : index + 2], "big") for index in range(0, 2 * count, 2)]


def _is_partial(asked: Request) -> bool:
    return isinstance(asked.error, ExceptionResponse) and asked.error.exception_code in NO_SUCH_ITEM
