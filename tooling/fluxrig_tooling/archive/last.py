"""The newest end of an archive: its last checkpoint, and whether its last segment is sound."""

from __future__ import annotations

import os
from pathlib import Path

from fluxrig.errors import FluxError, LocalError
from fluxrig_tooling.archive.anchor import Anchor
from fluxrig_tooling.archive.check import check
from fluxrig_tooling.archive.findings import CheckTask, Problem
from fluxrig_tooling.archive.segments import opened, placed, read_header, segments


def _force(path: Path) -> None:
    try:
        with opened(path) as file:
            os.fsync(file.fileno())
    except (FluxError, OSError):
        pass  # said when it is checked, or a file system that is read-only anyway


def last_checkpoint(folder: Path) -> Anchor:
    """The last link that stands behind a message, of a segment that was verified. LocalError when there is none.

    Links of a segment without messages are no anchors: the Rack may begin that one again.
    """
    for each in reversed(list(placed(segments(folder)))):
        # What this prints must not be undone by a power cut a moment later.
        _force(each.segment.path)
        checked = check(CheckTask(each.segment.path, each.segment.first, each.end, each.is_last))
        if checked.problem:
            raise LocalError(f"{checked.problem}")
        if checked.link:
            try:
                header = read_header(each.segment.path)
            except (FileNotFoundError, FluxError) as exc:
                raise LocalError(f"{each.segment.name}: {exc}") from exc
            return Anchor(header.machine, header.journal, *checked.link)
    raise LocalError(f"nothing is committed in {folder} yet")


def last_problem(folder: Path) -> Problem | None:
    """What is wrong with the newest segment, None when nothing is, or there is none. FluxError as `segments`."""
    for each in reversed(list(placed(segments(folder)))):
        return check(CheckTask(each.segment.path, each.segment.first, each.end, each.is_last)).problem
    return None
