"""The archive of a Rack: what leaves it is in a journal first, on the medium, in one order for the whole Rack.

    archive.append(msg, self.out)     # out(msg with archive.pos and archive.head in its meta) once that is so

One task writes. It waits until a message has waited long enough, or enough of them have come, and makes all of them
durable with one write. While the disk fails, or does not answer, the archive is *volatile*: messages are held in RAM,
as many as fit, and go on at once with the mark `archive.volatile`. They are written when the disk is back.
"""

import asyncio
from binascii import hexlify

from fluxrig.archive.marks import EVENT, POSITION, VOLATILE
from fluxrig.archive.outbox import Entry, Outbox
from fluxrig.archive.upkeep import Upkeep
from fluxrig.compat import TYPE_CHECKING
from fluxrig.errors import FluxError, TransientError
from fluxrig.gear import DROP
from fluxrig.ids import NIL_ID
from fluxrig.journal.frames import FRAME
from fluxrig.journal.journal import Journal
from fluxrig.msg import ALARM, MACHINE_ID, FluxMsg

if TYPE_CHECKING:  # imported only where one is needed
    from fluxrig.archive.dead_letters import DeadLetters


class Archive:
    """See the top of this module. `settings` is `archive` of a compiled rig (`fluxrig.rack`).

    volatile   whether messages go on without being on the medium
    entries    what is not durable yet, oldest first; gone: how many there were before them
    archived, lost, refused, groups, failures, held_back   counters: messages that became durable; that RAM had no room
               for while the disk was away; that were not taken, because the archive is full; writes; writes that
               failed; messages that did not go on, because RAM was short at that moment
    """

    OPEN_MS = 30_000
    """How long the start of the Rack waits for the journal to open; from then on it is as if the disk had failed."""

    SLOW_MS = 5000
    """A disk that has not answered for this long is one that fails."""

    RETRY_MIN_MS = 1000
    RETRY_MAX_MS = 60_000
    """The pause before a disk that failed is tried again doubles from the first to the second."""

    ALONE = 5
    """How many times as long as messages acknowledgements wait that nothing else is written with."""

    HOUSEKEEPING_MS = 60_000
    """How often to look for segments that are too old when nothing else happens."""

    counters = (
        "archived",
        "durable",
        "failures",
        "groups",
        "held_back",
        "lost",
        "pending",
        "refused",
        "removed",
        "undelivered",
        "volatile",
    )

    name = "archive"
    on_error = DROP
    alive = True
    errors = 0
    """These four are what the Supervisor looks for in the owner of a task."""

    def __init__(self, host, ids, machine: str, settings: dict):
        self.journal = Journal(host.volume("archive"), machine, host.clock.wall_ns, host.entropy)
        self.codec = host.codec(ids.mint)
        self.outbox = Outbox(self.codec, self._log)
        self.entries: list[Entry] = []
        self.gone = 0
        self.volatile = False
        self.archived = 0
        self.lost = 0
        self.refused = 0
        self.groups = 0
        self.failures = 0
        self._upkeep = Upkeep(self.journal, settings, host.clock.wall_ns, self._note, self._log)
        self._host = host
        self._clock = host.clock
        self._ids = ids
        self._ram_bytes = settings["ram_bytes"]
        self._commit_ms = settings["commit_ms"]
        self._commit_count = settings["commit_count"]
        self.is_open = False
        self._arrived = asyncio.Event()
        self._urgent = asyncio.Event()
        self._changed = asyncio.Event()
        self._cursors: dict = {}
        self._was_volatile = False
        self._why = ""  # it is volatile
        self._lost_before = 0
        self._is_written = False  # by a task
        self._writing = asyncio.Event()
        self._writing_since: int | None = None  # ticks
        self._dead_letters: DeadLetters | None = None

    @property
    def durable(self) -> int:
        """The last position that no power cut can take; 0 when there is none."""
        return self.journal.durable

    @property
    def held_back(self) -> int:
        return self.outbox.held_back

    @property
    def pending(self) -> int:
        """Messages that are not durable yet."""
        return len(self.entries)

    @property
    def removed(self) -> int:
        """Messages that were removed because they were too old, or too many."""
        return self._upkeep.removed

    @property
    def undelivered(self) -> int:
        """Those of `removed` that a guaranteed wire had not delivered."""
        return self._upkeep.undelivered

    def append(self, msg: FluxMsg, emit=None) -> None:
        """Take `msg`, and call `emit(msg)` with its position in the meta once it is durable, in the order of arrival.

        TransientError when the archive takes nothing now, LocalError when `msg` cannot be encoded.
        """
        if self._upkeep.blocked:
            self.refused += 1
            raise TransientError("the archive is full and its policy is to block: raise max_size, or make room in it")
        self._take(msg, emit)

    def allows(self, msg: FluxMsg) -> bool:
        """Whether `msg` may leave the Rack: it is durable, or was released while the disk was away."""
        position = msg.meta.get(POSITION)
        if position is None:
            return self._was_volatile and VOLATILE in msg.meta
        return position.isdigit() and 0 < int(position) <= self.journal.durable

    def on_checkpoint(self, callback) -> None:
        """Call `callback(checkpoint)` for each, see `Upkeep.on_checkpoint`."""
        self._upkeep.on_checkpoint(callback)

    def cursor(self, cursor_id: bytes, port_id: bytes):
        """What left the output port `port_id`, for the consumer `cursor_id`. To be asked for before `start`."""
        from fluxrig.archive.cursor import Cursor

        self._cursors[cursor_id] = cursor = Cursor(self, cursor_id, port_id)
        return cursor

    def cursor_moved(self) -> None:
        """An acknowledgement is to be written: with what comes next, or when nothing comes."""
        self._arrived.set()

    async def start(self) -> None:
        """Open the journal. A disk that fails does not keep the Rack from running, another process that has it does."""
        try:
            await self._clock.wait_for(self._open(), self.OPEN_MS)
        except FluxError as exc:
            if exc.fields.get("busy"):
                raise
            self._fail(exc)

    @property
    def is_behind(self) -> bool:
        """Whether more than a group waits to be written: whoever can wait with more should, until that has changed."""
        return self.journal.pending_bytes > self._upkeep.commit_bytes and not (self.volatile or self._upkeep.full)

    async def changed(self) -> None:
        """Wait until more is durable, or the archive has become volatile, or takes something while it is."""
        self._changed.clear()
        await self._changed.wait()

    async def flush(self) -> None:
        """Make everything durable that has come, if the disk takes it, and tell in a checkpoint where that ends.

        The caller bounds how long this may take.
        """
        await self._flush()
        self._upkeep.checkpoint_if_due(True)
        await self._flush()

    async def _flush(self) -> None:
        while (
            self._is_written
            and (self.entries or self.journal.cursors_moved)
            and not (self.volatile or self._upkeep.full)
        ):
            self._arrived.set()
            self._urgent.set()
            await self.changed()

    async def close(self) -> None:
        """Write what is left, seal, and release the folder. The tasks of the archive have ended."""
        try:
            while (self.entries or self.journal.cursors_moved) and await self._write():
                pass
            await self.journal.seal()
        except FluxError as exc:
            self._log("error", f"while it was closed: {exc}")
        finally:
            if self.entries:
                self.lost += len(self.entries)
                self._log("error", f"stopped with {len(self.entries)} messages that the disk did not take")
            await self.journal.close()
            if self._dead_letters is not None:
                await self._dead_letters.close()

    async def write_forever(self) -> None:
        """The task that writes."""
        pause = self.RETRY_MIN_MS
        self._is_written = True
        while True:
            if self.volatile or self._upkeep.blocked:
                await self._clock.sleep_ms(pause)
                pause = min(pause * 2, self.RETRY_MAX_MS)
            else:
                await self._due()
                pause = self.RETRY_MIN_MS
            await self._write()

    async def watch_forever(self) -> None:
        """The task that notices a disk that does not answer."""
        clock = self._clock
        while True:
            await self._writing.wait()  # an idle archive wakes nobody
            await clock.sleep_ms(1000)
            since = self._writing_since
            if since is not None and clock.ticks_diff(clock.ticks_us(), since) >= self.SLOW_MS * 1000:
                self._go_volatile(f"the disk has not answered for {self.SLOW_MS // 1000} s")

    async def dead_letter(self, msg: FluxMsg, reason: str, wire: str) -> None:
        """Write `msg` to the dead-letter journal. When this returns it is durable there. FluxError when it is not."""
        if self._dead_letters is None:
            from fluxrig.archive.dead_letters import DeadLetters

            self._dead_letters = DeadLetters(self._host, self.journal.machine)
        await self._dead_letters.add(self.codec, msg, reason, wire)

    async def _open(self) -> None:
        try:
            await self._upkeep.open(list(self._cursors))
        except BaseException:
            await self.journal.volume.close()
            raise
        self.is_open = True
        self._changed.set()

    async def _due(self) -> None:
        """Wait until it is time to write."""
        try:
            while not (self.entries or self.journal.cursors_moved):
                self._arrived.clear()
                await self._clock.wait_for(self._arrived.wait(), self.HOUSEKEEPING_MS)
            if not self.entries:
                # Acknowledgements alone are worth less than a write: mostly the next message takes them along.
                self._arrived.clear()
                await self._clock.wait_for(self._arrived.wait(), self.ALONE * self._commit_ms)
            if not self._urgent.is_set():
                await self._clock.wait_for(self._urgent.wait(), self._commit_ms)
        except TransientError:
            pass  # the time is up
        self._urgent.clear()

    async def _write(self) -> bool:
        """Write one group, and do what has become possible by it. False when nothing could be written."""
        self._writing_since = self._clock.ticks_us()
        self._writing.set()
        try:
            if not self.is_open:
                await self._open()
            await self._upkeep.make_room()
            if self._upkeep.full:
                self._changed.set()
                return False
            is_work = self.entries or self.journal.cursors_moved
            first, last = await self.journal.commit()
        except FluxError as exc:
            self._fail(exc)
            return False
        finally:
            self._writing_since = None
            self._writing.clear()
        if is_work:
            self.groups += 1
        self._settle(first, last)
        return True

    def _take(self, msg: FluxMsg, emit) -> None:
        wire = self.codec.encode(msg)
        journal = self.journal
        size = FRAME + len(wire)
        # One that is larger than all of that room is taken beside what waits.
        if journal.pending_bytes + (size if size <= self._ram_bytes else 0) > self._ram_bytes:
            self._shed(size)
        journal.append(wire)
        entry = self.outbox.entry(msg, wire, emit)
        self.entries.append(entry)
        if self.volatile:
            self.outbox.release([entry])
            self._changed.set()
        self._arrived.set()
        if (
            journal.pending_bytes >= self._upkeep.commit_bytes
            or len(self.entries) >= self._commit_count
            or msg.flags & ALARM
        ):
            self._urgent.set()

    def _settle(self, first: int, last: int) -> None:
        """The positions `first` to `last` are durable now."""
        count = last - first + 1
        done, self.entries = self.entries[:count], self.entries[count:]
        self.gone += count
        self.archived += count
        if self.volatile:
            self._resume()
        head = hexlify(self.journal.head).decode()
        for entry in done:
            entry.position = first
            entry.head = head
            for cursor in entry.taken:
                cursor.has_taken(first)
            first += 1
        self.outbox.release(done)
        self._changed.set()
        self._upkeep.checkpoint_if_due()
        if self.journal.pending_bytes >= self._upkeep.commit_bytes:
            self._urgent.set()

    def _shed(self, coming: int) -> None:
        """There is no room in RAM: more comes than the disk takes. Give up what has waited longest."""
        self._go_volatile("the disk is slower than the messages that come")
        journal = self.journal
        # An eighth more than need be, so that this is not done for each message.
        count = journal.forget(journal.pending_bytes + coming - self._ram_bytes + self._ram_bytes // 8)
        written = journal.in_flight
        del self.entries[written : written + count]
        self.gone += count
        self.lost += count

    def _fail(self, exc: FluxError) -> None:
        self.failures += 1
        self._go_volatile(str(exc))

    def _go_volatile(self, why: str) -> None:
        if self.volatile:
            return
        self.volatile = self._was_volatile = True
        self._why = why
        self._lost_before = self.lost
        self._log("error", f"{why}: messages go on WITHOUT being archived, marked {VOLATILE}, until it works again")
        self.outbox.release(self.entries)
        # Something to write is what shows that the disk works again.
        self._note("volatile", {"why": why})
        self._changed.set()

    def _resume(self) -> None:
        self.volatile = False
        lost = self.lost - self._lost_before
        self._log("warning", f"archiving again, {lost} messages were lost meanwhile")
        self._note("resumed", {"why": self._why, "lost": lost})

    def _note(self, event: str, data: dict) -> None:
        """Write down in the archive itself what happened to it."""
        note_id = self._ids.mint()
        meta = {MACHINE_ID: self.journal.machine, EVENT: event}
        now = self._clock.wall_ns()
        self._take(FluxMsg(note_id, hexlify(note_id).decode(), NIL_ID, meta, data, now, mint=self._ids.mint), None)

    def _log(self, level: str, text: str) -> None:
        self._host.log(level, "archive", text)
