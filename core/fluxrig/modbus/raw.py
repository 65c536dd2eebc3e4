"""The `raw` bytes of a poll's message: its answers as they came, so that values can be derived from them again.

For each answer in turn: the request PDU (function, address, count) and the answer PDU (function, byte count, data), as
MB sections 6.1 to 6.4 define them. Both say how long they are, and nothing stands between them.
"""

import struct

from fluxrig.errors import RemoteError
from fluxrig.modbus.pdu import read_size

_REQUEST = ">BHH"
_REQUEST_SIZE = 5


def answers(raw: bytes) -> list:
    """[(function, address, count, data), …] of the reads in `raw`. RemoteError, with `offset`, when it is not that."""
    found = []
    at = 0
    while at < len(raw):
        begin = at + _REQUEST_SIZE + 2
        if begin > len(raw):
            raise RemoteError(f"byte {at}: the end comes within a request", offset=at)
        function, address, count = struct.unpack_from(_REQUEST, raw, at)
        if not 1 <= function <= 4 or raw[at + _REQUEST_SIZE] != function:
            raise RemoteError(f"byte {at}: function {function} is no read that is answered", offset=at)
        size = read_size(function, count)
        end = begin + size
        if raw[begin - 1] != size or end > len(raw):
            raise RemoteError(f"byte {at}: {count} items are {size} bytes, which are not there", offset=at)
        found.append((function, address, count, raw[begin:end]))
        at = end
    return found
