"""Secrets: from the environment, or from files that only their owner can read."""

# mypy: disable-error-code="attr-defined"
import os

from fluxrig.errors import LocalError
from fluxrig_ports.micropython.faults import file_error

SIZE_LIMIT = 4096

_ENOENT = 2
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"


def read_secret(folder: str, name: str) -> str:
    """See `fluxrig_ports.micropython.host.MicroPythonHost.secret`. `folder` ends with a slash."""
    if not name or not all([char in _LETTERS for char in name]):
        raise LocalError(f"not a secret's name: {name!r} (want only letters, digits, '_' and '-')", secret=name)
    variable = "FLUXRIG_SECRET_" + name.upper().replace("-", "_")
    value = os.getenv(variable) if hasattr(os, "getenv") else None
    if value is not None:
        return value
    path = folder + name
    try:
        return _read(path)
    except OSError as exc:
        if exc.args[0] != _ENOENT:
            raise file_error(exc, path, "read")
    raise LocalError(
        f"secret {name!r} is not set: set the environment variable {variable}, "
        f"or write it to {path} and chmod 600 that file",
        secret=name,
    )


def _read(path: str) -> str:
    mode = os.stat(path)[0] & 0o7777
    if mode & 0o077:
        raise LocalError(f"{path} can be read by others (mode {mode:04o}): chmod 600 {path}")
    with open(path, "rb") as file:
        content = file.read(SIZE_LIMIT + 1)
    if len(content) > SIZE_LIMIT:
        raise LocalError(f"{path} is longer than {SIZE_LIMIT} bytes: not a secret")
    if content.endswith(b"\n"):
        content = content[:-1]
    if content.endswith(b"\r"):
        content = content[:-1]
    try:
        return content.decode()
    except UnicodeError:
        raise LocalError(f"{path} is not UTF-8 text")
