"""Frames of Modbus/TCP, and several requests under way at once on one connection."""

from expect import raises

from fluxrig.errors import RemoteError
from fluxrig.modbus import identification
from fluxrig.modbus.pdu import MAX_PDU, ExceptionResponse, read_request, write_register
from fluxrig.modbus.request import Request
from fluxrig.modbus.tcp import MAX_FRAME, Transactions, frame_tail, unframe

UNIT = 7
NOW = 1_800_000_000_000_000_000


def frame(transaction, unit, pdu):
    return transaction.to_bytes(2, "big") + frame_tail(unit, pdu)


class Tally:
    strays = exceptions = 0


class Bench:
    """Requests for `addresses`, each of one register that holds its address, sent at once."""

    def __init__(self, addresses=(), before=0):
        self.tally = Tally()
        self.transactions = Transactions(self.tally)
        for _ in range(before):
            self.answer_all(self.ask((0,)))
        self.requests = self.ask(addresses)

    def ask(self, addresses):
        requests = [Request(UNIT, read_request(3, address, 1)) for address in addresses]
        self.sent = self.transactions.send(requests) if requests else b""
        return requests

    def ids(self):
        return [int.from_bytes(beginning[:2], "big") for beginning, _ in self.transactions.under_way]

    def answer_all(self, requests):
        for transaction, request in zip(self.ids(), requests):
            receive(self.transactions, answer(transaction, request))

    def data(self):
        return [request.data and int.from_bytes(request.data, "big") for request in self.requests]


def receive(transactions, data):
    """How many requests `data` settles."""
    settled = transactions.receive(data, NOW)
    transactions.deliver()
    return settled


def answer(transaction, request):
    return frame(transaction, UNIT, b"\x03\x02" + request.pdu[1:3])


def test_a_frame_is_that_of_the_messaging_guide():
    # The request ADU that the TCP/IP Implementation Guide builds: transaction 0x1501, unit 0xFF, read one register.
    wire = bytes.fromhex("150100000006FF0300040001")
    assert frame(0x1501, 0xFF, read_request(3, 4, 1)) == wire
    assert unframe(wire) == (12, 0x1501, 0xFF, bytes.fromhex("0300040001"))


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
    error = raises(RemoteError, unframe, frame(1, 1, bytes(MAX_PDU + 1))[:6])
    assert error.length == 255


def test_a_broken_header_is_refused_at_its_first_wrong_field():
    # Without waiting for bytes that may never come: protocol id after 4, length after 6.
    assert unframe(b"\x00\x01\x00")[0] == 0
    assert raises(RemoteError, unframe, b"HTTP").protocol_id == 0x5450
    assert raises(RemoteError, unframe, b"\x00\x01\x00\x01\x00").protocol_id == 1
    for length in (0, 1, 255, 0xFFFF):
        header = b"\x00\x01\x00\x00" + length.to_bytes(2, "big")
        assert raises(RemoteError, unframe, header).length == length


def test_requests_go_out_in_order_and_each_with_an_id_of_its_own():
    bench = Bench((5, 6, 7))
    wanted = b"".join([frame(number, UNIT, read_request(3, 4 + number, 1)) for number in (1, 2, 3)])
    assert bench.sent == wanted
    assert bench.ids() == [1, 2, 3]


def test_answers_in_one_piece_in_order():
    bench = Bench((5, 6, 7))
    wire = b"".join([answer(number, request) for number, request in zip(bench.ids(), bench.requests)])
    assert receive(bench.transactions, wire) == 3
    assert bench.data() == [5, 6, 7]
    assert bench.ids() == []


def test_answers_in_any_order_meet_their_requests():
    for order in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)):
        bench = Bench((5, 6, 7))
        ids = bench.ids()
        wire = b"".join([answer(ids[index], bench.requests[index]) for index in order])
        assert receive(bench.transactions, wire) == 3
        assert bench.data() == [5, 6, 7], order


def test_an_answer_may_come_in_any_two_pieces():
    whole = b"".join([answer(number, request) for number, request in zip((1, 2, 3), Bench((5, 6, 7)).requests)])
    for cut in range(len(whole) + 1):
        bench = Bench((5, 6, 7))
        settled = receive(bench.transactions, whole[:cut])
        assert settled == cut // 11
        assert bench.data()[settled:] == [None] * (3 - settled)
        assert settled + receive(bench.transactions, whole[cut:]) == 3
        assert bench.data() == [5, 6, 7], cut


def test_the_time_of_arrival_goes_with_the_data():
    taken = []

    class Timed(Request):
        def take(self, data, arrived_ns):
            taken.append((data, arrived_ns))

    transactions = Transactions(Tally())
    transactions.send([Timed(UNIT, read_request(3, 9, 1))])
    receive(transactions, frame(1, UNIT, b"\x03\x02\x00\x09"))
    assert taken == [(b"\x00\x09", NOW)]


def test_an_answer_twice_or_late_is_a_stray():
    bench = Bench((5,), before=3)
    ids = bench.ids()
    assert receive(bench.transactions, answer(ids[0], bench.requests[0]) * 3) == 1
    assert bench.data() == [5]
    assert bench.tally.strays == 2
    requests = bench.ask((8, 9))
    assert bench.transactions.forget() == requests
    bench.requests = bench.ask((10,))
    late = [answer(number, request) for number, request in zip((5, 6), requests)]
    assert receive(bench.transactions, b"".join(late)) == 0
    assert bench.tally.strays == 4
    assert bench.data() == [None]


def test_an_id_that_was_never_used_is_a_broken_peer():
    for wrong in (0, 2, 3, 0x8001, 0xFFFF):
        bench = Bench((5,))
        error = raises(RemoteError, bench.transactions.receive, answer(wrong, bench.requests[0]), NOW)
        assert error.transaction_id == wrong
        assert bench.data() == [None]


def test_ids_wrap_and_those_long_ago_are_forgotten():
    bench = Bench()
    for _ in range(0xFFFD // 71):
        bench.transactions.send([Request(UNIT, read_request(3, 0, 1))] * 71)
        bench.transactions.forget()
    bench.requests = bench.ask((5, 6, 7))
    assert bench.ids() == [0xFFFE, 0xFFFF, 0]
    bench.answer_all(bench.requests)
    assert bench.data() == [5, 6, 7]
    assert receive(bench.transactions, answer(0xFFFF, bench.requests[0])) == 0
    assert bench.tally.strays == 1
    long_ago = 0x10000 - Transactions.RECENT
    assert receive(bench.transactions, answer(long_ago + 1, bench.requests[0])) == 0
    raises(RemoteError, bench.transactions.receive, answer(long_ago, bench.requests[0]), NOW)


def test_ids_go_on_over_connections():
    bench = Bench((5,))
    receive(bench.transactions, answer(1, bench.requests[0])[:9])
    bench.transactions.forget()
    bench.transactions.restart()
    bench.requests = bench.ask((6,))
    assert bench.ids() == [2]
    # What came before the restart is gone, and so are answers to what was asked then.
    late = answer(1, Request(UNIT, read_request(3, 5, 1)))
    assert receive(bench.transactions, late + answer(2, bench.requests[0])) == 1
    assert bench.data() == [6]
    assert bench.tally.strays == 1


def test_another_unit_or_function_is_no_answer():
    for wire in (
        frame(1, UNIT + 1, b"\x03\x02\x00\x05"),
        frame(1, UNIT, b"\x04\x02\x00\x05"),
        frame(1, UNIT, b"\x03\x04\x00\x05\x00\x06"),
        frame(1, UNIT, b"\x03\x02\x00"),
        frame(1, UNIT, b"\x83"),
        frame(1, UNIT, b"\x84\x02"),
    ):
        bench = Bench((5,))
        error = raises(RemoteError, bench.transactions.receive, wire, NOW)
        assert not isinstance(error, ExceptionResponse), wire
        assert bench.data() == [None]


def test_answers_wait_until_they_are_delivered():
    bench = Bench((5, 6, 7))
    first, second, third = [answer(number, request) for number, request in zip(bench.ids(), bench.requests)]
    assert bench.transactions.receive(first, NOW) == 1
    assert bench.transactions.receive(third + second[:3], NOW) == 2
    assert bench.ids() == [2]
    assert bench.data() == [None, None, None]
    bench.transactions.deliver()
    assert bench.data() == [5, None, 7]
    assert receive(bench.transactions, second[3:]) == 1
    assert bench.data() == [5, 6, 7]


def test_what_came_before_a_broken_frame_is_delivered():
    bench = Bench((5, 6))
    wire = answer(1, bench.requests[0]) + answer(0x8000, bench.requests[1])
    raises(RemoteError, bench.transactions.receive, wire, NOW)
    bench.transactions.deliver()
    assert bench.data() == [5, None]
    assert bench.transactions.forget() == bench.requests[1:]


def test_an_exception_is_for_its_request_alone():
    bench = Bench((5, 6))
    wire = frame(1, UNIT, b"\x83\x02") + answer(2, bench.requests[1])
    assert receive(bench.transactions, wire) == 2
    assert bench.requests[0].error.exception_code == 2
    assert bench.data() == [None, 6]
    assert bench.tally.exceptions == 1
    assert bench.transactions.unreachable is None


def test_a_gateway_that_cannot_reach_the_unit_is_remembered_until_something_is_sent():
    for code in (10, 11):
        bench = Bench((5,))
        assert receive(bench.transactions, frame(1, UNIT, bytes((0x83, code)))) == 1
        unreachable = bench.transactions.unreachable
        assert unreachable is not None and unreachable.exception_code == code
        bench.ask((6,))
        assert bench.transactions.unreachable is None


def test_an_identification_has_the_length_that_its_answer_says():
    pdu = b"\x2b\x0e\x01\x01\x00\x00\x01\x00\x02ab"
    for cut in range(len(pdu) + 8):
        transactions = Transactions(Tally())
        request = Request(UNIT, identification.request(identification.BASIC))
        transactions.send([request])
        wire = frame(1, UNIT, pdu)
        settled = receive(transactions, wire[:cut])
        assert settled + receive(transactions, wire[cut:]) == 1, cut
        assert request.data == pdu[2:]


def test_no_bytes_pass_for_an_identification_but_a_frame():
    request = Request(UNIT, identification.request(identification.BASIC))
    transactions = Transactions(Tally())
    transactions.send([request])
    raises(RemoteError, transactions.receive, b"\x00\x01\xff\xff\xff\xff\xff\xff", NOW)
    assert request.data is None


def test_a_write_is_answered_with_itself():
    transactions = Transactions(Tally())
    request = Request(UNIT, write_register(3, b"\x00\x09"))
    transactions.send([request])
    assert receive(transactions, frame(1, UNIT, request.pdu)) == 1
    assert request.data == b""
    request = Request(UNIT, write_register(3, b"\x00\x09"))
    transactions.send([request])
    raises(RemoteError, transactions.receive, frame(2, UNIT, write_register(3, b"\x00\x08")), NOW)
