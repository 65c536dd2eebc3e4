"""The Rack: loads a compiled rig, runs its Gears, supervises their tasks, and ends them in order.

A compiled rig for one Rack is a map (its file form is in `fluxrig.flux`):

    {"rig": text, "version": text, "rack": text, "machine": text,
     "gears": [{"name", "type", "id": 16 bytes, "config": map, "on_error": text,
                "outputs": {port: 16 bytes port id}}, …],
     "wires": [[from gear index, from port, to gear index, to port, lane], …]}

Gears and wires stand in the order of the flow: a wire goes from a lower index to a higher one.
"""

import asyncio

from fluxrig import registry
from fluxrig.bus import Station, connect
from fluxrig.compat import traceback_text
from fluxrig.errors import FluxError, LocalError, TransientError
from fluxrig.gear import KILL, Context
from fluxrig.ids import IdSource
from fluxrig.schedule import Schedule


class Rack:
    """One node running one compiled rig on one Host. Use `run()`, or `start()` and `stop()` around your own wait."""

    DRAIN_MS = 5000
    """How long one Gear may take to start, to drain and to stop, each."""

    RESTART_MIN_MS = 500
    RESTART_MAX_MS = 60_000
    """Back-off of a failing task: doubles from the first to the second, and starts over after a run as long as it."""

    def __init__(self, host, rig: dict):
        self.host = host
        self.name = rig["rack"]
        self.machine_id = rig["machine"]
        self.schedule = Schedule(host.clock)
        self.ids = IdSource(host.clock.wall_ns, host.entropy)
        self.restarts = 0
        self._work: list = []  # (station index, task name, coroutine function)
        self.stations: list[Station] = []
        contexts = []
        for entry in rig["gears"]:
            gear = registry.gear_class(entry["type"])()
            self.stations.append(Station(entry["name"], gear, entry["on_error"], host.log))
            contexts.append(Context(self, entry["name"], entry["id"], entry["outputs"], entry["config"]))
        hot = []
        for wire in rig["wires"]:
            if wire[4] != "hot":
                raise LocalError(f"wire lane {wire[4]!r} is not supported by this Rack (it has: hot)")
            hot.append(wire[:4])
        connect(self.stations, [list(entry["outputs"]) for entry in rig["gears"]], hot)
        for station, context in zip(self.stations, contexts):
            station.gear.init(context)

    def spawn(self, context: Context, name: str, work) -> None:
        """Register a supervised task; see `Context.spawn`."""
        station = next(s for s in self.stations if s.name == context.name)
        self._work.append((station, name, work))

    async def start(self) -> None:
        """Start every Gear, receivers first, then let their tasks run. On failure what had started is stopped."""
        for station in reversed(self.stations):
            try:
                await self.host.clock.wait_for(station.gear.start(), self.DRAIN_MS)
            except FluxError as exc:
                await self.stop()
                raise LocalError(f"gear {station.name!r} did not start: {exc}")
        self.schedule.start()
        for station, name, work in self._work:
            station.tasks.append(asyncio.create_task(self._supervise(station, name, work)))
        self.host.log("info", self.name, f"running {len(self.stations)} gears")

    async def stop(self) -> None:
        """Drain every Gear, sources first; then end the tasks and release everything."""
        for station in self.stations:
            await self._end(station, "drain", station.gear.drain)
        tasks = [task for station in self.stations for task in station.tasks]
        for task in tasks:
            task.cancel()
        for task in tasks:
            try:
                await task
            except asyncio.CancelledError:
                pass
        for station in self.stations:
            await self._end(station, "stop", station.gear.stop)
        self.host.log("info", self.name, "stopped")

    async def run(self, until) -> None:
        """Start, wait for the awaitable `until`, stop. Stops also when the wait is cancelled."""
        await self.start()
        try:
            await until
        finally:
            await self.stop()

    def stats(self) -> dict:
        """Counters of the Rack: {"gears": {name: {…}}, "wires": …, "tickers": {name: {…}}, "restarts", "missed"}."""
        gears = {}
        for station in self.stations:
            entry = {
                "in": sum([wire.count for wire in station.inbound]),
                "errors": station.errors,
                "rejected": station.rejected,
                "dropped": station.dropped,
                "refused": station.refused,
                "alive": station.alive,
            }
            for name in station.gear.counters:
                entry[name] = getattr(station.gear, name)
            gears[station.name] = entry
        tickers = {}
        for ticker in self.schedule.tickers:
            lateness = ticker.lateness
            tickers[ticker.name] = {
                "ticks": ticker.ticks,
                "missed": ticker.missed,
                "late_us_p50": lateness.percentile(50),
                "late_us_p99": lateness.percentile(99),
                "late_us_max": lateness.max,
            }
        return {"gears": gears, "tickers": tickers, "restarts": self.restarts, "missed": self.schedule.missed()}

    async def _end(self, station: Station, step: str, method) -> None:
        """One step of the shutdown: an error or a timeout in one Gear is reported and does not keep the others."""
        try:
            await self.host.clock.wait_for(method(), self.DRAIN_MS)
        except FluxError as exc:
            self.host.log("error", station.name, f"{step}: {exc}")
        except Exception as exc:
            self.host.log("error", station.name, f"{step}: {traceback_text(exc)}")

    async def _supervise(self, station: Station, name: str, work) -> None:
        clock = self.host.clock
        pause = self.RESTART_MIN_MS
        while station.alive:
            began = clock.wall_ns()
            try:
                await work()
                return
            except Exception as exc:
                station.errors += 1
                transient = isinstance(exc, TransientError)
                why = str(exc) if isinstance(exc, FluxError) else traceback_text(exc)
                if station.on_error == KILL and not transient:
                    self.host.log("error", station.name, f"task {name!r} failed: {why}")
                    station.kill()
                    return
                if clock.wall_ns() - began > pause * 1_000_000:
                    pause = self.RESTART_MIN_MS
                self.restarts += 1
                self.host.log("error", station.name, f"task {name!r} failed, again in {pause} ms: {why}")
                await clock.sleep_ms(pause)
                pause = min(pause * 2, self.RESTART_MAX_MS)
