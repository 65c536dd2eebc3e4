"""The only module that knows which interpreter runs.

Everything else in core is written for both; what differs between them is here, under one name.
"""

import asyncio
import struct
import sys
from io import StringIO

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

    def unpacker(layout: str):
        """What unpacks bytes of the `struct` format `layout`."""
        return lambda packed: struct.unpack(layout, packed)

    def picker(order: bytes):
        """What picks the bytes at the indexes `order`, into one buffer that the next call overwrites."""
        picked = bytearray(len(order))

        def pick(payload: bytes) -> bytearray:
            for index in range(len(order)):
                picked[index] = payload[order[index]]
            return picked

        return pick

    def set_all(entries: dict, keys: list, values: tuple) -> None:
        """Set each of `keys` to its value. By index, where pairs would be two objects on the heap for each."""
        index = 0
        for key in keys:
            entries[key] = values[index]
            index += 1  # noqa: SIM113 - enumerate makes a pair a key

else:

    def traceback_text(exc: BaseException) -> str:
        """The traceback of `exc` as text."""
        from traceback import format_exception

        return "".join(format_exception(exc))

    def cancel_requested() -> bool:
        """Whether somebody cancelled the current task itself, and not something that it awaits."""
        task = asyncio.current_task()
        return task is not None and task.cancelling() > 0

    def unpacker(layout: str):
        """What unpacks bytes of the `struct` format `layout`, compiled: `struct` itself forgets all beyond 100."""
        return struct.Struct(layout).unpack

    def picker(order: bytes):
        """What picks the bytes at the indexes `order` of 256 at most."""
        return lambda payload: order.translate(payload.ljust(256))  # with the payload as its table: the fastest way

    def set_all(entries: dict, keys: list, values: tuple) -> None:
        """Set each of `keys` to its value."""
        entries.update(zip(keys, values))


def is_int(value: object) -> bool:
    """Whether `value` is an integer and not a boolean.

    `isinstance(True, int)` is True on CPython and False on MicroPython.
    """
    return isinstance(value, int) and not isinstance(value, bool)
