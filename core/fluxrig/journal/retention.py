"""How much of a journal is kept, and what gives way when there is no room: see `fluxrig.journal.removal` for how."""

BLOCK = "block"
DROP_OLDEST_SENT = "drop_oldest_sent"
DROP_OLDEST = "drop_oldest"


class Limits:
    """What a journal may hold: `max_bytes` on the disk, `keep_ns` (0: of any age), and the policy at the limit.

    `free`: bytes that the file system had left when somebody looked; None when nobody has.
    """

    RESERVE = 32 * 1024
    """Bytes that stay free: on a disk that is full to the last block, no stub can be written and nothing removed."""

    def __init__(self, max_bytes: int, keep_ns: int, policy: str):
        self.free: int | None = None
        self.max_bytes = max_bytes
        self.keep_ns = keep_ns
        self.policy = policy


class Removal:
    """What was removed: the positions `first` to `last`, of which a consumer still wanted `undelivered`; and why."""

    def __init__(self, first: int, last: int, undelivered: int, why: str):
        self.first = first
        self.last = last
        self.undelivered = undelivered
        self.why = why


def used_bytes(journal) -> int:
    """What the segments take on the disk: each begins a block of its own."""
    unit = max(journal.volume.block, journal.volume.allocation_unit)
    return sum([(segment.end + unit - 1) // unit * unit for segment in journal.segments])


def is_full(journal, limits: Limits, coming: int) -> bool:
    """Whether `coming` bytes more would be over the limit, or more than the disk has."""
    if limits.free is not None and limits.free < coming + limits.RESERVE:
        return True
    return used_bytes(journal) + coming > limits.max_bytes


async def retain(journal, limits: Limits, now_ns: int, coming: int, needed_from: int) -> Removal | None:
    """Remove the oldest segment, if `coming` bytes do not fit or it is too old. Call again until that gives None.

    `needed_from`: the first position that a consumer still wants; a segment that reaches it stays, unless the policy is
    to drop the oldest. With the policy to block, only age removes. The last segment stays in any case. FluxError when
    the disk fails: then the next call goes on where this one came to.
    """
    if len(journal.segments) < 2:
        return None
    oldest, following = journal.segments[0], journal.segments[1]
    if limits.policy != BLOCK and is_full(journal, limits, coming):
        why = "the archive is full"
    elif limits.keep_ns and now_ns - following.created > limits.keep_ns:
        why = "it is older than what is to be kept"
    else:
        return None
    last = following.first - 1
    undelivered = max(0, last - max(needed_from, oldest.first) + 1)
    if undelivered and limits.policy != DROP_OLDEST:
        return None
    from fluxrig.journal.removal import remove  # seldom needed

    await remove(journal, oldest, last)
    return Removal(oldest.first, last, undelivered, why)
