"""The bytes of a segment. A segment is a file of frames, named by the position of its first message.

    frame   >I kind << 24 | length of the body;  >I CRC-32 of these 4 bytes and the body;  body

    H  the header, first and once: HEADER_MAGIC, journal id (16 bytes), >QQQQ position of the first message, Unix ns,
       first position of the segment before, bytes of it that count (both 0 for the first); the chain's head there
       (32 bytes); machine id (UTF-8)
    M  a message as `fluxrig.codec` writes it: takes the next position
    C  a cursor: its id (16 bytes), >Q position up to which its consumer has acknowledged
    L  a link, which ends a group: >QQ last position so far, Unix ns; the chain's head (32 bytes)
    S  a seal: as L, and the end of the segment

A byte 0 where a kind should be: nothing was written from there on. Positions count messages from 1.

The chain has one link a group, a group being the M and C frames that were made durable together:

    head after H     = SHA-256(the H frame)
    head after L, S  = SHA-256(head before + the frames of the group + kind + >QQ position, Unix ns)

H holds the head of the segment before, so the chain goes through all segments. A segment without S, which a crash or a
failing disk ended, counts up to the byte that the H after it says. Whole messages after its last link are kept: then
that H has SHA-256(head of the last link + their frames + L + >QQ position, 0), as if a link of time 0 stood there.
"""

from binascii import crc32
from hashlib import sha256
from struct import pack, unpack_from

from fluxrig.errors import RemoteError

HEADER, MESSAGE, CURSOR, LINK, SEAL = 0x48, 0x4D, 0x43, 0x4C, 0x53  # H M C L S

HEADER_MAGIC = b"fluxjrn1"
FRAME = 8
"""Bytes of a frame before its body."""

DIGEST = 32
LINK_SIZE = FRAME + 16 + DIGEST
CURSOR_SIZE = FRAME + 24
NO_HEAD = bytes(DIGEST)
"""The head before the first segment."""

MAX_BODY = (1 << 24) - 1
MAX_HEADER = 1024
"""Bytes of a header's frame: a machine id is text of a rig."""

STUB = "removed"
"""The name of the file that says what was removed: see `fluxrig.journal.removal`."""

_SUFFIX = ".seg"
_FIXED = ">8s16sQQQQ32s"
_FIXED_SIZE = 88


def pack_frame(kind: int, body: bytes) -> bytes:
    """A whole frame."""
    head = pack(">I", kind << 24 | len(body))
    return head + pack(">I", crc32(body, crc32(head))) + body


def message_frames(bodies: list) -> list:
    """The frames of messages in pieces: the 8 bytes before a body, and the body, by turns."""
    begun: dict = {}  # {length: the first 4 bytes, and their CRC-32}: messages of one poller are alike
    frames = []
    for body in bodies:
        length = len(body)
        if length not in begun:
            word = pack(">I", MESSAGE << 24 | length)
            begun[length] = word, crc32(word)
        word, start = begun[length]
        frames.append(pack(">4sI", word, crc32(body, start)))
        frames.append(body)
    return frames


def pack_link(kind: int, position: int, time: int, head: bytes) -> bytes:
    """The frame of a link or a seal."""
    return pack_frame(kind, pack(">QQ", position, time) + head)


def unpack_link(body) -> tuple:
    """(position, Unix ns, head) of a link or a seal of the right size."""
    position, time, head = unpack_from(">QQ32s", body, 0)
    return position, time, head


def chain(head: bytes, pieces, kind: int, position: int, time: int) -> bytes:
    """The head after a group whose frames are the bytes-like `pieces`, in order."""
    digest = sha256(head)
    for piece in pieces:
        digest.update(piece)
    digest.update(link_tail(kind, position, time))
    return digest.digest()


def link_tail(kind: int, position: int, time: int) -> bytes:
    """What is hashed behind the frames of a group."""
    return pack(">BQQ", kind, position, time)


class Header:
    """What a segment says of itself.

    journal         16 random bytes, the same in all segments of one journal
    first           position of the first message here
    created         Unix ns
    previous        `first` of the segment before; 0 in the first segment of a journal
    previous_end    how many bytes of that one count
    previous_head   the chain's head there
    machine         machine id of the Rack
    """

    __slots__ = ("created", "first", "journal", "machine", "previous", "previous_end", "previous_head")

    def __init__(self, journal: bytes, first: int, created: int, previous, previous_end, previous_head, machine: str):
        self.journal = journal
        self.first = first
        self.created = created
        self.previous = previous
        self.previous_end = previous_end
        self.previous_head = previous_head
        self.machine = machine

    def pack(self) -> bytes:
        """The frame."""
        numbers = self.first, self.created, self.previous, self.previous_end
        body = pack(_FIXED, HEADER_MAGIC, self.journal, *numbers, self.previous_head) + self.machine.encode()
        return pack_frame(HEADER, body)

    @staticmethod
    def unpack(body) -> "Header":
        """The header in the body of a frame. RemoteError when it is none."""
        if not _FIXED_SIZE <= len(body) <= MAX_HEADER or bytes(body[:8]) != HEADER_MAGIC:
            raise RemoteError("this is not a segment of a journal: its header is wrong", offset=0)
        _, journal, first, created, previous, end, head = unpack_from(_FIXED, body, 0)
        try:
            machine = bytes(body[_FIXED_SIZE:]).decode()
        except UnicodeError:
            raise RemoteError("the machine id in the header is not UTF-8", offset=FRAME + _FIXED_SIZE)
        if not first or (not previous) != (not end):
            raise RemoteError("the positions in the header make no sense", offset=FRAME + 24)
        return Header(journal, first, created, previous, end, head, machine)


class Tail:
    """Where a segment ends: its `first` position, the `end` in bytes, the chain's `head` there. What the header of the
    next one says of it."""

    __slots__ = ("end", "first", "head")

    def __init__(self, first: int, end: int, head: bytes):
        self.first = first
        self.end = end
        self.head = head


NO_TAIL = Tail(0, 0, NO_HEAD)
"""Before the first segment."""


class Segment:
    """One file of the journal, named by its `first` position. `end`: the bytes of it that count; `created`: Unix ns."""

    __slots__ = ("created", "end", "first")

    def __init__(self, first: int, end: int, created: int = 0):
        self.first = first
        self.end = end
        self.created = created


def segment_name(first: int) -> str:
    """The name of the segment whose first message has the position `first`."""
    return f"{first:016d}{_SUFFIX}"


def first_of(name: str) -> int:
    """The position that the name of a segment says; 0 for another file."""
    number = name[: -len(_SUFFIX)]
    return int(number) if name.endswith(_SUFFIX) and len(number) >= 16 and number.isdigit() else 0
