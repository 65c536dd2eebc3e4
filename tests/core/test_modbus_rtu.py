"""Frames of a serial line, and finding the one answer that is wanted in what the line says."""

from expect import raises

from fluxrig.errors import RemoteError
from fluxrig.modbus.pdu import ExceptionResponse, answer_shape, read_request, write_register
from fluxrig.modbus.rtu import Receiver, crc16, frame

UNIT = 5
REQUEST = read_request(3, 107, 3)
ANSWER = bytes.fromhex("0306022B00000064")
DATA = ANSWER[2:]


def receiver(request=REQUEST, unit=UNIT):
    new = Receiver()
    expect_answer(new, request, unit)
    return new


def expect_answer(found, request=REQUEST, unit=UNIT):
    found.expect(unit, *answer_shape(request), frame(unit, request))


def test_the_crc_is_that_of_the_specification():
    # Specification over serial line V1.02, figure 15: the CRC of 02 07 is 0x1241, sent 41 12.
    assert crc16(b"\x02\x07") == 0x1241
    assert frame(2, b"\x07") == b"\x02\x07\x41\x12"
    # The check value that catalogues of CRCs give for CRC-16/MODBUS.
    assert crc16(b"123456789") == 0x4B37
    assert crc16(b"") == 0xFFFF


def test_the_crc_of_a_part_and_of_a_whole_frame():
    wire = frame(UNIT, ANSWER)
    assert crc16(wire) == 0
    assert crc16(b"xx" + wire + b"yy", 2, 2 + len(wire)) == 0
    for index in range(len(wire)):
        for bit in range(8):
            damaged = bytearray(wire)
            damaged[index] ^= 1 << bit
            assert crc16(damaged) != 0


def test_an_answer_is_found_as_soon_as_its_last_byte_is_there():
    wire = frame(UNIT, ANSWER)
    for cut in range(len(wire)):
        found = receiver()
        assert found.feed(wire[:cut]) is None
        assert found.feed(wire[cut:]) == DATA, cut
        assert not found.damaged
    found = receiver()
    for byte in wire[:-1]:
        assert found.feed(bytes((byte,))) is None
    assert found.feed(wire[-1:]) == DATA


def test_an_answer_is_found_behind_noise_and_before_it():
    for noise in (b"\0", b"\xff" * 30, bytes((UNIT,)), bytes((UNIT, 3)), bytes((UNIT, 3, 6)), bytes((UNIT,)) * 9):
        found = receiver()
        assert found.feed(noise + frame(UNIT, ANSWER) + noise) == DATA, noise
        found = receiver()
        for byte in noise + frame(UNIT, ANSWER)[:-1]:
            assert found.feed(bytes((byte,))) is None
        assert found.feed(frame(UNIT, ANSWER)[-1:]) == DATA, noise


def test_the_request_itself_is_not_its_answer():
    # The second would pass for one: of 17 coils in 3 bytes.
    for request in (REQUEST, read_request(1, 0x0300, 17), read_request(4, 0x0602, 3)):
        prefix, size = answer_shape(request)
        found = receiver(request)
        answer = frame(UNIT, prefix + bytes(range(size)))
        assert found.feed(frame(UNIT, request)) is None
        assert found.feed(answer) == bytes(range(size))
        assert receiver(request).feed(frame(UNIT, request) + answer) == bytes(range(size))


def test_the_echo_of_a_write_is_its_answer():
    # Nothing in it tells one from the other: where an adapter echoes, it must be said (`local_echo`).
    request = write_register(1, b"\0\3")
    assert receiver(request).feed(frame(UNIT, request)) == b""


def test_other_units_and_functions_and_sizes_are_no_answers():
    for other in (
        frame(UNIT + 1, ANSWER),
        frame(UNIT, b"\x04" + ANSWER[1:]),
        frame(UNIT, b"\x03\x04\x00\x01\x00\x02"),
        frame(UNIT + 1, b"\x83\x02"),
        frame(UNIT, b"\x84\x02"),
    ):
        found = receiver()
        assert found.feed(other) is None
        assert not found.damaged
        assert found.feed(frame(UNIT, ANSWER)) == DATA


def test_a_damaged_answer_is_noted_and_a_good_one_still_found():
    wire = frame(UNIT, ANSWER)
    for index in range(3, len(wire)):
        damaged = bytearray(wire)
        damaged[index] ^= 0x40
        found = receiver()
        assert found.feed(bytes(damaged)) is None
        assert found.damaged
        assert found.feed(wire) == DATA
    expect_answer(found)
    assert not found.damaged


def test_an_exception_is_found_like_an_answer():
    wire = frame(UNIT, b"\x83\x02")
    for cut in range(len(wire)):
        found = receiver()
        assert found.feed(wire[:cut]) is None
        error = raises(ExceptionResponse, found.feed, wire[cut:] + b"\xff")
        assert (error.function, error.exception_code) == (3, 2)
    found = receiver()
    assert found.feed(wire[:-1] + b"\0") is None
    assert found.damaged


def test_an_identification_is_as_long_as_it_says():
    pdu = b"\x2b\x0e\x01\x01\x00\x00\x02\x00\x02ab\x01\x00"
    request = b"\x2b\x0e\x01\x00"
    for cut in range(len(pdu) + 3):
        found = receiver(request)
        wire = b"\x05\x2b" + frame(UNIT, pdu)
        assert found.feed(wire[:cut]) is None
        assert found.feed(wire[cut:]) == pdu[2:], cut
    longer = b"\x2b\x0e\x01\x01\x00\x00\x09" + b"\x00\xff" * 9
    assert receiver(request).feed(frame(UNIT, longer) + frame(UNIT, pdu)) == pdu[2:]


def test_the_answer_to_a_write_is_the_write():
    request = write_register(1, b"\0\3")
    assert receiver(request).feed(frame(UNIT, write_register(1, b"\0\4"))) is None
    assert receiver(request).feed(frame(UNIT, request)) == b""


def test_a_line_that_says_too_much_is_refused():
    found = receiver()
    for _ in range(Receiver.MAX_RECEIVED // 64):
        assert found.feed(bytes((UNIT, 3, 6, 0)) * 16) is None
    assert raises(RemoteError, found.feed, b"\0").length == Receiver.MAX_RECEIVED + 1
    expect_answer(found)
    assert found.feed(frame(UNIT, ANSWER)) == DATA


def test_what_came_before_is_forgotten_with_the_next_request():
    wire = frame(UNIT, ANSWER)
    found = receiver()
    found.feed(wire[:6])
    expect_answer(found)
    assert found.received == 0
    assert found.feed(wire[6:]) is None
    assert found.feed(wire) == DATA


def test_a_new_receiver_expects_nothing():
    new = Receiver()
    assert new.feed(frame(UNIT, ANSWER)) is None
