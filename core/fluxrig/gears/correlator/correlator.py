"""Archives every message before it goes on, relates messages to one another, and compares two paths.

What comes in on `in` leaves by `out` once the Rack's archive says that it is durable. Events that this Gear makes
itself (joined events, differences, reports, checkpoints) are archived in the same way before they leave.
"""

from fluxrig.archive.marks import with_hop
from fluxrig.errors import FluxError, LocalError, worth_logging
from fluxrig.gear import Gear


class Correlator(Gear):
    """Inputs: in, live, shadow. Outputs: out, joined, diff, parity, checkpoint, err.

    Config (compiled), each of them only where the rig has it: {"join": [rule, …], "compare": {…}, "tick_ms": int}; see
    `beside.Beside`. What the rig says of the archive is compiled into the archive of its Rack.

    Joining and comparing come after archiving and apart from it: whatever fails there is counted in `failures`, and
    `in` and `out` go on. `live` and `shadow` are only queued; a task of its own compares them.
    """

    archives = True

    counters: tuple = ("not_archived",)
    """What it relates and compares is counted by `beside`, `join` and `compare`, which add their counters."""

    not_archived = 0
    """Events of its own that the archive did not take; they are lost."""

    def init(self, ctx):
        self._ctx = ctx
        self._clock = ctx.clock
        self._archive = ctx.archive
        self._id = ctx.gear_id
        self._out_id = ctx.port_id("out")
        self._meta = ctx.meta({})
        self._beside = None
        if "join" in ctx.config or "compare" in ctx.config:
            # Imported here, so that a Rack that only archives has no room taken by it.
            from fluxrig.gears.correlator.beside import Beside

            self._beside = Beside(self, ctx)
        if ctx.wired("checkpoint"):
            self._archive.on_checkpoint(self._checkpoint)

    async def start(self):
        if self._beside is not None:
            self._beside.start()

    def on_in(self, msg):
        # The same event, so it keeps its id; what is archived says by which port it leaves.
        event = with_hop(msg, self._id, self._out_id, self._clock.wall_ns())
        self._archive.append(event, self.out)
        if self._beside is not None:
            self._beside.join(event)

    def on_live(self, msg):
        self._compared().offer(0, msg)

    def on_shadow(self, msg):
        self._compared().offer(1, msg)

    async def drain(self):
        """End what is open, and let everything go on while the Gears behind this one still take it."""
        if self._beside is not None:
            self._beside.end()
        await self._archive.flush()

    def send(self, port: str, data: dict, meta: dict, ts: int | None = None, flags: int = 0, cause=None) -> None:
        """Archive an event of our own, which leaves by `port`. What the archive does not take is counted."""
        # The hop is now, also where the source time of the parts is past.
        msg = self._ctx.message(data, meta, ts=ts, port=port, cause=cause, flags=flags, hop_ns=self._clock.wall_ns())
        try:
            self._archive.append(msg, getattr(self, port))
        except FluxError as exc:
            self.not_archived += 1
            if worth_logging(self.not_archived):
                self._ctx.log("warning", f"{port}: not archived ({self.not_archived} so far): {exc}")

    def _compared(self):
        if self._beside is None:
            raise LocalError("this correlator compares nothing: it has no `compare:` in the rig")
        return self._beside

    def _checkpoint(self, checkpoint: dict) -> None:
        """The archive tells where its chain stands."""
        self.send("checkpoint", {"checkpoint": checkpoint}, self._meta)
