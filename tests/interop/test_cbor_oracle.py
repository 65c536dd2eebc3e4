"""Our CBOR against cbor2, an implementation nobody here wrote.

cbor2's `canonical=True` orders keys by length first (RFC 7049), ours by the bytes of their encoding (RFC 8949). For
text, whose encoding begins with its length, the two are one order; `test_key_order` checks that instead of assuming it.
"""

import decimal
import math
import struct
from array import array
from enum import StrEnum
from typing import Any

import cbor2
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_fast_codec import decoded, encoded, warm

from fluxrig import cbor, fast_codec, floats
from fluxrig.codec import Codec
from fluxrig.decimal import EXPONENT, MANTISSA, Decimal
from fluxrig.errors import RemoteError
from fluxrig.fast_codec import FastCodec
from fluxrig.msg import FluxMsg

INTEGERS = st.integers(-(1 << 64), (1 << 64) - 1) | st.integers(-70000, 70000)
FLOATS = st.floats() | st.floats(width=32) | st.floats(width=16) | st.integers(-3000, 3000).map(lambda n: n * 0.1)
DECIMALS = st.builds(Decimal, INTEGERS, st.integers(*EXPONENT) | st.integers(-4, 2))
SCALARS = st.none() | st.booleans() | INTEGERS | FLOATS | DECIMALS | st.text() | st.binary()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)
TEXTS = st.text(max_size=30)

ID = st.binary(min_size=16, max_size=16)
INT64 = st.integers(-(1 << 63), (1 << 63) - 1)
NOW = st.integers(1 << 60, 1 << 62)
TRACE = st.binary(min_size=16, max_size=16).map(bytes.hex)
PATHS = st.lists(st.tuples(ID, ID, NOW | INT64), max_size=4).map(tuple)


def messages(**fields):
    ours = {
        "id": ID,
        "trace": TRACE | st.just(""),
        "src_id": ID,
        "meta": st.dictionaries(TEXTS, TEXTS, max_size=5),
        "data": st.dictionaries(TEXTS, VALUES, max_size=6),
        "ts": NOW | INT64,
        "ref_id": ID,
        "flags": st.integers(0, (1 << 32) - 1) | st.just(0),
        "raw": st.none() | st.binary(),
        "path": PATHS,
    }
    return st.builds(FluxMsg, **{**ours, **fields})


def theirs(value):
    """`value` with the decimals that cbor2 reads and writes, those of Python's own `decimal`, in place of ours."""
    if isinstance(value, dict):
        return {key: theirs(item) for key, item in value.items()}
    if isinstance(value, list):
        return [theirs(item) for item in value]
    if isinstance(value, Decimal):
        digits = tuple(int(digit) for digit in str(abs(value.mantissa)))
        return decimal.Decimal((int(value.mantissa < 0), digits, value.exponent))
    return value


def as_map(msg):
    """The map that stands for `msg` on the wire, for cbor2 to write."""
    return {
        "id": msg.id,
        "ref_id": msg.ref_id,
        "trace": msg.trace,
        "src_id": msg.src_id,
        "meta": msg.meta,
        "data": theirs(msg.data),
        "flags": msg.flags,
        "raw": msg.raw,
        "path": [{"g": gear, "p": port, "t": time} for gear, port, time in msg.path],
        "ts": msg.ts,
    }


def in_subset(value, depth=16):
    """Whether `value` is one that our CBOR carries."""
    if isinstance(value, list):
        return depth > 0 and all(in_subset(item, depth - 1) for item in value)
    if isinstance(value, dict):
        return depth > 0 and all(type(key) is str and in_subset(value[key], depth - 1) for key in value)
    if type(value) is int:
        return -(1 << 64) <= value < 1 << 64
    if type(value) is decimal.Decimal:
        sign, digits, exponent = value.as_tuple()
        mantissa = int("".join(map(str, digits))) * (-1 if sign else 1)
        in_range = isinstance(exponent, int) and EXPONENT[0] <= exponent <= EXPONENT[1]
        return in_range and MANTISSA[0] <= mantissa <= MANTISSA[1]
    return value is None or type(value) in (bool, float, str, bytes)


def is_deterministic(data):
    """Whether `data` is what cbor2 writes, canonically, for what it reads there; and within our subset."""
    try:
        value = cbor2.loads(data)
        return in_subset(value) and cbor2.dumps(value, canonical=True) == data
    except Exception:  # cbor2 lets errors of many kinds through
        return False


def mutated(data, changes):
    """`data` after some changes: each replaces, inserts, removes or repeats bytes at a place."""
    buffer = bytearray(data)
    for kind, place, byte in changes:
        at = place % (len(buffer) + 1)
        if kind == "replace":
            buffer[at : at + 1] = bytes((byte,))
        elif kind == "insert":
            buffer.insert(at, byte)
        elif kind == "remove":
            del buffer[at : at + 1 + byte % 20]
        elif kind == "repeat":
            buffer[at:at] = buffer[at : at + byte % 20]
        else:
            del buffer[at:]
    return bytes(buffer)


CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["replace", "insert", "remove", "repeat", "cut"]), st.integers(0, 4000), st.integers(0, 255)
    ),
    min_size=1,
    max_size=3,
)


@given(VALUES)
@example({"long": "x" * 70000, "bytes": bytes(70000), "list": [0] * 70000})
def test_both_write_the_same_bytes(value):
    data = cbor.dumps(value)
    assert data == cbor2.dumps(theirs(value), canonical=True)
    assert repr(theirs(cbor.loads(data))) == repr(cbor2.loads(data))


@given(DECIMALS)
def test_decimals_are_those_of_cbor2(value):
    data = cbor2.dumps(theirs(value), canonical=True)
    assert cbor.dumps(value) == data
    assert repr(cbor.loads(data)) == repr(value)


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_decimals_of_python_are_read_when_they_are_within_the_limits(value):
    agree(cbor2.dumps(value, canonical=True))


@settings(max_examples=400)
@given(DECIMALS, CHANGES)
def test_changed_decimals_are_accepted_when_deterministic(value, changes):
    agree(mutated(cbor.dumps(value), changes))


@given(st.sets(st.text()))
def test_key_order(keys):
    data = cbor.dumps(dict.fromkeys(keys))
    assert list(cbor2.loads(data)) == sorted(keys, key=cbor2.dumps)


@given(FLOATS)
def test_floats_are_as_short_as_can_be(value):
    shortest = next(code for code in "efd" if keeps(code, value))
    data = cbor.dumps(value)
    assert len(data) == 1 + struct.calcsize(shortest)
    assert data[1:] == struct.pack(">" + shortest, value) or math.isnan(value)


def keeps(code, value):
    try:
        return repr(struct.unpack(code, struct.pack(code, value))[0]) == repr(value)
    except OverflowError:
        return False


def test_every_half():
    for bits in range(1 << 16):
        raw = bits.to_bytes(2, "big")
        value = struct.unpack(">e", raw)[0]
        if not math.isnan(value):
            assert repr(cbor.loads(b"\xf9" + raw)) == repr(value)
            assert cbor.dumps(value) == b"\xf9" + raw
            with pytest.raises(RemoteError):
                cbor.loads(b"\xfa" + struct.pack(">f", value))
            with pytest.raises(RemoteError):
                cbor.loads(b"\xfb" + struct.pack(">d", value))


@given(st.binary())
def test_arbitrary_bytes_are_accepted_when_deterministic(data):
    agree(data)


@settings(max_examples=400)
@given(VALUES, CHANGES)
def test_changed_bytes_are_accepted_when_deterministic(value, changes):
    agree(mutated(cbor2.dumps(theirs(value), canonical=True), changes))


@given(VALUES)
def test_other_encodings_of_a_value_are_refused(value):
    agree(cbor2.dumps(theirs(value)))


def agree(data):
    """We accept `data` exactly when it is deterministic, and then read what cbor2 reads."""
    try:
        value = cbor.loads(data)
    except RemoteError as exc:
        assert not is_deterministic(data), exc
        assert 0 <= exc.offset <= len(data)
        assert str(exc).startswith(f"byte {exc.offset}: ")
    else:
        assert is_deterministic(data)
        assert repr(theirs(value)) == repr(cbor2.loads(data))


def normal(value):
    """`value` so that equality minds types and signs, and does not mind NaN or the order of keys."""
    if isinstance(value, dict):
        return {key: normal(value[key]) for key in value}
    if isinstance(value, list):
        return [normal(item) for item in value]
    return repr(value)


@given(messages())
def test_messages_are_written_as_cbor2_writes_their_map(msg):
    data = cbor2.dumps(as_map(msg), canonical=True)
    assert Codec().encode(msg) == data
    assert normal(as_map(Codec().decode(data))) == normal(cbor2.loads(data)) == normal(as_map(msg))


@settings(max_examples=400)
@given(messages(), CHANGES)
def test_messages_that_are_accepted_are_deterministic(msg, changes):
    data = mutated(Codec().encode(msg), changes)
    try:
        again = Codec().decode(data)
    except RemoteError as exc:
        assert 0 <= exc.offset <= len(data)
        return
    assert is_deterministic(data)
    read = cbor2.loads(data)
    empty = {"data": {}, "meta": {}, "path": [], "ref_id": bytes(16), "src_id": bytes(16)}
    nulls = {key: empty[key] for key in empty if read[key] is None}
    assert normal(as_map(again)) == normal(read | nulls)


SOURCES = st.sampled_from([b"a" * 16, b"b" * 16])
TAGS = st.sampled_from(["on", "temp", "level", "count", "a much longer name of a tag"])
STREAM = messages(
    src_id=SOURCES,
    trace=TRACE,
    data=st.dictionaries(TAGS, SCALARS | VALUES, max_size=5),
    meta=st.sampled_from([{"machine.id": "m"}, {"machine.id": "m", "q.temp": "bad:timeout"}]),
    path=st.sampled_from([b"p" * 16, b"q" * 16]).flatmap(
        lambda port: st.tuples(st.tuples(SOURCES, st.just(port), NOW))
    ),
    ts=NOW,
    flags=st.sampled_from([0, 300]),
)
"""Messages as Gears send them: what repeats, repeats."""


@settings(max_examples=400)
@given(st.lists(STREAM, min_size=1, max_size=6), st.lists(CHANGES, max_size=6))
def test_the_fast_codec_is_the_plain_one_in_less_time(stream, changes):
    writer, reader = warm(*stream), FastCodec()
    for msg in stream:
        wire = encoded(Codec(), msg)
        assert encoded(writer, msg) == wire
        for codec in (writer, reader):
            assert decoded(codec, wire) == decoded(Codec(), wire)
        for change in changes:
            data = mutated(wire, change)
            for codec in (writer, reader):
                assert decoded(codec, data) == decoded(Codec(), data)


@given(messages())
def test_the_fast_codec_takes_any_message(msg):
    codec = FastCodec()
    wire = encoded(Codec(), msg)
    for _ in range(2):
        assert encoded(codec, msg) == wire
        assert decoded(codec, wire) == decoded(Codec(), wire)


@pytest.mark.parametrize("count", [23, 24, 255, 256, 257, 1000])
def test_many_tags(count):
    data = {f"tag{index}": index / 8 for index in range(count)}
    msg = FluxMsg(b"i" * 16, "ab" * 16, b"s" * 16, {"machine.id": "m"}, data, 1 << 60)
    codec = warm(msg)
    wire = cbor2.dumps(as_map(msg), canonical=True)
    assert encoded(codec, msg) == wire
    assert decoded(codec, wire) == decoded(Codec(), wire)
    assert codec.fast == 2


class Tag(StrEnum):
    TEMP = "temp"


@pytest.mark.parametrize("name", ["temp", Tag.TEMP])
def test_unusual_types_are_written_as_what_they_stand_for(name):
    raw: Any = memoryview(array("H", [1, 2]))
    msg = FluxMsg(b"i" * 16, "ab" * 16, b"s" * 16, {}, {name: Tag.TEMP}, 1 << 60, raw=raw)
    codec = warm(msg)
    assert encoded(codec, msg) == encoded(Codec(), msg)
    assert msg.wire
    for _ in range(2):
        received = codec.decode(msg.wire)
        assert received.raw == raw.tobytes()
        assert [type(key) for key in received.data] == [str]


def test_where_floats_have_single_precision_doubles_are_accepted_and_forwarded(monkeypatch):
    def rounding(form, data, offset=0):
        fields = struct.unpack_from(form, data, offset)
        return (float(struct.unpack("f", struct.pack("f", fields[0]))[0]),) if form == ">d" else fields

    monkeypatch.setattr(floats, "unpack_from", rounding)
    monkeypatch.setattr(fast_codec, "unpack_from", rounding)
    codec = FastCodec()
    for value in (20.6, 0.1, -1e-300, 1 / 3):
        msg = FluxMsg(b"i" * 16, "ab" * 16, b"s" * 16, {}, {"v": value}, 1 << 60)
        wire = cbor2.dumps(as_map(msg), canonical=True)
        for _ in range(2):
            received = codec.decode(wire)
            assert received.data["v"] == pytest.approx(value, rel=1e-6, abs=1e-44)
            assert codec.encode(received) == wire
    with pytest.raises(RemoteError):
        cbor.loads(b"\xfb" + struct.pack(">d", 1.5))
