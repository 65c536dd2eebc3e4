"""A proxy that knows Modbus frames and lets something go wrong with each answer, and what plays such faults."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext, suppress
from itertools import groupby
from operator import itemgetter
from typing import Any

from fluxrig.errors import TransientError
from tests.peers.faults import CLOSE, HALF_OPEN, Acts, Exchange, Fault, Slowly, on_serial, on_tcp

ADDRESS = "127.0.0.1"


class Player:
    """The server's end of a connection, on which answers do what their faults say.

    `keeps_order`: what is sent slowly is not mixed with anything else, as on TCP. On a serial line it may meet what
    another unit sends.
    """

    def __init__(
        self,
        write: Callable[[bytes], Awaitable[Any]],
        close: Callable[[], Awaitable[Any]],
        sleep_ms: Callable[[int], Awaitable[Any]],
        keeps_order: bool,
    ):
        self._write = write
        self._close = close
        self._sleep_ms = sleep_ms
        self._half_open = False
        self._sending = asyncio.Lock() if keeps_order else nullcontext()
        self._tasks: set[asyncio.Task[None]] = set()

    def play(self, acts: Acts) -> None:
        """Do what `acts` say, from now on and beside what is being done already."""
        task = asyncio.create_task(self._play(acts))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _play(self, acts: Acts) -> None:
        now = 0
        for after_ms, together in groupby(acts, itemgetter(0)):
            await self._sleep_ms(after_ms - now)
            now = after_ms
            async with self._sending:
                for _, what in together:
                    await self._do(what)

    async def _do(self, what: object) -> None:
        self._half_open |= what is HALF_OPEN
        if what is CLOSE:
            await self._close()
        elif not self._half_open:
            assert isinstance(what, bytes | Slowly)
            pieces, step_ms = ([what], 0) if isinstance(what, bytes) else (what.pieces, what.step_ms)
            with suppress(TransientError, OSError):  # the client has gone
                for piece in pieces:
                    await self._write(piece)
                    await self._sleep_ms(step_ms)


class Proxy:
    """`async with Proxy(transport, port, faults) as proxy:` clients come to `proxy.port`, the server is at `port`.

    `faults` holds what happens to the next answers, whatever the connection; when it is empty nothing does. `transport`
    is "tcp" or "rtu+tcp". The server is asked one request at a time, reads only.
    """

    def __init__(self, transport: str, server_port: int, faults: list[Fault | None], timeout_ms: int):
        self.faults = faults
        self._is_tcp = transport == "tcp"
        self._server_port = server_port
        self._timeout_ms = timeout_ms
        self._before = b""

    async def __aenter__(self) -> "Proxy":
        self._server = await asyncio.start_server(self._serve, ADDRESS, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, client_reader: asyncio.StreamReader, client_writer: asyncio.StreamWriter) -> None:
        reader, writer = await asyncio.open_connection(ADDRESS, self._server_port)

        async def write(data: bytes) -> None:
            client_writer.write(data)
            await client_writer.drain()

        async def close() -> None:
            client_writer.close()

        async def sleep_ms(ms: int) -> None:
            await asyncio.sleep(ms / 1000)

        player = Player(write, close, sleep_ms, self._is_tcp)
        try:
            while True:
                request = await (_tcp_frame(client_reader) if self._is_tcp else client_reader.readexactly(8))
                writer.write(request)
                answer = await (_tcp_frame(reader) if self._is_tcp else _rtu_answer(reader))
                fault = self.faults.pop(0) if self.faults else None
                exchange = Exchange(request, answer, self._before, self._timeout_ms)
                self._before = answer
                player.play((on_tcp if self._is_tcp else on_serial)(fault, exchange))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has gone
        finally:
            player.stop()
            writer.close()
            client_writer.close()


async def _tcp_frame(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(6)
    return head + await reader.readexactly(int.from_bytes(head[4:6], "big"))


async def _rtu_answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(3)
    return head + await reader.readexactly(2 if head[1] & 0x80 else head[2] + 2)
