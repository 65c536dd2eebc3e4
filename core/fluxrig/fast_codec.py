"""A Codec that is fast for messages like those before: the same bytes and the same errors, in less time.

A Gear sends the same tags with the same metadata over the same hops again and again; what changes are ids, times and
values. So two things are remembered, each in a bounded table:

- names: a tag and its encoding, whichever messages it stands in;
- envelopes: by source, all that follows the data (meta, path, flags and the rest) as constant runs of bytes, with
  slots of fixed width between them for the times of the hops, the trace and `ref_id`.

The values have no fixed width (a scaled register is now 3 bytes long, now 9), so the data is walked tag by tag: no mix
of widths and no subset of the tags is slower than another.

What does not fit, from a new tag to an attack, is left to the plain codec: it alone decides what is right and what is
wrong. A message that it passes is remembered.
"""

from binascii import hexlify, unhexlify
from struct import pack, unpack_from

from fluxrig import cbor
from fluxrig.codec import Codec
from fluxrig.decimal import Decimal
from fluxrig.envelope import TIME_MAX, TIME_MIN, Envelope
from fluxrig.errors import FluxError
from fluxrig.floats import DOUBLE, HALF, SINGLE, float_bytes, read_float
from fluxrig.msg import FluxMsg
from fluxrig.scalars import FRACTION, decimal_bytes, head, int_bytes, text_bytes

_ID = b"\xaa\x62id\x50"
_TS = b"\x62ts\x1b"
_NO_RAW = b"\x63raw\xf6\x64data"

_START = ">5s16s4sQ10sB"  # _ID, id, _TS, ts, _NO_RAW, head of the data
_START_SIZE = 44
_AFTER_ID_AND_TS = 33
_END_SIZE = 95  # flags to src_id, where flags is one byte

_NEGATIVE = cbor.NEGATIVE << 5
_INTEGER_END = cbor.BYTES << 5
_TAG_4, _LIST_OF_2 = FRACTION
_SHORT_TEXT = 0x5F  # with up to 23 bytes: the first byte less this is the size of the item
_LONG_TEXT = 0x78
_LONGEST_NAME = 257  # 255 bytes, their length in one byte, and _LONG_TEXT

# By the first byte of a float: its format, its size, and the offset of its last byte, which is zero in every float
# that has a shorter form, and in few others.
_FLOATS = {SINGLE: (">f", 5, 4), DOUBLE: (">d", 9, 8)}

# By the low five bits of the first byte of an integer: how the rest is packed, its size, and the least value in it.
_INTEGERS = {24: (">B", 2, 24), 25: (">H", 3, 1 << 8), 26: (">I", 5, 1 << 16), 27: (">Q", 9, 1 << 32)}


class FastCodec(Codec):
    """A Codec that remembers names and envelopes. How many is in attributes, which a small device lowers.

    Peers that do not trust one another get a codec each: one of them can fill the tables with its own messages.
    """

    max_names = 1024
    """Tags, of up to 255 bytes each. With one more the table starts over."""

    max_sources = 256
    """Sources. With one more the table of envelopes starts over."""

    max_envelopes = 4
    """Envelopes of one source. With one more the oldest is dropped."""

    max_envelope_size = 1024
    """Bytes of an envelope; longer ones are not remembered."""

    def __init__(self, mint=None):
        super().__init__(mint)
        self.fast = 0
        """Messages that needed only what was remembered."""
        self.plain = 0
        """Messages left to the plain codec, whether it passed or refused them."""
        self.restarts = 0
        """Times that a table was full and started over."""
        self._encoded: dict = {}  # name: its encoding
        self._names: dict = {}  # the encoding of a name: the name
        self._envelopes: dict = {}  # source id: envelopes, newest first

    def _encode(self, msg: FluxMsg) -> bytes:
        wire = self._encode_fast(msg)
        if wire is not None:
            self.fast += 1
            return wire
        self.plain += 1
        wire = super()._encode(msg)
        self._remember(msg)
        return wire

    def _decode(self, data: bytes) -> FluxMsg:
        msg = self._decode_fast(data)
        if msg is not None:
            self.fast += 1
            return msg
        self.plain += 1
        msg = super()._decode(data)
        self._remember(msg)
        return msg

    def _encode_fast(self, msg: FluxMsg) -> bytes | None:
        id, ref_id, ts, raw, data = msg.id, msg.ref_id, msg.ts, msg.raw, msg.data
        if not (
            type(id) is type(ref_id) is type(msg.src_id) is bytes
            and len(id) == len(ref_id) == 16
            and type(ts) is type(msg.flags) is int
            and TIME_MIN <= ts <= TIME_MAX
            and type(msg.trace) is str
            and type(data) is dict
        ):
            return None
        try:
            trace = msg.trace.encode()
            if len(trace) != 32 or hexlify(unhexlify(trace)) != trace:
                return None
            for envelope in self._envelopes[msg.src_id]:
                tail = envelope.pieces(msg, trace)
                if tail is not None:
                    break
            else:
                return None
            encoded = self._encoded
            names = list(data)
            if names != envelope.names:
                envelope.order = sorted(names, key=encoded.__getitem__)
                envelope.names = names
            out = [_ID, id, _TS, pack(">Q", ts)]
            if raw is None:
                out.append(_NO_RAW)
            elif type(raw) is bytes:
                out += (b"\x63raw", head(cbor.BYTES, len(raw)), raw, b"\x64data")
            else:
                return None
            out.append(head(cbor.MAP, len(data)))
            for name in envelope.order:
                out.append(encoded[name])
                value = data[name]
                kind = type(value)
                if kind is float:
                    out.append(float_bytes(value))
                elif kind is int:
                    out.append(int_bytes(value))
                elif kind is Decimal:
                    out.append(decimal_bytes(value))
                elif kind is bool:
                    out.append(b"\xf5" if value else b"\xf4")
                else:
                    cbor.write(out, value, self.max_depth - 2)
            return b"".join(out + tail)
        except (FluxError, KeyError, TypeError, ValueError):
            # A name or source not seen before, or a mistake in the message: the plain codec knows which.
            return None

    def _decode_fast(self, data: bytes) -> FluxMsg | None:
        src_id = data[-16:]
        envelopes = self._envelopes.get(src_id)
        limit = len(data) - _END_SIZE
        if envelopes is None or limit < _START_SIZE:
            return None
        id_key, id, ts_key, ts, data_key, count = unpack_from(_START, data)
        if id_key != _ID or ts_key != _TS or not TIME_MIN <= ts <= TIME_MAX:
            return None
        raw = None
        count -= cbor.MAP << 5
        pos = _START_SIZE
        try:
            if data_key != _NO_RAW or not 0 <= count < 24:
                reader = cbor.Reader(data, self.max_depth - 1, _AFTER_ID_AND_TS)
                reader.expect(b"\x63raw", "key raw")
                raw = None if reader.null() else reader.byte_string()
                reader.expect(b"\x64data", "key data")
                count = reader.enter(cbor.MAP)
                pos = reader.pos
            found = self._values(data, pos, count, limit)
            if found is None:
                return None
            values, pos = found
            for envelope in envelopes:
                slots = envelope.read(data, pos)
                if slots is None:
                    continue
                path, trace, ref_id = slots
                if hexlify(unhexlify(trace)) != trace:
                    return None
                meta = envelope.meta.copy()
                flags = envelope.flags
                return FluxMsg(id, trace.decode(), src_id, meta, values, ts, ref_id, flags, raw, path, data, self.mint)
        except (FluxError, IndexError, KeyError, ValueError):
            # Malformed or cut short: the plain codec says where.
            pass
        return None

    def _values(self, data: bytes, pos: int, count: int, limit: int) -> tuple | None:
        """(values, offset behind them) of the `count` pairs at `pos`, or None. Each value must begin before `limit`."""
        names = self._names
        values = {}
        before = b""
        reader = None
        for _ in range(count):
            end = pos + data[pos] - _SHORT_TEXT
            key = data[pos:end]
            name = names.get(key)
            if name is None and data[pos] == _LONG_TEXT:
                end = pos + 2 + data[pos + 1]
                key = data[pos:end]
                name = names.get(key)
            if name is None or key <= before or end >= limit:
                return None
            before = key
            first = data[end]
            form = _FLOATS.get(first)
            if form and data[end + form[2]]:
                value = unpack_from(form[0], data, end + 1)[0]
                if value != value:
                    return None
                pos = end + form[1]
            elif first < _INTEGER_END:
                value = first & 0x1F
                pos = end + 1
                if value > 23:
                    layout, size, least = _INTEGERS[value]
                    value = unpack_from(layout, data, pos)[0]
                    if value < least:
                        return None
                    pos = end + size
                if first >= _NEGATIVE:
                    value = -1 - value
            elif first == _TAG_4:
                value, pos = _decimal(data, end)
            elif first in cbor.LITERALS:
                value = cbor.LITERALS[first]
                pos = end + 1
            elif HALF <= first <= DOUBLE:
                value = read_float(first, data, end + 1)
                if value is None:
                    return None
                pos = end + 1 + (2 << (first - HALF))
            else:
                if reader is None:
                    reader = cbor.Reader(data, self.max_depth - 2)
                reader.pos = end
                value = reader.item()
                pos = reader.pos
            values[name] = value
        return values, pos

    def _remember(self, msg: FluxMsg) -> None:
        """Remember the names and the envelope of a message that the plain codec has passed."""
        if len(msg.trace) != 32 or min([msg.ts] + [hop[2] for hop in msg.path]) < TIME_MIN:
            return  # it has no place in slots
        self._remember_names(msg.data)
        envelopes = self._envelopes.get(bytes(msg.src_id))
        if envelopes is None:
            if len(self._envelopes) >= self.max_sources:
                self._envelopes.clear()
                self.restarts += 1
            envelopes = self._envelopes[bytes(msg.src_id)] = []
        for envelope in envelopes:
            if envelope.pieces(msg, b"") is not None:
                return
        envelope = Envelope(msg)
        if envelope.size <= self.max_envelope_size:
            envelopes.insert(0, envelope)
            if len(envelopes) > self.max_envelopes:
                envelopes.pop()

    def _remember_names(self, data: dict) -> None:
        new = {}
        for name in data:
            if name not in self._encoded and type(name) is str:
                key = text_bytes(name)
                if len(key) <= _LONGEST_NAME:
                    new[name] = key
        if len(new) > self.max_names:
            return
        if len(self._encoded) + len(new) > self.max_names:
            self._encoded.clear()
            self._names.clear()
            self.restarts += 1
        for name in new:
            self._encoded[name] = new[name]
            self._names[new[name]] = name


def _decimal(data: bytes, begin: int) -> tuple:
    """(value, offset behind it) of the decimal fraction at `begin`; FluxError or KeyError when it is malformed."""
    exponent = data[begin + 2]
    if exponent >= _NEGATIVE:
        exponent = 0x1F - exponent
    first = data[begin + 3]
    if data[begin + 1] != _LIST_OF_2 or not -24 <= exponent < 24 or first >= _INTEGER_END:
        reader = cbor.Reader(data, 0, begin)
        return reader.decimal(), reader.pos
    value = first & 0x1F
    pos = begin + 4
    if value > 23:
        layout, size, least = _INTEGERS[value]
        value = unpack_from(layout, data, pos)[0]
        if value < least:
            raise cbor.error(begin + 3, f"{value} is not in its shortest form")
        pos += size - 1
    return Decimal(-1 - value if first >= _NEGATIVE else value, exponent), pos


class DeviceCodec(FastCodec):
    """A FastCodec for a heap of 128 KiB: what it remembers takes at most 32 KiB, and about 1 KiB for one source."""

    max_size = 8 * 1024
    max_names = 64
    max_sources = 4
    max_envelopes = 2
    max_envelope_size = 512
