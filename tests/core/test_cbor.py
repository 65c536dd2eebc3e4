from expect import raises

from fluxrig import cbor
from fluxrig.decimal import Decimal
from fluxrig.errors import LocalError, RemoteError

# RFC 8949 appendix A, table 6: what is within our subset and in deterministic form.
VECTORS: tuple = (
    ("00", 0),
    ("01", 1),
    ("0a", 10),
    ("17", 23),
    ("1818", 24),
    ("1819", 25),
    ("1864", 100),
    ("1903e8", 1000),
    ("1a000f4240", 1000000),
    ("1b000000e8d4a51000", 1000000000000),
    ("1bffffffffffffffff", 18446744073709551615),
    ("3bffffffffffffffff", -18446744073709551616),
    ("20", -1),
    ("29", -10),
    ("3863", -100),
    ("3903e7", -1000),
    ("f90000", 0.0),
    ("f98000", -0.0),
    ("f93c00", 1.0),
    ("fb3ff199999999999a", 1.1),
    ("f93e00", 1.5),
    ("f97bff", 65504.0),
    ("fa47c35000", 100000.0),
    ("fa7f7fffff", 3.4028234663852886e38),
    ("fb7e37e43c8800759c", 1.0e300),
    ("f90001", 5.960464477539063e-8),
    ("f90400", 0.00006103515625),
    ("f9c400", -4.0),
    ("fbc010666666666666", -4.1),
    ("f97c00", float("inf")),
    ("f97e00", float("nan")),
    ("f9fc00", float("-inf")),
    ("f4", False),
    ("f5", True),
    ("f6", None),
    ("40", b""),
    ("4401020304", b"\x01\x02\x03\x04"),
    ("60", ""),
    ("6161", "a"),
    ("6449455446", "IETF"),
    ("62225c", '"\\'),
    ("62c3bc", "\u00fc"),
    ("63e6b0b4", "\u6c34"),
    ("64f0908591", "\U00010151"),
    ("80", []),
    ("83010203", [1, 2, 3]),
    ("8301820203820405", [1, [2, 3], [4, 5]]),
    ("98190102030405060708090a0b0c0d0e0f101112131415161718181819", list(range(1, 26))),
    ("a0", {}),
    ("a26161016162820203", {"a": 1, "b": [2, 3]}),
    ("826161a161626163", ["a", {"b": "c"}]),
    ("a56161614161626142616361436164614461656145", {"a": "A", "b": "B", "c": "C", "d": "D", "e": "E"}),
)

# Decimal fractions; the first is the example of RFC 8949 section 3.4.4. Then the widths of both integers and the ends.
FRACTIONS = (
    ("c48221196ab3", Decimal(27315, -2)),
    ("c4822018ce", Decimal(206, -1)),
    ("c4820000", Decimal(0, 0)),
    ("c482200a", Decimal(10, -1)),
    ("c4820001", Decimal(1, 0)),
    ("c482020c", Decimal(12, 2)),
    ("c4821701", Decimal(1, 23)),
    ("c482181801", Decimal(1, 24)),
    ("c482184001", Decimal(1, 64)),
    ("c4823720", Decimal(-1, -24)),
    ("c482381820", Decimal(-1, -25)),
    ("c482383f20", Decimal(-1, -64)),
    ("c48220 17", Decimal(23, -1)),
    ("c48220 1818", Decimal(24, -1)),
    ("c48220 190100", Decimal(256, -1)),
    ("c48220 1a00010000", Decimal(1 << 16, -1)),
    ("c48220 1affffffff", Decimal((1 << 32) - 1, -1)),
    ("c48220 1b0000000100000000", Decimal(1 << 32, -1)),
    ("c48220 1bffffffffffffffff", Decimal((1 << 64) - 1, -1)),
    ("c48220 3903e7", Decimal(-1000, -1)),
    ("c48220 3bffffffffffffffff", Decimal(-1 << 64, -1)),
    ("82c482200af5", [Decimal(10, -1), True]),
    ("a16174c4822018ce", {"t": Decimal(206, -1)}),
)

# The rest of that table: bignums, tags, other simple values, keys that are not text, longer forms, indefinite lengths.
OUTSIDE = (
    "c249010000000000000000",
    "c349010000000000000000",
    "fa7f800000",
    "fa7fc00000",
    "faff800000",
    "fb7ff0000000000000",
    "fb7ff8000000000000",
    "fbfff0000000000000",
    "f7",
    "f0",
    "f8ff",
    "c074323031332d30332d32315432303a30343a30305a",
    "c11a514b67b0",
    "c1fb41d452d9e8200000",
    "d74401020304",
    "d818456449455446",
    "d82076687474703a2f2f7777772e6578616d706c652e636f6d",
    "a201020304",
    "5f42010243030405ff",
    "7f657374726561646d696e67ff",
    "9fff",
    "9f018202039f0405ffff",
    "9f01820203820405ff",
    "83018202039f0405ff",
    "83019f0203ff820405",
    "9f0102030405060708090a0b0c0d0e0f101112131415161718181819ff",
    "bf61610161629f0203ffff",
    "826161bf61626163ff",
    "bf6346756ef563416d7421ff",
)

# (what is wrong, the bytes, the offset of the item at fault)
MALFORMED = (
    ("nothing at all", "", 0),
    ("integer: 23 in two bytes", "1817", 0),
    ("integer: 255 in three bytes", "821900ff00", 1),
    ("integer: 65535 in five bytes", "1a0000ffff", 0),
    ("integer: 2**32-1 in nine bytes", "1b00000000ffffffff", 0),
    ("negative integer: -24 in two bytes", "3817", 0),
    ("integer: reserved information", "1c", 0),
    ("integer: cut short", "8119ff", 1),
    ("byte string: length in two bytes", "5803010203", 0),
    ("byte string: cut short", "820043ffff", 2),
    ("byte string: longer than any memory", "5bffffffffffffffff00", 0),
    ("text: length in two bytes", "7803616263", 0),
    ("text: cut short", "6461", 0),
    ("text: a lone continuation byte", "8161" + "80", 1),
    ("text: an unfinished sequence", "61c3", 0),
    ("text: an overlong zero", "62c080", 0),
    ("text: a surrogate", "63eda080", 0),
    ("text: beyond U+10FFFF", "64f4908080", 0),
    ("text: a byte UTF-8 does not use", "64f5808080", 0),
    ("list: length in two bytes", "980100", 0),
    ("list: cut short", "8201", 0),
    ("list: more items than bytes", "9bffffffffffffffff", 0),
    ("list: an item missing inside", "8281f6", 3),
    ("map: more pairs than bytes", "a2616100", 0),
    ("map: half a pair", "a1616100" + "a16161", 4),
    ("map: keys out of order", "a2616200616100", 4),
    ("map: longer key first", "a262616100616200", 5),
    ("map: a key twice", "a2616100616100", 4),
    ("map: a key twice, not in a row", "a3616100616200616100", 7),
    ("map: a key that is not text", "a2616100016100", 4),
    ("half: NaN with payload", "f97e01", 0),
    ("half: negative NaN", "f9fe00", 0),
    ("half: cut short", "f97e", 0),
    ("single: 1.5 fits half", "fa3fc00000", 0),
    ("single: zero fits half", "fa00000000", 0),
    ("single: 2**-24 fits half", "fa33800000", 0),
    ("single: 65504 fits half", "fa477fe000", 0),
    ("single: NaN with payload", "fa7fc00001", 0),
    ("single: cut short", "fa3fc000", 0),
    ("double: 1.5 fits half", "81fb3ff8000000000000", 1),
    ("double: 100000 fits single", "fb40f86a0000000000", 0),
    ("double: 2**-149 fits single", "fb36a0000000000000", 0),
    ("double: largest single", "fb47efffffe0000000", 0),
    ("double: NaN with payload", "fb7ff8000000000001", 0),
    ("double: cut short", "fb3ff80000000000", 0),
    ("decimal: nothing after the tag", "c4", 1),
    ("decimal: a tag in two bytes", "d804822001", 0),
    ("decimal: another tag", "81c5822001", 1),
    ("decimal: an integer after the tag", "81c401", 2),
    ("decimal: text after the tag", "c46130", 1),
    ("decimal: a list of one", "c48120", 1),
    ("decimal: a list of three", "c483200102", 1),
    ("decimal: length in two bytes", "c498022001", 1),
    ("decimal: an indefinite list", "c49f2001ff", 1),
    ("decimal: no integers", "c482", 2),
    ("decimal: no mantissa", "c48220", 3),
    ("decimal: mantissa cut short", "c4822019ff", 3),
    ("decimal: a float for an exponent", "c482f9bc0001", 2),
    ("decimal: null for an exponent", "c482f601", 2),
    ("decimal: exponent 65", "c482184101", 2),
    ("decimal: exponent -65", "c482384001", 2),
    ("decimal: exponent beyond any memory", "c4821b7fffffffffffffff01", 2),
    ("decimal: exponent in a longer form", "c482380001", 2),
    ("decimal: mantissa in a longer form", "c482201817", 3),
    ("decimal: a float for a mantissa", "c48220f93c00", 3),
    ("decimal: text for a mantissa", "c482206131", 3),
    ("decimal: a bignum for a mantissa", "c48220c249010000000000000000", 3),
    ("decimal: a decimal for a mantissa", "c48220c4822001", 3),
    ("a break without a beginning", "ff", 0),
    ("reserved simple value", "fc", 0),
    ("trailing bytes", "0000", 1),
)

# Floats at the edges of the three formats: value as (mantissa, power of two), encoding.
EDGES = (
    ((2047, 5), "f97bff"),
    ((65505, 0), "fa477fe100"),
    ((65520, 0), "fa477ff000"),
    ((65536, 0), "fa47800000"),
    ((1, -14), "f90400"),
    ((1, -24), "f90001"),
    ((1023, -24), "f903ff"),
    ((1, -25), "fa33000000"),
    ((3, -25), "fa33c00000"),
    ((1, -126), "fa00800000"),
    ((1, -149), "fa00000001"),
    ((1, -150), "fb3690000000000000"),
    ((3, -150), "fb36a8000000000000"),
    ((16777215, 104), "fa7f7fffff"),
    ((1, 128), "fb47f0000000000000"),
    ((1, -1074), "fb0000000000000001"),
    ((1 << 20, -1074), "fb0000000000100000"),
    ((1 << 40, -1074), "fb0000010000000000"),
)


def same(a, b):
    """Equal in type and value: 1, 1.0 and True differ, so do 0.0 and -0.0; NaN equals itself."""
    if isinstance(a, dict):
        return sorted(a) == sorted(b) and all([same(a[key], b[key]) for key in a])
    return repr(a) == repr(b)


def unchecked(mantissa, exponent):
    return Decimal(mantissa, exponent)


def test_appendix_a_reads_and_writes():
    for text, value in VECTORS:
        data = bytes.fromhex(text)
        assert same(cbor.loads(data), value), text
        assert cbor.dumps(value) == data, text


def test_decimal_fractions_read_and_write():
    for text, value in FRACTIONS:
        data = bytes.fromhex(text.replace(" ", ""))
        assert same(cbor.loads(data), value), text
        assert cbor.dumps(value) == data, text


def test_the_rest_of_appendix_a_is_refused():
    for text in OUTSIDE:
        raises(RemoteError, cbor.loads, bytes.fromhex(text))


def test_malformed_input_is_refused_with_its_offset():
    for what, text, offset in MALFORMED:
        error = raises(RemoteError, cbor.loads, bytes.fromhex(text))
        assert error.offset == offset, f"{what}: {error}"
        assert str(error).startswith(f"byte {offset}: "), f"{what}: {error}"


def test_floats_at_the_edges_of_the_formats():
    for (mantissa, power), text in EDGES:
        value = mantissa * 2.0**power if power > -1000 else mantissa * 2.0**-1000 * 2.0 ** (power + 1000)
        for sign in (1, -1):
            data = bytearray(bytes.fromhex(text))
            if sign < 0:
                data[1] |= 0x80
            assert cbor.dumps(sign * value) == bytes(data), text
            assert same(cbor.loads(data), sign * value), text


def test_every_half_reads_and_writes():
    for bits in range(0, 0x10000, 7):
        data = bytes((0xF9, bits >> 8, bits & 0xFF))
        nan = bits & 0x7C00 == 0x7C00 and bits & 0x3FF
        if nan and bits != 0x7E00:
            raises(RemoteError, cbor.loads, data)
        else:
            assert cbor.dumps(cbor.loads(data)) == data


def test_maps_are_written_in_order_of_their_encoded_keys():
    long = "k" * 24
    data = cbor.dumps({"b": 1, "aa": 2, long: 3, "": 4, "a": 5, "\u00fc": 6})
    assert (
        data
        == bytes.fromhex("a6" + "6004" + "616105" + "616201" + "62616102" + "62c3bc06" + "7818")
        + long.encode()
        + b"\x03"
    )


def test_what_is_written_reads_back():
    value = {
        "lists": [[], [[]], list(range(300))],
        "text": "x" * 300,
        "bytes": bytes(300),
        "numbers": [-1, -24, -25, -256, -257, -65537, -(1 << 32) - 1, 1 << 63],
        "map": {"t%d" % index: index / 7 for index in range(40)},
    }
    assert cbor.loads(cbor.dumps(value)) == value


def test_tuples_are_lists_and_buffers_are_byte_strings():
    assert cbor.dumps((1, (2,))) == cbor.dumps([1, [2]])
    assert cbor.dumps([bytearray(b"ab"), memoryview(b"cd")]) == cbor.dumps([b"ab", b"cd"])
    data = cbor.dumps({"a": b"xyz"})
    assert cbor.loads(bytearray(data)) == cbor.loads(memoryview(data)) == {"a": b"xyz"}


def test_what_was_read_does_not_change_with_the_buffer():
    buffer = bytearray(cbor.dumps(["abc", b"def"]))
    value = cbor.loads(buffer)
    for index in range(len(buffer)):
        buffer[index] = 0
    assert value == ["abc", b"def"]


def test_values_that_cannot_be_written_are_named():
    for value, path in (
        (1 << 64, ""),
        (-(1 << 64) - 1, ""),
        ({1, 2}, ""),
        ({"a": [0, {"b": object()}]}, "a[1].b"),
        ([[0, 1j]], "[0][1]"),
        ({"a": {1: 2}}, "a"),
        ({"a": {b"b": 2}}, "a"),
        ({"a": "\ud800"}, "a"),
        ({"a": {"\udfff": 1}}, "a"),
        ({"a": [Decimal(1 << 64, -1)]}, "a[0]"),
        ([Decimal(-(1 << 64) - 1, -1)], "[0]"),
        ({"a": Decimal(1, 65)}, "a"),
        ({"a": Decimal(1, -65)}, "a"),
        ({"a": unchecked(206.5, -1)}, "a"),
        ({"a": unchecked(206, -1.0)}, "a"),
        ({"a": unchecked(True, 0)}, "a"),
        ({"a": unchecked(0, False)}, "a"),
        (unchecked("206", -1), ""),
    ):
        error = raises(LocalError, cbor.dumps, value)
        assert error.path == path, f"{value!r}: {error}"
        assert str(error).startswith(path), error


def test_depth_is_limited_both_ways():
    value: object = 0
    for _ in range(16):
        value = [value]
    data = cbor.dumps(value)
    assert data == b"\x81" * 16 + b"\x00"
    assert cbor.loads(data) == value
    error = raises(RemoteError, cbor.loads, b"\x81" + data)
    assert error.offset == 16
    assert "inside one another" in str(error)
    assert raises(LocalError, cbor.dumps, {"a": value}).path == "a" + "[0]" * 15
    assert cbor.loads(b"\x81\x81\x00", max_depth=2) == [[0]]
    assert raises(RemoteError, cbor.loads, b"\x81\xa1\x61a\x80", max_depth=2).offset == 4
    assert cbor.loads(b"\x82\x81\x80\x81\x80", max_depth=3) == [[[]], [[]]], "depth is not a count"


def test_a_decimal_is_no_level_of_depth():
    value = Decimal(206, -1)
    data = cbor.dumps(value, max_depth=0)
    assert same(cbor.loads(data, max_depth=0), value)
    assert same(cbor.loads(cbor.dumps([value], max_depth=1), max_depth=1), [value])


def test_a_list_that_holds_itself_is_refused():
    value: list = []
    value.append(value)
    raises(LocalError, cbor.dumps, value)


def test_size_is_limited():
    data = cbor.dumps("x" * 98)
    assert len(data) == 100
    assert cbor.loads(data, max_size=100) == "x" * 98
    error = raises(RemoteError, cbor.loads, data, max_size=99)
    assert error.offset == 99
    assert "100 bytes" in str(error)


def test_every_way_to_cut_it_short_is_refused():
    value = {"a": [1, 300, 70000, 1 << 40, -5], "b": "text", "c": b"bytes", "d": [1.5, 100000.0, 1.1, None]}
    value["e"] = [Decimal(206, -1), Decimal(70000, 64), Decimal(-1 << 64, -64)]
    data = cbor.dumps(value)
    for size in range(len(data)):
        error = raises(RemoteError, cbor.loads, data[:size])
        assert 0 <= error.offset <= size
