"""The Gear contract: one unit of work with named input and output ports.

    class Double(Gear):
        def init(self, ctx):
            self._tag = ctx.config["tag"]

        def on_in(self, msg):
            self.out(msg.derive(data={self._tag: msg.data[self._tag] * 2}))

An input port `x` is a method `on_x(self, msg)`, synchronous: it runs to completion, in order. An output port is an
attribute that the bus binds: `self.out(msg)`. The manifest beside the code names both. I/O belongs in tasks, spawned
with `ctx.spawn` from `init` or `start`.
"""

from fluxrig.errors import LocalError
from fluxrig.ids import NIL_ID
from fluxrig.msg import MACHINE_ID, FluxMsg

REJECT = "reject"
DROP = "drop"
KILL = "kill"


class Gear:
    """Base of every Gear. Lifecycle: `init`, `start`, (work), `drain`, `stop`; each is called once.

    What the Rack looks for in a Gear besides its ports has a name in `wiring.RESERVED`.
    """

    counters: tuple = ()
    """Names of integer attributes that `stats` has, such as ("held_back",)."""

    sends_outside = False
    """What this Gear receives leaves the Rack; its manifest says so too. It gets only messages that the Rack's archive
    holds: an input that was handed another one fails, and what the Gear's `on_error` says is done with it."""

    archives = False
    """What leaves this Gear, except by `err`, is in the Rack's archive. Its manifest says so too."""

    def init(self, ctx: "Context") -> None:
        """Take the compiled configuration. Do no I/O. A LocalError here refuses the rig."""

    async def start(self) -> None:
        """Get ready to receive. Runs before any message flows."""

    async def drain(self) -> None:
        """Sources: stop producing. Sinks: deliver what is queued. Bounded by the Rack's drain timeout."""

    async def stop(self) -> None:
        """Release everything. Runs after drain, in the order of the wires; at once when the Gear is killed."""

    def stats(self) -> dict:
        """What the Rack reports of this Gear: {name: number}."""
        stats = {}
        for name in self.counters:
            stats[name] = getattr(self, name)
        return stats

    def killed(self) -> None:
        """The Gear is being taken off the bus. A source says here that its values are not good any more."""

    def out(self, msg: FluxMsg) -> None:
        """The output port `out`: the bus binds its delivery over this method, as it does for every output."""
        raise LocalError(f"{type(self).__name__} has no such output port in this rig")

    err = out
    """The output port `err`, for messages that could not be handled."""


class Context:
    """What a Gear knows of its Rack: its compiled configuration, and the services of the Host."""

    def __init__(self, rack, station, entry: dict):
        """`station` is the Gear's place on the bus, `entry` what the compiled rig has of the Gear."""
        self.name = station.name
        self.gear_id = entry["id"]
        self.archive = rack.archive
        """The archive of this Rack, None where the rig needs none."""
        self.config = entry["config"]
        self.host = rack.host
        self.clock = rack.host.clock
        self.machine_id = rack.machine_id
        self.station = station
        """For the Rack: a Gear has no business with it."""
        self._rack = rack
        self._ports = entry["outputs"]

    def message(
        self,
        data: dict,
        meta: dict,
        raw: bytes | None = None,
        ts: int | None = None,
        port: str = "out",
        cause: FluxMsg | None = None,
        flags: int = 0,
        hop_ns: int | None = None,
    ) -> FluxMsg:
        """A new event, entering the rig here. With `cause` it has the trace of that message, and its `ref_id` points
        there; else a trace of its own.

        `meta` must hold `machine.id`: take `ctx.meta(...)` once and pass the same dict for every message of one kind.
        `ts` is the source time in Unix ns, now by default; `hop_ns` when it leaves by `port`, `ts` by default.
        """
        ids = self._rack.ids
        event_id = ids.mint()
        if ts is None:
            ts = self.clock.wall_ns()
        # The trace of an event is the id of the message it entered with: unique, W3C-valid and no extra entropy.
        return FluxMsg(
            event_id,
            event_id.hex() if cause is None else cause.trace,
            self.gear_id,
            meta,
            data,
            ts,
            NIL_ID if cause is None else cause.id,
            flags,
            raw,
            ((self.gear_id, self._ports[port], ts if hop_ns is None else hop_ns),),
            mint=ids.mint,
        )

    def meta(self, entries: dict) -> dict:
        """`entries` with `machine.id` added."""
        meta = dict(entries)
        meta[MACHINE_ID] = self.machine_id
        return meta

    def port_id(self, port: str) -> bytes:
        """The 16 bytes that stand for this Gear's output `port` in hops. LocalError when it has no such output."""
        if port not in self._ports:
            raise LocalError(f"gear {self.name!r}: there is no output port {port!r}")
        return self._ports[port]

    def wired(self, port: str) -> bool:
        """Whether a wire leaves the output `port`."""
        return self.station.is_wired(port)

    def ticker(self, name: str, period_ms: int, phase_ms: int = 0):
        """Deadlines every `period_ms` (1 or more, else LocalError), the first `phase_ms` (0 or more) after the Rack's
        start. See `fluxrig.schedule.Ticker`."""
        return self._rack.schedule.ticker(self.name + "." + name, period_ms, phase_ms)

    def spawn(self, name: str, work) -> None:
        """Run the coroutine function `work` as a supervised task: it starts with the Rack, ends with it, and is
        restarted with back-off when it fails."""
        self._rack.supervisor.add(self.station, name, work)

    def shared(self, key: str, make):
        """The line to the outside that Gears of this Rack share under `key`, made by `make()` for the first that asks
        for it, in `init`.

        Its `counters` are as those of a Gear, and the Rack reports them once. The Rack awaits its `close()` when the
        last Gear that has asked for it has stopped or was killed.
        """
        return self._rack.shared(self.station, key, make)

    def secret(self, value):
        """The text of a configured value: a `{"secret": name}` map is looked up on this Host, the rest is as it is."""
        return self.host.secret(value["secret"]) if isinstance(value, dict) else value

    def log(self, level: str, text: str) -> None:
        """Tell whoever operates the Rack, in the name of this Gear. Levels: `debug`, `info`, `warning`, `error`."""
        self.host.log(level, self.name, text)
