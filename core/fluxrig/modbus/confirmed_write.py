"""A write, and how it ended: whether it took effect is not believed but read back.

The commands of a Gear and `fluxrig modbus write` end like this. How the request goes out is their own affair: a command
expires, and may go out twice where its tag says that this does no harm; what a person writes goes out once.
"""

from fluxrig.errors import FluxError
from fluxrig.modbus.exceptions import MAY_BE_CARRIED_OUT
from fluxrig.modbus.pdu import ExceptionResponse
from fluxrig.modbus.request import Request

CONFIRMED = "confirmed"
ACCEPTED = "accepted"
NOT_SENT = "not_sent"
REFUSED = "refused"
NOT_CONFIRMED = "not_confirmed"
UNKNOWN = "unknown"

READ_BACK_MS = (0, 20, 80, 200)
"""Pauses before each look at what was written: a PLC may take it over only at the end of its cycle."""


class Write(Request):
    """A request that may be carried out once."""

    repeatable = False


def may_be_carried_out(error: FluxError) -> bool:
    """Whether a write that was sent and ended with `error` may have been carried out all the same."""
    return not isinstance(error, ExceptionResponse) or error.exception_code in MAY_BE_CARRIED_OUT


async def outcome_of(write: Write, look: Request | None, holds, asker) -> tuple:
    """(how `write`, which was asked, has ended; the data that the device holds, None where that is not known).

    | how | |
    |---|---|
    | CONFIRMED | the device holds what was written |
    | ACCEPTED | the device took it, and it is not to be read back |
    | NOT_SENT | it never left |
    | REFUSED | the device refused it |
    | NOT_CONFIRMED | the device took it and holds something else |
    | UNKNOWN | it was sent, and nobody knows |

    `look` is the read that shows what the device holds, None when it is not to be read back; `holds(data)` says whether
    `data`, the answer to it, is what was written. `asker` has `clock` and a coroutine function `ask(requests)`.
    """
    error = write.error
    if error is not None:
        if not write.sent:
            return NOT_SENT, None
        if not may_be_carried_out(error):
            return REFUSED, None
    if look is None:
        return ACCEPTED if error is None else UNKNOWN, None
    found = write.data or None  # function 23 has read back already
    for pause_ms in READ_BACK_MS:
        if found is not None and holds(found):
            return CONFIRMED, found
        if pause_ms:
            await asker.clock.sleep_ms(pause_ms)
        await asker.ask([look])
        if look.data is not None:
            found = look.data
        elif not isinstance(look.error, ExceptionResponse):  # one that is busy may answer the next
            break
    if found is None:
        return UNKNOWN, None
    if holds(found):
        return CONFIRMED, found
    # What was sent and not answered may still come to be.
    return NOT_CONFIRMED if error is None else UNKNOWN, found
