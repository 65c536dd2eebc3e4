"""Reads a journal by the description of its format alone: struct, SHA-256, CRC-32, and nothing of fluxrig.

found = read_journal(volume.files)        # AssertionError where the chain or the positions are not right
found.records[17]                         # the bytes at position 17
"""

from binascii import crc32
from hashlib import sha256
from struct import pack, unpack

KINDS = b"HMCLS"


class Found:
    """What a journal holds.

    records   {position: bytes}
    cursors   {id: position}
    links     [(position, head, Unix ns)]
    segments  [(first position, created, sealed, kinds of its frames as text)]
    last      position; head: there
    stub      its entries
    """

    def __init__(self):
        self.records = {}
        self.cursors = {}
        self.links = []
        self.segments = []
        self.last = 0
        self.head = bytes(32)
        self.stub = []
        self.journal = b""


def frame_at(data, offset):
    """(kind, body, all its bytes) at `offset`, None when nothing whole is there."""
    if offset + 8 > len(data) or data[offset] not in KINDS:
        return None
    word, crc = unpack(">II", data[offset : offset + 8])
    end = offset + 8 + (word & 0xFFFFFF)
    body = data[offset + 8 : end]
    if end > len(data) or crc32(data[offset : offset + 4] + body) != crc:
        return None
    return chr(word >> 24), body, data[offset:end]


def read_journal(files) -> Found:
    """Everything that the files of a volume hold. AssertionError where one does not follow from the one before."""
    found = Found()
    end_before = 0
    if "removed" in files:
        found.stub = read_stub(bytes(files["removed"]), found)
        _, found.last, found.head, end_before, _ = found.stub[-1]
    names = sorted([name for name in files if name.endswith(".seg")])
    heads = [header_of(bytes(files[name])) for name in names]
    removed = found.last
    before = found.stub[-1][0] if found.stub else 0
    for index, name in enumerate(names):
        first = heads[index][1]
        if first <= removed:
            continue  # the power went before it was removed
        assert name == "%016d.seg" % first, name
        following = None
        for later in heads[index + 1 :]:
            if later[3] == first:
                following = later
        if following is None and index + 1 < len(names):
            assert heads[index + 1][1] == first, "a segment that no other one follows is the last one"
        read_segment(bytes(files[name]), heads[index], (before, end_before), following, found)
        before = first
        end_before = following[4] if following else 0
    return found


def read_stub(data, found) -> list:
    """Entries of the stub, of which CBOR is decoded as far as it is used there."""
    assert crc32(data[:-4]) == unpack(">I", data[-4:])[0], "the CRC of the stub"
    value, end = item(data, 0)
    assert end == len(data) - 4
    found.journal = value["journal"]
    last = 0
    for first, through, head, size, time in value["removed"]:
        assert (first == last + 1 or not last) and through >= first and len(head) == 32 and size > 0 and time > 0
        last = through
    return value["removed"]


def item(data, offset) -> tuple:
    """(value, end) of one CBOR item: unsigned integers, bytes, text, lists, maps."""
    major, info = data[offset] >> 5, data[offset] & 31
    offset += 1
    if info >= 24:
        size = 1 << (info - 24)
        info = int.from_bytes(data[offset : offset + size], "big")
        offset += size
    if major == 0:
        return info, offset
    if major in (2, 3):
        text = data[offset : offset + info]
        return (text if major == 2 else text.decode()), offset + info
    values = []
    for _ in range(info * (major - 3)):
        value, offset = item(data, offset)
        values.append(value)
    if major == 4:
        return values, offset
    return dict(zip(values[::2], values[1::2])), offset


def header_of(data) -> tuple:
    """(journal id, first, created, first of the one before, its end, its head, machine) of a segment."""
    kind, body, _ = frame_at(data, 0) or ("", b"", b"")
    assert kind == "H" and body[:8] == b"fluxjrn1", "no header"
    first, created, before, end = unpack(">QQQQ", body[24:56])
    return body[8:24], first, created, before, end, body[56:88], body[88:].decode()


def read_segment(data, header, before, following, found) -> None:
    """One segment, up to the byte that `following` says, or up to its last whole frame."""
    journal, first, created, previous, previous_end, previous_head, _ = header
    assert found.journal in (b"", journal), "another journal"
    found.journal = journal
    assert first == found.last + 1, "positions: %d follows %d" % (first, found.last)
    assert previous_head == found.head, "the segment at %d does not follow the chain" % first
    assert (previous, previous_end) == before or not before[0], "the segment before %d" % first
    end = following[4] if following else len(data)
    frame = frame_at(data, 0)
    offset, kinds, group = len(frame[2]), "H", b""
    head = sha256(frame[2]).digest()
    position, loose = found.last, []
    while offset < end:
        frame = frame_at(data, offset)
        if frame is None:
            assert following is None, "not readable, and not the end: byte %d" % offset
            break
        kind, body, whole = frame
        offset += len(whole)
        kinds += kind
        if kind in "LS":
            said, time = unpack(">QQ", body[:16])
            assert said == position, "a link says %d at position %d" % (said, position)
            head = sha256(head + group + kind.encode() + body[:16]).digest()
            assert head == body[16:], "the link at position %d does not fit" % position
            found.links.append((position, head, time))
            group = b""
            if kind == "S":
                break
            continue
        group += whole
        if kind == "M":
            position += 1
            loose.append((position, body))
        else:
            assert kind == "C" and len(body) == 24
            found.cursors[body[:16]] = unpack(">Q", body[16:])[0]
    if following:
        assert offset == end, "the segment ends at byte %d, not at %d" % (offset, end)
    if group:
        head = sha256(head + group + b"L" + pack(">QQ", position, 0)).digest()
    for at, body in loose:
        found.records[at] = body
    found.last, found.head = position, head
    found.segments.append((first, created, kinds[-1] == "S", kinds))
