"""What the system reports, translated: whose fault it is, and in plain words."""

import errno

from fluxrig.errors import LocalError, TransientError

# MicroPython's errno leaves these names out. Linux's numbers; lwIP's devices report EHOSTUNREACH instead.
_ENXIO = 6
_EBUSY = 16
_EPIPE = 32
_ENETUNREACH = 101
_ENOSPC = 28

# Networks come and go, except for these conditions; files stay as they are, except for those.
_LINKS_FOR_A_PERSON = (errno.EACCES, errno.EPERM, errno.EINVAL)
_LINES_THAT_ARE_NOT_THERE = (errno.ENOENT, errno.ENODEV, _ENXIO, errno.EIO)
_FILES_THAT_MAY_WORK_LATER = (_ENOSPC, errno.EIO, errno.ENOMEM, errno.EAGAIN)

_WORDS = {
    errno.ECONNREFUSED: "connection refused: nothing listens there",
    errno.ECONNRESET: "connection lost: the peer reset it",
    errno.ECONNABORTED: "connection lost: aborted on the way",
    errno.ENOTCONN: "connection lost",
    _EPIPE: "connection lost: the peer has closed it",
    errno.ETIMEDOUT: "timed out, no answer",
    errno.EHOSTUNREACH: "unreachable: no answer from that host",
    _ENETUNREACH: "unreachable: no route to that network",
    errno.EACCES: "not permitted",
    errno.EPERM: "not permitted",
    errno.ENOENT: "no such file or folder",
    errno.ENOMEM: "out of memory",
    _ENOSPC: "no space left",
}


def link_error(exc: OSError, address: str, port: int):
    """The FluxError, with fields `address` and `port`, for a connection to there that failed with `exc`."""
    kind = LocalError if _number(exc) in _LINKS_FOR_A_PERSON else TransientError
    return kind(f"{address}:{port}: {_words(exc)}", address=address, port=port)


def name_error(exc: OSError, address: str, port: int):
    """The FluxError for a name that the resolver did not find."""
    return TransientError(
        f"{address}:{port}: name not found ({exc.args[0]}): check the spelling, and the name server",
        address=address,
        port=port,
    )


def no_answer(address: str, port: int, timeout_ms: int):
    """The error of a peer that was silent for `timeout_ms`."""
    return TransientError(
        f"{address}:{port}: timed out, no answer within {timeout_ms} ms",
        address=address,
        port=port,
        timeout_ms=timeout_ms,
    )


def line_error(exc: OSError, path: str, was_there: bool):
    """The FluxError, with field `path`, for a serial line that failed with `exc`. `was_there`: it worked before."""
    number = _number(exc)
    kind: type = LocalError
    if number == _EBUSY:
        kind, words = TransientError, "busy: another program has it open"
    elif number == errno.EBADF:
        kind, words = TransientError, "the line is closed"
    elif number in _LINES_THAT_ARE_NOT_THERE and was_there:
        kind, words = TransientError, "the line is gone: was its adapter pulled out?"
    elif number in _LINES_THAT_ARE_NOT_THERE:
        words = "no such serial line: look for it with `ls /dev/tty*`"
    elif number in (errno.EACCES, errno.EPERM):
        words = "not permitted: add the user to its group (`sudo usermod -aG dialout USER`), and log in again"
    else:
        words = f"not a serial line, or it cannot be set like this ({_words(exc)})"
    return kind(f"{path}: {words}", path=path)


def file_error(exc: OSError, path: str, doing: str):
    """The FluxError, with field `path`, for a file that failed with `exc` while `doing` something to it."""
    kind = TransientError if _number(exc) in _FILES_THAT_MAY_WORK_LATER else LocalError
    return kind(f"cannot {doing} {path}: {_words(exc)}", path=path)


def _words(exc: OSError) -> str:
    number = _number(exc)
    return _WORDS.get(number) or f"error {number}"


def _number(exc: OSError):
    return exc.args[0] if exc.args else 0
