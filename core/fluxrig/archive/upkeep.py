"""What keeps an archive in order: opening it, making room in it, and telling others where its chain stands."""

from binascii import hexlify

from fluxrig.errors import TransientError
from fluxrig.journal import retention
from fluxrig.journal.journal import Journal

_DEFAULT_GROUP = 256 * 1024


class Upkeep:
    """`note(event, data)` writes into the archive itself, `log(level, text)` to the operator's log.

    blocked        the archive takes nothing more: it is nearly full, and its policy is to block
    full           nor does it write what it has taken
    commit_bytes   a group of this size does not wait for more
    removed, undelivered   counters: messages that retention removed, and those of them that a consumer still wanted
    """

    def __init__(self, journal: Journal, settings: dict, wall_ns, note, log):
        self.blocked = False
        self.full = False
        self.commit_bytes = group_bytes(settings, 0)
        self.removed = 0
        self.undelivered = 0
        self._journal = journal
        self._limits = retention.Limits(settings["max_bytes"], settings["keep_ms"] * 1_000_000, settings["policy"])
        self._settings = settings
        self._checkpoint_ns = settings["checkpoint_ms"] * 1_000_000
        self._wall_ns = wall_ns
        self._note = note
        self._log = log
        self._listeners: list = []
        self._last_checkpoint = 0  # the position from which on there may be another one
        self._last_checkpoint_ns = 0

    def on_checkpoint(self, callback) -> None:
        """Call `callback(checkpoint)` for each: {"machine": id, "journal": id in hex, "position": int, "head": of the
        chain there, in hex, "time": Unix ns}."""
        self._listeners.append(callback)

    async def open(self, cursor_ids: list) -> None:
        """Open the journal, for consumers with these ids. FluxError when that fails."""
        # Imported here, so that it can be forgotten afterwards.
        from fluxrig.archive.opening import open_journal

        await open_journal(self._journal, self._limits, self._settings, cursor_ids, self._note, self._log)
        self.commit_bytes = group_bytes(self._settings, self._journal.volume.block)
        # The first write after a start brings one: it vouches for all that the last run has left. An idle run has none.
        self._last_checkpoint = self._journal.durable
        self._last_checkpoint_ns = self._wall_ns() - self._checkpoint_ns

    async def make_room(self) -> None:
        """Remove what is too old or too much. TransientError when there is no room and nothing may be removed."""
        journal = self._journal
        # A long wait may make a first group that is longer than a segment.
        coming = max(journal.segment_bytes, journal.next_bytes) if journal.begins_segment else 0
        if not coming and not self._limits.keep_ns:
            return
        needed_from = min([position + 1 for position in journal.cursors.values()] or [journal.durable + 1])
        while True:
            if coming:
                self._limits.free, _ = await journal.volume.room()
            each = await retention.retain(journal, self._limits, self._wall_ns(), coming, needed_from)
            if each is None:
                break
            self.removed += each.last - each.first + 1
            self.undelivered += each.undelivered
            if each.undelivered:
                self._log("error", f"removed {each.undelivered} messages that were not delivered: {each.why}")
            data = {"first": each.first, "last": each.last, "undelivered": each.undelivered, "why": each.why}
            self._note("removed", data)
        full = bool(coming) and retention.is_full(journal, self._limits, coming)
        if self._limits.policy == retention.BLOCK:
            # A segment before the limit, so that what it has taken and acknowledgements still have room. A segment may
            # be longer than it should by the group that ends it.
            longest = max([segment.end for segment in journal.segments] + [journal.segment_bytes])
            blocked = retention.is_full(journal, self._limits, max(coming, journal.segment_bytes) + longest)
            if blocked and not self.blocked:
                self._log("error", "the archive is full and its policy is to block: nothing is taken until it has room")
            self.blocked = blocked
            self.full = full
        elif full and len(journal.segments) > 1:
            behind = journal.durable - needed_from + 1
            raise TransientError(f"the archive is full, and its last {behind} positions are not delivered yet")

    def checkpoint_if_due(self, is_end: bool = False) -> None:
        """After a write: tell the listeners where the chain stands, when a segment or the run ends or it is time."""
        journal = self._journal
        if not self._listeners or journal.durable <= self._last_checkpoint:
            return
        now = self._wall_ns()
        # A clock that was set back must not put checkpoints off for as long.
        is_due = not 0 <= now - self._last_checkpoint_ns < self._checkpoint_ns
        if not (is_end or is_due or journal.begins_segment):
            return
        if journal.segments[-1].first > journal.durable:
            return  # a segment without messages may yet be replaced, so its heads are nobody's anchor
        self._last_checkpoint_ns = now
        # The messages that tell of this checkpoint are no reason for another one.
        self._last_checkpoint = journal.durable + len(self._listeners)
        checkpoint = {
            "machine": journal.machine,
            "journal": hexlify(journal.id).decode(),
            "position": journal.durable,
            "head": hexlify(journal.head).decode(),
            "time": journal.time,
        }
        for callback in self._listeners:
            callback(checkpoint)


def group_bytes(settings: dict, block: int) -> int:
    """Bytes of a group that does not wait for more: what the rig says, or a block of the flash.

    Never more than half of what RAM has room for: the other half is for what comes while the disk writes. The blocks of
    a card may be larger than all of it.
    """
    return min(settings["commit_bytes"] or block or _DEFAULT_GROUP, max(settings["ram_bytes"] // 2, 1))
