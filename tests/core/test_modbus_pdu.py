"""Bytes in these tests are the examples of the specifications where they have one."""

from expect import raises

from fluxrig.errors import LocalError, RemoteError
from fluxrig.modbus.pdu import (
    EXCEPTIONS,
    MAX_FRAME,
    ExceptionResponse,
    frame_tail,
    read_request,
    read_response,
    read_size,
    reads_bits,
    unframe,
)

# Application Protocol V1.1b3 sections 6.1 to 6.4: function, first item, items, request PDU, response PDU.
EXAMPLES = (
    (1, 19, 19, "0100130013", "0103CD6B05"),
    (2, 196, 22, "0200C40016", "0203ACDB35"),
    (3, 107, 3, "03006B0003", "0306022B00000064"),
    (4, 8, 1, "0400080001", "0402000A"),
)


def frame(transaction, unit, pdu):
    return transaction.to_bytes(2, "big") + frame_tail(unit, pdu)


def test_requests_are_those_of_the_specification():
    for function, address, count, request, _ in EXAMPLES:
        assert read_request(function, address, count) == bytes.fromhex(request)


def test_responses_of_the_specification_give_their_data():
    for function, _, count, _, response in EXAMPLES:
        pdu = bytes.fromhex(response)
        assert read_response(pdu, function, read_size(function, count)) == pdu[2:]


def test_a_frame_is_that_of_the_messaging_guide():
    # The request ADU that the TCP/IP Implementation Guide builds: transaction 0x1501, unit 0xFF, read one register.
    wire = bytes.fromhex("150100000006FF0300040001")
    assert frame(0x1501, 0xFF, read_request(3, 4, 1)) == wire
    assert unframe(wire) == (12, 0x1501, 0xFF, bytes.fromhex("0300040001"))


def test_a_read_has_the_limits_of_the_specification():
    assert read_request(1, 0, 2000)[3:] == b"\x07\xd0"
    assert read_request(3, 65535 - 124, 125)[3:] == b"\x00\x7d"
    for function, address, count in ((1, 0, 2001), (2, 0, 0), (3, 0, 126), (4, 0, 0), (3, 65535, 2), (3, -1, 1)):
        raises(LocalError, read_request, function, address, count)
    for function in (0, 5, 15, 16, 0x83):
        raises(LocalError, read_request, function, 0, 1)
        raises(LocalError, reads_bits, function)


def test_the_size_of_a_response_follows_from_the_request():
    assert [read_size(1, count) for count in (1, 8, 9, 2000)] == [1, 1, 2, 250]
    assert [read_size(4, count) for count in (1, 125)] == [2, 250]


def test_a_frame_is_complete_only_with_its_last_byte():
    wire = frame(7, 1, bytes.fromhex("0306022B00000064"))
    for end in range(len(wire)):
        assert unframe(wire[:end])[0] == 0, f"{end} bytes"
    assert unframe(wire) == (len(wire), 7, 1, bytes.fromhex("0306022B00000064"))


def test_what_follows_a_frame_is_not_consumed():
    first = frame(1, 9, b"\x03\x02\x00\x01")
    second = frame(2, 9, b"\x83\x02")
    assert unframe(first + second) == (len(first), 1, 9, b"\x03\x02\x00\x01")
    assert unframe(second + b"\xff") == (len(second), 2, 9, b"\x83\x02")


def test_the_longest_frame_is_accepted_and_no_longer_one():
    longest = frame(1, 1, bytes([3, 250]) + bytes(251))
    assert len(longest) == MAX_FRAME
    assert unframe(longest)[0] == MAX_FRAME
    error = raises(RemoteError, unframe, frame(1, 1, bytes(254))[:6])
    assert error.length == 255


def test_a_broken_header_is_refused_at_its_first_wrong_field():
    # Without waiting for bytes that may never come: protocol id after 4, length after 6.
    assert unframe(b"\x00\x01\x00")[0] == 0
    assert raises(RemoteError, unframe, b"HTTP").protocol_id == 0x5450
    assert raises(RemoteError, unframe, b"\x00\x01\x00\x01\x00").protocol_id == 1
    for length in (0, 1, 255, 0xFFFF):
        header = b"\x00\x01\x00\x00" + length.to_bytes(2, "big")
        assert raises(RemoteError, unframe, header).length == length


def test_an_exception_response_carries_its_code_and_name():
    for code, reason in EXCEPTIONS.items():
        error = raises(ExceptionResponse, read_response, bytes([0x84, code]), 4, 2)
        assert (error.function, error.exception_code, error.reason) == (4, code, reason)
    assert raises(ExceptionResponse, read_response, b"\x83\x63", 3, 2).reason == "exception_99"


def test_names_of_the_exceptions_are_those_of_section_7():
    assert EXCEPTIONS[1] == "illegal_function"
    assert EXCEPTIONS[2] == "illegal_address"
    assert EXCEPTIONS[11] == "gateway_target_no_response"
    assert sorted(EXCEPTIONS) == [1, 2, 3, 4, 5, 6, 8, 10, 11]


def test_anything_else_is_not_the_response():
    wrong = (
        b"",
        b"\x03",  # no byte count
        b"\x04\x02\x00\x01",  # another function
        b"\x84\x02",  # another function's exception
        b"\x83",  # an exception without code
        b"\x83\x02\x00",  # an exception with more than a code
        b"\x03\x02\x00",  # less data than announced
        b"\x03\x02\x00\x01\x02",  # more data than announced
        b"\x03\x04\x00\x01",  # a byte count that is not that of the request
        b"\x03\x03\x00\x01\x02",
    )
    for pdu in wrong:
        error = raises(RemoteError, read_response, pdu, 3, 2)
        assert not isinstance(error, ExceptionResponse), pdu
    assert read_response(b"\x03\x02\x00\x01", 3, 2) == b"\x00\x01"
