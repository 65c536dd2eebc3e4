"""An MQTT broker inside this process, for the demo and for tests: amqtt behind a listener of our own.

The listener is ours so that the operating system can choose the port, and we can tell which one it chose.
"""

from __future__ import annotations

import asyncio
import logging
from types import TracebackType

from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter  # type: ignore[import-untyped]
from amqtt.broker import Broker  # type: ignore[import-untyped]

_LISTENER = "default"


class EmbeddedBroker:
    """`async with EmbeddedBroker() as broker:` serves MQTT 3.1.1 on loopback, `broker.port`, to anybody there."""

    address = "127.0.0.1"

    def __init__(self, port: int = 0):
        self.port = port
        self._broker = Broker(
            {
                "listeners": {_LISTENER: {"type": "external", "bind": self.address}},
                "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
            }
        )
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> EmbeddedBroker:
        # What amqtt says about ordinary connections is of no interest to whoever runs a demo.
        logging.getLogger("amqtt").setLevel(logging.CRITICAL)
        logging.getLogger("transitions").setLevel(logging.CRITICAL)
        await self._broker.start()
        self._server = await asyncio.start_server(self._serve, self.address, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        await self._broker.shutdown()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._broker.external_connected(StreamReaderAdapter(reader), StreamWriterAdapter(writer), _LISTENER)
