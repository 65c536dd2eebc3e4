"""Errors say whose fault it is, and carry fields as well as text.

    FluxError
    ├── LocalError       this side asked for something wrong: fix the rig, the config or the call
    ├── RemoteError      the other side sent something wrong: hostile or broken input
    └── TransientError   nobody's fault for long: a timeout, a refused connection; try again

A field is an attribute: `RemoteError("…", unit_id=3, function=4).unit_id == 3`.
"""

from fluxrig.compat import traceback_text


class FluxError(Exception):
    """Base of every error fluxrig raises on purpose. `fields` holds what the text was made from."""

    def __init__(self, message: str, **fields):
        super().__init__(message)
        self.fields = fields

    def __getattr__(self, name: str):
        # Looked up only when no ordinary attribute of that name exists.
        fields = self.__dict__.get("fields", {})
        if name in fields:
            return fields[name]
        raise AttributeError(name)


class LocalError(FluxError):
    """A mistake on this side: a wrong argument, an impossible configuration, a misuse of the API."""


class RemoteError(FluxError):
    """The other side broke the protocol: malformed bytes, a wrong id, a value out of range."""


class TransientError(FluxError):
    """A condition that may pass by itself: a timeout, a lost link. Retrying is right, with back-off."""


def failure_text(exc: Exception) -> str:
    """What to log of a failure: the text of an error that fluxrig raised on purpose, the traceback of any other."""
    return str(exc) if isinstance(exc, FluxError) else traceback_text(exc)


def worth_logging(count: int) -> bool:
    """Whether to log the `count`-th of many alike: the 1st, 2nd, 4th, 8th … one, so that a log stays readable."""
    return count & (count - 1) == 0
