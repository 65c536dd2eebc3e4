"""Where an export goes: a file that is there whole or not at all, or standard output."""

from __future__ import annotations

import os
import signal
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from types import FrameType
from typing import BinaryIO

from fluxrig.errors import LocalError

STDOUT = "-"

_STREAM = "write to standard output with -o -, and redirect it"
_KINDS = {
    stat.S_IFDIR: ("folder", "name a file in it"),
    stat.S_IFCHR: ("device", _STREAM),
    stat.S_IFBLK: ("device", _STREAM),
    stat.S_IFIFO: ("pipe", _STREAM),
    stat.S_IFSOCK: ("socket", _STREAM),
    stat.S_IFLNK: ("link to itself", "name another file"),
}
_SIGNALS = [number for number in (getattr(signal, name, None) for name in ("SIGTERM", "SIGHUP")) if number is not None]


def target_of(path: str) -> Path:
    """The file that `path` stands for, links followed. LocalError when that is there and not a regular file: only a
    file may be replaced."""
    try:
        kind = stat.S_IFMT(Path(path).stat().st_mode)
    except FileNotFoundError:
        kind = stat.S_IFREG  # there is nothing yet
    except OSError as exc:
        if not Path(path).is_symlink():
            raise LocalError(f"{path} cannot be written: {exc.strerror}") from exc
        kind = stat.S_IFLNK
    if kind != stat.S_IFREG:
        what, instead = _KINDS.get(kind, ("special file", _STREAM))
        raise LocalError(f"{path} is a {what}: {instead}")
    return Path(os.path.realpath(path))


@contextmanager
def output(path: str) -> Iterator[BinaryIO]:
    """A file to write to. It takes its name when all went well; what was there before stays until then.

    LocalError when it cannot be written.
    """
    if path == STDOUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    target = target_of(path)
    beside = target.with_name(f".{target.name}.{token_hex(4)}")
    with _removed_when_ended(beside):
        try:
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
            with os.fdopen(descriptor, "wb", buffering=1 << 20) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            umask = os.umask(0)
            os.umask(umask)
            beside.chmod(0o666 & ~umask)  # as any file that is made, not for the owner alone
            beside.replace(target)
        except OSError as exc:
            raise LocalError(f"{path} cannot be written: {exc.strerror}") from exc
        finally:
            with suppress(OSError):
                beside.unlink(missing_ok=True)


@contextmanager
def _removed_when_ended(beside: Path) -> Iterator[None]:
    """Remove the file when a signal ends the process, which no `finally` sees. Ctrl-C is an exception anyway."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _frame: FrameType | None) -> None:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    before: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}
    for number in _SIGNALS:
        if signal.getsignal(number) == signal.SIG_DFL:  # what nohup ignores stays ignored
            before[number] = signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
