"""Device identification: who made a device, and what it is (function 43, MEI type 14; MB section 6.21)."""

from fluxrig.errors import LocalError, RemoteError
from fluxrig.modbus.pdu import ENCAPSULATED_INTERFACE, MAX_PDU

MEI_TYPE = 14

BASIC, REGULAR, EXTENDED, ONE_OBJECT = 1, 2, 3, 4
"""What is asked for: a category with those before it, or one object (MB section 6.21, read device ID code)."""

OBJECTS = {
    0: "vendor name",
    1: "product code",
    2: "revision",
    3: "vendor URL",
    4: "product name",
    5: "model name",
    6: "application name",
}
"""The objects with a meaning of their own; those from 0x80 on are the device's."""

MAX_ANSWERS = 64
"""Answers that one identification may be spread over."""

_HEAD = 7  # function, MEI type, code, conformity, more follows, next object, number of objects


def request(code: int, object_id: int = 0) -> bytes:
    """The PDU that asks for a category (`code` 1 to 3) from `object_id` on, or (4) for that object alone."""
    if not BASIC <= code <= ONE_OBJECT or not 0 <= object_id <= 255:
        raise LocalError(f"there is no identification with code {code} and object {object_id}", function=43)
    return bytes((ENCAPSULATED_INTERFACE, MEI_TYPE, code, object_id))


def pdu_size(pdu: bytes) -> int | None:
    """Bytes of the answer that `pdu` begins with: None while that cannot be told, 0 when it is longer than any PDU."""
    if len(pdu) < _HEAD:
        return None
    size = _HEAD
    for _ in range(pdu[6]):
        if len(pdu) < size + 2:
            return None if size + 2 <= MAX_PDU else 0
        size += 2 + pdu[size + 1]
    return size if size <= MAX_PDU else 0


def read_answer(data: bytes) -> tuple:
    """({object id: bytes}, next object id or None) of an answer, `data` being what follows function and MEI type.

    Raises RemoteError when the objects are not where their lengths say.
    """
    if len(data) < _HEAD - 2:
        raise RemoteError(f"an identification has at least {_HEAD - 2} bytes, not {len(data)}", function=43)
    objects: dict = {}
    at = _HEAD - 2
    for _ in range(data[4]):
        end = at + 2 + data[at + 1] if at + 2 <= len(data) else len(data) + 1
        if end > len(data):
            raise RemoteError(f"the identification ends within object {len(objects) + 1} of {data[4]}", function=43)
        objects[data[at]] = data[at + 2 : end]
        at = end
    if at != len(data):
        raise RemoteError(f"{len(data) - at} bytes follow the last object of the identification", function=43)
    return objects, data[3] if data[2] == 0xFF else None
