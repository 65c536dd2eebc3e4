"""Requests, answers and frames: against pymodbus's, and against whatever bytes a peer may send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU, ExceptionResponse, ModbusPDU
from pymodbus.pdu.bit_message import (
    ReadCoilsResponse,
    ReadDiscreteInputsResponse,
    WriteMultipleCoilsResponse,
    WriteSingleCoilResponse,
)
from pymodbus.pdu.mei_message import ReadDeviceInformationResponse
from pymodbus.pdu.register_message import (
    MaskWriteRegisterResponse,
    ReadHoldingRegistersResponse,
    ReadInputRegistersResponse,
    ReadWriteMultipleRegistersResponse,
    WriteMultipleRegistersResponse,
    WriteSingleRegisterResponse,
)

from fluxrig.errors import RemoteError
from fluxrig.modbus import identification, pdu, raw
from fluxrig.modbus.rtu import crc16
from fluxrig.modbus.rtu import frame as rtu_frame
from fluxrig.modbus.tcp import MAX_FRAME, frame_tail, unframe

TCP = FramerSocket(DecodePDU(False))
RTU = FramerRTU(DecodePDU(False))
BIT_RESPONSES = {1: ReadCoilsResponse, 2: ReadDiscreteInputsResponse}
REGISTER_RESPONSES = {
    3: ReadHoldingRegistersResponse,
    4: ReadInputRegistersResponse,
    23: ReadWriteMultipleRegistersResponse,
}

transactions = st.integers(0, 0xFFFF)
units = st.integers(0, 255)
pdus = st.binary(min_size=1, max_size=253)
addresses = st.integers(0, 60_000)
words = st.integers(0, 0xFFFF)

requests = st.one_of(
    st.builds(pdu.read_request, st.sampled_from([1, 2]), addresses, st.integers(1, 2000)),
    st.builds(pdu.read_request, st.sampled_from([3, 4]), addresses, st.integers(1, 125)),
    st.builds(pdu.write_coil, addresses, st.booleans()),
    st.builds(pdu.write_register, addresses, st.binary(min_size=2, max_size=2)),
    st.builds(lambda at, data: pdu.write_coils(at, 8 * len(data), data), addresses, st.binary(min_size=1, max_size=30)),
    st.builds(lambda at, data: pdu.write_registers(at, data * 2), addresses, st.binary(min_size=1, max_size=60)),
    st.builds(pdu.mask_write, addresses, words, words),
    st.builds(
        lambda at, count, to, data: pdu.read_write(at, count, to, data * 2),
        addresses,
        st.integers(1, 125),
        addresses,
        st.binary(min_size=1, max_size=60),
    ),
    st.builds(identification.request, st.integers(1, 4), st.integers(0, 255)),
)


def registers_of(data: bytes) -> list[int]:
    return [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]


def data_of(request: bytes, answer: bytes) -> bytes:
    return pdu.read_answer(answer, *pdu.answer_shape(request))


# Frames.


@given(transactions, units, pdus)
def test_frames_on_tcp_are_those_of_pymodbus(transaction: int, unit: int, payload: bytes):
    wire = TCP.encode(payload, unit, transaction)
    assert transaction.to_bytes(2, "big") + frame_tail(unit, payload) == wire
    assert unframe(wire) == (len(wire), transaction, unit, payload)


@given(units, pdus)
def test_frames_on_a_serial_line_are_those_of_pymodbus(unit: int, payload: bytes):
    assert rtu_frame(unit, payload) == RTU.encode(payload, unit, 0)


@given(st.binary(max_size=300))
def test_the_crc_is_that_of_pymodbus(data: bytes):
    # pymodbus has its bytes in the order in which they are sent.
    assert crc16(data).to_bytes(2, "little") == FramerRTU.compute_CRC(data).to_bytes(2, "big")


@given(st.lists(st.tuples(transactions, units, pdus), min_size=1, max_size=4), st.data())
def test_a_stream_of_frames_is_the_same_in_any_pieces(frames: list[tuple[int, int, bytes]], data: st.DataObject):
    wire = b"".join(TCP.encode(payload, unit, transaction) for transaction, unit, payload in frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=12)))
    found = []
    waiting = b""
    for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True):
        waiting += wire[start:end]
        while (got := unframe(waiting))[0]:
            found.append(got[1:])
            waiting = waiting[got[0] :]
    assert (found, waiting) == (frames, b"")


@given(st.binary(max_size=600))
def test_garbage_is_a_frame_or_not_yet_one_or_an_error(data: bytes):
    try:
        used, transaction, unit, payload = unframe(data)
    except RemoteError as exc:
        assert exc.fields
        with pytest.raises(RemoteError):
            unframe(data + b"\x00\x01")  # what cannot begin a frame does not become one with more bytes
        return
    if used:
        assert TCP.encode(payload, unit, transaction) == data[:used]
    else:
        assert len(data) < MAX_FRAME, "nobody waits for more than a frame"


# Requests, as pymodbus's server reads them.


def server_reads(request: bytes):
    decoded = DecodePDU(True).decode(request)
    assert decoded is not None
    assert decoded.function_code == request[0]
    return decoded


@given(st.sampled_from([1, 2, 3, 4]), addresses, st.integers(1, 125))
def test_reads(function: int, address: int, count: int):
    read = server_reads(pdu.read_request(function, address, count))
    assert (read.address, read.count) == (address, count)


@given(addresses, st.booleans(), words)
def test_writes_of_one(address: int, on: bool, register: int):
    read = server_reads(pdu.write_coil(address, on))
    assert (read.address, read.bits[0]) == (address, on)
    read = server_reads(pdu.write_register(address, register.to_bytes(2, "big")))
    assert (read.address, read.registers) == (address, [register])


@given(addresses, st.lists(st.booleans(), min_size=1, max_size=1968))
def test_writes_of_coils(address: int, bits: list[bool]):
    packed = sum(bit << at for at, bit in enumerate(bits)).to_bytes((len(bits) + 7) // 8, "little")
    read = server_reads(pdu.write_coils(address, len(bits), packed))
    assert (read.address, read.bits[: len(bits)]) == (address, bits)


@given(addresses, st.lists(words, min_size=1, max_size=121), addresses, st.integers(1, 125))
def test_writes_of_registers(address: int, registers: list[int], read_address: int, read_count: int):
    data = b"".join(register.to_bytes(2, "big") for register in registers)
    read = server_reads(pdu.write_registers(address, data))
    assert (read.address, read.registers) == (address, registers)
    read = server_reads(pdu.read_write(read_address, read_count, address, data))
    assert (read.read_address, read.read_count) == (read_address, read_count)
    assert (read.write_address, read.write_registers) == (address, registers)


@given(addresses, words, words)
def test_writes_with_a_mask(address: int, and_mask: int, or_mask: int):
    read = server_reads(pdu.mask_write(address, and_mask, or_mask))
    assert (read.address, read.and_mask, read.or_mask) == (address, and_mask, or_mask)


@given(st.integers(1, 4), st.integers(0, 255))
def test_requests_for_an_identification(code: int, object_id: int):
    read = server_reads(identification.request(code, object_id))
    assert (read.sub_function_code, read.read_code, read.object_id) == (14, code, object_id)


# Answers, as pymodbus's server writes them.


@given(st.sampled_from([3, 4, 23]), st.lists(words, min_size=1, max_size=125))
def test_answers_with_registers(function: int, registers: list[int]):
    count = len(registers)
    request = pdu.read_write(0, count, 0, b"\0\0") if function == 23 else pdu.read_request(function, 0, count)
    answer = bytes([function]) + REGISTER_RESPONSES[function](registers=registers).encode()
    assert registers_of(data_of(request, answer)) == registers


@given(st.sampled_from([1, 2]), st.lists(st.booleans(), min_size=1, max_size=2000))
def test_answers_with_bits(function: int, bits: list[bool]):
    answer = bytes([function]) + BIT_RESPONSES[function](bits=list(bits)).encode()
    data = data_of(pdu.read_request(function, 0, len(bits)), answer)
    assert [bool(data[at // 8] >> at % 8 & 1) for at in range(len(bits))] == bits


@given(requests)
def test_answers_to_writes(request: bytes):
    read = server_reads(request)
    answer: ModbusPDU
    match request[0]:
        case 5:
            answer = WriteSingleCoilResponse(address=read.address, bits=read.bits)
        case 6:
            answer = WriteSingleRegisterResponse(address=read.address, registers=read.registers)
        case 15:
            answer = WriteMultipleCoilsResponse(address=read.address, count=read.count)
        case 16:
            answer = WriteMultipleRegistersResponse(address=read.address, count=read.count)
        case 22:
            answer = MaskWriteRegisterResponse(address=read.address, and_mask=read.and_mask, or_mask=read.or_mask)
        case _:
            return
    assert data_of(request, bytes([request[0]]) + answer.encode()) == b""


@given(st.dictionaries(st.integers(0, 255), st.binary(max_size=40), min_size=1, max_size=5))
def test_answers_with_an_identification(objects: dict[int, bytes]):
    answer = bytes([43]) + ReadDeviceInformationResponse(read_code=1, information=objects).encode()
    assert identification.pdu_size(answer) == len(answer)
    data = data_of(identification.request(identification.BASIC), answer)
    assert identification.read_answer(data) == (objects, None)


@given(requests, st.integers(1, 255))
def test_answers_that_refuse(request: bytes, code: int):
    answer = ExceptionResponse(request[0], code)
    with pytest.raises(pdu.ExceptionResponse) as raised:
        data_of(request, bytes([answer.function_code]) + answer.encode())
    assert raised.value.exception_code == code


# Answers that are none: an error of the peer, and never another one.


@given(requests, st.binary(max_size=300), st.booleans())
def test_garbage_as_an_answer_is_the_data_or_an_error(request: bytes, answer: bytes, begins_well: bool):
    prefix, size = pdu.answer_shape(request)
    if begins_well:
        answer = prefix + answer
    is_whole = answer.startswith(prefix) and (size is None or len(answer) == len(prefix) + size)
    try:
        data = pdu.read_answer(answer, prefix, size)
    except pdu.ExceptionResponse as exc:
        assert answer == bytes([request[0] | 128, exc.exception_code])
    except RemoteError as exc:
        assert not is_whole
        assert "function" in exc.fields
    else:
        assert is_whole
        assert prefix + data == answer


@given(st.binary(max_size=300))
def test_garbage_as_an_identification_is_objects_or_an_error(data: bytes):
    size = identification.pdu_size(b"\x2b\x0e" + data)
    assert size is None or size <= pdu.MAX_PDU
    try:
        objects, next_object = identification.read_answer(data)
    except RemoteError as exc:
        assert exc.fields
    else:
        assert size in (0, len(data) + 2)  # 0: longer than any PDU
        assert sum(2 + len(value) for value in objects.values()) <= len(data) - 5
        assert next_object in (None, data[3])


@given(st.lists(st.tuples(requests, st.binary(max_size=250)), max_size=4), st.binary(max_size=20))
def test_garbage_as_raw_bytes_is_answers_or_an_error(parts: list[tuple[bytes, bytes]], rest: bytes):
    data = b"".join(request[:5] + request[:1] + bytes([len(answer)]) + answer for request, answer in parts) + rest
    try:
        found = raw.answers(data)
    except RemoteError as exc:
        assert 0 <= exc.offset < len(data)
    else:
        again = b""
        for function, address, count, answer in found:
            again += bytes([function]) + address.to_bytes(2, "big") + count.to_bytes(2, "big")
            again += bytes([function, len(answer)]) + answer
        assert again == data
