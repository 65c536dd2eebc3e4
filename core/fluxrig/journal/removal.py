"""Takes the oldest segment away, and leaves the stub that stands for it: without that the chain would begin nowhere.

The stub is the file `removed`: deterministic CBOR, then its CRC-32 (>I).

    {"journal": journal id, "machine": machine id,
     "removed": [[first, last position, head (32 bytes), bytes that counted, Unix ns when it was made], …]}

Entries stand in order, each follows the one before. Of more than `MAX_ENTRIES` the two oldest become one, so its size
is bounded and the heads within that range are not known any more. It is read when an entry is added; what a journal
keeps in RAM is the newest entry.
"""

from binascii import crc32
from struct import pack, unpack_from

from fluxrig import cbor
from fluxrig.compat import SCARCE_RAM, is_int
from fluxrig.errors import FluxError, RemoteError
from fluxrig.journal.frames import DIGEST, STUB, segment_name
from fluxrig.journal.window import read_header

MAX_ENTRIES = 16 if SCARCE_RAM else 64
MAX_STUB = 16 * 1024
"""Bytes of the file; with all of its entries it has less than half of that."""


class RemovedRange:
    """A segment that is gone, or several in a row: the positions `first` to `last`.

    head     of the chain at their end
    size     how many bytes of them counted
    created  Unix ns at which the last of them was begun
    """

    __slots__ = ("created", "first", "head", "last", "size")

    def __init__(self, first: int, last: int, head: bytes, size: int, created: int):
        self.first = first
        self.last = last
        self.head = head
        self.size = size
        self.created = created

    def joined(self, following: "RemovedRange") -> "RemovedRange":
        """This range and the one after it as one."""
        return RemovedRange(self.first, following.last, following.head, self.size + following.size, following.created)


class Stub:
    """The content of the file: ids of the journal and the machine, and `ranges` of `RemovedRange`, oldest first."""

    def __init__(self, journal: bytes, machine: str, ranges: list):
        self.journal = journal
        self.machine = machine
        self.ranges: list[RemovedRange] = ranges

    @property
    def last(self) -> int:
        """The last position that was removed."""
        return self.ranges[-1].last if self.ranges else 0

    def pack(self) -> bytes:
        """The bytes of the file."""
        removed = [[each.first, each.last, each.head, each.size, each.created] for each in self.ranges]
        data = cbor.dumps({"journal": self.journal, "machine": self.machine, "removed": removed})
        return data + pack(">I", crc32(data))

    @staticmethod
    def unpack(data: bytes) -> "Stub":
        """What these bytes of a file say. RemoteError when they are not a stub."""
        if not 4 < len(data) <= MAX_STUB or crc32(data[:-4]) != unpack_from(">I", data, len(data) - 4)[0]:
            raise RemoteError("the stub was changed: its CRC does not fit")
        stub = cbor.loads(data[:-4])
        if not isinstance(stub, dict) or sorted(stub) != ["journal", "machine", "removed"]:
            raise RemoteError("the stub has other entries than journal, machine and removed")
        journal, machine, removed = stub["journal"], stub["machine"], stub["removed"]
        if not (isinstance(journal, bytes) and isinstance(machine, str) and isinstance(removed, list)):
            raise RemoteError("the stub has entries of other types than it should")
        position = 0
        for entry in removed:
            if not _is_range(entry):
                raise RemoteError(
                    f"what follows position {position} in the stub is not [first, last, head, bytes, time]"
                )
            if not position < entry[0] <= entry[1]:
                raise RemoteError(f"the range {entry[0]} to {entry[1]} of the stub is out of order")
            position = entry[1]
        return Stub(journal, machine, [RemovedRange(*entry) for entry in removed])


def _is_range(entry) -> bool:
    if not isinstance(entry, list) or len(entry) != 5 or not isinstance(entry[2], bytes) or len(entry[2]) != DIGEST:
        return False
    return all([is_int(entry[index]) and entry[index] >= 0 for index in (0, 1, 3, 4)])


async def read_stub(volume) -> Stub:
    """The stub of a folder that has one. RemoteError when it is damaged."""
    return Stub.unpack(await volume.read(STUB, 0, await volume.size(STUB)))


async def remove(journal, segment, last: int) -> None:
    """Remove `segment`, whose last position is `last`: first the stub, then the file, so that whatever happens between
    the two, the chain goes on."""
    if journal.removed is None or journal.removed.last < last:
        head = await _head_of(journal, segment, last)
        ranges = await _ranges(journal)
        ranges.append(RemovedRange(segment.first, last, head, segment.end, segment.created))
        while len(ranges) > MAX_ENTRIES:
            ranges = [ranges[0].joined(ranges[1])] + ranges[2:]
        await journal.volume.replace(STUB, Stub(journal.id, journal.machine, ranges).pack())
        journal.removed = ranges[-1]
    await journal.volume.remove(segment_name(segment.first))
    journal.segments.pop(0)


async def _ranges(journal) -> list:
    """Those of the stub. Where it cannot be read, the newest one, which the journal knows, is what is left."""
    if journal.removed is None:
        return []
    try:
        return (await read_stub(journal.volume)).ranges
    except FluxError:
        return [journal.removed]


async def _head_of(journal, segment, last: int) -> bytes:
    """The head that the next segment says this one has; its own, where the medium has spoilt that."""
    try:
        header = await read_header(journal.volume, segment_name(last + 1))
    except FluxError:
        header = None
    if header is not None:
        return header.previous_head
    from fluxrig.journal.scan import Scan  # rarely needed

    scan = await Scan(journal.volume, segment_name(segment.first), segment.first, segment.end).run()
    return scan.head
