"""Modbus requests and responses as bytes, and their framing on TCP. Nothing here does I/O.

Sources: MODBUS Application Protocol Specification V1.1b3 ("MB" below), and MODBUS Messaging on TCP/IP Implementation
Guide V1.0b ("TCP"). A decoder takes bytes and raises RemoteError, and nothing else, on what a peer must not send.
"""

import struct

from fluxrig.errors import LocalError, RemoteError

READ_COILS = 1
READ_DISCRETE_INPUTS = 2
READ_HOLDING_REGISTERS = 3
READ_INPUT_REGISTERS = 4

MAX_BITS = 2000
"""Coils or discrete inputs in one read (MB sections 6.1 and 6.2)."""

MAX_REGISTERS = 125
"""Registers in one read (MB sections 6.3 and 6.4)."""

MAX_FRAME = 260
"""Bytes of the longest frame on TCP: a header of 7 and a PDU of 253 (MB section 4.1)."""

EXCEPTIONS = {
    1: "illegal_function",
    2: "illegal_address",
    3: "illegal_value",
    4: "device_failure",
    5: "acknowledge",
    6: "device_busy",
    8: "memory_parity_error",
    10: "gateway_path_unavailable",
    11: "gateway_target_no_response",
}
"""What each exception code says (MB section 7)."""

_EXCEPTION_FLAG = 0x80
_UNIT_AT = 6  # bytes before the unit id: transaction, protocol and length, two each
_PDU_AT = 7


class ExceptionResponse(RemoteError):
    """The peer understood the request and refuses it (MB section 7). Fields: `function`, `exception_code`, `reason`."""


def read_request(function: int, address: int, count: int) -> bytes:
    """The PDU that reads `count` items from `address` on (MB sections 6.1 to 6.4).

    Raises LocalError when the protocol cannot ask that.
    """
    limit = MAX_BITS if reads_bits(function) else MAX_REGISTERS
    if not 1 <= count <= limit:
        raise LocalError(f"function {function} reads 1 to {limit} items at once, not {count}", function=function)
    if not 0 <= address <= 0x10000 - count:
        raise LocalError(f"items {address} to {address + count - 1} are not all within 0 to 65535", address=address)
    return struct.pack(">BHH", function, address, count)


def read_size(function: int, count: int) -> int:
    """Bytes of data in the response to a read of `count` items: 8 coils or half a register a byte."""
    return (count + 7) // 8 if reads_bits(function) else 2 * count


def reads_bits(function: int) -> bool:
    """Whether the read function `function` reads single bits. Raises LocalError when it is no read function."""
    if function in (READ_COILS, READ_DISCRETE_INPUTS):
        return True
    if function in (READ_HOLDING_REGISTERS, READ_INPUT_REGISTERS):
        return False
    raise LocalError(f"function {function} does not read coils, inputs or registers (want 1 to 4)", function=function)


def frame_tail(unit_id: int, pdu: bytes) -> bytes:
    """Everything of a TCP frame that follows its 2-byte transaction id (TCP section 3.1.3)."""
    return struct.pack(">HHB", 0, 1 + len(pdu), unit_id) + pdu


def unframe(data: bytes) -> tuple:
    """The first TCP frame in `data`, as (bytes consumed, transaction id, unit id, PDU); consumed is 0 for "need more".

    Raises RemoteError (fields: `protocol_id` or `length`) as soon as the bytes that are there cannot begin a frame, so
    a length is checked before anybody waits for it. At most `MAX_FRAME` bytes are ever needed.
    """
    if len(data) < _UNIT_AT:
        if len(data) >= 4:
            _check_protocol(struct.unpack_from(">H", data, 2)[0])
        return 0, 0, 0, b""
    transaction, protocol, length = struct.unpack_from(">HHH", data)
    _check_protocol(protocol)
    # The length counts the unit id and the PDU, and a PDU has a function code.
    if not 2 <= length <= MAX_FRAME - _UNIT_AT:
        limit = MAX_FRAME - _UNIT_AT
        raise RemoteError(f"a frame announces {length} bytes after its length, want 2 to {limit}", length=length)
    end = _UNIT_AT + length
    if len(data) < end:
        return 0, 0, 0, b""
    return end, transaction, data[_UNIT_AT], data[_PDU_AT:end]


def read_response(pdu: bytes, function: int, size: int) -> bytes:
    """The data in the response to a read: `size` bytes, see `read_size` (MB sections 6.1 to 6.4).

    Raises ExceptionResponse when the peer refused the request, RemoteError (field: `function`) when this is not the
    response to it.
    """
    if len(pdu) == 2 and pdu[0] == function | _EXCEPTION_FLAG:
        code = pdu[1]
        reason = EXCEPTIONS.get(code, f"exception_{code}")
        text = f"function {function} answered with exception {code} ({reason})"
        raise ExceptionResponse(text, function=function, exception_code=code, reason=reason)
    if not pdu or pdu[0] != function:
        found = pdu[0] if pdu else None
        raise RemoteError(f"function {function} was answered with function {found}", function=found)
    if len(pdu) != 2 + size or pdu[1] != size:
        text = f"the response to function {function} is {len(pdu)} bytes long, want the count {size} and as many bytes"
        raise RemoteError(text, function=function)
    return pdu[2:]


def _check_protocol(protocol: int) -> None:
    if protocol:
        raise RemoteError(f"a frame has protocol id {protocol}, want 0 (Modbus)", protocol_id=protocol)
