"""What the archive writes into the meta of a message, and messages that carry it."""

from binascii import hexlify

from fluxrig.msg import FluxMsg

POSITION = "archive.pos"
"""Position in the archive of this Rack, in decimal digits."""

HEAD = "archive.head"
"""Head of the chain after the group that the message was written with, 64 hex digits."""

VOLATILE = "archive.volatile"
"""In place of both, on a message that went on while the disk was away."""

EVENT = "archive.event"
"""On messages in the archive about the archive: recovered, removed, volatile, resumed."""

_MARKS = (POSITION, HEAD, VOLATILE)


def position_of(msg: FluxMsg) -> int:
    """Where `msg` stands in the archive; 0 where it does not, or only in RAM."""
    return int(msg.meta.get(POSITION, 0))


def at_position(msg: FluxMsg, position: int, head: str) -> FluxMsg:
    """`msg`, the same event, with where it stands in the archive."""
    meta = dict(msg.meta)
    meta[POSITION] = str(position)
    meta[HEAD] = head
    return msg.replace(meta)


def marked_volatile(msg: FluxMsg) -> FluxMsg:
    """`msg`, the same event, with the mark of one that is not on the medium."""
    meta = dict(msg.meta)
    meta[VOLATILE] = "1"
    return msg.replace(meta)


def with_hop(msg: FluxMsg, gear_id: bytes, port_id: bytes, now_ns: int) -> FluxMsg:
    """`msg` as it is archived: with a trace, with the hop by which it goes on, without marks of an earlier archive."""
    meta = msg.meta
    if POSITION in meta or VOLATILE in meta:
        meta = {key: value for key, value in meta.items() if key not in _MARKS}
    trace = msg.trace or hexlify(msg.id).decode()
    return msg.replace(meta, msg.path + ((gear_id, port_id, now_ns),), trace)
