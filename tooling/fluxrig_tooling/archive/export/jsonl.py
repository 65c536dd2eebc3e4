"""JSON Lines: a message a line, with everything that it holds."""

from __future__ import annotations

from typing import BinaryIO

from fluxrig.ids import NIL_ID, id_text
from fluxrig.jsontext import json_text
from fluxrig.msg import FluxMsg
from fluxrig_tooling.archive.names import Names
from fluxrig_tooling.archive.times import time_text

QUALITY = "q."


class Export:
    """`write` a message at a time."""

    def __init__(self, file: BinaryIO, names: Names):
        self.rows = 0
        self._file = file
        self._names = names

    def write(self, position: int, msg: FluxMsg) -> None:
        self._file.write(line(position, msg, self._names).encode(errors="replace") + b"\n")
        self.rows += 1

    def close(self) -> None:
        pass


def line(position: int, msg: FluxMsg, names: Names) -> str:
    """The message as one JSON document.

    `data` has the values, and `quality` the tags whose value is not good. A NaN or infinity is null, as JSON has none.
    """
    meta = {key: value for key, value in msg.meta.items() if not key.startswith(QUALITY)}
    quality = {key[len(QUALITY) :]: value for key, value in msg.meta.items() if key.startswith(QUALITY)}
    parts = {
        "position": position,
        "time": time_text(msg.ts),
        "ts": msg.ts,
        "id": id_text(msg.id),
        "ref_id": None if msg.ref_id == NIL_ID else id_text(msg.ref_id),
        "trace": msg.trace,
        "source": names.full(msg.src_id) or None,
        "data": msg.data,
        "quality": quality,
        "meta": meta,
        "flags": msg.flags,
        "raw": msg.raw,
        "path": [
            {"gear": names.full(gear), "port": names.ports.get(port) or id_text(port), "ts": ts}
            for gear, port, ts in msg.path
        ],
    }
    # Keys in this order, which a reader likes better than the alphabet.
    return "{" + ", ".join(f'"{key}": {json_text(value, "null")}' for key, value in parts.items()) + "}"
