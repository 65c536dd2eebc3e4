"""JSON Lines: a message a line, with everything that it holds."""

from __future__ import annotations

import json
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import BinaryIO

from fluxrig.ids import NIL_ID, id_text
from fluxrig.jsontext import json_text
from fluxrig.msg import QUALITY, FluxMsg
from fluxrig_tooling.archive.names import Names
from fluxrig_tooling.archive.times import time_text


class Export:
    """`write` a message at a time."""

    def __init__(self, file: BinaryIO, names: Names, tags: AbstractSet[str] = frozenset()):
        """A message is whole, whatever `tags` are wanted."""
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
    meta, quality = msg.meta, {}
    if any(key.startswith(QUALITY) for key in meta):
        quality = {key[len(QUALITY) :]: value for key, value in meta.items() if key.startswith(QUALITY)}
        meta = {key: value for key, value in meta.items() if not key.startswith(QUALITY)}
    path = ", ".join(
        [f'{{"gear": {_name(gear, names)}, "port": {_port(port, names)}, "ts": {ts}}}' for gear, port, ts in msg.path]
    )
    # Keys in this order, which a reader likes better than the alphabet. Ids and traces need no escapes.
    return (
        f'{{"position": {position}, "time": "{time_text(msg.ts)}", "ts": {msg.ts}, "id": "{id_text(msg.id)}", '
        f'"ref_id": {"null" if msg.ref_id == NIL_ID else _quoted(id_text(msg.ref_id))}, "trace": "{msg.trace}", '
        f'"source": {"null" if msg.src_id == NIL_ID else _name(msg.src_id, names)}, '
        f'"data": {json_text(msg.data, "null")}, "quality": {json.dumps(quality)}, "meta": {json.dumps(meta)}, '
        f'"flags": {msg.flags}, "raw": {json_text(msg.raw)}, "path": [{path}]}}'
    )


@lru_cache(1000)
def _name(gear: bytes, names: Names) -> str:
    return json.dumps(names.full(gear))


@lru_cache(1000)
def _port(port: bytes, names: Names) -> str:
    return json.dumps(names.ports.get(port) or id_text(port))


def _quoted(text: str) -> str:
    return f'"{text}"'
