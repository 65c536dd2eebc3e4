"""A journal that is written to, and what must be left of it when the power goes. For tests of power cuts.

life = Life(volume)
await life.open()
await life.group(b"one", b"two")
…
await survive(life, volume_after_the_cut, known)      # AssertionError where something is lost
"""

from journal_reading import read_journal

from fluxrig.journal.journal import Journal
from fluxrig.journal.reader import Reader
from fluxrig.journal.retention import DROP_OLDEST, Limits, retain

CURSOR_ID = b"cursor-0123456.."
TIME = 1_767_225_600_000_000_000


class Known:
    """What a journal had said when its volume had done `count` operations.

    durable  the watermark;  cursor: the acknowledged position that was committed;  removed: the last position that
    retention may have taken
    """

    def __init__(self, count: int, durable: int, cursor: int, removed: int):
        self.count = count
        self.durable = durable
        self.cursor = cursor
        self.removed = removed


class Life:
    """A journal on `volume` from one start to the next end. `written` is {position: bytes} of all that it was given,
    `said` a `Known` for each step, the first of which is what was known before."""

    SEGMENT_BYTES = 400
    MAX_BYTES = 700

    def __init__(self, volume, written: dict | None = None, known: Known | None = None):
        self.volume = volume
        self.written: dict = {} if written is None else written
        before = Known(0, 0, 0, 0) if known is None else known
        self.said: list = [Known(0, before.durable, before.cursor, before.removed)]
        self.journal = Journal(volume, "press-1", self._wall_ns, _entropy, self.SEGMENT_BYTES)
        self._limits = Limits(self.MAX_BYTES, 0, DROP_OLDEST)
        self._cursor = 0
        self._removed = self.said[0].removed
        self._time = TIME

    async def open(self) -> None:
        await self.journal.open()
        self._cursor = self.journal.cursors.get(CURSOR_ID, 0)
        self._note()

    async def group(self, *records) -> None:
        """Commit these, and a cursor if one was moved."""
        for index, record in enumerate(records):
            self.journal.append(record)
            self.written[self.journal.durable + 1 + index] = record
        await self.journal.commit()
        self._note()

    async def acknowledge(self) -> None:
        """A consumer has acknowledged all that is durable: committed with the next group."""
        self.journal.set_cursor(CURSOR_ID, self.journal.durable)

    async def seal(self) -> None:
        await self.journal.seal()
        self._note()

    async def retain(self) -> None:
        """Remove what is over the limit."""
        if len(self.journal.segments) > 1:
            self._removed = self.journal.segments[-1].first - 1  # while it is at it, any of these may be gone
            self._note()
        gone = await retain(self.journal, self._limits, self._time, 0, 0)
        if gone:
            self._note()

    def known_at(self, count: int) -> Known:
        """What was said before the volume did its operation number `count`."""
        return [known for known in self.said if known.count <= count][-1]

    def _note(self) -> None:
        if not self.journal.cursors_moved:
            self._cursor = self.journal.cursors.get(CURSOR_ID, 0)
        count = len(getattr(self.volume, "log", ()))
        self.said.append(Known(count, self.journal.durable, self._cursor, self._removed))

    def _wall_ns(self) -> int:
        self._time += 1_000_000_000
        return self._time


async def survive(life: Life, volume, known: Known, files=None) -> Life:
    """Open what is left of `life` on `volume`, and write on. `files()` are its files, if it is no MemoryVolume.

    AssertionError when something that was known is lost, anything else is there than was written, or the chain of what
    is there does not hold. Returns the life that goes on.
    """
    files = (lambda: volume.files) if files is None else files
    after = type(life)(volume, {position: life.written[position] for position in life.written}, known)
    await after.open()
    journal = after.journal
    position, head = journal.durable, journal.head
    assert position >= known.durable, f"{known.durable} was durable, and {position} is left"
    assert journal.cursors.get(CURSOR_ID, 0) >= known.cursor, f"{known.cursor} was acknowledged"
    if position:
        found = read_journal(files())
        end = f"{position} with {head.hex()}, where an independent reader finds {found.last} with {found.head.hex()}"
        # A last segment without a message is as good as none: the next group takes its place.
        assert found.last == position and (found.head == head or "M" not in found.segments[-1][3]), end
    for record in (b"first after the cut", b"second"):
        await after.group(record)
    assert journal.durable == position + 2
    found = read_journal(files())
    assert (found.last, found.head) == (journal.durable, journal.head)
    removed = found.stub[-1][1] if found.stub else 0
    assert removed <= known.removed, f"nobody asked to remove {removed}"
    expected = [after.written[at] for at in range(removed + 1, journal.durable + 1)]
    assert [found.records.get(at) for at in range(removed + 1, journal.durable + 1)] == expected
    reader, records = Reader(journal, removed + 1), []
    while True:
        group = await reader.next()
        if group is None:
            break
        records += group.records
    assert records == expected and not reader.unreadable, "the reader of the journal finds something else"
    return after


def _entropy(count: int) -> bytes:
    return bytes(range(count))
