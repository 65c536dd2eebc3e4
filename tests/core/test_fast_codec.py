"""The fast codec against the plain one, which test_codec.py holds to bytes written by hand."""

import gc

from expect import raises

from fluxrig.codec import Codec
from fluxrig.decimal import Decimal
from fluxrig.errors import FluxError, LocalError, RemoteError
from fluxrig.fast_codec import DeviceCodec, FastCodec
from fluxrig.msg import FluxMsg

TRACE = "0af7651916cd43dd8448eb211c80319c"
NOW = 1750000000123456789
GEAR, PORT = b"g" * 16, b"p" * 16

# Values of every type and width, and those next to where the width changes.
INTEGERS = [0, 1, 23, 24, 255, 256, 65535, 65536, 0xFF0000, 0x1000000, (1 << 32) - 1, 1 << 32, (1 << 64) - 1]
INTEGERS += [-1, -24, -25, -256, -257, -65536, -65537, -(1 << 32), -(1 << 32) - 1, -(1 << 64)]
FLOATS = [0.0, -0.0, 1.0, -1.5, 20.0, 20.5, 20.6, -20.7, 65504.0, 65505.0, 100000.0, 3.1414794921875, 1e300, 2.0**-24]
FLOATS += [2.0**-25, 2.0**-149, 2.0**-150, 5e-324, 3.4028234663852886e38, float("inf"), float("-inf"), float("nan")]
OTHERS: list = [True, False, None, "", "text", "x" * 24, "\u00fc\u6c34", b"", b"bytes", bytes(300)]
OTHERS += [[], [1, [2.5, None]], {}, {"b": 1, "a": {"c": [True]}}]
DECIMALS = [Decimal(mantissa, exponent) for mantissa, exponent in zip(INTEGERS, [-1, -2, -24, 0, 1, 23] * 4)]
DECIMALS += [Decimal(206, exponent) for exponent in (-64, -25, -24, -1, 0, 23, 24, 64)]
OTHERS += [[Decimal(206, -1)], {"a": Decimal(-5, -2)}]
VALUES = INTEGERS + FLOATS + DECIMALS + OTHERS


def message(**fields):
    base: dict = {
        "id": b"i" * 16,
        "trace": TRACE,
        "src_id": b"s" * 16,
        "meta": {"machine.id": "press-1", "group": "fast"},
        "data": {"pressure": 101.30000305175781, "temp": 20.6, "on": True, "count": 70000},
        "ts": NOW,
        "ref_id": b"r" * 16,
        "path": ((GEAR, PORT, NOW), (PORT, GEAR, NOW + 1)),
    }
    base.update(fields)
    return FluxMsg(**base)


def warm(*messages, kind=FastCodec):
    """A codec of this kind that knows the form of `messages`."""
    codec = kind()
    for msg in messages or (message(),):
        msg.wire = None
        codec.encode(msg)
    codec.fast = codec.plain = 0
    return codec


def encoded(codec, msg):
    """What encoding gives: the bytes, or the kind, text and path of the error."""
    msg.wire = None
    try:
        return codec.encode(msg)
    except FluxError as exc:
        return type(exc).__name__, str(exc), exc.fields.get("path")


def decoded(codec, data):
    """What decoding gives: every field with the types of its values, or the kind, text and offset of the error."""
    try:
        msg = codec.decode(data)
    except FluxError as exc:
        return type(exc).__name__, str(exc), exc.fields.get("offset")
    assert msg.wire == data
    values = [(name, repr(msg.data[name])) for name in sorted(msg.data)]
    meta = [(key, msg.meta[key]) for key in sorted(msg.meta)]
    return msg.id, msg.ref_id, msg.trace, msg.src_id, meta, values, msg.flags, msg.raw, msg.path, msg.ts


def check(codec, msg, fast=True):
    """`codec` agrees with the plain one on `msg` both ways, and took the fast way or not."""
    before = codec.fast
    wire = encoded(codec, msg)
    assert wire == encoded(Codec(), msg)
    assert decoded(codec, wire) == decoded(Codec(), wire)
    assert codec.fast - before == (2 if fast else 0), wire


def memory():
    """Bytes of the heap in use."""
    gc.collect()
    if hasattr(gc, "mem_alloc"):
        return gc.mem_alloc()
    import tracemalloc

    tracemalloc.start()
    return tracemalloc.get_traced_memory()[0]


def test_the_second_message_is_fast():
    codec = FastCodec()
    first = codec.encode(message())
    assert (codec.plain, codec.fast) == (1, 0)
    check(codec, message(id=b"j" * 16, ref_id=b"q" * 16, trace="ab" * 16, ts=NOW + 5))
    assert (codec.plain, codec.fast) == (1, 2)
    receiver = FastCodec()
    receiver.decode(first)
    assert (receiver.plain, receiver.fast) == (1, 0)
    check(receiver, message(ts=NOW + 7))


def test_every_value_in_every_place_is_fast():
    codec = warm()
    for index, value in enumerate(VALUES):
        other = VALUES[index * 7 % len(VALUES)]
        check(codec, message(data={"pressure": value, "temp": 20.6, "on": other, "count": 1}))
        check(codec, message(data={"pressure": 1, "temp": other, "on": True, "count": value}))


def test_any_subset_in_any_order_is_fast():
    codec = warm()
    data = message().data
    for choice in range(16):
        names = [name for index, name in enumerate(sorted(data)) if choice >> index & 1]
        check(codec, message(data={name: data[name] for name in names}))
        check(codec, message(data={name: data[name] for name in reversed(names)}))


def test_many_tags_and_long_names():
    for count in (23, 24, 25, 60):
        data = {"tag%d" % index: index / 4 for index in range(count)}
        check(warm(message(data=data)), message(data=data))
    data = {"n" * length: length for length in (0, 1, 22, 23, 24, 25, 254, 255)}
    check(warm(message(data=data)), message(data=data))
    data["\u00fc" * 12] = 1.5
    check(warm(message(data=data)), message(data=data))
    data["n" * 256] = 2
    check(warm(message(data=data)), message(data=data), fast=False)


def test_messages_of_scaled_registers_are_fast():
    values = [Decimal(mantissa, exponent) for mantissa in INTEGERS for exponent in (-2, -1, 0, 2)]
    data = {"tag%d" % index: value for index, value in enumerate(values)}
    check(warm(message(data=data)), message(data=data))
    check(warm(message(data=data), kind=LargeDeviceCodec), message(data=data))


class LargeDeviceCodec(DeviceCodec):
    max_names = 128


def test_raw_bytes_of_any_length():
    codec = warm()
    for raw in (None, b"", b"\x01", bytes(23), bytes(24), bytes(255), bytes(256), bytes(3000)):
        check(codec, message(raw=raw))


def test_one_source_with_several_envelopes():
    bad = {"machine.id": "press-1", "group": "fast", "q.temp": "bad:timeout"}
    several = (
        message(),
        message(meta=bad),
        message(path=((GEAR, PORT, NOW),)),
        message(flags=23),
        message(path=(), flags=70000),
    )
    for index in range(len(several)):
        codec = warm(*[msg for place, msg in enumerate(several) if place != index])
        for place, msg in enumerate(several):
            if place != index:
                check(codec, msg)


def test_what_has_no_place_in_slots_is_left_to_the_plain_codec():
    for fields in (
        {"ts": 0},
        {"ts": (1 << 32) - 1},
        {"ts": -NOW},
        {"trace": ""},
        {"path": ((GEAR, PORT, 5),)},
        {"path": ((GEAR, PORT, NOW), (GEAR, PORT, -1))},
        {"meta": {"machine.id": "m", "long": "x" * 2000}},
    ):
        codec = warm(message(), message(**fields))
        check(codec, message(**fields), fast=False)
        check(codec, message())


def test_zero_values_of_other_implementations():
    codec = warm(message(meta={}, path=(), data={}))
    wire = Codec().encode(message(meta={}, path=(), data={}))
    for key, empty in ((b"\x64data", b"\xa0"), (b"\x64meta", b"\xa0"), (b"\x64path", b"\x80")):
        null = wire.replace(key + empty, key + b"\xf6")
        assert null != wire
        for _ in range(2):
            assert decoded(codec, null) == decoded(Codec(), null)
    assert codec.fast == 0


def test_receivers_get_dicts_of_their_own():
    codec = warm()
    wire = Codec().encode(message())
    first = codec.decode(wire)
    first.meta["changed"] = "yes"
    first.data["changed"] = 1
    assert codec.decode(wire).meta == message().meta
    assert codec.decode(wire).data == message().data
    assert codec.fast == 3


def test_a_metadata_dict_that_changes_is_noticed():
    meta = {"machine.id": "a"}
    codec = warm(message(meta=meta))
    meta["machine.id"] = "b"
    wire = codec.encode(message(meta=meta))
    assert Codec().decode(wire).meta == {"machine.id": "b"}


def test_ids_are_minted_by_this_node():
    codec = FastCodec(lambda: b"m" * 16)
    wire = Codec().encode(message())
    codec.decode(wire)
    assert codec.decode(wire).derive().id == b"m" * 16
    assert codec.fast == 1


def test_every_changed_byte_has_the_same_outcome():
    data: dict = {"pressure": 101.30000305175781, "temp": 20.6, "on": True, "count": 70000, "n" * 30: 300}
    data["energy"] = Decimal(4294967295, -1)
    data["level"] = Decimal(-5, 2)
    codec = warm(message(data=data, raw=b"\x01\x02"), kind=DeviceCodec)
    wire = bytearray(Codec().encode(message(data=data, raw=b"\x01\x02")))
    plain = Codec()
    for index in range(len(wire)):
        original = wire[index]
        for change in (0x01, 0x20, 0x80, 0xFF):
            wire[index] = original ^ change
            changed = bytes(wire)
            assert decoded(codec, changed) == decoded(plain, changed), (index, change)
        wire[index] = original
    assert codec.fast > 300, "changes in ids, times and values stay fast"


def test_every_length_has_the_same_outcome():
    codec = warm()
    wire = Codec().encode(message())
    for size in range(len(wire)):
        for changed in (wire[:size], wire[size:], wire[:size] + wire[-16:], wire[:size] + b"\x00" + wire[size:]):
            assert decoded(codec, changed) == decoded(Codec(), changed), size
    assert codec.fast == 2, "the two that are whole"


def test_the_end_of_the_data_may_look_like_a_known_source():
    ends = (
        b"",
        b"\x64temp",
        b"\x64temp\x19\x01",
        b"\x64temp\x1a\x01\x01",
        b"\x64temp\xfa\x01\x01\x01\x01",
        b"\x64temp\x63a",
    )
    for end in ends:
        src_id = b"s" * (16 - len(end)) + end
        codec = warm(message(src_id=src_id))
        wire = Codec().encode(message(src_id=src_id))
        cut = wire[:43] + b"\xa2\x62on\x58\x80" + bytes(128 - 16 + len(end)) + src_id
        assert decoded(codec, cut) == decoded(Codec(), cut)
        raises(RemoteError, codec.decode, cut)


def test_values_in_a_longer_form_are_refused():
    codec = warm(message(data={"v": 1}))
    wire = Codec().encode(message(data={"v": 1}))
    texts = ["1801", "1817", "190001", "1900ff", "1a00000001", "1a0000ffff", "1b0000000000000001", "1b00000000ffffffff"]
    texts += ["3801", "3817", "3900ff", "3a0000ffff", "3b00000000ffffffff", "1c", "1f", "3d", "3f", "f7", "c000", "ff"]
    texts += [
        "f97e01",
        "fa00000000",
        "fa3fc00000",
        "fa3f802000",
        "fa33800000",
        "fa7fc00000",
        "fa7fc00001",
        "fa7f800001",
    ]
    texts += ["fb0000000000000000", "fb3ff8000000000000", "fb3ff0040000000000", "fb3ff0000020000000"]
    texts += ["fb40f86a0000000000", "fb36a0000000000000", "fb7ff8000000000001", "fb7ff0000000000000"]
    for text in texts:
        longer = wire.replace(b"\x61v\x01", b"\x61v" + bytes.fromhex(text))
        outcome = decoded(codec, longer)
        assert outcome == decoded(Codec(), longer)
        assert outcome[0] == "RemoteError" and outcome[2] == wire.index(b"\x61v\x01") + 2, text


def test_decimals_that_are_wrong_are_refused_where_they_are():
    codec = warm(message(data={"v": 1}))
    wire = Codec().encode(message(data={"v": 1}))
    at = wire.index(b"\x61v\x01") + 2
    cases: tuple = (
        (1, ["c48120", "c4832001", "c401", "c46161", "c498022001", "c4a22001", "c4"]),
        (2, ["c4821801", "c482380001", "c482384001", "c482184101", "c4823b000000000000000101", "c4821c01", "c4823f01"]),
        (2, ["c482f9bc0001", "c4826161", "c482400001", "c482c401", "c482f601", "c482c482010101"]),
        (3, ["c482201801", "c482201817", "c48220190001", "c482201a0000ffff", "c482201b0000000000000001"]),
        (3, ["c482203817", "c482203900ff", "c482203b00000000ffffffff", "c482201c", "c482203f", "c482001800"]),
        (3, ["c48220c24101", "c482206161", "c48220f93c00", "c48220c4822001", "c48220f6", "c482204101"]),
        (4, ["c4822001f6", "c482200a0a"]),
    )
    for offset, texts in cases:
        for text in texts:
            changed = wire[:at] + bytes.fromhex(text) + wire[at + 1 :]
            outcome = decoded(codec, changed)
            assert outcome == decoded(Codec(), changed)
            assert outcome[0] == "RemoteError" and outcome[2] == at + offset, (text, outcome)


def test_names_twice_or_out_of_order_are_refused():
    codec = warm(message(data={"a": 1, "b": 2}))
    wire = Codec().encode(message(data={"a": 1, "b": 2}))
    for pairs in (b"\x61a\x01\x61a\x02", b"\x61b\x01\x61a\x02", b"\x61b\x01\x61b\x02"):
        changed = wire.replace(b"\x61a\x01\x61b\x02", pairs)
        assert changed != wire
        assert decoded(codec, changed) == decoded(Codec(), changed)
        raises(RemoteError, codec.decode, changed)


def unchecked(mantissa, exponent):
    return Decimal(mantissa, exponent)


def test_mistakes_in_messages_are_named_alike():
    mistakes: tuple = (
        {"id": b"short"},
        {"id": bytearray(15)},
        {"ref_id": None},
        {"src_id": "s" * 16},
        {"src_id": []},
        {"trace": TRACE.upper()},
        {"trace": "\u00fc" * 16},
        {"trace": "\ud800" * 32},
        {"trace": None},
        {"ts": float(NOW)},
        {"ts": 1 << 63},
        {"flags": True},
        {"flags": 0.0},
        {"flags": None},
        {"raw": "text"},
        {"raw": 5},
        {"meta": None},
        {"meta": {"machine.id": 1}},
        {"data": None},
        {"data": [("temp", 1)]},
        {"data": {"temp": 1 << 64}},
        {"data": {"temp": [object]}},
        {"data": {"temp": Decimal(1 << 64, -1)}},
        {"data": {"temp": [Decimal(-(1 << 64) - 1, -1)]}},
        {"data": {"temp": Decimal(1, 65)}},
        {"data": {"temp": Decimal(1, -65)}},
        {"data": {"temp": unchecked(1.5, -1)}},
        {"data": {"temp": unchecked("1", -1)}},
        {"data": {"temp": unchecked(None, -1)}},
        {"data": {"temp": unchecked(1, None)}},
        {"data": {"temp": unchecked(True, 0)}},
        {"data": {"temp": "\ud800"}},
        {"data": {"temp": 1, 5: 2}},
        {"data": {5: 2}},
        {"path": None},
        {"path": (5, 6)},
        {"path": ((GEAR, PORT), (PORT, GEAR, NOW))},
        {"path": ((GEAR, PORT, NOW, 1), (PORT, GEAR, NOW))},
        {"path": ((GEAR, PORT, True), (PORT, GEAR, NOW))},
        {"path": ((GEAR, PORT, float(NOW)), (PORT, GEAR, NOW))},
        {"path": ((GEAR, PORT, 1 << 63), (PORT, GEAR, NOW))},
    )
    for fields in mistakes:
        codec = warm()
        outcome = encoded(codec, message(**fields))
        assert outcome[0] == "LocalError", outcome
        assert outcome == encoded(Codec(), message(**fields))


def test_buffers_are_byte_strings():
    fields: dict = {
        "id": bytearray(b"i" * 16),
        "ref_id": memoryview(b"r" * 16),
        "src_id": bytearray(b"s" * 16),
        "raw": memoryview(b"raw"),
        "data": {"temp": bytearray(b"x")},
        "path": ((bytearray(GEAR), PORT, NOW), [PORT, memoryview(GEAR), NOW + 1]),
    }
    for name in fields:
        msg = message(**{name: fields[name]})
        for codec in (warm(), warm(msg), Codec()):
            wire = encoded(codec, msg)
            assert decoded(codec, wire) == decoded(Codec(), wire)
            assert wire == encoded(Codec(), msg)


def test_the_limits_hold_on_the_fast_way():
    codec = warm()
    wire = Codec().encode(message())
    codec.max_size = len(wire)
    check(codec, message())
    raises(LocalError, codec.encode, message(raw=b"x"))
    assert raises(RemoteError, codec.decode, Codec().encode(message(raw=b"x"))).offset == len(wire)
    codec = warm()
    deep = [[[[[[[[[[[[[0]]]]]]]]]]]]]
    check(codec, message(data={"temp": [deep]}))
    assert encoded(codec, message(data={"temp": [[deep]]})) == encoded(Codec(), message(data={"temp": [[deep]]}))
    raises(LocalError, codec.encode, message(data={"temp": [[deep]]}))
    lenient = Codec()
    lenient.max_depth = 17
    wire = lenient.encode(message(data={"temp": [[deep]]}))
    assert decoded(codec, wire) == decoded(Codec(), wire)
    raises(RemoteError, codec.decode, wire)


def source(number):
    return bytes((number,)) * 16


def test_sources_are_bounded():
    codec = FastCodec()
    codec.max_sources = 3
    for number in range(3):
        codec.encode(message(src_id=source(number)))
    for number in range(3):
        check(codec, message(src_id=source(number)))
    assert codec.restarts == 0
    codec.encode(message(src_id=source(3)))
    assert codec.restarts == 1
    check(codec, message(src_id=source(3)))
    before = codec.plain
    codec.encode(message(src_id=source(0)))
    assert codec.plain == before + 1, "it was forgotten"
    check(codec, message(src_id=source(0)))


def test_names_are_bounded():
    codec = FastCodec()
    codec.max_names = 4
    check(warm(), message())
    codec.encode(message())
    check(codec, message())
    assert codec.restarts == 0
    codec.encode(message(data={"new": 1}))
    assert codec.restarts == 1
    check(codec, message(data={"new": 1}))
    codec.encode(message(data={"t%d" % index: index for index in range(5)}))
    assert codec.restarts == 1, "a message with more names than there is room for does not drive out the others"
    check(codec, message(data={"new": 1}))


def test_envelopes_are_bounded():
    codec = FastCodec()
    codec.max_envelopes = 2
    for flags in (1, 2, 3):
        codec.encode(message(flags=flags))
    check(codec, message(flags=3))
    check(codec, message(flags=2))
    codec.fast = codec.plain = 0
    codec.encode(message(flags=1))
    assert (codec.fast, codec.plain) == (0, 1), "the oldest made room"


def test_long_envelopes_are_not_kept():
    meta = {"machine.id": "m", "note": "x" * 100}
    codec = FastCodec()
    codec.max_envelope_size = 300
    codec.encode(message(meta=meta, path=()))
    check(codec, message(meta=meta, path=()))
    codec.encode(message(meta=meta))
    check(codec, message(meta=meta), fast=False)


def test_a_flood_of_new_names_sources_and_metadata_takes_bounded_memory():
    def flood(codec, first, last):
        for number in range(first, last):
            msg = message(
                src_id=source(number % 7),
                meta={"key %d %d" % (number, index): "v" * 20 for index in range(8)},
                data={"a long name %d" % (number * 5 + index): index for index in range(16)},
            )
            for _ in range(2):
                msg.wire = None
                codec.decode(codec.encode(msg))

    codec = DeviceCodec()
    before = memory()
    flood(codec, 0, 100)
    assert codec.restarts > 10
    assert codec.fast > 100, "what is new is remembered"
    # Words of this interpreter are twice as wide as those of a device.
    assert memory() - before < 64 * 1024
