"""Archives written and verified from the description of their format alone, with struct, hashlib and zlib.

Nothing of fluxrig is used, so what both sides agree on is the format and not a mistake they share. See
core/fluxrig/journal/README.md.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path

JOURNAL = bytes(range(16))
MACHINE = "press-1"
T0 = 1_767_225_600_000_000_000
SECOND = 1_000_000_000


class Bad(Exception):
    """The first place where an archive is not what it should be."""

    def __init__(self, segment: str, byte: int, position: int, why: str):
        super().__init__(f"{segment} byte {byte} position {position}: {why}")
        self.segment = segment
        self.byte = byte
        self.position = position
        self.why = why


def frame(kind: bytes, body: bytes) -> bytes:
    head = struct.pack(">I", kind[0] << 24 | len(body))
    return head + struct.pack(">I", zlib.crc32(head + body)) + body


def name(first: int) -> str:
    return f"{first:016d}.seg"


def next_head(head: bytes, group: bytes, kind: bytes, position: int, time: int) -> bytes:
    return hashlib.sha256(head + group + kind + struct.pack(">QQ", position, time)).digest()


def item(value: object) -> bytes:
    """Deterministic CBOR of what stands in a stub."""

    def head(major: int, number: int) -> bytes:
        if number < 24:
            return bytes([major << 5 | number])
        for info, form, limit in ((24, ">B", 1 << 8), (25, ">H", 1 << 16), (26, ">I", 1 << 32)):
            if number < limit:
                return bytes([major << 5 | info]) + struct.pack(form, number)
        return bytes([major << 5 | 27]) + struct.pack(">Q", number)

    if isinstance(value, int):
        return head(0, value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(item, value))
    assert isinstance(value, dict)
    pairs = sorted((item(key), item(entry)) for key, entry in value.items())
    return head(5, len(pairs)) + b"".join(key + entry for key, entry in pairs)


def stub(entries: list, journal: bytes = JOURNAL, machine: str = MACHINE) -> bytes:
    data = item({"journal": journal, "machine": machine, "removed": entries})
    return data + struct.pack(">I", zlib.crc32(data))


@dataclass
class Link:
    """What a checkpoint says."""

    position: int
    head: bytes
    time: int

    def checkpoint(self, journal: bytes = JOURNAL, machine: str = MACHINE) -> dict:
        return {
            "machine": machine,
            "journal": journal.hex(),
            "position": self.position,
            "head": self.head.hex(),
            "time": self.time,
        }


@dataclass
class Writer:
    """Writes an archive step by step into `files`. `links` are all of it, with the segment that each stands in."""

    machine: str = MACHINE
    journal: bytes = JOURNAL
    time: int = T0
    files: dict[str, bytearray] = field(default_factory=dict)
    links: list[tuple[str, Link]] = field(default_factory=list)
    position: int = 0
    head: bytes = bytes(32)
    removed: list = field(default_factory=list)
    cursors: dict[bytes, int] = field(default_factory=dict)
    _segment: str = ""
    _group: bytes = b""
    _before: tuple[int, int] = (0, 0)
    _created: dict[str, int] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Whether a segment was begun and not ended."""
        return bool(self._segment)

    def begin(self) -> None:
        """A new segment. What the one before has after its last link stays, and is confirmed by the header alone."""
        if self._segment:
            self.end()
        self._segment = name(self.position + 1)
        self._created[self._segment] = self.time
        numbers = struct.pack(">QQQQ", self.position + 1, self.time, *self._before)
        header = frame(b"H", b"fluxjrn1" + self.journal + numbers + self.head + self.machine.encode())
        self.files[self._segment] = bytearray(header)
        self.head = hashlib.sha256(header).digest()
        for cursor, position in self.cursors.items():
            self._append(b"C", cursor + struct.pack(">Q", position))

    def end(self, junk: bytes = b"") -> None:
        """Leave the segment without a seal, as a crash does. `junk` is what follows the part that counts."""
        if self._group:
            self.head = next_head(self.head, self._group, b"L", self.position, 0)
        data = self.files[self._segment]
        self._before = (int(self._segment[:-4]), len(data))
        data += junk
        self._segment, self._group = "", b""

    def record(self, body: bytes) -> None:
        if not self._segment:
            self.begin()
        self.position += 1
        self._append(b"M", body)

    def cursor(self, cursor: bytes, position: int) -> None:
        if not self._segment:
            self.begin()
        self.cursors[cursor] = position
        self._append(b"C", cursor + struct.pack(">Q", position))

    def link(self, kind: bytes = b"L") -> Link:
        self.time += SECOND
        self.head = next_head(self.head, self._group, kind, self.position, self.time)
        self.files[self._segment] += frame(kind, struct.pack(">QQ", self.position, self.time) + self.head)
        self._group = b""
        link = Link(self.position, self.head, self.time)
        self.links.append((self._segment, link))
        return link

    def seal(self) -> Link:
        link = self.link(b"S")
        self.end()
        return link

    def remove(self, count: int = 1) -> None:
        """Take away the oldest segments as retention does."""
        for _ in range(count):
            oldest, following = sorted(self.files)[:2]
            data = bytes(self.files.pop(oldest))
            head = header_of(following, bytes(self.files[following])).previous_head
            self.removed.append([int(oldest[:-4]), int(following[:-4]) - 1, head, len(data), self._created[oldest]])

    def write(self, folder: Path) -> Path:
        save(self.all_files(), folder)
        return folder

    def all_files(self) -> dict[str, bytes]:
        files = {file: bytes(data) for file, data in self.files.items()}
        if self.removed:
            files["removed"] = stub(self.removed, self.journal, self.machine)
        return files

    def _append(self, kind: bytes, body: bytes) -> None:
        data = frame(kind, body)
        self.files[self._segment] += data
        self._group += data


def save(files: dict[str, bytes], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file, data in files.items():
        (folder / file).write_bytes(data)


def load(folder: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes() for path in folder.iterdir() if path.suffix == ".seg" or path.name == "removed"
    }


@dataclass
class Frame:
    offset: int
    kind: bytes
    body: bytes
    data: bytes

    @property
    def end(self) -> int:
        return self.offset + len(self.data)


def frame_at(data: bytes, offset: int) -> Frame | None:
    """The whole frame there whose CRC is right, if there is one."""
    if offset + 8 > len(data):
        return None
    word, crc = struct.unpack_from(">II", data, offset)
    end = offset + 8 + (word & 0xFFFFFF)
    kind = bytes([word >> 24])
    if kind not in (b"H", b"M", b"C", b"L", b"S") or end > len(data):
        return None
    body = data[offset + 8 : end]
    if zlib.crc32(data[offset : offset + 4] + body) != crc:
        return None
    return Frame(offset, kind, body, data[offset:end])


def frames(data: bytes) -> list[Frame]:
    """All up to the first that is not whole."""
    found: list[Frame] = []
    while each := frame_at(data, found[-1].end if found else 0):
        found.append(each)
    return found


@dataclass
class Header:
    journal: bytes
    first: int
    created: int
    previous: int
    previous_end: int
    previous_head: bytes
    machine: str


def header_of(file: str, data: bytes) -> Header:
    found = frame_at(data, 0)
    if found is None or found.kind != b"H" or not found.body.startswith(b"fluxjrn1") or len(found.body) < 88:
        raise Bad(file, 0, 0, "no header")
    first, created, previous, end = struct.unpack_from(">QQQQ", found.body, 24)
    return Header(found.body[8:24], first, created, previous, end, found.body[56:88], found.body[88:].decode())


@dataclass
class Verified:
    """What an archive that is right holds."""

    records: dict[int, bytes] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    cursors: dict[bytes, int] = field(default_factory=dict)
    uncommitted: int = 0


def begun(files: dict[str, bytes]) -> dict[str, bytes]:
    """Without a last segment whose first write did not succeed: where its header is not whole, nothing of it counts."""
    last = max((file for file in files if file.endswith(".seg")), default="")
    if last and frame_at(files[last], 0) is None:
        return {file: data for file, data in files.items() if file != last}
    return files


def verify(files: dict[str, bytes]) -> Verified:
    """Everything that the archive holds, up to its last link. Raises Bad."""
    found = Verified()
    names = sorted(file for file in files if file.endswith(".seg"))
    headers = [header_of(file, files[file]) for file in names]
    before = (0, 0, bytes(32))  # last position, end byte and head of the segment before
    if "removed" in files:
        before = _stub_end(files["removed"], headers[0])
    for index, (file, header) in enumerate(zip(names, headers, strict=True)):
        if file != name(header.first):
            raise Bad(file, 0, header.first, "the name is another one")
        if header.journal != headers[0].journal:
            raise Bad(file, 0, header.first, "another journal")
        if header.first != before[0] + 1 or header.previous_head != before[2]:
            raise Bad(file, 0, header.first, "does not follow the segment before")
        following = headers[index + 1] if index + 1 < len(headers) else None
        if following and following.previous != header.first:
            raise Bad(names[index + 1], 0, following.first, "names another segment before it")
        before = _segment(file, files[file], header, following, found)
    return found


def _stub_end(data: bytes, header: Header) -> tuple[int, int, bytes]:
    import cbor2

    if zlib.crc32(data[:-4]) != struct.unpack(">I", data[-4:])[0]:
        raise Bad("removed", 0, 0, "the CRC is wrong")
    said = cbor2.loads(data[:-4])
    if said["journal"] != header.journal:
        raise Bad("removed", 0, 0, "another journal")
    _, last, head, size, _ = said["removed"][-1]
    return last, size, head


def _segment(
    file: str, data: bytes, header: Header, following: Header | None, found: Verified
) -> tuple[int, int, bytes]:
    end = following.previous_end if following else len(data)
    position, group, begun = header.first - 1, b"", 0
    first = frame_at(data, 0)
    assert first
    head, offset = hashlib.sha256(first.data).digest(), first.end
    loose: list[tuple[int, bytes]] = []
    while offset < end:
        each = frame_at(data, offset)
        if each is None or each.kind == b"H":
            is_link = data[offset : offset + 4] in (b"L\0\0\x30", b"S\0\0\x30") and len(data) >= offset + 56
            if is_link and data[offset + 55]:
                raise Bad(file, offset, position, "the link was changed")  # it is there to its last byte
            if following or any(frame_at(data, later) for later in range(offset + 1, len(data))):
                raise Bad(file, offset, position + 1, "no whole frame")
            break
        offset = each.end
        if each.kind in b"MC":
            group += each.data
            if each.kind == b"M":
                position += 1
                loose.append((position, each.body))
            else:
                found.cursors[each.body[:16]] = struct.unpack(">Q", each.body[16:])[0]
            continue
        said, time = struct.unpack_from(">QQ", each.body)
        head = next_head(head, group, each.kind, said, time)
        if head != each.body[16:] or said != position:
            raise Bad(file, begun, position, "the link does not fit")
        found.links.append(Link(position, head, time))
        found.records.update(loose)
        loose, group, begun = [], b"", offset
        if each.kind == b"S":
            if data[offset:].strip(b"\0"):
                raise Bad(file, offset, position, "bytes follow the seal")
            break
    if not following:
        found.uncommitted = len(loose)
    elif offset != end:
        raise Bad(file, offset, position, "the segment ends elsewhere")
    elif group:
        head = next_head(head, group, b"L", position, 0)
        found.records.update(loose)
    return position, offset, head
