"""What listens at the other ends of streams: TCP servers and the devices of serial lines; and a broker."""

import asyncio

from fluxrig.compat import TYPE_CHECKING
from fluxrig.errors import LocalError, TransientError
from fluxrig.host import Stream
from fluxrig_ports.memory.broker import Broker
from fluxrig_ports.memory.clock import VirtualClock

if TYPE_CHECKING:  # streams are loaded where one is opened: most simulations on a device open none
    from fluxrig_ports.memory.streams import SerialEnd


class Network:
    """What the hosts of one simulation share: listeners by (address, port), serial lines by path, and a broker."""

    def __init__(self):
        self.broker = Broker()
        self._listeners: dict = {}
        self._devices: dict = {}  # {path: serve, or None while the adapter is pulled out}
        self._opened: dict[str, SerialEnd] = {}  # what was opened last
        self._serving: list = []

    def listen(self, address: str, port: int, serve) -> None:
        """Serve each connection to `address`:`port` with the coroutine function `serve(stream)`."""
        self._listeners[address, port] = serve

    def unlisten(self, address: str, port: int) -> None:
        self._listeners.pop((address, port), None)

    def dial(self, address: str, port: int, clock: VirtualClock) -> Stream:
        """A connection to whoever listens there. The timeouts of both ends count the time of `clock`."""
        serve = self._listeners.get((address, port))
        if serve is None:
            raise TransientError(f"connection to {address}:{port} refused", address=address, port=port)
        from fluxrig_ports.memory.streams import null_modem

        ours, theirs = null_modem(clock)
        self._start(serve(theirs))
        return ours

    def listen_serial(self, path: str, serve) -> None:
        """There is a serial line `path`: each time it is opened, `serve(stream)` is what hangs on it, a DeviceEnd.

        It reads what is sent and decides what comes back: one device or several, echo, noise, silence.
        """
        self._devices[path] = serve

    async def unlisten_serial(self, path: str) -> None:
        """Pull the adapter of `path` out. `listen_serial` plugs it in again."""
        self._devices[path] = None
        if path in self._opened:
            await self._opened[path].pulled_out()

    def open_serial(self, options: dict, clock: VirtualClock) -> Stream:
        """The line `options["path"]`, which nobody else has open. As `Host.serial`."""
        path = options["path"]
        if path not in self._devices:
            known = ", ".join(sorted(self._devices)) or "none"
            raise LocalError(f"{path}: no such serial line (there are: {known})", path=path)
        serve = self._devices[path]
        if serve is None:
            raise TransientError(f"{path}: the adapter is gone", path=path)
        if path in self._opened and not self._opened[path].closed:
            raise TransientError(f"{path}: busy, the line is already open", path=path)
        from fluxrig_ports.memory.streams import serial_line

        self._opened[path], device = serial_line(options, clock)
        self._start(serve(device))
        return self._opened[path]

    def _start(self, serving) -> None:
        # The loop keeps no reference to a task, and one without any may vanish in the middle of its work.
        self._serving.append(asyncio.create_task(serving))
