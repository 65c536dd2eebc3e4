"""Bytes in these tests are the examples of the specification (V1.1b3 sections 6.1 to 6.21) where it has one."""

from expect import raises

from fluxrig.errors import LocalError, RemoteError
from fluxrig.modbus.exceptions import REASONS
from fluxrig.modbus.pdu import (
    ExceptionResponse,
    answer_shape,
    mask_write,
    read_answer,
    read_request,
    read_size,
    read_write,
    reads_bits,
    span_text,
    write_coil,
    write_coils,
    write_register,
    write_registers,
)


def unhex(text):
    return bytes.fromhex(text)


# (request, its bytes, the answer, the data in it)
EXAMPLES = (
    (read_request(1, 19, 19), "0100130013", "0103CD6B05", "CD6B05"),
    (read_request(2, 196, 22), "0200C40016", "0203ACDB35", "ACDB35"),
    (read_request(3, 107, 3), "03006B0003", "0306022B00000064", "022B00000064"),
    (read_request(4, 8, 1), "0400080001", "0402000A", "000A"),
    (write_coil(172, True), "0500ACFF00", "0500ACFF00", ""),
    (write_coil(172, False), "0500AC0000", "0500AC0000", ""),
    (write_register(1, unhex("0003")), "0600010003", "0600010003", ""),
    (write_coils(19, 10, unhex("CD01")), "0F0013000A02CD01", "0F0013000A", ""),
    (write_registers(1, unhex("000A0102")), "100001000204000A0102", "1000010002", ""),
    (mask_write(4, 0xF2, 0x25), "16000400F20025", "16000400F20025", ""),
    (
        read_write(3, 6, 14, unhex("00FF00FF00FF")),
        "1700030006000E00030600FF00FF00FF",
        "170C00FE0ACD00010003000D00FF",
        "00FE0ACD00010003000D00FF",
    ),
)


def test_requests_are_those_of_the_specification():
    for request, wanted, _, _ in EXAMPLES:
        assert request == unhex(wanted), wanted


def test_answers_of_the_specification_give_their_data():
    for request, _, answer, data in EXAMPLES:
        prefix, size = answer_shape(request)
        assert read_answer(unhex(answer), prefix, size) == unhex(data), answer


def test_an_answer_is_as_long_as_its_request_says():
    for request, text, answer, _ in EXAMPLES:
        prefix, size = answer_shape(request)
        for wrong in (unhex(answer)[:-1], unhex(answer) + b"\0", unhex(answer)[:1], b""):
            error = raises(RemoteError, read_answer, wrong, prefix, size)
            assert not isinstance(error, ExceptionResponse), text


def test_the_answer_to_a_write_repeats_what_was_written():
    for request, text, answer, _ in EXAMPLES[4:10]:
        prefix, size = answer_shape(request)
        for index in range(1, len(answer) // 2):
            wrong = bytearray(unhex(answer))
            wrong[index] ^= 1
            raises(RemoteError, read_answer, bytes(wrong), prefix, size)
        assert size == 0, text


def test_the_answer_to_an_identification_says_its_length_itself():
    assert answer_shape(b"\x2b\x0e\x01\x00") == (b"\x2b\x0e", None)
    assert read_answer(b"\x2b\x0e\x01\x01\0\0\0", b"\x2b\x0e", None) == b"\x01\x01\0\0\0"
    raises(RemoteError, read_answer, b"\x2b\x0d\x01", b"\x2b\x0e", None)


def test_only_known_functions_have_answers():
    for function in (7, 8, 11, 17, 20, 21, 24, 100):
        raises(LocalError, answer_shape, bytes((function, 0, 0, 0, 1)))


def test_a_read_has_the_limits_of_the_specification():
    assert read_request(1, 0, 2000)[3:] == b"\x07\xd0"
    assert read_request(3, 65535 - 124, 125)[3:] == b"\x00\x7d"
    for function, address, count in ((1, 0, 2001), (2, 0, 0), (3, 0, 126), (4, 0, 0), (3, 65535, 2), (3, -1, 1)):
        raises(LocalError, read_request, function, address, count)
    for function in (0, 5, 15, 16, 0x83):
        raises(LocalError, read_request, function, 0, 1)
        raises(LocalError, reads_bits, function)


def test_a_write_has_the_limits_of_the_specification():
    assert write_coils(65536 - 1968, 1968, bytes(246))[3:6] == unhex("07B0F6")
    assert write_registers(65536 - 123, bytes(246))[3:6] == unhex("007BF6")
    assert len(read_write(0, 125, 0, bytes(242))) == 252
    for call, arguments in (
        (write_coil, (65536, True)),
        (write_coil, (-1, True)),
        (write_register, (65536, b"\0\0")),
        (write_register, (0, b"\0")),
        (write_register, (0, b"\0\0\0\0")),
        (write_coils, (0, 0, b"")),
        (write_coils, (0, 1969, bytes(247))),
        (write_coils, (0, 8, bytes(2))),
        (write_coils, (65530, 8, b"\0")),
        (write_registers, (0, b"")),
        (write_registers, (0, bytes(3))),
        (write_registers, (0, bytes(248))),
        (write_registers, (65535, bytes(4))),
        (mask_write, (0, 0x10000, 0)),
        (mask_write, (0, 0, -1)),
        (mask_write, (65536, 0, 0)),
        (read_write, (0, 126, 0, bytes(2))),
        (read_write, (0, 0, 0, bytes(2))),
        (read_write, (0, 1, 0, bytes(244))),
        (read_write, (0, 1, 0, b"")),
        (read_write, (65535, 2, 0, bytes(2))),
        (read_write, (0, 1, 65535, bytes(4))),
    ):
        raises(LocalError, call, *arguments)


def test_the_size_of_an_answer_follows_from_the_request():
    assert [read_size(1, count) for count in (1, 8, 9, 2000)] == [1, 1, 2, 250]
    assert [read_size(4, count) for count in (1, 125)] == [2, 250]


def test_an_exception_carries_its_code_and_name():
    for request, _, _, _ in EXAMPLES:
        prefix, size = answer_shape(request)
        for code, reason in REASONS.items():
            error = raises(ExceptionResponse, read_answer, bytes((request[0] | 0x80, code)), prefix, size)
            assert (error.function, error.exception_code, error.reason) == (request[0], code, reason)
    assert raises(ExceptionResponse, read_answer, b"\x83\x63", b"\x03\x02", 2).reason == "exception_99"


def test_names_of_the_exceptions_are_those_of_section_7():
    assert REASONS[1] == "illegal_function"
    assert REASONS[2] == "illegal_address"
    assert REASONS[11] == "gateway_target_no_response"
    assert sorted(REASONS) == [1, 2, 3, 4, 5, 6, 8, 10, 11]


def test_anything_else_is_not_the_answer():
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
        error = raises(RemoteError, read_answer, pdu, b"\x03\x02", 2)
        assert not isinstance(error, ExceptionResponse), pdu
        assert "function" in error.fields
    assert read_answer(b"\x03\x02\x00\x01", b"\x03\x02", 2) == b"\x00\x01"


def test_a_span_reads_as_addresses_are_written():
    assert span_text(3, 0, 13) == "hr:0-12"
    assert span_text(4, 65535, 1) == "ir:65535"
    assert [span_text(function, 7, 1) for function in (1, 2)] == ["co:7", "di:7"]
