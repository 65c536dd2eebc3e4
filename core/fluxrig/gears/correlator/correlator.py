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
    `analysis.Analysis`. What the rig says of the archive is compiled into the archive of its Rack.

    Joining and comparing come after archiving and apart from it: whatever fails there is counted in `failures`, and
    `in` and `out` go on. `live` and `shadow` are only queued; a task of its own compares them.
    """

    archives = True

    def init(self, ctx):
        self._ctx = ctx
        self._clock = ctx.clock
        self._archive = ctx.archive
        self._id = ctx.gear_id
        self._out_id = ctx.port_id("out")
        self._meta = ctx.meta({})
        self._not_archived = 0
        self._analysis = None
        if "join" in ctx.config or "compare" in ctx.config:
            # Imported here, so that a Rack that only archives has no room taken by it.
            from fluxrig.gears.correlator.analysis import Analysis

            self._analysis = Analysis(self, ctx)
        if ctx.wired("checkpoint"):
            self._archive.on_checkpoint(self._checkpoint)

    def stats(self) -> dict:
        """`not_archived`: events of its own that the archive did not take, and so lost. And what `Analysis` counts."""
        stats = {} if self._analysis is None else self._analysis.stats()
        stats["not_archived"] = self._not_archived
        return stats

    async def start(self):
        if self._analysis is not None:
            self._analysis.start()

    def on_in(self, msg):
        # The same event, so it keeps its id; what is archived says by which port it leaves.
        event = with_hop(msg, self._id, self._out_id, self._clock.wall_ns())
        self._archive.append(event, self.out)
        if self._analysis is not None:
            self._analysis.join(event)

    def on_live(self, msg):
        self._offer("live", msg)

    def on_shadow(self, msg):
        self._offer("shadow", msg)

    async def drain(self):
        """End what is open, and let everything go on while the Gears behind this one still take it."""
        if self._analysis is not None:
            self._analysis.end()
        await self._archive.flush()

    def send(self, port: str, data: dict, meta: dict, ts: int | None = None, flags: int = 0, cause=None) -> None:
        """Archive an event of our own, which leaves by `port`. What the archive does not take is counted."""
        # The hop is now, also where the source time of the parts is past.
        msg = self._ctx.message(data, meta, ts=ts, port=port, cause=cause, flags=flags, hop_ns=self._clock.wall_ns())
        try:
            self._archive.append(msg, getattr(self, port))
        except FluxError as exc:
            self._not_archived += 1
            if worth_logging(self._not_archived):
                self._ctx.log("warning", f"{port}: not archived ({self._not_archived} so far): {exc}")

    def _offer(self, path: str, msg) -> None:
        if self._analysis is None or not self._analysis.offer(path, msg):
            raise LocalError("this correlator compares nothing: it has no `compare:` in the rig")

    def _checkpoint(self, checkpoint: dict) -> None:
        """The archive tells where its chain stands."""
        self.send("checkpoint", {"checkpoint": checkpoint}, self._meta)
