"""FluxMsg to bytes and back: one map of exactly ten keys in deterministic CBOR (`fluxrig.cbor`), in this order:

| key | item | limits |
|---|---|---|
| id | 16 bytes | |
| ts | integer | 64 bits, signed |
| raw | byte string or null | |
| data | map of text to values | |
| meta | map of text to text | |
| path | list of maps {g: 16 bytes, p: 16 bytes, t: 64-bit signed integer} | `max_hops` |
| flags | integer | 32 bits, unsigned |
| trace | text | 32 lowercase hex digits; or empty, from a sender that does not trace |
| ref_id, src_id | 16 bytes | |

Null also stands for an empty data, meta or path and for a nil ref_id or src_id, as other implementations write their
zero values. It is accepted there and never written.
"""

from binascii import hexlify, unhexlify

from fluxrig import cbor
from fluxrig.compat import is_int
from fluxrig.ids import NIL_ID
from fluxrig.msg import FluxMsg
from fluxrig.scalars import encode_error, head, int_bytes, text_bytes

# Lowest and highest value of an integer.
INT64 = (-1 << 63, (1 << 63) - 1)
UINT32 = (0, (1 << 32) - 1)


class Codec:
    """Encodes and decodes messages. The limits are attributes: a small device lowers them.

    `fluxrig.fast_codec` has one that does the same in less time. It replaces `_encode` and `_decode`.
    """

    max_size = 2 * 1024 * 1024
    """Bytes of one message."""

    max_depth = 16
    """Lists and maps inside one another, the message being the first."""

    max_hops = 64
    """Hops in `path`."""

    def __init__(self, mint=None):
        """`mint` is the id source given to decoded messages, so that they can `derive`."""
        self.mint = mint

    def encode(self, msg: FluxMsg) -> bytes:
        """The bytes of `msg`, which keeps them: a message is encoded once, and forwarded as it was received.

        LocalError, its `path` the offending value, when the message breaks its contract or a limit.
        """
        if msg.wire is None:
            wire = self._encode(msg)
            if len(wire) > self.max_size:
                raise encode_error(f"the message has {len(wire)} bytes, more than the {self.max_size} that may be sent")
            msg.wire = wire
        return msg.wire

    def decode(self, data) -> FluxMsg:
        """The message that `data` (bytes, bytearray or memoryview) is, all of it.

        RemoteError, its `offset` the start of the offending item, for whatever `encode` would not have written except
        the nulls above.
        """
        return self._decode(cbor.own(data, self.max_size))

    def _decode(self, data: bytes) -> FluxMsg:
        reader = cbor.Reader(data, self.max_depth - 1)
        reader.expect(b"\xaa\x62id", "a map of 10 keys, id first")
        id = reader.exactly(16)
        reader.expect(b"\x62ts", "key ts")
        ts = reader.integer(INT64)
        reader.expect(b"\x63raw", "key raw")
        raw = None if reader.null() else reader.byte_string()
        reader.expect(b"\x64data", "key data")
        values = {} if reader.null() else reader.map(reader.item)
        reader.expect(b"\x64meta", "key meta")
        meta = {} if reader.null() else reader.map(reader.text)
        reader.expect(b"\x64path", "key path")
        path = () if reader.null() else self._read_path(reader)
        reader.expect(b"\x65flags", "key flags")
        flags = reader.integer(UINT32)
        reader.expect(b"\x65trace", "key trace")
        trace = _read_trace(reader)
        reader.expect(b"\x66ref_id", "key ref_id")
        ref_id = NIL_ID if reader.null() else reader.exactly(16)
        reader.expect(b"\x66src_id", "key src_id")
        src_id = NIL_ID if reader.null() else reader.exactly(16)
        reader.end()
        return FluxMsg(id, trace, src_id, meta, values, ts, ref_id, flags, raw, path, data, self.mint)

    def _read_path(self, reader: cbor.Reader) -> tuple:
        start = reader.pos
        count = reader.enter(cbor.ARRAY)
        if count > self.max_hops:
            raise cbor.error(start, f"{count} hops are more than the {self.max_hops} accepted here")
        hops = []
        for _ in range(count):
            reader.expect(b"\xa3\x61g", "a map of 3 keys, g first")
            gear = reader.exactly(16)
            reader.expect(b"\x61p", "key p")
            port = reader.exactly(16)
            reader.expect(b"\x61t", "key t")
            hops.append((gear, port, reader.integer(INT64)))
        reader.leave()
        return tuple(hops)

    def _encode(self, msg: FluxMsg) -> bytes:
        out = [b"\xaa\x62id", _id(msg.id, "id"), b"\x62ts", _integer(msg.ts, INT64, "ts"), b"\x63raw"]
        self._write(out, msg.raw, (bytes, bytearray, memoryview, type(None)), "raw")
        out.append(b"\x64data")
        self._write(out, msg.data, dict, "data")
        out.append(b"\x64meta")
        self._write(out, msg.meta, dict, "meta")
        for key in msg.meta:
            if not isinstance(msg.meta[key], str):
                raise encode_error(f"must be text, not {msg.meta[key]!r}", f"meta.{key}")
        out.append(b"\x64path")
        self._write_path(out, msg.path)
        out += (b"\x65flags", _integer(msg.flags, UINT32, "flags"), b"\x65trace", _trace(msg.trace))
        out += (b"\x66ref_id", _id(msg.ref_id, "ref_id"), b"\x66src_id", _id(msg.src_id, "src_id"))
        return b"".join(out)

    def _write(self, out: list, value, kind, key: str) -> None:
        if not isinstance(value, kind):
            raise encode_error(f"must not be {type(value)}", key)
        cbor.write_at(key, out, value, self.max_depth - 1)

    def _write_path(self, out: list, path: tuple) -> None:
        if not isinstance(path, (tuple, list)):
            raise encode_error(f"must be a tuple of hops, not {type(path)}", "path")
        if len(path) > self.max_hops:
            raise encode_error(f"{len(path)} hops are more than the {self.max_hops} that may be sent", "path")
        out.append(head(cbor.ARRAY, len(path)))
        for index, hop in enumerate(path):
            where = f"path[{index}]"
            if not isinstance(hop, (tuple, list)) or len(hop) != 3:
                raise encode_error("a hop is (gear id, port id, Unix ns)", where)
            gear, port, time = hop
            out += (b"\xa3\x61g", _id(gear, where + ".g"), b"\x61p", _id(port, where + ".p"))
            out += (b"\x61t", _integer(time, INT64, where + ".t"))


def _read_trace(reader: cbor.Reader) -> str:
    start = reader.pos
    text = reader.text()
    if not is_trace(text):
        raise cbor.error(start, "a trace is 32 lowercase hex digits, or empty")
    return text


def is_trace(text: str) -> bool:
    """Whether `text` is 32 lowercase hex digits, or empty."""
    if len(text) != 32:
        return not text
    try:
        return hexlify(unhexlify(text)) == text.encode()
    except ValueError:
        return False


def _id(value, where: str) -> bytes:
    if not isinstance(value, (bytes, bytearray, memoryview)) or len(value) != 16:
        raise encode_error(f"an id is 16 bytes, not {value!r}", where)
    return b"\x50" + bytes(value)


def _integer(value, limits: tuple, where: str) -> bytes:
    if not is_int(value) or not limits[0] <= value <= limits[1]:
        raise encode_error(f"must be an integer within {limits[0]} to {limits[1]}, not {value!r}", where)
    return int_bytes(value)


def _trace(value) -> bytes:
    if not isinstance(value, str) or not is_trace(value):
        raise encode_error(f"a trace is 32 lowercase hex digits, or empty, not {value!r}", "trace")
    return text_bytes(value)
