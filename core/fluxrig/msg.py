"""FluxMsg, the one message format. Its wire form is in `fluxrig.codec`."""

from fluxrig.errors import LocalError
from fluxrig.ids import NIL_ID

MACHINE_ID = "machine.id"
"""The key in `meta` of the machine that the event is from."""

QUALITY = "q."
"""With a tag behind it the key in `meta` of the quality of its value."""

GOOD = "good"
"""The quality of a value that has none in `meta`."""

ALARM = 1
"""A bit of `flags`: somebody has to know now. An archive does not wait for others to be written with it."""


class FluxMsg:
    """One event, immutable by contract: receivers share it, so they `derive`, they never change it.

    | attribute | type | meaning |
    |---|---|---|
    | id | 16 bytes | UUIDv7, monotonic within a node |
    | ref_id | 16 bytes | the message this one answers or derives from; `NIL_ID` when there is none |
    | trace | 32 hex digits | W3C trace id, set when the event enters the rig, never changed |
    | src_id | 16 bytes | the Gear that emitted it first |
    | meta | {text: text} | context; `machine.id` is always there; `q.<tag>` is "bad:<reason>" for a bad value |
    | data | {text: value} | the values: bool, int, float, Decimal, text, bytes, None (no value), lists and maps |
    | flags | int, 0 to 2**32-1 | system signalling |
    | raw | bytes or None | the bytes the values were decoded from |
    | path | ((gear id, port id, Unix ns), …) | one hop each time the event was handed on *in time* |
    | ts | int | source timestamp, Unix nanoseconds |

    A hot wire is a function call: no time passes on it, so it adds no hop. A source, a guaranteed wire and a tunnel
    each add one.

    `wire` caches the canonical bytes: an unmodified message is forwarded as received. `mint` makes ids for `derive`.
    """

    __slots__ = ("data", "flags", "id", "meta", "mint", "path", "raw", "ref_id", "src_id", "trace", "ts", "wire")

    def __init__(
        self,
        id: bytes,
        trace: str,
        src_id: bytes,
        meta: dict,
        data: dict,
        ts: int,
        ref_id: bytes = NIL_ID,
        flags: int = 0,
        raw: bytes | None = None,
        path: tuple = (),
        wire: bytes | None = None,
        mint=None,
    ):
        self.id = id
        self.ref_id = ref_id
        self.trace = trace
        self.src_id = src_id
        self.meta = meta
        self.data = data
        self.flags = flags
        self.raw = raw
        self.path = path
        self.ts = ts
        self.wire = wire
        self.mint = mint

    def derive(self, data: dict | None = None, meta: dict | None = None, raw: bytes | None = None) -> "FluxMsg":
        """A new message about the same event: own id, `ref_id` pointing here, trace, source and time kept.

        What is not given is shared with this message, except `raw`, which no longer describes changed data.
        Raises LocalError when this message was made without an id source.
        """
        if self.mint is None:
            raise LocalError("this message has no id source: create messages with ctx.message() or pass mint=")
        return FluxMsg(
            self.mint(),
            self.trace,
            self.src_id,
            self.meta if meta is None else meta,
            self.data if data is None else data,
            self.ts,
            self.id,
            self.flags,
            raw,
            self.path,
            None,
            self.mint,
        )

    def replace(self, meta: dict, path: tuple | None = None, trace: str | None = None) -> "FluxMsg":
        """The same event in another envelope: its id stays, and what is not given. The cached `wire` does not."""
        return FluxMsg(
            self.id,
            self.trace if trace is None else trace,
            self.src_id,
            meta,
            self.data,
            self.ts,
            self.ref_id,
            self.flags,
            self.raw,
            self.path if path is None else path,
            None,
            self.mint,
        )

    def quality(self, tag: str) -> str:
        """`good`, or `bad:<reason>`."""
        return self.meta.get(QUALITY + tag, GOOD)

    def __repr__(self) -> str:
        return f"FluxMsg(data={self.data!r}, meta={self.meta!r}, ts={self.ts})"
