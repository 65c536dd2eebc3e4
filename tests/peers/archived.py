"""Messages as a Rack archives them, for archives that tests make."""

from __future__ import annotations

import hashlib
from typing import Any

from fluxrig.codec import Codec
from fluxrig.ids import NIL_ID
from fluxrig.msg import FluxMsg
from tests.peers.journal_format import MACHINE, SECOND, T0, Writer

PLC = bytes.fromhex("01900000000070008000000000000001")
METER = bytes.fromhex("01900000000070008000000000000002")
PORT = bytes.fromhex("01900000000070008000000000000003")
_codec = Codec()


def identity(number: int) -> bytes:
    """The id of the message with this number."""
    return T0.to_bytes(8, "big")[1:7] + b"\x70\x00\x80" + number.to_bytes(7, "big")


def trace_of(number: int) -> str:
    return hashlib.sha256(b"trace %d" % number).hexdigest()[:32]


def message(number: int, data: dict[str, Any] | None = None, **fields: Any) -> FluxMsg:
    """The message with this number: one a second from T0 on, every second one from the meter."""
    source = METER if number % 2 else PLC
    ts = fields.pop("ts", T0 + number * SECOND)
    trace = fields.pop("trace", trace_of(number))
    meta = {"machine.id": MACHINE, **fields.pop("meta", {})}
    values = {"pressure": number / 8, "pieces": number} if data is None else data
    fields.setdefault("path", ((source, PORT, ts + 1_000_000),))
    return FluxMsg(identity(number), trace, fields.pop("src_id", source), meta, values, ts, **fields)


def note(number: int, event: str, data: dict[str, Any]) -> FluxMsg:
    """What the archive says of itself."""
    return message(number, data, src_id=NIL_ID, path=(), meta={"archive.event": event})


def wire(msg: FluxMsg) -> bytes:
    return bytes(_codec.encode(msg))


def filled(messages: int = 60, group: int = 5, segment: int = 20, writer: Writer | None = None) -> Writer:
    """An archive with so many messages, in groups and segments of so many each. Full segments are sealed."""
    writer = writer or Writer()
    start = writer.position
    for number in range(start + 1, start + messages + 1):
        writer.record(wire(message(number)))
        if number % segment == 0:
            writer.seal()
        elif number % group == 0:
            writer.link()
    return writer
