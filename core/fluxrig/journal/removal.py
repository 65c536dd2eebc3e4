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
from fluxrig.compat import SCARCE_RAM, exact_int
from fluxrig.errors import FluxError, RemoteError
from fluxrig.journal.frames import DIGEST, STUB, segment_name
from fluxrig.journal.window import read_header

MAX_ENTRIES = 16 if SCARCE_RAM else 64
MAX_STUB = 16 * 1024
"""Bytes of the file; with all of its entries it has less than half of that."""


def pack_stub(journal: bytes, machine: str, removed: list) -> bytes:
    """The content of the file."""
    data = cbor.dumps({"journal": journal, "machine": machine, "removed": removed})
    return data + pack(">I", crc32(data))


def unpack_stub(data: bytes) -> tuple:
    """(journal id, machine id, entries) of the file's content. RemoteError when it is not one."""
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
            raise RemoteError(f"what follows position {position} in the stub is not [first, last, head, bytes, time]")
        if not position < entry[0] <= entry[1]:
            raise RemoteError(f"the range {entry[0]} to {entry[1]} of the stub is out of order")
        position = entry[1]
    return journal, machine, removed


def _is_range(entry) -> bool:
    if not isinstance(entry, list) or len(entry) != 5 or not isinstance(entry[2], bytes) or len(entry[2]) != DIGEST:
        return False
    return all([exact_int(entry[index]) and entry[index] >= 0 for index in (0, 1, 3, 4)])


async def read_stub(volume) -> tuple:
    """(journal id, machine id, entries) of the file, which is there. RemoteError when it is damaged."""
    return unpack_stub(await volume.read(STUB, 0, await volume.size(STUB)))


async def remove(journal, segment, last: int) -> None:
    """First the stub, then the file: whatever happens between the two, the chain goes on."""
    if not journal.removed or journal.removed[1] < last:
        head = await _head_of(journal, segment, last)
        removed = await _entries(journal)
        removed.append([segment.first, last, head, segment.end, segment.created])
        while len(removed) > MAX_ENTRIES:
            first, second = removed[0], removed[1]
            removed = [[first[0], second[1], second[2], first[3] + second[3], second[4]]] + removed[2:]
        await journal.volume.replace(STUB, pack_stub(journal.id, journal.machine, removed))
        journal.removed = removed[-1]
    await journal.volume.remove(segment_name(segment.first))
    journal.segments.pop(0)


async def _entries(journal) -> list:
    """Those of the stub. What the medium has spoilt is left out: the newest one is known."""
    if not journal.removed:
        return []
    try:
        _, _, removed = await read_stub(journal.volume)
    except RemoteError:
        return [journal.removed]
    return removed


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
