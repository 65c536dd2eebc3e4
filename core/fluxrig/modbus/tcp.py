"""Modbus on TCP: frames with a transaction id. Nothing here does I/O.

Source: MODBUS Messaging on TCP/IP Implementation Guide V1.0b ("TCP" below).
"""

import struct

from fluxrig.errors import RemoteError
from fluxrig.modbus.pdu import MAX_PDU

HEADER = 7
"""Bytes before the PDU: transaction, protocol and length, two each, and the unit id (TCP section 3.1.3)."""

MAX_FRAME = HEADER + MAX_PDU

_UNIT_AT = 6


def frame_tail(unit_id: int, pdu: bytes) -> bytes:
    """Everything of a frame that follows its 2-byte transaction id."""
    return struct.pack(">HHB", 0, 1 + len(pdu), unit_id) + pdu


def unframe(data: bytes) -> tuple:
    """The first frame in `data`, as (bytes consumed, transaction id, unit id, PDU); consumed is 0 for "need more".

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
    return end, transaction, data[_UNIT_AT], data[HEADER:end]


def _check_protocol(protocol: int) -> None:
    if protocol:
        raise RemoteError(f"a frame has protocol id {protocol}, want 0 (Modbus)", protocol_id=protocol)
