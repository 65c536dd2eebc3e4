"""A Line at this end of the wire."""

from fluxrig.gears.io_modbus.io_modbus import open_line
from tests.peers.wire import compiled
from tests.ports.subject import new_host

TAGS = "x: {address: hr:0}"
"""Of the config only the link is wanted."""


class Asking:
    """`async with Asking(link) as line:` requests can be asked over it; what is noted is in `noted`."""

    def __init__(self, link, **settings):
        host = new_host()
        self.noted = []
        self._line = open_line(host, link, compiled(link, TAGS, **settings)["link"], self._log)

    async def __aenter__(self):
        return self

    async def __aexit__(self, *exc):
        await self._line.close()

    async def ask(self, *requests):
        """The data of each answer, or the name of the exception, or the reason why there is none."""
        await self._line.ask(list(requests))
        return [request.error.reason if request.error else request.data for request in requests]

    def _log(self, level, text):
        self.noted.append(text)
