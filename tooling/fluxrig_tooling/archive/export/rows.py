"""The long form: a row a value, as tables want it."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Any

from fluxrig.ids import id_text
from fluxrig.msg import FluxMsg
from fluxrig_tooling.archive.names import Names

ValueRow = tuple[int, int, str, str, str, str, Any, str]
"""Unix ns, position, id, trace, source, tag, value, quality."""

COLUMNS = ("time", "position", "id", "trace", "source", "tag", "value", "quality")


def rows(position: int, msg: FluxMsg, names: Names, tags: AbstractSet[str] = frozenset()) -> Iterator[ValueRow]:
    """One row for each value, tags in alphabetical order; with `tags`, for each value of these."""
    identity = id_text(msg.id)
    source = names.full(msg.src_id)
    for tag in sorted(tags & msg.data.keys() if tags else msg.data):
        yield msg.ts, position, identity, msg.trace, source, tag, msg.data[tag], msg.quality(tag)
