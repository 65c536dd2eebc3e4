"""Every message of one trace: what happened to an event, step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fluxrig.errors import LocalError
from fluxrig.ids import NIL_ID
from fluxrig.msg import FluxMsg
from fluxrig_tooling.archive.entries import ArchiveReader

MAX_RELATED = 50
"""Messages of other traces that are looked for."""

_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True)
class Related:
    """A message that one of the trace refers to, or that refers to one of it, and is of another trace."""

    message_id: bytes
    position: int | None = None
    trace: str = ""


def parse_trace(text: str) -> str:
    """A trace id as messages have it, from 32 hex digits in any case, with or without hyphens. LocalError."""
    trace = text.strip().lower().replace("-", "")
    if len(trace) != 32 or not _HEX.issuperset(trace):
        raise LocalError(f"a trace is 32 hex digits, not {text!r}")
    return trace


def messages(
    archive: ArchiveReader, trace: str, progress: Callable[[int], None] | None = None
) -> Iterator[tuple[int, FluxMsg]]:
    """(position, message) of all messages of the trace, in the order of the archive."""
    for entry in archive.entries(needles=(trace.encode(),), progress=progress):
        msg = archive.message(entry)
        if msg is not None and msg.trace == trace:
            yield entry.position, msg


def related(archive: ArchiveReader, refs: set[bytes], ids: set[bytes]) -> list[Related]:
    """What stands behind those `refs` that are not of the trace itself, whose messages have `ids`."""
    outside = sorted(refs - ids - {NIL_ID})[:MAX_RELATED]
    if not outside:
        return []
    found = {each: Related(each) for each in outside}
    for entry in archive.entries(needles=outside):
        if entry.body[5:21] in found:
            msg = archive.message(entry)
            if msg is not None:
                found[msg.id] = Related(msg.id, entry.position, msg.trace)
    return list(found.values())
