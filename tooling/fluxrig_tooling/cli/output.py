"""Standard output that remembers why it could not be written: a full disk is a negative answer, and no crash."""

from __future__ import annotations

import errno
import sys
from io import BufferedWriter, FileIO, TextIOWrapper
from typing import Any


class Output(FileIO):
    """Standard output. `fault` is why it could not be written, the first time.

    A reader that has gone is none: every program ends with that in silence. `is_over`: nothing more is written, so that
    the interpreter, which tries again when it ends, does not fail again.
    """

    fault: OSError | None = None
    is_over = False

    def write(self, data: Any, /) -> int:
        if self.is_over:
            return memoryview(data).nbytes
        try:
            return super().write(data)
        except OSError as exc:
            if exc.errno != errno.EPIPE:
                self.fault = self.fault or exc
            raise


def remembering() -> Output | None:
    """Put an `Output` beneath `sys.stdout`; None where that is no file, as in a test, or closed."""
    stream = sys.stdout
    if not isinstance(stream, TextIOWrapper):
        return None
    raw = getattr(stream.buffer, "raw", stream.buffer)  # with PYTHONUNBUFFERED there is no buffer in between
    if type(raw) is not FileIO:
        return None
    output = Output(raw.fileno(), "wb", closefd=False)
    output.name = stream.name
    line_buffering = stream.line_buffering or stream.write_through
    sys.stdout = TextIOWrapper(BufferedWriter(output), stream.encoding, stream.errors, line_buffering=line_buffering)
    return output
