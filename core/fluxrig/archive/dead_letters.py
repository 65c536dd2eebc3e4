"""The journal of messages that their consumer refused again and again: kept, so that a person can look at them."""

import asyncio

from fluxrig.errors import LocalError
from fluxrig.journal.journal import Journal
from fluxrig.journal.retention import DROP_OLDEST, Limits, retain
from fluxrig.msg import FluxMsg

FOLDER = "dead-letter"
MAX_SHARE = 64
"""The dead letters have this fraction of the file system, 64 MiB at most; then the oldest are removed."""

MAX_BYTES = 64 * 1024 * 1024

MAX_REASON = 1000
"""Characters of the reason that are kept."""


class DeadLetters:
    """Opened with the first message that is given up. See `Archive.dead_letter`."""

    def __init__(self, host, machine: str):
        self._volume = host.volume(FOLDER)
        self._journal = Journal(self._volume, machine, host.clock.wall_ns, host.entropy)
        self._limits: Limits | None = None
        self._wall_ns = host.clock.wall_ns
        self._turn = asyncio.Lock()  # wires give up messages each in a task of its own

    async def add(self, codec, msg: FluxMsg, reason: str, wire: str) -> None:
        """Write `msg`, with `error` and `dead.wire` in its meta: durable when this returns, else FluxError.

        Of one that is too long with these, what identifies it: the archive has the rest.
        """
        meta = dict(msg.meta)
        meta["error"] = reason[:MAX_REASON]
        meta["dead.wire"] = wire
        letter = msg.replace(meta)
        try:
            data = codec.encode(letter)
        except LocalError as exc:
            letter.meta = {key: meta[key] for key in ("machine.id", "error", "dead.wire")}
            letter.meta["dead.left_out"] = f"data, raw and meta: {exc}"
            letter.data, letter.raw = {}, None
            data = codec.encode(letter)
        async with self._turn:
            await self._write(data)

    async def close(self) -> None:
        """Seal what was written, and release the folder."""
        if self._limits is not None:
            try:
                await self._journal.seal()
            finally:
                await self._journal.close()

    async def _write(self, data: bytes) -> None:
        journal = self._journal
        limits = self._limits or await self._open()
        if journal.begins_segment:
            while await retain(journal, limits, self._wall_ns(), journal.segment_bytes, journal.durable + 1):
                pass
        journal.append(data)
        try:
            await journal.commit()
        except BaseException:
            # The caller tries again with the same message: kept here, it would be written twice.
            journal.forget(journal.pending_bytes)
            raise

    async def _open(self) -> Limits:
        journal = self._journal
        await journal.open()
        try:
            _, total = await self._volume.room()
        except BaseException:
            await journal.close()
            raise
        self._limits = limits = Limits(min(total // MAX_SHARE, MAX_BYTES), 0, DROP_OLDEST)
        journal.segment_bytes = limits.max_bytes // 16
        return limits
