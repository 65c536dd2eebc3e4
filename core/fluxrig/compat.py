"""The only module that knows which interpreter runs.

Everything else in core is written for both; what differs between them is here, under one name.
"""

import gc
import sys
from io import StringIO

MICROPYTHON = sys.implementation.name == "micropython"

if MICROPYTHON:

    def traceback_text(exc: BaseException) -> str:
        """The traceback of `exc` as text."""
        out = StringIO()
        sys.print_exception(exc, out)  # type: ignore[attr-defined]
        return out.getvalue()

    def settle_heap() -> None:
        """Call when everything is loaded and periodic work begins: makes later collections short."""
        gc.collect()

else:

    def traceback_text(exc: BaseException) -> str:
        """The traceback of `exc` as text."""
        from traceback import format_exception

        return "".join(format_exception(exc))

    def settle_heap() -> None:
        """Call when everything is loaded and periodic work begins: makes later collections short."""
        gc.collect()
        # What is loaded by now lives as long as the process: a collection need not walk it again. The thresholds leave
        # collecting to the slack between deadlines, and keep the interpreter's own collector as the backstop.
        gc.freeze()
        gc.set_threshold(20_000, 50, 100)


def exact_int(value: object) -> bool:
    """Whether `value` is an integer and not a boolean.

    `isinstance(True, int)` is True on CPython and False on MicroPython.
    """
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value) -> bool:
    """Whether `value` is an integer or a float, and not a boolean."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)
