"""The journal of messages that their consumer refused again and again: kept, so that a person can look at them."""

from fluxrig.journal.journal import Journal
from fluxrig.journal.retention import DROP_OLDEST, Limits, retain
from fluxrig.msg import FluxMsg

FOLDER = "dead-letter"
MAX_SHARE = 64
"""The dead letters have this fraction of the file system, 64 MiB at most; then the oldest are removed."""

MAX_BYTES = 64 * 1024 * 1024


class DeadLetters:
    """Opened with the first message that is given up. See `Archive.dead_letter`."""

    def __init__(self, host, machine: str):
        self._volume = host.volume(FOLDER)
        self._journal = Journal(self._volume, machine, host.clock.wall_ns, host.entropy, 0)
        self._limits: Limits | None = None
        self._wall_ns = host.clock.wall_ns

    async def bury(self, codec, msg: FluxMsg, reason: str, wire: str) -> None:
        """Write `msg`, with `error` and `dead.wire` in its meta: durable when this returns, else FluxError."""
        journal = self._journal
        if self._limits is None:
            await journal.open()
            _, total = await self._volume.room()
            self._limits = Limits(min(total // MAX_SHARE, MAX_BYTES), 0, DROP_OLDEST)
            journal.segment_bytes = self._limits.max_bytes // 16
        meta = dict(msg.meta)
        meta["error"] = reason
        meta["dead.wire"] = wire
        path = (msg.id, msg.trace, msg.src_id, meta, msg.data, msg.ts, msg.ref_id, msg.flags, msg.raw, msg.path)
        if journal.begins_segment:
            while await retain(journal, self._limits, self._wall_ns(), journal.segment_bytes, journal.durable + 1):
                pass
        if not journal.pending:  # else it is this one, of an attempt that failed
            journal.append(codec.encode(FluxMsg(*path)))
        await journal.commit()

    async def close(self) -> None:
        """Seal what was written, and release the folder."""
        if self._limits is not None:
            await self._journal.seal()
            await self._journal.close()
