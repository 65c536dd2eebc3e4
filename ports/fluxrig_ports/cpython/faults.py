"""What the operating system reports, translated: whose fault it is, and in plain words."""

import errno
from pathlib import Path
from socket import gaierror

from fluxrig.errors import FluxError, LocalError, TransientError

_LINKS_FOR_A_PERSON = {errno.EACCES, errno.EPERM, errno.EINVAL, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
"""Networks come and go; these conditions stay until somebody changes something on this machine."""

_FILES_THAT_MAY_WORK_LATER = {errno.ENOSPC, errno.EIO, errno.EMFILE, errno.ENFILE, errno.EBUSY, errno.EAGAIN}
"""Files stay as they are, except for these conditions."""

_LINES_THAT_ARE_NOT_THERE = {errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EIO}
_LINES_IN_USE = {errno.EBUSY, errno.EAGAIN}

_WORDS = {
    errno.ECONNREFUSED: "connection refused: nothing listens there",
    errno.ECONNRESET: "connection lost: the peer reset it",
    errno.ECONNABORTED: "connection lost: aborted on the way",
    errno.EPIPE: "connection lost: the peer has closed it",
    errno.ETIMEDOUT: "connection lost: the peer stopped answering",
    errno.EHOSTUNREACH: "unreachable: no answer from that host",
    errno.ENETUNREACH: "unreachable: no route to that network",
    errno.EACCES: "not permitted: check the firewall of this machine, and permissions",
    errno.EPERM: "not permitted: check the firewall of this machine, and permissions",
    errno.EMFILE: "too many open files",
    errno.ENOSPC: "no space left on the disk",
}


def link_error(exc: Exception, address: str, port: int) -> FluxError:
    """The FluxError, with fields `address` and `port`, for a connection to there that failed with `exc`."""
    # What is not an OSError is a name that Python refused to look up.
    passes = isinstance(exc, gaierror) or (isinstance(exc, OSError) and exc.errno not in _LINKS_FOR_A_PERSON)
    kind = TransientError if passes else LocalError
    return kind(f"{address}:{port}: {_words(exc)}", address=address, port=port)


def line_error(exc: Exception, path: str, was_there: bool) -> FluxError:
    """The FluxError, with field `path`, for a serial line that failed with `exc`. `was_there`: it worked before.

    `exc` is an OSError, or what pyserial and termios raise for settings that a driver refuses.
    """
    number = exc.errno if isinstance(exc, OSError) else None
    kind: type[FluxError] = LocalError
    if number in _LINES_IN_USE:
        kind, words = TransientError, "busy: another program has it open"
    elif number in _LINES_THAT_ARE_NOT_THERE and was_there:
        kind, words = TransientError, "the line is gone: was its adapter pulled out?"
    elif number in _LINES_THAT_ARE_NOT_THERE:
        words = f"no such serial line (there are: {_serial_lines()})"
    elif number in (errno.EACCES, errno.EPERM):
        words = "not permitted: " + _way_in(path)
    elif number == errno.EBADF:
        kind, words = TransientError, "the line is closed"
    elif number in _FILES_THAT_MAY_WORK_LATER:
        kind, words = TransientError, _words(exc)
    else:
        words = f"not a serial line, or it cannot be set like this ({exc})"
    return kind(f"{path}: {words}", path=path)


def file_error(exc: OSError, path: object, doing: str) -> FluxError:
    """The FluxError, with field `path`, for a file that failed with `exc` while `doing` something to it."""
    kind = TransientError if exc.errno in _FILES_THAT_MAY_WORK_LATER else LocalError
    words = _words(exc)
    if exc.errno in (errno.EACCES, errno.EPERM):
        words = f"not permitted: run as the user to whom it belongs{_owner(path)}, or give it to this one (chown)"
    return kind(f"cannot {doing} {path}: {words}", path=str(path))


def _owner(path: object) -> str:
    """The name of the user to whom `path`, or the closest folder above it that can be seen, belongs."""
    for each in (Path(str(path)), *Path(str(path)).parents):
        try:
            return f" ({each.owner()})"
        except (OSError, KeyError, NotImplementedError):
            continue
    return ""


def _words(exc: Exception) -> str:
    if isinstance(exc, gaierror):
        return f"name not found ({exc.strerror}): check the spelling, and the name server of this machine"
    if isinstance(exc, OSError):
        return _WORDS.get(exc.errno or 0) or exc.strerror or str(exc)
    return f"not a usable address: {exc}"


def _serial_lines() -> str:
    from serial.tools.list_ports import comports

    return ", ".join(sorted(port.device for port in comports())) or "none"


def _way_in(path: str) -> str:
    """How the user of this process may come to open `path`."""
    try:
        group = Path(path).group()
    except (OSError, KeyError):
        group = "dialout"
    return f"add the user to the group {group} (`sudo usermod -aG {group} USER`), and log in again"
