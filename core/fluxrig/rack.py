"""The Rack: loads a compiled rig, runs its Gears, supervises their tasks, and ends them in order.

A compiled rig for one Rack is a map (its file form is in `fluxrig.flux`):

    {"rig": text, "version": text, "rack": text, "machine": text,
     "gears": [{"name", "type", "id": 16 bytes, "config": map, "on_error": text,
                "outputs": {port: 16 bytes port id}, "sends_outside": true where it does}, …],
     "wires": [[from gear index, from port, to gear index, to port, "hot"],
               [the same …, "guaranteed", {"max_attempts", "retry_min_ms", "retry_max_ms"}], …],
     "archive": {"keep_ms" (0: of any age), "max_bytes" (0: a quarter of the file system),
                 "policy": "block", "drop_oldest_sent" or "drop_oldest",
                 "segment_bytes" (0: a sixteenth of max_bytes), "commit_ms", "commit_bytes" (0: what suits the medium),
                 "commit_count", "checkpoint_ms", "ram_bytes"}}

Gears and wires stand in the order of the flow: a wire goes from a lower index to a higher one. `archive` is there when
the Rack has a correlator or a guaranteed wire.
"""

import asyncio

from fluxrig.bus import Station
from fluxrig.errors import LocalError, failure_text
from fluxrig.ids import IdSource
from fluxrig.schedule import Schedule
from fluxrig.supervisor import Supervisor


class Rack:
    """One node running one compiled rig on one Host. Use `run()`, or `start()` and `stop()` around your own wait."""

    DRAIN_MS = 5000
    """How long one Gear may take to start, to drain and to stop, each; and all tasks together to end."""

    def __init__(self, host, rig: dict):
        self.host = host
        self.name = rig["rack"]
        self.machine_id = rig["machine"]
        self.schedule = Schedule(host.clock)
        self.supervisor = Supervisor(host.clock, host.log)
        self.ids = IdSource(host.clock.wall_ns, host.entropy)
        self.stations: list[Station] = []
        self.guaranteed: list = []  # the guaranteed wires
        self.lines: dict = {}  # {key: (line, the stations that borrow it)}
        self._started: list[Station] = []  # in the order of their start
        self._endings: list = []  # tasks that release killed Gears
        # Imported here: what puts a Rack together is not needed while it runs.
        from fluxrig.wiring import archive_of, assemble

        self.archive = archive_of(self, rig)
        assemble(self, rig)

    def station(self, name: str) -> Station:
        """The place of the Gear `name` on the bus. LocalError when this Rack has no such Gear."""
        for station in self.stations:
            if station.name == name:
                return station
        raise LocalError(f"there is no gear {name!r} on this Rack")

    def shared(self, station: Station, key: str, make):
        """The line that `station` shares with others under `key`; see `Context.shared`."""
        if key not in self.lines:
            self.lines[key] = (make(), [])
        line, borrowers = self.lines[key]
        if station not in borrowers:
            borrowers.append(station)
        return line

    async def start(self) -> None:
        """Open the archive, start every Gear, receivers first, then let their tasks run.

        LocalError when one does not start. Then, as after a cancellation, what had started is stopped again.
        """
        archive = self.archive
        if archive is not None:
            await archive.start()
            self.supervisor.add(archive, "write", archive.write_forever)
            self.supervisor.add(archive, "watch", archive.watch_forever)
        for station in reversed(self.stations):
            try:
                await self.host.clock.wait_for(station.gear.start(), self.DRAIN_MS)
            except Exception as exc:
                await self.stop()
                raise LocalError(f"gear {station.name!r}: it did not start: {failure_text(exc)}")
            except asyncio.CancelledError:
                await self.stop()
                raise
            self._started.append(station)
        self.schedule.start()
        self.supervisor.start()
        self.host.log("info", self.name, "running")

    async def stop(self) -> None:
        """Drain every Gear, sources first; then end the tasks and release everything."""
        started = self._started[::-1]
        self._started = []
        for station in started:
            for wire in self.guaranteed:
                if wire.target is station:
                    await self._end("archive", "drain", self.archive.flush())
                    await self._end(wire.name, "drain", wire.drain())
            if station.alive:
                await self._end(station.name, "drain", station.gear.drain())
        if self.archive is not None:
            await self._end("archive", "drain", self.archive.flush())
        await self._end(self.name, "ending the tasks", self.supervisor.end(self.DRAIN_MS))
        for station in started:
            if station.alive:
                await self._end(station.name, "stop", station.gear.stop())
        for ending in self._endings:
            await ending
        for station in self.stations:
            await self._take_back(station)
        if self.archive is not None:
            await self._end("archive", "stop", self.archive.close())
        self.host.log("info", self.name, "stopped")

    async def run(self, until) -> None:
        """Start, wait for the awaitable `until`, stop. Stops also when the wait is cancelled."""
        await self.start()
        try:
            await until
        finally:
            await self.stop()

    def stats(self) -> dict:
        """Counters of the Rack: {"gears": {name: {…}}, "tickers": {name: {…}}, "restarts", "missed"}.

        And "archive": {…} where it has one, "wires": {name: {…}} where it has guaranteed wires, "lines": {key: {…}}
        where Gears have lines (see `Context.shared`).
        """
        # Imported here: on a device nobody asks, or once, at the end.
        from fluxrig.stats import stats_of

        return stats_of(self)

    def release(self, station: Station) -> None:
        """A Gear was killed: end its tasks and let it release what it holds, while the others go on."""
        self.supervisor.end_of(station)
        if station in self._started:
            self._endings.append(asyncio.create_task(self._end_killed(station)))

    async def _end_killed(self, station: Station) -> None:
        await self._end(station.name, "stop", station.gear.stop())
        await self._take_back(station)

    async def _take_back(self, station: Station) -> None:
        """A Gear has ended: close the lines that only it had still borrowed."""
        for key, (line, borrowers) in self.lines.items():
            if station in borrowers:
                borrowers.remove(station)
                if not borrowers:
                    await self._end(key, "close", line.close())

    async def _end(self, name: str, step: str, ending) -> None:
        """One step of the shutdown: an error or a timeout in one Gear is reported and does not keep the others."""
        try:
            await self.host.clock.wait_for(ending, self.DRAIN_MS)
        except Exception as exc:
            self.host.log("error", name, f"{step}: {failure_text(exc)}")
