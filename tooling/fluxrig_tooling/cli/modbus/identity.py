"""Asks a unit for its identification: function 43, MEI type 14 (MB section 6.21)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fluxrig.errors import FluxError
from fluxrig.modbus.exceptions import ILLEGAL_FUNCTION
from fluxrig.modbus.identification import (
    BASIC,
    EXTENDED,
    MAX_ANSWERS,
    OBJECTS,
    ONE_OBJECT,
    REGULAR,
    read_answer,
    request,
)
from fluxrig.modbus.pdu import ExceptionResponse
from fluxrig.modbus.request import Request
from fluxrig_tooling.cli.modbus.session import Session

BASIC_OBJECTS = (0, 1, 2)


@dataclass
class Identity:
    """The objects of a unit, by id. `error` is why there are none, or no more of them."""

    objects: dict[int, bytes] = field(default_factory=dict)
    error: FluxError | None = None

    def named(self) -> dict[str, str]:
        """The objects as text, by what they mean."""
        names = {number: OBJECTS.get(number, f"object {number}") for number in sorted(self.objects)}
        return {name: _text(self.objects[number]) for number, name in names.items()}

    def summary(self) -> str:
        """Vendor, product and revision in a line, empty when there are none."""
        return " ".join(_text(self.objects[number]) for number in BASIC_OBJECTS if self.objects.get(number))

    def as_dict(self) -> dict[str, Any]:
        return self.named()


async def identify(session: Session, unit_id: int, most: int = EXTENDED) -> Identity:
    """What a unit says of itself, as far as category `most` (1 basic, 2 regular, 3 extended).

    A device answers with the categories it has; some refuse what is beyond them instead, so then less is asked for, and
    in the end one object at a time.
    """
    identity = Identity()
    for code in range(most, BASIC - 1, -1):
        await _stream(session, unit_id, code, identity)
        if identity.objects or not _may_answer_less(identity.error):
            return identity
    for number in BASIC_OBJECTS:
        await _stream(session, unit_id, ONE_OBJECT, identity, number)
        if identity.error is not None and not _may_answer_less(identity.error):
            break
    return identity


async def _stream(session: Session, unit_id: int, code: int, identity: Identity, first: int = 0) -> None:
    """Ask for a category until nothing follows, or for the object `first` alone."""
    following: int | None = first
    for _ in range(MAX_ANSWERS):
        if following is None:
            return
        asked = Request(unit_id, request(code, following))
        await session.ask([asked])
        identity.error = asked.error
        if asked.data is None:
            return
        try:
            objects, following = read_answer(asked.data)
        except FluxError as exc:
            identity.error = exc
            return
        identity.objects |= objects
        if code == ONE_OBJECT or not objects:
            return


def _may_answer_less(error: FluxError | None) -> bool:
    """Whether a refusal may have been about what was asked for, not about being asked at all."""
    if not isinstance(error, ExceptionResponse) or error.unreachable:
        return False
    return bool(error.exception_code != ILLEGAL_FUNCTION)


def _text(value: bytes) -> str:
    return value.decode(errors="replace").strip("\0 ")


CATEGORIES = {"basic": BASIC, "regular": REGULAR, "extended": EXTENDED}
