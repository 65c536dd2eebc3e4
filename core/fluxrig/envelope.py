"""All that follows the data in messages of one source with the same meta, flags and hops.

That is meta, path, flags, trace, `ref_id` and `src_id` (see `fluxrig.codec`). What changes from one such message to the
next are the times of the hops, the trace and `ref_id`; so it has the form of constant runs of bytes with slots of fixed
width between them. Times outside `TIME_MIN` to `TIME_MAX` do not fill their slot, and make another form.
"""

from struct import calcsize, pack, unpack_from

from fluxrig import cbor
from fluxrig.msg import FluxMsg
from fluxrig.scalars import head, int_bytes

TIME_MIN = 1 << 32
TIME_MAX = (1 << 63) - 1
"""The times that need all 8 bytes of a slot and are 64-bit signed integers: from 4 s after 1970 to the year 2262."""

_REF_ID = b"\x66ref_id\x50"
_SRC_ID = b"\x66src_id\x50"


class Envelope:
    """The constant form of what follows the data in messages like `msg`.

    It also holds the tags of the last such message that was encoded, `names` as they came and `order` as they are
    written, which saves sorting the next.
    """

    __slots__ = ("first", "flags", "form", "hops", "last", "meta", "names", "order", "size")

    def __init__(self, msg: FluxMsg):
        self.meta = dict(msg.meta)
        self.flags = msg.flags
        self.names: list = []
        self.order: list = []
        runs = [b"\x64meta" + cbor.dumps(self.meta) + b"\x64path" + head(cbor.ARRAY, len(msg.path))]
        for gear, port, _ in msg.path:
            runs[-1] += b"\xa3\x61g\x50" + bytes(gear) + b"\x61p\x50" + bytes(port) + b"\x61t\x1b"
            runs.append(b"")
        runs[-1] += b"\x65flags" + int_bytes(msg.flags) + b"\x65trace\x78\x20"
        self.first = runs[0]
        self.hops = [(bytes(hop[0]), bytes(hop[1]), run) for hop, run in zip(msg.path, runs[1:])]
        self.last = _SRC_ID + bytes(msg.src_id)
        self.form = ">" + "".join([f"Q{len(run)}s" for run in runs[1:]]) + f"32s{len(_REF_ID)}s16s{len(self.last)}s"
        self.size = len(self.first) + calcsize(self.form)

    def pieces(self, msg: FluxMsg, trace: bytes) -> list | None:
        """This envelope with the slots filled from `msg`, in pieces, or None when `msg` has another one."""
        path = msg.path
        if self.meta != msg.meta or self.flags != msg.flags or len(self.hops) != len(path):
            return None
        out = [self.first]
        for (gear, port, time), (known_gear, known_port, run) in zip(path, self.hops):
            if gear != known_gear or port != known_port or type(time) is not int or not TIME_MIN <= time <= TIME_MAX:
                return None
            out.append(pack(">Q", time))
            out.append(run)
        out += (trace, _REF_ID, msg.ref_id, self.last)
        return out

    def read(self, data: bytes, pos: int) -> tuple | None:
        """(path, trace, ref_id) when all of `data` from `pos` is this envelope, else None."""
        if len(data) != pos + self.size or not data.startswith(self.first, pos):
            return None
        fields = unpack_from(self.form, data, pos + len(self.first))
        path = []
        slot = 0
        for gear, port, run in self.hops:
            time = fields[slot]
            if fields[slot + 1] != run or not TIME_MIN <= time <= TIME_MAX:
                return None
            path.append((gear, port, time))
            slot += 2
        if fields[slot + 1] != _REF_ID or fields[slot + 3] != self.last:
            return None
        return tuple(path), fields[slot], fields[slot + 2]
