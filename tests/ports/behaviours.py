"""TCP servers that behave as real peers do on good and on bad days. What they receive is kept for the test to see."""

import asyncio
import socket
import struct

CONNACK = bytes((0x20, 2, 0, 0))
PINGREQ = bytes((0xC0, 0))

POUR = 16 << 20
"""Bytes that `pours` sends: more than the buffers of two kernels."""

STALLED_S = 0.3
"""A sender that moved nothing for this long is being held back."""

FOR_EVER_S = 3600


class Behaviours:
    """One server a port. `received[port]` is what its clients sent; `sent[port]` counts what `pours` could send.

    `told[port]` is what `reads_when_told` waits for. `was_reset[port]` says, once a client has left, whether that ended
    with a reset.
    """

    def __init__(self) -> None:
        self.received: dict[int, bytearray] = {}
        self.sent: dict[int, int] = {}
        self.was_reset: dict[int, bool] = {}
        self.told: dict[int, asyncio.Event] = {}
        self._servers: list[asyncio.Server] = []
        self._sockets: list[socket.socket] = []

    async def open(self, behaviour: str) -> int:
        """Start a server with the behaviour of that name. Its port."""
        if behaviour in ("refuses", "never_accepts"):
            return getattr(self, behaviour)()
        serve = getattr(self, behaviour)

        async def session(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await serve(reader, writer, port)
                self.was_reset[port] = False
            except ConnectionError:
                self.was_reset[port] = True
            finally:
                writer.close()

        server = await asyncio.start_server(session, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        self.received[port] = bytearray()
        self.told[port] = asyncio.Event()
        self._servers.append(server)
        return port

    def close(self) -> None:
        for server in self._servers:
            server.close()
        for sock in self._sockets:
            sock.close()

    def refuses(self) -> int:
        """A port where nothing listens, kept from anybody else."""
        sock = socket.socket()
        sock.bind(("127.0.0.1", 0))
        self._sockets.append(sock)
        return sock.getsockname()[1]

    def never_accepts(self) -> int:
        """A port whose queue is full, so that a connection attempt gets no answer."""
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        self._sockets.append(listener)
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(address)
            self._sockets.append(filler)
        return address[1]

    async def echoes(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        while data := await self._take(reader, port):
            writer.write(data)
            await writer.drain()

    async def is_silent(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        while await self._take(reader, port):
            pass

    async def is_deaf(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        """Accepts, and never reads a byte."""
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(FOR_EVER_S)

    async def reads_when_told(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        """Reads nothing until `told[port]` is set, and everything from then on."""
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await self.told[port].wait()
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        await self.is_silent(reader, writer, port)

    async def breaks_off(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        """Answers the first request with half a reply, and closes."""
        await self._take(reader, port)
        writer.write(b"abc")

    async def resets(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        """Resets the connection when the first request comes."""
        await self._take(reader, port)
        abort_now = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, abort_now)

    async def stops_sending(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        """Ends its own direction at once and goes on listening."""
        writer.write_eof()
        await self.is_silent(reader, writer, port)

    async def pours(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        """Sends `POUR` bytes as fast as they are taken: each KiB begins with its number."""
        for start in range(0, POUR, 65_536):
            block = b"".join((start // 1024 + each).to_bytes(4, "big") + bytes(1020) for each in range(64))
            writer.write(block)
            await writer.drain()
            self.sent[port] = start + len(block)

    async def says_yes_and_no_more(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        """An MQTT broker that accepts the session and then only listens."""
        await self._take(reader, port)
        writer.write(CONNACK)
        await self.is_silent(reader, writer, port)

    async def says_yes_and_rubbish(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        """An MQTT broker that goes out of its mind after accepting the session."""
        await self._take(reader, port)
        writer.write(CONNACK + b"\xff" * 8)
        await self.is_silent(reader, writer, port)

    async def says_yes_and_floods(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        """An MQTT broker that announces a message of 256 MB, with a topic of 60,000 bytes."""
        await self._take(reader, port)
        writer.write(CONNACK + b"\x30\xff\xff\xff\x7f\xea\x60" + bytes(2000))
        await self.is_silent(reader, writer, port)

    async def is_busy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        """An MQTT broker that is there and cannot take sessions now (CONNACK return code 3)."""
        await self._take(reader, port)
        writer.write(bytes((0x20, 2, 0, 3)))
        # A CONNECT may come in pieces. Closing with some of it unread would reset the connection, and lose the answer.
        await self.is_silent(reader, writer, port)

    async def at_least(self, port: int, count: int) -> bytearray:
        """What clients have sent to `port`, once it is `count` bytes or more."""
        while len(self.received[port]) < count:
            await asyncio.sleep(0.005)
        return self.received[port]

    async def stalled(self, port: int) -> int:
        """How much `pours` had sent when it no longer got rid of anything."""
        before = -1
        while self.sent.get(port, 0) != before:
            before = self.sent.get(port, 0)
            await asyncio.sleep(STALLED_S)
        return before

    async def _take(self, reader: asyncio.StreamReader, port: int) -> bytes:
        data = await reader.read(65_536)
        self.received[port] += data
        return data
