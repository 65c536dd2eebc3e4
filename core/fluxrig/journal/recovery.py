"""Finds out where a journal ends that was not closed in order. Needed once, when it is opened."""

from fluxrig.compat import TYPE_CHECKING
from fluxrig.errors import FluxError
from fluxrig.journal.frames import NO_HEAD, NO_TAIL, STUB, Segment, Tail, first_of, segment_name
from fluxrig.journal.scan import Scan
from fluxrig.journal.window import read_header

if TYPE_CHECKING:
    from fluxrig.journal.removal import RemovedRange


class Recovery:
    """What a journal held when it was opened.

    journal   its id; b"" for a new one; machine: id of the one that wrote the last segment, "" where nobody knows
    position  of the last message; head: of the chain there; time: Unix ns of the last link
    segments  `Segment`s, oldest first
    before    `Tail` of the segment before the last one, as the header of that says
    empty     `first` of a segment after them that has cursors and no message, to be replaced; 0 when there is none
    cursors   {id: position}
    removed   the newest entry of the stub, `removal.RemovedRange`; None without one
    notes     for the operator, as text: bytes that were dropped, damage, gaps
    dropped   bytes after the last whole record, which were not durable; kept: whole records that no link confirmed
    """

    def __init__(self):
        self.journal = b""
        self.machine = ""
        self.position = 0
        self.head = NO_HEAD
        self.time = 0
        self.segments: list = []
        self.before = NO_TAIL
        self.empty = 0
        self.cursors: dict = {}
        self.removed: RemovedRange | None = None
        self.notes: list = []
        self.dropped = 0
        self.kept = 0


async def recover(volume) -> Recovery:
    """What the folder holds. Nothing is changed but the size of the last segment, and leftovers without a message.

    FluxError when the folder cannot be read.
    """
    found = Recovery()
    names = await volume.names()
    await _read_stub(volume, names, found)
    segments = [name for name in names if first_of(name)]
    for name in segments:
        await _add_segment(volume, name, found, name == segments[-1])
    while found.segments and not await _is_end(volume, found):
        pass
    for position in found.cursors.values():
        if position > found.position:
            # Rot at the very end looks like a torn write. Positions that somebody has seen are not used again.
            found.notes.append(f"positions {found.position + 1} to {position} were acknowledged and are not there")
            found.position = position
    return found


async def _read_stub(volume, names: list, found: Recovery) -> None:
    if STUB not in names:
        return
    from fluxrig.journal.removal import read_stub  # not needed before something was removed

    try:
        stub = await read_stub(volume)
    except FluxError as exc:
        # Damaged, or a bad place on the medium: that must not keep the Rack from archiving for good.
        found.notes.append(f"{STUB}: {exc}: where the journal began is not known any more")
        return
    found.journal = stub.journal
    if stub.ranges:
        found.removed = stub.ranges[-1]
        found.position, found.head = found.removed.last, found.removed.head


async def _add_segment(volume, name: str, found: Recovery, is_last: bool) -> None:
    first = first_of(name)
    if found.removed is not None and first <= found.removed.last:
        # The power went between writing the stub and removing what it stands for.
        await volume.remove(name)
        return
    try:
        header = await read_header(volume, name)
    except FluxError as exc:
        if is_last:
            raise
        # One bad place on an old medium must not keep the Rack from archiving for good.
        header = None
        found.notes.append(f"{name}: its header cannot be read: {exc}")
    if header is not None:
        found.journal = found.journal or header.journal
        if found.segments and header.previous == found.segments[-1].first:
            found.segments[-1].end = header.previous_end
    # One whose header is spoilt is no older than the one before it.
    created = header.created if header else found.segments[-1].created if found.segments else 0
    found.segments.append(Segment(first, await volume.size(name), created))


async def _is_end(volume, found: Recovery) -> bool:
    """Read the last segment. False when it has no message, and was taken off: then the one before is the last."""
    last = found.segments[-1]
    name = segment_name(last.first)
    scan = await Scan(volume, name, last.first, last.end).run()
    for cursor_id, position in scan.cursors.items():
        found.cursors.setdefault(cursor_id, position)  # those of a later segment are newer
    if scan.position < last.first and not scan.damage:
        found.segments.pop()
        if scan.torn:
            found.dropped += scan.torn
            text = f"{name}: {scan.torn} bytes of its first group are a torn write after position {last.first - 1}"
            found.notes.append(f"{text}: dropped, they were never reported durable")
        if scan.header is None:
            await volume.remove(name)
            return False
        await volume.settle(name, scan.end + scan.torn)
        found.empty = last.first
        if found.segments or found.removed is not None:
            return False
        found.journal = scan.header.journal
        return True
    last.end = scan.end
    found.position, found.head, found.time = scan.position, scan.head, scan.time
    found.kept, found.dropped = scan.loose, found.dropped + scan.torn
    if scan.header is not None:
        found.machine = scan.header.machine
        found.before = Tail(scan.header.previous, scan.header.previous_end, scan.header.previous_head)
    for each in scan.damage:
        lost = f"positions {each.before + 1} to {each.after - 1} cannot be trusted"
        found.notes.append(f"{name}: damaged at byte {each.offset}: {lost}")
    if scan.torn:
        text = f"{name}: the last {scan.torn} bytes, from byte {scan.end} on, are a torn write after position"
        found.notes.append(f"{text} {scan.position}: dropped, they were never reported durable")
    # A sealed one too: a process may have been killed when it had written the seal and not yet forced it.
    await volume.settle(name, scan.end + scan.torn)
    return True
