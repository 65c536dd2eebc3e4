"""Opens the journal of an archive, and takes up what the last run of the Rack has left in it."""

_KIB = 1024


async def open_journal(journal, limits, settings: dict, cursor_ids: list, note, log) -> None:
    """Open `journal` for the consumers `cursor_ids`, and give it and `limits` their sizes. FluxError when that fails.

    `note(event, data)` writes into the archive itself, `log(level, text)` to the operator's log.
    """
    recovery = await journal.open()
    _, total = await journal.volume.room()
    limits.max_bytes = limits.max_bytes or total // 4
    most = total - total // 8
    if limits.max_bytes > most:
        # The disk would be full first, and then nothing gives way.
        log(
            "warning",
            f"the archive may have {limits.max_bytes} bytes, of {total} on this disk: it takes {most} at most",
        )
        limits.max_bytes = most
    journal.segment_bytes = settings["segment_bytes"] or _segment_bytes(limits.max_bytes)
    if recovery.machine not in ("", journal.machine):
        text = f"this archive is of machine {recovery.machine!r}: from position {journal.durable + 1} on it is of"
        log("warning", f"{text} {journal.machine!r}, as the rig says now")
    for text in recovery.notes:
        log("warning", text)
    if recovery.notes:
        note("recovered", {"what": recovery.notes, "dropped_bytes": recovery.dropped})
    for cursor_id in list(journal.cursors):
        if cursor_id not in cursor_ids:
            behind = journal.durable - journal.cursors[cursor_id]
            log("warning", f"a guaranteed wire is not in the rig any more, {behind} positions behind")
            journal.drop_cursor(cursor_id)
    for cursor_id in cursor_ids:
        if cursor_id not in journal.cursors:
            journal.set_cursor(cursor_id, journal.durable)  # a new wire carries what comes from now on


def _segment_bytes(max_bytes: int) -> int:
    """A sixteenth of the archive, so that removing the oldest segment takes little of it."""
    return min(max(max_bytes // 16, 16 * _KIB), 16 * _KIB * _KIB)
