"""Modbus requests and answers as bytes, on whatever line they travel. Nothing here does I/O.

Source: MODBUS Application Protocol Specification V1.1b3 ("MB" below). A request is made once and asked many times, so
its bytes are checked when it is made; an answer is checked against the bytes of its request each time.
"""

import struct

from fluxrig.errors import LocalError, RemoteError

READ_COILS = 1
READ_DISCRETE_INPUTS = 2
READ_HOLDING_REGISTERS = 3
READ_INPUT_REGISTERS = 4
WRITE_SINGLE_COIL = 5
WRITE_SINGLE_REGISTER = 6
WRITE_MULTIPLE_COILS = 15
WRITE_MULTIPLE_REGISTERS = 16
MASK_WRITE_REGISTER = 22
READ_WRITE_MULTIPLE_REGISTERS = 23
ENCAPSULATED_INTERFACE = 43

TABLES = ("", "co", "di", "hr", "ir")
"""The table that each of the functions 1 to 4 reads: coils, discrete inputs, holding and input registers."""

MAX_BITS = 2000
"""Coils or discrete inputs in one read (MB sections 6.1 and 6.2)."""

MAX_REGISTERS = 125
"""Registers in one read (MB sections 6.3, 6.4 and 6.17)."""

MAX_WRITTEN_COILS = 1968
"""Coils in one write (MB section 6.11)."""

MAX_WRITTEN_REGISTERS = 123
"""Registers in one write (MB section 6.12)."""

MAX_READ_WRITE_REGISTERS = 121
"""Registers written by function 23 (MB section 6.17)."""

MAX_PDU = 253
"""Bytes of the longest request or answer (MB section 4.1)."""

ADDRESSES = 0x10000
"""Items of one table (MB section 4.4)."""

ON = 0xFF00
"""What switches a single coil on; 0 switches it off (MB section 6.5)."""

EXCEPTION_FLAG = 0x80
"""Set in the function code of an answer that refuses (MB section 7)."""


class ExceptionResponse(RemoteError):
    """The peer understood the request and refuses it (MB section 7).

    Fields: `function`, `exception_code` (see `fluxrig.modbus.exceptions`), `reason` (the name of that), `unreachable`
    (bool: a gateway says that it cannot reach the unit).
    """


def read_request(function: int, address: int, count: int) -> bytes:
    """Read `count` items from `address` on, with function 1, 2, 3 or 4 (MB sections 6.1 to 6.4).

    Raises LocalError, as all requests here do, when the protocol cannot ask that.
    """
    limit = MAX_BITS if reads_bits(function) else MAX_REGISTERS
    _check_span(function, address, count, limit)
    return struct.pack(">BHH", function, address, count)


def write_coil(address: int, on: bool) -> bytes:
    """Switch one coil (function 5, MB section 6.5)."""
    _check_span(WRITE_SINGLE_COIL, address, 1, 1)
    return struct.pack(">BHH", WRITE_SINGLE_COIL, address, ON if on else 0)


def write_register(address: int, register: bytes) -> bytes:
    """Write the two bytes of one holding register (function 6, MB section 6.6)."""
    _check_span(WRITE_SINGLE_REGISTER, address, len(register) / 2, 1)
    return struct.pack(">BH", WRITE_SINGLE_REGISTER, address) + register


def write_coils(address: int, count: int, packed: bytes) -> bytes:
    """Write `count` coils: the first is the lowest bit of the first byte (function 15, MB section 6.11)."""
    _check_span(WRITE_MULTIPLE_COILS, address, count, MAX_WRITTEN_COILS)
    if len(packed) != (count + 7) // 8:
        raise LocalError(
            f"{count} coils are {(count + 7) // 8} bytes, not {len(packed)}", function=WRITE_MULTIPLE_COILS
        )
    return struct.pack(">BHHB", WRITE_MULTIPLE_COILS, address, count, len(packed)) + packed


def write_registers(address: int, registers: bytes) -> bytes:
    """Write holding registers, two bytes each (function 16, MB section 6.12)."""
    count = len(registers) / 2
    _check_span(WRITE_MULTIPLE_REGISTERS, address, count, MAX_WRITTEN_REGISTERS)
    head = struct.pack(">BHHB", WRITE_MULTIPLE_REGISTERS, address, int(count), len(registers))
    return head + registers


def mask_write(address: int, and_mask: int, or_mask: int) -> bytes:
    """Make a holding register (register & and_mask) | (or_mask & ~and_mask) (function 22, MB section 6.16)."""
    _check_span(MASK_WRITE_REGISTER, address, 1, 1)
    for mask in (and_mask, or_mask):
        if not 0 <= mask <= 0xFFFF:
            raise LocalError(f"a mask has 16 bits, {mask} has not", function=MASK_WRITE_REGISTER)
    return struct.pack(">BHHH", MASK_WRITE_REGISTER, address, and_mask, or_mask)


def read_write(read_address: int, read_count: int, write_address: int, registers: bytes) -> bytes:
    """Write holding registers, then read some, in one transaction (function 23, MB section 6.17)."""
    function = READ_WRITE_MULTIPLE_REGISTERS
    _check_span(function, read_address, read_count, MAX_REGISTERS)
    count = len(registers) / 2
    _check_span(function, write_address, count, MAX_READ_WRITE_REGISTERS)
    spans = struct.pack(">BHHHHB", function, read_address, read_count, write_address, int(count), len(registers))
    return spans + registers


def read_size(function: int, count: int) -> int:
    """Bytes of data in the answer to a read of `count` items: 8 coils or half a register a byte."""
    return (count + 7) // 8 if reads_bits(function) else 2 * count


def reads_bits(function: int) -> bool:
    """Whether the read function `function` reads single bits. Raises LocalError when it is no read function."""
    if function in (READ_COILS, READ_DISCRETE_INPUTS):
        return True
    if function in (READ_HOLDING_REGISTERS, READ_INPUT_REGISTERS):
        return False
    raise LocalError(f"function {function} does not read coils, inputs or registers (want 1 to 4)", function=function)


def answer_shape(request: bytes) -> tuple:
    """(prefix, size): how the answer to a request begins, and how many bytes of data follow.

    A read is answered with its function and a byte count, a write with itself or with its span. The size is None where
    the answer says it (function 43, MB section 6.21).
    """
    function = request[0]
    if function <= READ_INPUT_REGISTERS:
        size = read_size(function, struct.unpack_from(">H", request, 3)[0])
        return bytes((function, size)), size
    if function == READ_WRITE_MULTIPLE_REGISTERS:
        size = 2 * struct.unpack_from(">H", request, 3)[0]
        return bytes((function, size)), size
    if function in (WRITE_MULTIPLE_COILS, WRITE_MULTIPLE_REGISTERS):
        return request[:5], 0
    if function in (WRITE_SINGLE_COIL, WRITE_SINGLE_REGISTER, MASK_WRITE_REGISTER):
        return request, 0
    if function == ENCAPSULATED_INTERFACE:
        return request[:2], None
    raise LocalError(f"function {function} is not supported", function=function)


def read_answer(pdu: bytes, prefix: bytes, size: int | None) -> bytes:
    """The data in the answer to the request whose `answer_shape` is (prefix, size).

    Raises ExceptionResponse when the peer refused the request, RemoteError (field: `function`) when this is not the
    answer to it.
    """
    function = prefix[0]
    if len(pdu) == 2 and pdu[0] == function | EXCEPTION_FLAG:
        raise exception_response(function, pdu[1])
    if not pdu or pdu[0] != function:
        found = pdu[0] if pdu else None
        raise RemoteError(f"function {function} was answered with function {found}", function=found)
    if not pdu.startswith(prefix) or (size is not None and len(pdu) != len(prefix) + size):
        wanted = f"{len(prefix) + size} bytes beginning" if size is not None else "bytes beginning"
        text = f"the answer to function {function} is {len(pdu)} bytes beginning {pdu[:7].hex()}"
        raise RemoteError(f"{text}, want {wanted} {prefix.hex()}", function=function)
    return pdu[len(prefix) :]


def exception_response(function: int, code: int) -> ExceptionResponse:
    """The error for exception `code` in answer to `function`."""
    from fluxrig.modbus.exceptions import GATEWAY_CODES, REASONS

    reason = REASONS.get(code, f"exception_{code}")
    text = f"function {function} answered with exception {code} ({reason})"
    unreachable = code in GATEWAY_CODES
    return ExceptionResponse(text, function=function, exception_code=code, reason=reason, unreachable=unreachable)


def span_text(function: int, address: int, count: int) -> str:
    """What a read covers, such as `hr:0-12` or `co:7`."""
    return f"{TABLES[function]}:{address}" + (f"-{address + count - 1}" if count > 1 else "")


def _check_span(function: int, address: int, count, limit: int) -> None:
    if count != int(count):
        raise LocalError("registers have two bytes each, and these are an odd number of bytes", function=function)
    if not 1 <= count <= limit:
        raise LocalError(f"function {function} takes 1 to {limit} items at once, not {int(count)}", function=function)
    if not 0 <= address <= ADDRESSES - count:
        last = address + int(count) - 1
        raise LocalError(f"items {address} to {last} are not all within 0 to {ADDRESSES - 1}", address=address)
