"""Modbus servers at the other end of a real line, for tests that run under either interpreter.

They are those of `tests.peers.modbus_peers`, in pytest's process. `asking` and `polling` are this end.
"""

import asyncio
import gc

from fluxrig import cbor
from tests.ports.peer import ask

PEERS = ("libmodbus", "pymodbus")
TRANSPORTS = ("tcp", "rtu", "rtu+tcp")
EVERYWHERE = [(peer, transport) for peer in PEERS for transport in TRANSPORTS]


class Server:
    """One server of the peers. Tables are co, di, hr and ir."""

    def __init__(self, number):
        self._number = number

    def set(self, table, address, *values):
        ask("set", self._number, table, address, values)

    def encode(self, table, address, type_name, order, value):
        """Let the server put a value into its registers."""
        ask("encode", self._number, table, address, type_name, order, value)

    def dump(self, table, address, count=1):
        """What the server holds."""
        return ask("dump", self._number, table, address, count)


def serve(transport, *wanted):
    """(link, server, …) for each (kind, unit id, …) wanted."""
    link, numbers = ask("serve", transport, [(each[0], each[1:]) for each in wanted])
    return [link] + [Server(number) for number in numbers]


def compiled(link, tags, **settings):
    """The compiled config of a Gear on `link`."""
    options = {"every": "50ms", "timeout": "2s", "reconnect_min": "20ms"}
    if link.startswith("serial://"):
        options["baud"] = "115200"
        options["parity"] = "none"
        options["response_time"] = "2ms"
    options.update(settings)
    return cbor.loads(bytes.fromhex(ask("compiled", link, tags, options)))


async def each(cases, test):
    """Run `test(*case)` for one case after the other, each with servers of its own; a failure names its case."""
    for case in cases:
        gc.collect()  # what the case before left must not split a small heap
        try:
            await test(*case)
        except Exception as exc:
            print("in the case", case)
            raise exc
        finally:
            ask("close_servers")
            await asyncio.sleep(0)
