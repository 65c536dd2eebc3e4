"""The raw bytes of a poll, taken apart again."""

from expect import raises

from fluxrig.errors import RemoteError
from fluxrig.modbus.pdu import read_request
from fluxrig.modbus.raw import answers


def part(function, address, count, data):
    return read_request(function, address, count) + bytes((function, len(data))) + data


RAW = part(3, 107, 3, b"\1\2\3\4\5\6") + part(1, 0, 9, b"\xff\x01") + part(4, 65535, 1, b"\0\7")


def test_each_answer_is_found_with_its_request():
    assert answers(RAW) == [
        (3, 107, 3, b"\1\2\3\4\5\6"),
        (1, 0, 9, b"\xff\x01"),
        (4, 65535, 1, b"\0\7"),
    ]
    assert answers(b"") == []


def test_the_longest_reads():
    raw = part(1, 0, 2000, bytes(250)) + part(3, 0, 125, bytes(250))
    assert [count for _, _, count, _ in answers(raw)] == [2000, 125]


def test_an_end_anywhere_else_is_an_error_that_says_where():
    ends = (0, 13, 22)
    for cut in range(1, len(RAW)):
        if cut not in ends:
            error = raises(RemoteError, answers, RAW[:cut])
            assert error.offset == max([end for end in ends if end < cut]), cut


def test_what_is_no_read_is_an_error():
    for raw in (
        b"\x06\x00\x01\x00\x03\x06\x00",  # a write
        b"\x03\x00\x00\x00\x01\x04\x02\x00\x00",  # another function answered
        b"\x03\x00\x00\x00\x01\x03\x04\x00\x00\x00\x00",  # more than was asked for
        b"\x00\x00\x00\x00\x00\x00\x00",
        b"\x03\x00\x00\x00\x80\x03\x00" + bytes(256),  # a byte cannot count that many
    ):
        assert raises(RemoteError, answers, raw).offset == 0
