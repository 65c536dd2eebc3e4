"""Registers in these tests are written as a device sends them: 16-bit words, each most significant byte first."""

import struct

from fluxrig.modbus.values import ReadPlan

INF = float("inf")
NAN = float("nan")


def read(plan, payload):
    data: dict = {}
    bad: dict = {}
    plan.read(payload, data, bad)
    return data, bad


def one(layout, slot, raw):
    """The value of a single slot, and why it is bad."""
    data, bad = read(ReadPlan(b"", ">" + layout, [["x"] + slot]), struct.pack(">" + layout, raw))
    return data["x"], bad.get("x")


def test_every_tag_gets_its_own_registers():
    plan = ReadPlan(b"", ">hHiIqQ", [[name, "raw"] for name in "abcdef"])
    payload = bytes.fromhex("FFFE FFFE FFFFFFFE FFFFFFFE FFFFFFFFFFFFFFFE FFFFFFFFFFFFFFFE")
    data, bad = read(plan, payload)
    assert data == {"a": -2, "b": 65534, "c": -2, "d": 4294967294, "e": -2, "f": 18446744073709551614}
    assert bad == {}
    assert plan.tags == ["a", "b", "c", "d", "e", "f"]


def test_an_order_picks_bytes_for_each_tag_in_turn():
    # Float 123.456 is 42 F6 E9 79 (IEEE 754); it stands in two words, low word first, between two other registers.
    plan = ReadPlan(bytes([4, 5, 2, 3, 0, 1, 6, 7]), ">fHH", [["f", "float"], ["before", "raw"], ["after", "raw"]])
    data, _ = read(plan, bytes.fromhex("0001 E979 42F6 0002"))
    assert abs(data["f"] - 123.456) < 1e-5
    assert (data["before"], data["after"]) == (1, 2)


def test_tags_may_overlap():
    order = bytes([0, 1, 0, 1, 2, 3, 3])
    plan = ReadPlan(order, ">HIB", [["high", "raw"], ["both", "raw"], ["flag", "bit", 1, False, True]])
    data, _ = read(plan, bytes.fromhex("0001 0203"))
    assert data == {"high": 1, "both": 0x00010203, "flag": True}


def test_a_bit_is_a_boolean():
    plan = ReadPlan(bytes([0, 0, 1]), ">BBB", [[n, "bit", m, False, True] for n, m in (("a", 1), ("b", 2), ("c", 128))])
    data, _ = read(plan, b"\x01\x80")
    assert data["a"] is True and data["b"] is False and data["c"] is True


def test_a_bit_may_have_labels():
    assert one("B", ["bit", 4, "stopped", "running"], 4) == ("running", None)
    assert one("B", ["bit", 4, "stopped", "running"], 251) == ("stopped", None)


def test_a_decimal_scale_is_exact():
    value, _ = one("h", ["decimal", 1, 0, -1], 206)
    assert (value.mantissa, value.exponent) == (206, -1)
    value, _ = one("h", ["decimal", -25, -400, -2], -3)
    assert (value.mantissa, value.exponent) == (-325, -2)
    value, _ = one("I", ["decimal", 1, 0, -1], 4294967295)
    assert str(value) == "429496729.5", "more digits than a float of single precision has"


def test_a_scaled_float_is_rounded_once():
    assert one("f", ["linear", 1, 0, 10], 206.0) == (20.6, None)
    assert one("f", ["linear", 1, -400, 10], 3.0) == (-39.7, None)
    for raw in range(-300, 300):
        assert one("f", ["linear", 1, 0, 100], float(raw))[0] == float(f"{raw}e-2"), raw


def test_an_integer_scale_keeps_integers():
    value, _ = one("H", ["integer", 10, -5], 65535)
    assert value == 655345 and isinstance(value, int)


def test_a_raw_integer_is_not_a_float():
    value, _ = one("H", ["raw"], 7)
    assert isinstance(value, int)


def test_labels_name_integers_and_an_unlisted_one_is_bad():
    labels = ["label", [[0, "idle"], [5, "press"]]]
    assert one("H", labels, 5) == ("press", None)
    assert one("H", labels, 0) == ("idle", None)
    assert one("H", labels, 1) == (None, "not_in_enum")


def test_what_is_not_a_number_never_enters_the_data():
    for raw in (NAN, INF, -INF):
        assert one("f", ["float"], raw) == (None, "not_a_number")
        assert one("d", ["float"], raw) == (None, "not_a_number")
        assert one("f", ["linear", 1, 0, 10], raw) == (None, "not_a_number")
    assert one("d", ["linear", 10, 0, 1], 1.7e308) == (None, "not_a_number"), "an overflow of the scale"
    assert one("f", ["float"], 0.0) == (0.0, None)
    assert one("f", ["float"], -1.5) == (-1.5, None)


def test_a_sum_of_floats_that_overflows_makes_none_of_them_bad():
    plan = ReadPlan(b"", ">3d", [[name, "float"] for name in "abc"])
    data, bad = read(plan, struct.pack(">3d", 1.7e308, 1.7e308, -1.0))
    assert (data["a"], data["b"], data["c"], bad) == (1.7e308, 1.7e308, -1.0, {})
    data, bad = read(plan, struct.pack(">3d", INF, -INF, 1.0))
    assert (data, bad) == ({"a": None, "b": None, "c": 1.0}, {"a": "not_a_number", "b": "not_a_number"})


def test_text_ends_before_its_padding():
    assert one("8s", ["text"], b"EM340\0\0\0") == ("EM340", None)
    assert one("8s", ["text"], b"  pump  ") == ("  pump", None)
    assert one("4s", ["text"], b" \0 \0") == ("", None)
    assert one("4s", ["text"], "°C".encode() + b"\0") == ("°C", None)
    assert one("4s", ["text"], "\U0001f600".encode()) == ("\U0001f600", None)


def test_what_is_not_utf_8_is_no_text():
    # Latin-1, cut short, a surrogate, an overlong form, beyond the last code.
    for raw in (b"\xb0C\0\0", b"\xe2\x82\0\0", b"\xed\xa0\x80A", b"\xc0\x80AB", b"\xf4\x90\x80\x80"):
        assert one("4s", ["text"], raw) == (None, "not_text"), raw


def test_bytes_are_kept_as_they_are():
    plan = ReadPlan(bytes([1, 0, 3, 2]), ">4s", [["x", "bytes"]])
    data, bad = read(plan, bytearray(b"\x00 \xff\x00"))
    assert (data, bad) == ({"x": b" \x00\x00\xff"}, {})
    assert isinstance(data["x"], bytes)
    read(plan, b"abcd")
    assert data["x"] == b" \x00\x00\xff", "not a view of a buffer that the next response overwrites"


def test_bcd_is_read_digit_by_digit():
    for raw in range(0x10000):
        nibbles = (raw >> 12, raw >> 8 & 15, raw >> 4 & 15, raw & 15)
        value, reason = one("H", ["bcd", 1, 0, 0], raw)
        if max(nibbles) > 9:
            assert (value, reason) == (None, "not_bcd"), hex(raw)
        else:
            number = nibbles[0] * 1000 + nibbles[1] * 100 + nibbles[2] * 10 + nibbles[3]
            assert (value, reason) == (number, None), hex(raw)


def test_bcd_may_be_long_and_scaled():
    assert one("I", ["bcd", 1, 0, 0], 0x99999999) == (99999999, None)
    assert one("Q", ["bcd", 10, 3, 0], 0x1234567890123456) == (12345678901234563, None)
    value, _ = one("I", ["bcd", 1, -5, -2], 0x00012345)
    assert (value.mantissa, value.exponent) == (12340, -2)


def test_a_raw_value_out_of_bounds_is_no_value():
    temperature = ["within", -400, 1200, "decimal", 1, 0, -1]
    for raw in (-400, 0, 1200):
        value, reason = one("h", temperature, raw)
        assert (value.mantissa, reason) == (raw, None)
    for raw in (-401, 1201, -32768):
        assert one("h", temperature, raw) == (None, "out_of_range")
    assert one("H", ["within", 1, 5, "raw"], 6) == (None, "out_of_range")
    assert one("H", ["within", 1, 5, "raw"], 5) == (5, None)
    assert one("f", ["within", -1.5, 1.5, "float"], 1.5) == (1.5, None)
    assert one("f", ["within", -1.5, 1.5, "float"], 1.75) == (None, "out_of_range")


def test_what_is_no_value_at_all_is_not_called_out_of_range():
    for raw in (NAN, INF, -INF):
        assert one("f", ["within", -1.5, 1.5, "float"], raw) == (None, "not_a_number")
        assert one("f", ["within", -1.5, 1.5, "linear", 1, 0, 10], raw) == (None, "not_a_number")
    assert one("H", ["within", 0x1, 0x100, "bcd", 1, 0, 0], 0x1A0) == (None, "not_bcd")
    assert one("H", ["within", 0x1, 0x100, "bcd", 1, 0, 0], 0x101) == (None, "out_of_range")


def test_every_kind_beside_the_others():
    slots: list = [
        ["raw", "raw"],
        ["float", "float"],
        ["text", "text"],
        ["bit", "bit", 2, "off", "on"],
        ["near", "within", 0, 9, "raw"],
        ["scaled", "decimal", 1, 0, -1],
    ]
    plan = ReadPlan(bytes(range(16)), ">Hf4sBBI", slots)
    data, bad = read(plan, struct.pack(">Hf4sBBI", 7, 1.5, b"ab\0\0", 2, 10, 12))
    assert bad == {"near": "out_of_range"}
    assert str(data.pop("scaled")) == "1.2"
    assert data == {"raw": 7, "float": 1.5, "text": "ab", "bit": "on", "near": None}
    assert plan.tags == [slot[0] for slot in slots]


def test_a_bad_value_leaves_the_others_alone():
    plan = ReadPlan(b"", ">ff", [["a", "float"], ["b", "float"]])
    data, bad = read(plan, struct.pack(">ff", NAN, 2.0))
    assert data == {"a": None, "b": 2.0}
    assert bad == {"a": "not_a_number"}


def test_without_a_response_every_tag_is_bad():
    data: dict = {"other": 1}
    bad: dict = {}
    ReadPlan(b"", ">HH", [["a", "raw"], ["b", "raw"]]).fail("timeout", data, bad)
    assert data == {"other": 1, "a": None, "b": None}
    assert bad == {"a": "timeout", "b": "timeout"}


def test_a_plan_keeps_nothing_of_the_response_before():
    plan = ReadPlan(bytes([1, 0, 3, 2]), ">HH", [["a", "raw"], ["b", "raw"]])
    assert read(plan, b"\x01\x02\x03\x04")[0] == {"a": 0x0201, "b": 0x0403}
    assert read(plan, b"\x05\x06\x07\x08")[0] == {"a": 0x0605, "b": 0x0807}


def test_bytes_are_picked_in_any_order_and_more_than_once():
    # Each interpreter has a way of its own.
    payload = bytes([(index * 7 + 3) % 256 for index in range(250)])
    order = bytes([(index * 91) % 250 for index in range(255)])
    wanted = bytes([payload[index] for index in order])
    plan = ReadPlan(order, f">{len(order)}s", [["x", "raw"]])
    assert read(plan, payload)[0]["x"] == wanted
