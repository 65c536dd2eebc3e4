"""Device identification: requests, answers, and lengths that lie."""

from expect import raises

from fluxrig.errors import LocalError, RemoteError
from fluxrig.modbus.identification import BASIC, EXTENDED, ONE_OBJECT, pdu_size, read_answer, request

# The example of MB section 6.21: the basic category in one answer.
ANSWER = b"\x2b\x0e\x01\x01\x00\x00\x03\x00\x16Company identification\x01\x0fProduct code XX\x02\x05V2.11"
OBJECTS = {0: b"Company identification", 1: b"Product code XX", 2: b"V2.11"}


def test_requests_are_those_of_the_specification():
    assert request(BASIC) == b"\x2b\x0e\x01\x00"
    assert request(EXTENDED, 0x80) == b"\x2b\x0e\x03\x80"
    assert request(ONE_OBJECT, 255) == b"\x2b\x0e\x04\xff"
    for code, object_id in ((0, 0), (5, 0), (1, -1), (1, 256)):
        raises(LocalError, request, code, object_id)


def test_an_answer_gives_its_objects():
    assert read_answer(ANSWER[2:]) == (OBJECTS, None)


def test_an_answer_that_is_not_the_last_says_where_to_go_on():
    first = b"\x03\x83\xff\x02\x01\x00\x03abc"
    assert read_answer(first) == ({0: b"abc"}, 2)
    assert read_answer(b"\x03\x83\xff\x80\x00") == ({}, 0x80)


def test_lengths_that_lie_are_errors():
    for cut in range(2, len(ANSWER)):
        raises(RemoteError, read_answer, ANSWER[2:cut])
    raises(RemoteError, read_answer, ANSWER[2:] + b"\0")
    raises(RemoteError, read_answer, b"\x01\x01\x00\x00\x01\x00\xff")


def test_an_answer_says_how_long_it_is_as_soon_as_it_can_be_told():
    known = [pdu_size(ANSWER[:end]) for end in range(len(ANSWER) + 1)]
    last_length_at = ANSWER.index(b"\x02\x05V2.11") + 1
    assert known[: last_length_at + 1] == [None] * (last_length_at + 1)
    assert known[last_length_at + 1 :] == [len(ANSWER)] * (len(ANSWER) - last_length_at)
    assert pdu_size(ANSWER + b"more") == len(ANSWER)
    assert pdu_size(b"\x2b\x0e\x01\x01\x00\x00\x00") == 7


def test_nobody_waits_for_more_than_a_pdu_holds():
    head = b"\x2b\x0e\x01\x01\x00\x00"
    assert pdu_size(head + b"\x01\x00\xf4") == 253
    assert pdu_size(head + b"\x01\x00\xf5") == 0
    assert pdu_size(head + b"\x02\x00\xf2" + bytes(242)) is None
    assert pdu_size(head + b"\x02\x00\xf4" + bytes(244)) == 0
