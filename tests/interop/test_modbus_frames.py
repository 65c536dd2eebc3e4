"""Frames and responses: against pymodbus's framer, and against whatever bytes a peer may send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer import FramerSocket
from pymodbus.pdu import DecodePDU, ExceptionResponse
from pymodbus.pdu.bit_message import ReadCoilsResponse, ReadDiscreteInputsResponse
from pymodbus.pdu.register_message import ReadHoldingRegistersResponse, ReadInputRegistersResponse

from fluxrig.errors import RemoteError
from fluxrig.modbus import pdu

FRAMER = FramerSocket(DecodePDU(False))
BIT_RESPONSES = {1: ReadCoilsResponse, 2: ReadDiscreteInputsResponse}
REGISTER_RESPONSES = {3: ReadHoldingRegistersResponse, 4: ReadInputRegistersResponse}

transactions = st.integers(0, 0xFFFF)
units = st.integers(0, 255)
pdus = st.binary(min_size=1, max_size=253)


@given(transactions, units, pdus)
def test_frames_are_those_of_pymodbus(transaction: int, unit: int, payload: bytes):
    wire = FRAMER.encode(payload, unit, transaction)
    assert transaction.to_bytes(2, "big") + pdu.frame_tail(unit, payload) == wire
    assert pdu.unframe(wire) == (len(wire), transaction, unit, payload)


@given(st.sampled_from([1, 2, 3, 4]), st.integers(0, 60_000), st.integers(1, 125))
def test_requests_are_read_by_pymodbus(function: int, address: int, count: int):
    request = DecodePDU(True).decode(pdu.read_request(function, address, count))
    assert request is not None
    assert (request.function_code, request.address, request.count) == (function, address, count)


@given(st.sampled_from([3, 4]), st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=125))
def test_registers_that_pymodbus_sends_are_read(function: int, registers: list[int]):
    answer = bytes([function]) + REGISTER_RESPONSES[function](registers=registers).encode()
    data = pdu.read_response(answer, function, pdu.read_size(function, len(registers)))
    assert [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)] == registers


@given(st.sampled_from([1, 2]), st.lists(st.booleans(), min_size=1, max_size=2000))
def test_bits_that_pymodbus_sends_are_read(function: int, bits: list[bool]):
    answer = bytes([function]) + BIT_RESPONSES[function](bits=list(bits)).encode()
    data = pdu.read_response(answer, function, pdu.read_size(function, len(bits)))
    assert [bool(data[at // 8] >> at % 8 & 1) for at in range(len(bits))] == bits


@given(st.sampled_from([1, 2, 3, 4]), st.integers(1, 255))
def test_exceptions_that_pymodbus_sends_are_read(function: int, code: int):
    answer = ExceptionResponse(function, code)
    with pytest.raises(pdu.ExceptionResponse) as raised:
        pdu.read_response(bytes([answer.function_code]) + answer.encode(), function, 2)
    assert raised.value.exception_code == code


@given(st.lists(st.tuples(transactions, units, pdus), min_size=1, max_size=4), st.data())
def test_a_stream_of_frames_is_the_same_in_any_pieces(frames: list[tuple[int, int, bytes]], data: st.DataObject):
    wire = b"".join(FRAMER.encode(payload, unit, transaction) for transaction, unit, payload in frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=12)))
    found = []
    waiting = b""
    for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True):
        waiting += wire[start:end]
        while (got := pdu.unframe(waiting))[0]:
            found.append(got[1:])
            waiting = waiting[got[0] :]
    assert (found, waiting) == (frames, b"")


@given(st.binary(max_size=600))
def test_garbage_is_a_frame_or_not_yet_one_or_an_error(data: bytes):
    try:
        used, transaction, unit, payload = pdu.unframe(data)
    except RemoteError as exc:
        assert exc.fields
        with pytest.raises(RemoteError):
            pdu.unframe(data + b"\x00\x01")  # what cannot begin a frame does not become one with more bytes
        return
    if used:
        assert FRAMER.encode(payload, unit, transaction) == data[:used]
    else:
        assert len(data) < pdu.MAX_FRAME, "nobody waits for more than a frame"


@given(st.binary(max_size=300), st.integers(1, 4), st.integers(0, 300))
def test_garbage_as_an_answer_is_the_data_or_an_error(answer: bytes, function: int, size: int):
    try:
        data = pdu.read_response(answer, function, size)
    except pdu.ExceptionResponse as exc:
        assert answer == bytes([function + 128, exc.exception_code])
    except RemoteError:
        assert answer[:1] != bytes([function]) or answer[1:2] != bytes([size & 0xFF]) or len(answer) != size + 2
    else:
        assert len(data) == size
        assert answer == bytes([function, size]) + data
