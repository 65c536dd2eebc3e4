"""Each write is sent to a model of a device's memory that knows the specification only, and read back from there."""

import random
import struct

from expect import raises

from fluxrig.decimal import Decimal
from fluxrig.errors import LocalError
from fluxrig.modbus.write_plan import WritePlan

INF = float("inf")
NAN = float("nan")
ORDERS = {  # for two registers: which byte of the response is the most significant, and so on
    "ABCD": bytes([0, 1, 2, 3]),
    "BADC": bytes([1, 0, 3, 2]),
    "CDAB": bytes([2, 3, 0, 1]),
    "DCBA": bytes([3, 2, 1, 0]),
}


class Device:
    """Coils and holding registers that do what the requests say (MB sections 6.1, 6.3, 6.5, 6.6, 6.11 to 6.17)."""

    def __init__(self, fill: int = 0):
        self.coils = [False] * 100
        self.registers = bytearray([fill] * 200)

    def ask(self, pdu: bytes) -> bytes:
        """Execute a request; the data that it reads, if any."""
        function, address, argument = struct.unpack(">BHH", pdu[:5])
        if function == 1:
            bits = self.coils[address : address + argument]
            return bytes([sum([bit << at for at, bit in enumerate(bits[i : i + 8])]) for i in range(0, argument, 8)])
        if function == 3:
            return bytes(self.registers[2 * address : 2 * (address + argument)])
        if function == 5:
            assert argument in (0, 0xFF00)
            self.coils[address] = argument == 0xFF00
        elif function == 6:
            self._write(address, pdu[3:])
        elif function == 15:
            assert pdu[5] == (argument + 7) // 8 == len(pdu) - 6
            for index in range(argument):
                self.coils[address + index] = bool(pdu[6 + index // 8] >> index % 8 & 1)
        elif function == 16:
            assert pdu[5] == 2 * argument == len(pdu) - 6
            self._write(address, pdu[6:])
        elif function == 22:
            (or_mask,) = struct.unpack(">H", pdu[5:])
            (old,) = struct.unpack(">H", self.registers[2 * address : 2 * address + 2])
            self._write(address, struct.pack(">H", old & argument | or_mask & ~argument & 0xFFFF))
        elif function == 23:
            at, count, size = struct.unpack(">HHB", pdu[5:10])
            assert size == 2 * count == len(pdu) - 10
            self._write(at, pdu[10:])
            return self.ask(struct.pack(">BHH", 3, address, argument))
        return b""

    def _write(self, address: int, data: bytes) -> None:
        self.registers[2 * address : 2 * address + len(data)] = data


def plan(layout, slot, function=16, order=b"", low=None, high=None, address=10):
    count = 1 if function in (5, 15) else (struct.calcsize(">" + layout) + 1) // 2
    return WritePlan(
        ["x", 3, function, address, count, order, ">" + layout, ["x"] + slot, low, high, True, False],
    )


def written(plan, value, device=None):
    """What is read back after `value` was written; the device holds it."""
    device = device or Device(0xA5)
    answer = device.ask(plan.request(value))
    function, address, count = plan.read_back
    payload = device.ask(struct.pack(">BHH", function, address, count))
    if plan.function == 23:
        assert answer == payload, "written and read back in one transaction"
    assert plan.holds(payload, value)
    found, reason = plan.value(payload)
    assert reason is None
    return found


def refusal(plan, value):
    """Why `value` cannot be written."""
    error = raises(LocalError, plan.request, value)
    assert error.tag == "x"
    assert error.given is value
    return str(error)


def test_what_a_plan_says_of_itself():
    found = plan("I", ["raw"], 16)
    assert (found.tag, found.unit_id, found.function, found.verify, found.idempotent) == ("x", 3, 16, True, False)
    assert found.read_back == (3, 10, 2)
    assert plan("B", ["bit", 1, False, True], 5).read_back == (1, 10, 1)


def test_each_function_sends_its_request():
    # The examples of MB sections 6.5, 6.6 and 6.11 to 6.17, with other addresses and values.
    coil = ["bit", 1, False, True]
    assert plan("B", coil, 5).request(True).hex() == "05000aff00"
    assert plan("B", coil, 5).request(False).hex() == "05000a0000"
    assert plan("B", coil, 15).request(True).hex() == "0f000a00010101"
    assert plan("H", ["raw"], 6).request(258).hex() == "06000a0102"
    assert plan("H", ["raw"], 16).request(258).hex() == "10000a0001020102"
    assert plan("I", ["raw"], 16).request(258).hex() == "10000a00020400000102"
    assert plan("I", ["raw"], 23).request(258).hex() == "17000a0002000a00020400000102"
    assert plan("B", ["bit", 4, False, True], 22, b"\0").request(True).hex() == "16000afbff0400"
    assert plan("B", ["bit", 4, False, True], 22, b"\0").request(False).hex() == "16000afbff0000"
    assert plan("b", ["raw"], 22, b"\1").request(-2).hex() == "16000aff0000fe"


def test_a_function_that_does_not_write_is_refused():
    raises(LocalError, plan("H", ["raw"], 3).request, 1)


def test_every_integer_type_at_its_ends():
    for layout in ("b", "B", "h", "H", "i", "I", "q", "Q"):
        bits = 8 * struct.calcsize(">" + layout)
        ends = (0, (1 << bits) - 1) if layout.isupper() else (-(1 << bits - 1), (1 << bits - 1) - 1)
        found = plan(layout, ["raw"], 22, b"\0") if bits == 8 else plan(layout, ["raw"])
        for value in (ends[0], ends[0] + 1, 0, 1, 77, ends[1] - 1, ends[1]):
            back = written(found, value)
            assert back == value and isinstance(back, int)
        for value in (ends[0] - 1, ends[1] + 1):
            assert str(ends[0]) in refusal(found, value) and str(ends[1]) in refusal(found, value)


def test_every_order():
    for name, order in ORDERS.items():
        device = Device()
        assert written(plan("I", ["raw"], 16, order), 0x41424344, device) == 0x41424344
        assert device.registers[20:24].decode() == name
        assert written(plan("f", ["float"], 23, order), -1.5) == -1.5


def test_a_bit_leaves_its_neighbours_alone():
    for bit in range(16):
        found = plan("B", ["bit", 1 << bit % 8, False, True], 22, b"\1" if bit < 8 else b"\0")
        for fill in (0x00, 0xFF, 0xA5):
            device = Device(fill)
            for value in (True, False, True):
                assert written(found, value, device) is value
            expected = fill << 8 | fill | 1 << bit
            assert device.registers[20:22] == struct.pack(">H", expected)
            assert device.registers[18:20] == device.registers[22:24] == bytes([fill, fill])


def test_a_byte_leaves_the_other_alone():
    device = Device(0xA5)
    assert written(plan("b", ["raw"], 22, b"\0"), -3, device) == -3
    assert device.registers[20:22] == b"\xfd\xa5"
    assert written(plan("B", ["decimal", 1, 0, -1], 22, b"\1"), 12, device) == 12
    assert device.registers[20:22] == b"\xfd\x78"


def test_a_coil_is_one_of_many():
    for function in (5, 15):
        device = Device()
        found = plan("B", ["bit", 1, "open", "closed"], function)
        assert written(found, "closed", device) == "closed"
        assert [at for at, coil in enumerate(device.coils) if coil] == [10]
        assert written(found, "open", device) == "open"


def test_a_neighbour_that_changed_does_not_matter():
    found = plan("B", ["bit", 2, False, True], 22, b"\1")
    assert found.holds(b"\x12\x02", True) and found.holds(b"\x55\xff", True)
    assert not found.holds(b"\xff\xfd", True) and found.holds(b"\xff\xfd", False)
    assert plan("b", ["raw"], 22, b"\0").holds(b"\x07\x99", 7)
    assert not plan("b", ["raw"], 22, b"\0").holds(b"\x08\x07", 7)


def test_what_the_device_made_of_it_is_seen():
    found = plan("h", ["decimal", 1, 0, -1], 6)
    assert not found.holds(struct.pack(">h", 205), Decimal(206, -1))
    value, reason = found.value(struct.pack(">h", 205))
    assert (str(value), reason) == ("20.5", None)
    assert plan("f", ["float"]).value(struct.pack(">f", NAN)) == (None, "not_a_number")


def test_a_scale_backwards_is_exact():
    tenths = plan("i", ["decimal", 1, 0, -1])
    for value in (Decimal(206, -1), 20.6, Decimal(20600, -3)):
        assert tenths.request(value)[6:] == struct.pack(">i", 206)
    assert written(tenths, Decimal(2147483647, -1)) == Decimal(2147483647, -1)
    assert written(tenths, -7) == -7
    shifted = plan("h", ["decimal", -25, -4000, -2])  # value = -0.25 * raw - 40
    assert written(shifted, Decimal(-3975, -2)) == Decimal(-3975, -2)
    assert shifted.request(Decimal(-3975, -2))[6:] == struct.pack(">h", -1)
    assert written(plan("Q", ["integer", 1, -5]), 18446744073709551610) == 18446744073709551610
    assert plan("H", ["integer", 10, -5]).request(65)[6:] == struct.pack(">H", 7)


def test_between_two_steps_the_nearest_is_written_half_to_even():
    tenths = plan("h", ["decimal", 1, 0, -1])
    for thousandths, raw in ((1249, 12), (1250, 12), (1251, 13), (1350, 14), (-1250, -12), (-1251, -13), (-1350, -14)):
        assert tenths.request(Decimal(thousandths, -3))[6:] == struct.pack(">h", raw), thousandths
    negative = plan("h", ["decimal", -1, 0, -1])
    for thousandths, raw in ((1249, -12), (1250, -12), (1251, -13), (-1350, 14)):
        assert negative.request(Decimal(thousandths, -3))[6:] == struct.pack(">h", raw), thousandths
    for value, raw in ((0.5, 0), (1.5, 2), (2.5, 2), (2.75, 3), (-0.5, 0), (-1.5, -2), (1e-30, 0)):
        assert plan("h", ["raw"]).request(value)[6:] == struct.pack(">h", raw), value
    sevenths = plan("h", ["integer", 7, 3])
    assert [sevenths.request(value)[-1] for value in (3, 6, 7, 10, 13, 14)] == [0, 0, 1, 1, 1, 2]


def test_a_large_number_loses_no_digit():
    value = 9007199254740993  # beyond what a float of double precision tells from its neighbour
    assert written(plan("q", ["raw"]), value) == value
    assert written(plan("q", ["decimal", 1, 0, -1]), Decimal(value, -1)) == Decimal(value, -1)
    assert written(plan("q", ["decimal", 1, 0, -1]), Decimal(value * 1000, -4)) == Decimal(value, -1)


def test_bounds_hold_for_what_is_written():
    found = plan("h", ["decimal", 1, 0, -1], low=-400, high=1200)
    assert written(found, 120) == 120 and written(found, -40) == -40
    for value in (Decimal(1201, -1), 120.1, -40.1, 30000, -(1 << 70)):
        assert "want a number from -40.0 to 120.0" in refusal(found, value)
    # What is nearest to the bound is the bound.
    assert written(found, Decimal(12004, -2)) == 120
    assert "from -120.0 to 40.0" in refusal(plan("h", ["decimal", -1, 0, -1], low=-400, high=1200), 41)
    assert "from 0 to 5" in refusal(plan("H", ["raw"], high=5), 6)
    assert "from -1.5 to 2.5" in refusal(plan("f", ["float"], low=-1.5, high=2.5), 2.75)


def test_a_float_is_the_nearest_that_the_registers_hold():
    assert written(plan("d", ["float"]), 0.5) == 0.5
    assert written(plan("f", ["float"]), 16777217) == 16777216
    assert written(plan("f", ["float"]), Decimal(-15, -1)) == -1.5
    assert written(plan("f", ["linear", 1, 0, 2]), 0.75) == 0.75
    assert plan("f", ["linear", 1, 0, 2]).request(0.75)[6:] == struct.pack(">f", 1.5)
    nearest = struct.unpack(">f", struct.pack(">f", 0.1))[0]
    assert written(plan("f", ["float"], high=nearest), Decimal(1, -1)) == nearest


def test_what_is_no_number_is_refused():
    for found in (
        plan("h", ["raw"]),
        plan("f", ["float"]),
        plan("h", ["decimal", 1, 0, -1]),
        plan("H", ["bcd", 1, 0, 0]),
    ):
        for value in (NAN, INF, -INF, True, False, None, "1", b"1", [1], {"a": 1}, Decimal(1, 1000), Decimal(1, -1000)):
            assert "want a number from" in refusal(found, value)
    for value in (1e39, -1e39, 1 << 200):
        refusal(plan("f", ["float"]), value)
    refusal(plan("d", ["linear", 1, 0, 10]), 1.7e308)


def test_bcd():
    found = plan("H", ["bcd", 1, 0, 0], 6)
    assert found.request(1234).hex() == "06000a1234"
    for value in (0, 7, 42, 999, 9999):
        assert written(found, value) == value
    for beyond in (-1, 10000, 0x9999):
        assert "from 0 to 9999" in refusal(found, beyond)
    assert written(plan("I", ["bcd", 1, -5, -2]), Decimal(1234, -2)) == Decimal(1234, -2)
    bounded = plan("H", ["bcd", 1, 0, 0], 6, low=0x0010, high=0x0100)
    assert written(bounded, 10) == 10 and written(bounded, 100) == 100
    assert "from 10 to 100" in refusal(bounded, 9) and "from 10 to 100" in refusal(bounded, 101)


def test_labels():
    found = plan("h", ["label", [[-1, "fault"], [2, "press"]]], 6)
    assert written(found, "press") == "press" and written(found, "fault") == "fault"
    for unknown in ("Press", "", 2, None, True):
        assert "want one of 'fault', 'press'" in refusal(found, unknown)
    bit = plan("B", ["bit", 1, "open", "closed"], 5)
    assert "want 'open' or 'closed'" in refusal(bit, True)
    for number in (0, 1, "True", None, 1.0):
        assert "want False or True" in refusal(plan("B", ["bit", 1, False, True], 5), number)


def test_text():
    found = plan("5s", ["text"], order=bytes(range(5)))
    for value in ("", "a", "pump1", "°C"):
        assert written(found, value) == value
    assert found.request("ab").hex() == "10000a000306616200000000"
    for other in ("pump10", "°°°", 7, None, b"pump", "\ud800"):
        assert "text of at most 5 bytes" in refusal(found, other)
    swapped = plan("4s", ["text"], order=b"\1\0\3\2")
    assert swapped.request("abc")[6:] == b"ba\0c"
    assert written(swapped, "abc") == "abc"


def test_bytes():
    found = plan("4s", ["bytes"])
    assert written(found, b"\0 \xff\0") == b"\0 \xff\0"
    assert written(found, bytearray(b"abcd")) == b"abcd"
    for other in (b"abc", b"abcde", "abcd", 1):
        assert "want 4 bytes" in refusal(found, other)


def test_an_error_repeats_no_more_than_the_beginning_of_a_value():
    assert len(refusal(plan("4s", ["text"]), "long" * 1000)) < 120
    assert "20.5" in refusal(plan("h", ["raw"], high=5), Decimal(205, -1))


def test_whatever_is_written_comes_back():
    random.seed(7)
    layouts = ("h", "H", "i", "I", "q", "Q")
    for _ in range(300):
        layout = random.choice(layouts)
        size = struct.calcsize(">" + layout)
        order = sorted([(random.getrandbits(16), byte) for byte in range(size)])
        mul = random.choice((1, 5, 25, -1, -3, 1000))
        add = random.getrandbits(12) - 2048
        exponent = random.choice((0, -1, -2, -6))
        slot = ["decimal", mul, add, exponent] if exponent else ["integer", mul, add]
        found = plan(layout, slot, random.choice((16, 23)), bytes([byte for _, byte in order]))
        (raw,) = struct.unpack(">" + layout, bytes([random.getrandbits(8) for _ in range(size)]))
        value = Decimal(raw * mul + add, exponent)
        assert written(found, value) == value
        off = Decimal(2 * value.mantissa + random.choice((-1, 0, 1)) * (abs(mul) - 1), exponent) * Decimal(5, -1)
        assert written(found, off) == value, "less than half a step beside it"
