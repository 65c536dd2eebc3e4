"""Where an export goes: a file that is there whole or not at all, or standard output."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from fluxrig.errors import LocalError

STDOUT = "-"


@contextmanager
def output(path: str) -> Iterator[BinaryIO]:
    """A file to write to. It takes its name when all went well; what was there before stays until then.

    LocalError when it cannot be written.
    """
    if path == STDOUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    target = Path(path)
    try:
        descriptor, beside = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent or ".")
    except OSError as exc:
        raise LocalError(f"{path} cannot be written: {exc.strerror}") from exc
    try:
        with os.fdopen(descriptor, "wb", buffering=1 << 20) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        Path(beside).chmod(0o666 & ~umask)  # as any file that is made, not for the owner alone
        Path(beside).replace(target)
    except OSError as exc:
        raise LocalError(f"{path} cannot be written: {exc.strerror}") from exc
    finally:
        Path(beside).unlink(missing_ok=True)
