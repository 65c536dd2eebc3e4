"""Registers in these tests are written as a device sends them: 16-bit words, each most significant byte first."""

import struct

from fluxrig.modbus.values import LoopingGather, ReadPlan

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


def test_a_decimal_scale_gives_the_nearest_float():
    assert one("h", ["linear", 1, 0, 10], 206) == (20.6, None)
    assert one("h", ["linear", 1, 0, 10], -1) == (-0.1, None)
    assert one("h", ["linear", 1, -400, 10], 3) == (-39.7, None)
    for raw in range(-3000, 3000):
        assert one("h", ["linear", 1, 0, 100], raw)[0] == float(f"{raw}e-2"), raw


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


def test_both_ways_to_gather_pick_the_same_bytes():
    # The one in use here is compared with the plain definition, and so is the one for devices.
    payload = bytes([(index * 7 + 3) % 256 for index in range(250)])
    order = bytes([(index * 91) % 250 for index in range(255)])
    wanted = bytes([payload[index] for index in order])
    assert bytes(LoopingGather(order).pick(payload)) == wanted
    plan = ReadPlan(order, f">{len(order)}s", [["x", "raw"]])
    assert read(plan, payload)[0]["x"] == wanted
