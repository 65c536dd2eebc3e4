"""The only module that knows which interpreter runs.

Everything else in core is written for both; what differs between them is here, under one name.
"""

import asyncio
import sys
from io import StringIO

from fluxrig.decimal import Decimal

_NUMBERS = (int, float, Decimal)  # made once: as an argument it would be made anew for every value

MICROPYTHON = sys.implementation.name == "micropython"

TYPE_CHECKING = False
"""What a type checker takes for true. On a device what is imported for types alone would take room for nothing."""

SCARCE_RAM = MICROPYTHON
"""Whether to spend time where that saves memory."""

if MICROPYTHON:

    def traceback_text(exc: BaseException) -> str:
        """The traceback of `exc` as text; its name alone where the heap has no room for more."""
        try:
            out = StringIO()
            sys.print_exception(exc, out)  # type: ignore[attr-defined]
            return out.getvalue()
        except MemoryError:
            return type(exc).__name__

    def cancel_requested() -> bool:
        """Whether somebody cancelled the current task itself. MicroPython does not know: False."""
        return False

else:

    def traceback_text(exc: BaseException) -> str:
        """The traceback of `exc` as text."""
        from traceback import format_exception

        return "".join(format_exception(exc))

    def cancel_requested() -> bool:
        """Whether somebody cancelled the current task itself, and not something that it awaits."""
        task = asyncio.current_task()
        return task is not None and task.cancelling() > 0


def exact_int(value: object) -> bool:
    """Whether `value` is an integer and not a boolean.

    `isinstance(True, int)` is True on CPython and False on MicroPython.
    """
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value) -> bool:
    """Whether `value` is an integer, a float or a Decimal, and not a boolean."""
    return isinstance(value, _NUMBERS) and not isinstance(value, bool)
