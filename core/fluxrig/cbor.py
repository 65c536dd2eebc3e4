"""Deterministic CBOR, strict in both directions (RFC 8949, core deterministic encoding of section 4.2.1).

One value has one encoding: shortest integers, the shortest float that keeps the value, definite lengths, map keys in
bytewise order of their encodings. Values are bool, int (-2**64 to 2**64-1), float, Decimal, text, bytes, None, and
lists and text-keyed maps of these. A Decimal is a decimal fraction (section 3.4.4): tag 4 on a list of its exponent
and its mantissa, both integers within the limits of `fluxrig.decimal`. It keeps its places: 1.0 and 1 are different
bytes. In depth it counts as a number, not as a list. Other tags, `undefined` and other simple values are refused. So
one value is the same bytes on every node, and whatever `loads` accepts, `dumps` writes again byte for byte.
"""

from struct import unpack_from

from fluxrig.decimal import EXPONENT, Decimal
from fluxrig.errors import LocalError, RemoteError
from fluxrig.floats import DOUBLE, HALF, float_bytes, read_float
from fluxrig.scalars import (
    ARRAY,
    BYTES,
    FRACTION,
    MAP,
    NEGATIVE,
    TEXT,
    UINT,
    decimal_bytes,
    encode_error,
    head,
    int_bytes,
    is_unicode,
    text_bytes,
)

NULL = 0xF6
LITERALS = {0xF4: False, 0xF5: True, NULL: None}
"""Items of one byte, of major type 7 (section 3.3)."""

_NAMES = ("an integer", "a negative integer", "a byte string", "text", "a list", "a map", "a tag", "a simple value")

# Bytes of a long argument, how they are packed, and the least value that needs them: less has a shorter form.
_ARGUMENTS = ((1, ">B", 24), (2, ">H", 1 << 8), (4, ">I", 1 << 16), (8, ">Q", 1 << 32))

_QUOTED = 40  # characters of a key that an error repeats


def dumps(value, max_depth: int = 16) -> bytes:
    """The encoding of `value`. Tuples are written as lists, bytearray and memoryview as bytes.

    LocalError, its `path` the offending value, for other types, integers beyond 64 bits, Decimals beyond their limits,
    text with surrogates, keys that are not text, and lists and maps nested deeper than `max_depth`.
    """
    out: list = []
    write(out, value, max_depth)
    return b"".join(out)


def loads(data, max_size: int = 2 * 1024 * 1024, max_depth: int = 16):
    """The value of the one item that is `data` (bytes, bytearray or memoryview).

    RemoteError, its `offset` the start of the offending item, for anything `dumps` would not have written, for more
    than `max_size` bytes, and for lists and maps nested deeper than `max_depth`.
    """
    reader = Reader(own(data, max_size), max_depth)
    value = reader.item()
    reader.end()
    return value


def own(data, max_size: int) -> bytes:
    """`data` as bytes that nobody else can change. RemoteError when it is longer than `max_size`."""
    if len(data) > max_size:
        raise error(max_size, f"{len(data)} bytes are more than the {max_size} accepted here")
    return data if isinstance(data, bytes) else bytes(data)


def error(offset: int, text: str) -> RemoteError:
    """The error to raise for what stands at `offset`."""
    return RemoteError(f"byte {offset}: {text}", offset=offset)


class Reader:
    """Reads items one after another; `pos` is the offset of the next.

    Every method raises RemoteError with an `offset` when the next item is not what it reads, is not in its
    deterministic form, or is cut short. Lengths and counts are compared with the bytes left before memory is taken
    for them. After an error a Reader is of no more use.
    """

    __slots__ = ("_deeper", "_end", "data", "pos")

    def __init__(self, data: bytes, max_depth: int, pos: int = 0):
        self.data = data
        self.pos = pos
        self._end = len(data)
        self._deeper = max_depth

    def item(self):
        """An item of any type."""
        start = self.pos
        if start == self._end:
            raise self._short(start)
        first = self.data[start]
        if first >= HALF:
            return self._float(first)
        major = first >> 5
        if major <= NEGATIVE:
            return self.integer()
        if major == TEXT:
            return self.text()
        if major == BYTES:
            return self.byte_string()
        if major == MAP:
            return self.map(self.item)
        if major == ARRAY:
            return self._list()
        if first in LITERALS:
            self.pos = start + 1
            return LITERALS[first]
        if first == FRACTION[0]:
            return self.decimal()
        raise error(start, f"{_NAMES[major]} (0x{first:02x}) is not accepted")

    def null(self) -> bool:
        """Whether a null comes next, which is then read."""
        if self.pos < self._end and self.data[self.pos] == NULL:
            self.pos += 1
            return True
        return False

    def integer(self, limits: tuple | None = None) -> int:
        """An integer, -2**64 to 2**64-1, or within `limits`, both inclusive."""
        start = self.pos
        if start < self._end and self.data[start] >> 5 == NEGATIVE:
            value = -1 - self.argument(NEGATIVE)
        else:
            value = self.argument(UINT)
        if limits and not limits[0] <= value <= limits[1]:
            raise error(start, f"{value} is not within {limits[0]} to {limits[1]}")
        return value

    def decimal(self) -> Decimal:
        """A decimal fraction."""
        self.expect(FRACTION[:1], "tag 4")
        self.expect(FRACTION[1:], "a list of 2, the exponent and the mantissa")
        exponent = self.integer(EXPONENT)
        return Decimal(self.integer(), exponent)

    def byte_string(self) -> bytes:
        """A byte string."""
        start = self.pos
        size = self.argument(BYTES)
        begin = self.pos
        self.pos = end = begin + size
        if end > self._end:
            raise self._short(start)
        return self.data[begin:end]

    def exactly(self, size: int) -> bytes:
        """A byte string of `size` bytes, 0 to 23."""
        start = self.pos
        end = start + 1 + size
        if end <= self._end and self.data[start] == BYTES << 5 | size:
            self.pos = end
            return self.data[start + 1 : end]
        raise error(start, f"expected {size} bytes, found {len(self.byte_string())}")

    def text(self) -> str:
        """Text. Its UTF-8 is checked, also where the interpreter does not."""
        start = self.pos
        begin = start + 1
        size = self.data[start] - (TEXT << 5) if start < self._end else -1
        if not 0 <= size < 24:
            size = self.argument(TEXT)
            begin = self.pos
        self.pos = end = begin + size
        if end > self._end:
            raise self._short(start)
        try:
            text = self.data[begin:end].decode()
        except UnicodeError:
            text = ""
        if len(text) != size and not is_unicode(text, size):
            raise error(start, "the text is not UTF-8")
        return text

    def map(self, read_value) -> dict:
        """A map with text keys, each value read by `read_value()`, such as `reader.item`."""
        result: dict = {}
        before = b""
        for _ in range(self.enter(MAP)):
            start = self.pos
            key = self.text()
            encoded = self.data[start : self.pos]
            if encoded <= before:
                fault = "twice" if key in result else "out of order"
                raise error(start, f"key {key[:_QUOTED]!r} stands {fault}")
            before = encoded
            result[key] = read_value()
        self.leave()
        return result

    def expect(self, encoded: bytes, what: str) -> None:
        """Exactly these bytes, which errors call `what`: a key, or the head of a map and its first key."""
        start = self.pos
        if not self.data.startswith(encoded, start):
            raise error(start, f"expected {what}, found {self._found()}")
        self.pos = start + len(encoded)

    def enter(self, major: int) -> int:
        """Begin a list or map (`major` is ARRAY or MAP): the number of its items or pairs. Ends with `leave`."""
        start = self.pos
        count = self.argument(major)
        left = self._end - self.pos
        if (count * 2 if major == MAP else count) > left:
            raise error(start, f"{_NAMES[major]} of {count} cannot stand in the {left} bytes left")
        if not self._deeper:
            raise error(start, "too many lists and maps inside one another")
        self._deeper -= 1
        return count

    def leave(self) -> None:
        """End the list or map begun last."""
        self._deeper += 1

    def argument(self, major: int) -> int:
        """The argument of an item, which must be of type `major`: its value, length or count (section 3)."""
        start = self.pos
        if start == self._end:
            raise self._short(start)
        first = self.data[start]
        if first >> 5 != major:
            raise error(start, f"expected {_NAMES[major]}, found {_NAMES[first >> 5]}")
        info = first & 0x1F
        begin = start + 1
        if info < 24:
            self.pos = begin
            return info
        if info > 27:
            raise error(start, "indefinite length" if info == 31 else f"additional information {info} is reserved")
        size, form, least = _ARGUMENTS[info - 24]
        self.pos = begin + size
        if self.pos > self._end:
            raise self._short(start)
        value = unpack_from(form, self.data, begin)[0]
        if value < least:
            raise error(start, f"{value} is not in its shortest form")
        return value

    def end(self) -> None:
        """Nothing may follow."""
        if self.pos != self._end:
            raise error(self.pos, f"{self._end - self.pos} bytes follow the end")

    def _list(self) -> list:
        result = [self.item() for _ in range(self.enter(ARRAY))]
        self.leave()
        return result

    def _float(self, first: int) -> float:
        start = self.pos
        if first > DOUBLE:
            raise error(start, f"0x{first:02x} begins no item")
        self.pos = start + 1 + (2 << (first - HALF))
        if self.pos > self._end:
            raise self._short(start)
        value = read_float(first, self.data, start + 1)
        if value is None:
            raise error(start, "the float is not in its shortest form")
        return value

    def _short(self, start: int) -> RemoteError:
        return error(start, "the data ends before this item does")

    def _found(self) -> str:
        if self.pos == self._end:
            return "the end"
        major = self.data[self.pos] >> 5
        return repr(self.text()[:_QUOTED]) if major == TEXT else _NAMES[major]


def write(out: list, value, max_depth: int) -> None:
    """Append the encoding of `value` to `out`, in pieces. LocalError as `dumps`."""
    if isinstance(value, str):
        out.append(text_bytes(value))
    elif value is None:
        out.append(b"\xf6")
    elif isinstance(value, bool):
        out.append(b"\xf5" if value else b"\xf4")
    elif isinstance(value, float):
        out.append(float_bytes(value))
    elif isinstance(value, int):
        out.append(int_bytes(value))
    elif isinstance(value, Decimal):
        out.append(decimal_bytes(value))
    elif isinstance(value, (bytes, bytearray, memoryview)):
        raw = bytes(value)
        out.append(head(BYTES, len(raw)))
        out.append(raw)
    elif isinstance(value, (dict, list, tuple)):
        if not max_depth:
            raise encode_error("too many lists and maps inside one another")
        if isinstance(value, dict):
            out.append(head(MAP, len(value)))
            for encoded, key in sorted([(text_bytes(key), key) for key in value]):
                out.append(encoded)
                write_at(key, out, value[key], max_depth - 1)
        else:
            out.append(head(ARRAY, len(value)))
            for index, item in enumerate(value):
                write_at(f"[{index}]", out, item, max_depth - 1)
    else:
        wanted = "bool, int, float, Decimal, text, bytes, None, list or map"
        raise encode_error(f"{type(value)} cannot be encoded (want {wanted})")


def write_at(key: str, out: list, value, max_depth: int) -> None:
    """Like `write`, for a value that errors call `key`: in a list `[0]`, `[1]` and so on."""
    try:
        write(out, value, max_depth)
    except LocalError as exc:
        path = exc.path
        raise encode_error(exc.reason, key + path if not path or path[0] == "[" else f"{key}.{path}") from None
