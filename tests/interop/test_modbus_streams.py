"""Answers in streams of bytes, cut anywhere, with noise around them: both framings against a search written plainly.

`Transactions` and `Receiver` look at bytes as they come and keep as little as they can. Here the same streams are
searched as a whole, by the definitions of the specifications, with pymodbus's CRC.
"""

from dataclasses import dataclass, field

from hypothesis import example, given, settings
from hypothesis import strategies as st
from pymodbus.framer import FramerRTU

from fluxrig.errors import RemoteError
from fluxrig.modbus import identification, pdu
from fluxrig.modbus.request import Request
from fluxrig.modbus.rtu import Receiver
from fluxrig.modbus.rtu import frame as rtu_frame
from fluxrig.modbus.tcp import Transactions, frame_tail

UNITS = (3, 4)
NOW = 1_800_000_000_000_000_000

reads = st.builds(pdu.read_request, st.sampled_from([1, 2, 3, 4]), st.integers(0, 2000), st.integers(1, 125))
requests = st.one_of(
    reads,
    st.builds(pdu.write_coil, st.integers(0, 9), st.booleans()),
    st.builds(pdu.write_register, st.integers(0, 9), st.binary(min_size=2, max_size=2)),
    st.builds(pdu.write_registers, st.integers(0, 9), st.just(b"\0\1\0\2")),
    st.builds(pdu.mask_write, st.integers(0, 9), st.just(1), st.just(2)),
    st.builds(pdu.read_write, st.integers(0, 9), st.integers(1, 9), st.just(0), st.just(b"\0\1")),
    st.just(identification.request(identification.BASIC)),
)


@st.composite
def answers_to(draw: st.DrawFn, request: bytes) -> bytes:
    """The PDU of an answer, good or refusing, to a request."""
    if draw(st.integers(0, 4)) == 0:
        return bytes([request[0] | 0x80, draw(st.integers(1, 12))])
    prefix, size = pdu.answer_shape(request)
    if size is not None:
        return prefix + draw(st.binary(min_size=size, max_size=size))
    objects = draw(st.lists(st.binary(max_size=20), max_size=3))
    body = b"".join(bytes([number, len(text)]) + text for number, text in enumerate(objects))
    return prefix + bytes([1, 1, 0, 0, len(objects)]) + body


def in_pieces(stream: bytes, cuts: list[int]) -> list[bytes]:
    ends = sorted({min(cut, len(stream)) for cut in cuts} | {len(stream)})
    return [stream[start:end] for start, end in zip([0, *ends], ends, strict=False)]


CUTS = st.lists(st.integers(0, 700), max_size=20)


# Modbus/TCP.


@dataclass
class Tally:
    strays: int = 0
    exceptions: int = 0


class Asked(Request):
    """A request that notes each answer it is given."""

    def __init__(self, unit_id: int, request: bytes):
        super().__init__(unit_id, request)
        self.answers: list[bytes] = []

    def take(self, data: bytes, arrived_ns: int) -> None:
        self.answers.append(self.prefix + data)

    def fail(self, error) -> None:
        self.answers.append(bytes([self.prefix[0] | 0x80, error.exception_code]))


@st.composite
def conversations(draw: st.DrawFn):
    """(requests, as (unit id, PDU); the PDU that answers each; the order in which answers come, some twice)."""
    asked = draw(st.lists(st.tuples(st.sampled_from(UNITS), requests), min_size=1, max_size=8))
    answers = [draw(answers_to(request)) for _, request in asked]
    order = draw(st.lists(st.integers(0, len(asked) - 1), max_size=12))
    return asked, answers, order


def transactions_after(last_id: int, tally: Tally) -> Transactions:
    """Transactions of which the last one had `last_id`, and nobody waits for an answer."""
    transactions = Transactions(tally)
    transactions.send([Request(UNITS[0], pdu.read_request(3, 0, 1))] * last_id)
    transactions.forget()
    return transactions


@given(conversations(), CUTS, st.sampled_from((0, 1, 2, 255, 0xFFFB)))
def test_each_answer_on_tcp_meets_its_request_however_the_bytes_are_cut(conversation, cuts, last_id):
    asked, answers, order = conversation
    tally = Tally()
    transactions = transactions_after(last_id, tally)
    sent = [Asked(unit, request) for unit, request in asked]
    transactions.send(sent)
    ids = [(last_id + 1 + number) & 0xFFFF for number in range(len(sent))]
    stream = b"".join(ids[each].to_bytes(2, "big") + frame_tail(asked[each][0], answers[each]) for each in order)
    for piece in in_pieces(stream, cuts):
        transactions.receive(piece, NOW)
        transactions.deliver()
    settled = sum(len(request.answers) for request in sent)
    for number, request in enumerate(sent):
        assert request.answers == ([answers[number]] if number in order else [])
    assert settled == len(set(order))
    assert tally.strays == len(order) - settled
    assert tally.exceptions == sum(answers[each][0] > 0x80 for each in set(order))
    assert transactions.forget() == [request for number, request in enumerate(sent) if number not in order]


@dataclass
class PlainReader:
    """What a stream of Modbus/TCP gives to requests: [(id, unit id, request PDU), …]."""

    waiting: list[tuple[int, int, bytes]]
    given: dict[int, bytes] = field(default_factory=dict)

    def read(self, stream: bytes) -> bool:
        """Whether nothing in the stream is wrong. `given` has what was answered before that: {id: PDU}."""
        known = {number: (unit, request) for number, unit, request in self.waiting}
        while len(stream) >= 6:
            length = int.from_bytes(stream[4:6], "big")
            if stream[2:4] != b"\0\0" or not 2 <= length <= 254:
                return False
            if len(stream) < 6 + length:
                return True
            number, unit, answer = int.from_bytes(stream[:2], "big"), stream[6], stream[7 : 6 + length]
            stream = stream[6 + length :]
            if number not in known:
                return False
            if number in self.given:
                continue
            if unit != known[number][0] or not is_answer(answer, known[number][1]):
                return False
            self.given[number] = answer
        return len(stream) < 4 or stream[2:4] == b"\0\0"


def is_answer(answer: bytes, request: bytes) -> bool:
    if len(answer) == 2 and answer[0] == request[0] | 0x80:
        return True
    function, size = request[0], len(answer)
    count = int.from_bytes(request[3:5], "big")
    if function in (1, 2):
        wanted = (count + 7) // 8
        return answer[:2] == bytes([function, wanted]) and size == 2 + wanted
    if function in (3, 4, 23):
        return answer[:2] == bytes([function, 2 * count]) and size == 2 + 2 * count
    if function in (15, 16):
        return answer == request[:5]
    if function == 43:
        return answer[:2] == b"\x2b\x0e"
    return answer == request


MUTATIONS = st.lists(
    st.tuples(st.sampled_from(["flip", "insert", "remove", "cut"]), st.integers(0, 700), st.integers(1, 255)),
    min_size=1,
    max_size=3,
)


def mutated(stream: bytes, mutations: list[tuple[str, int, int]]) -> bytes:
    changed = bytearray(stream)
    for kind, place, byte in mutations:
        at = place % (len(changed) + 1)
        if kind == "flip" and at < len(changed):
            changed[at] ^= byte
        elif kind == "insert":
            changed.insert(at, byte)
        elif kind == "remove":
            del changed[at : at + 1 + byte % 8]
        elif kind == "cut":
            del changed[at:]
    return bytes(changed)


@settings(max_examples=300)
@given(conversations(), MUTATIONS, CUTS)
def test_damaged_answers_on_tcp_are_errors_and_never_those_of_another(conversation, mutations, cuts):
    asked, answers, order = conversation
    transactions = Transactions(Tally())
    sent = [Asked(unit, request) for unit, request in asked]
    transactions.send(sent)
    waiting = [(number + 1, unit, request) for number, (unit, request) in enumerate(asked)]
    stream = b"".join((each + 1).to_bytes(2, "big") + frame_tail(asked[each][0], answers[each]) for each in order)
    stream = mutated(stream, mutations)
    seen = 0
    for piece in in_pieces(stream, cuts):
        seen += len(piece)
        plain = PlainReader(waiting)
        is_good = plain.read(stream[:seen])
        try:
            transactions.receive(piece, NOW)
        except RemoteError as exc:
            assert not is_good, exc
            break
        assert is_good, "an error is found as soon as its bytes are there, so little is ever kept"
    transactions.deliver()
    for number, request in enumerate(sent):
        assert request.answers == ([plain.given[number + 1]] if number + 1 in plain.given else [])


# Serial lines.


def receiver_of(unit: int, request: bytes) -> Receiver:
    prefix, size = pdu.answer_shape(request)
    receiver = Receiver()
    receiver.expect(unit, prefix, size, rtu_frame(unit, request))
    return receiver


def frames_in(stream: bytes, unit: int, request: bytes) -> list[tuple[int, int]]:
    """(start, end) of everything in a stream that is an answer of `unit` to `request`, or a refusal."""
    prefix, size = pdu.answer_shape(request)
    echo = rtu_frame(unit, request) if size else b""
    found = []
    for start in range(len(stream)):
        for end in range(start + 5, min(start + 256, len(stream)) + 1):
            body = stream[start : end - 2]
            if body[0] != unit or stream[start:end] == echo:
                continue
            answer = body[1:]
            if answer[:2] == b"\x2b\x0e" == prefix:
                is_whole = len(answer) >= 7 and ends_with_its_objects(answer)
            else:
                is_whole = is_answer(answer, request)
            if is_whole and FramerRTU.compute_CRC(body).to_bytes(2, "big") == stream[end - 2 : end]:
                found.append((start, end))
    return found


def ends_with_its_objects(answer: bytes) -> bool:
    at = 7
    for _ in range(answer[6]):
        if at + 2 > len(answer):
            return False
        at += 2 + answer[at + 1]
    return at == len(answer)


@st.composite
def noises(draw: st.DrawFn, unit: int, request: bytes) -> bytes:
    """What a line may say that is no answer: arbitrary bytes, much like an answer or an echo of the request, …"""
    answer = rtu_frame(unit, draw(answers_to(request)))
    damaged = bytearray(answer)
    damaged[draw(st.integers(0, len(answer) - 1))] ^= draw(st.integers(1, 255))
    return draw(
        st.one_of(
            st.binary(max_size=12),
            st.lists(st.sampled_from([unit, request[0], request[0] | 0x80, *answer[2:3]]), max_size=12).map(bytes),
            st.just(rtu_frame(unit, request)),
            st.just(bytes(damaged)),
            st.integers(0, len(answer) - 1).map(lambda end: answer[:end]),
            st.just(rtu_frame(unit + 1, answer[1:-2])),
        )
    )


@st.composite
def lines(draw: st.DrawFn):
    """(unit id, request, what the line says)."""
    unit = draw(st.sampled_from((*UNITS, 43)))
    request = draw(requests)
    parts = draw(st.lists(noises(unit, request), max_size=4))
    if draw(st.booleans()):
        answer = rtu_frame(unit, draw(answers_to(request)))
        parts.insert(draw(st.integers(0, len(parts))), answer)
    return unit, request, b"".join(parts)


@settings(max_examples=200)
@given(lines(), CUTS)
@example((3, pdu.read_request(1, 0x0300, 17), rtu_frame(3, pdu.read_request(1, 0x0300, 17))), [])
def test_an_answer_on_a_serial_line_is_found_in_any_noise_however_the_bytes_are_cut(line, cuts):
    unit, request, stream = line
    receiver = receiver_of(unit, request)
    wanted = frames_in(stream, unit, request)
    seen = 0
    for piece in in_pieces(stream, cuts):
        seen += len(piece)
        complete = [(start, end) for start, end in wanted if end <= seen]
        try:
            found = receiver.feed(piece)
        except pdu.ExceptionResponse as exc:
            start, end = complete[0]
            assert stream[start + 1 : end - 2] == bytes([request[0] | 0x80, exc.exception_code])
            return
        except RemoteError:
            assert seen > Receiver.MAX_RECEIVED
            return
        if found is not None:
            start, end = complete[0]
            prefix, _ = pdu.answer_shape(request)
            assert prefix + found == stream[start + 1 : end - 2]
            return
        assert not complete, "an answer was there and was not found"


@given(st.lists(st.binary(max_size=300), max_size=12), st.sampled_from(UNITS), requests)
def test_no_line_says_anything_that_is_more_than_an_error(pieces, unit, request):
    receiver = receiver_of(unit, request)
    try:
        for piece in pieces:
            receiver.feed(piece)
    except RemoteError as exc:
        assert exc.fields
