"""What the tests of joins and comparisons share: messages of named sources, compiled rules, and what was counted."""

from probes import id_of

from fluxrig.msg import FluxMsg

MS = 1_000_000  # ns


def nonzero(part):
    """{name: count} of what `part`, a join or a comparison, has counted."""
    return {name: count for name, count in part.stats().items() if count}


def event(source, data, ms, meta=None, id=None, trace="t", flags=0):
    """A message of the gear `source` with the source time `ms`."""
    return FluxMsg(bytes(16) if id is None else id_of(id), trace, id_of(source), meta or {}, data, ms * MS, flags=flags)


def join_rule(parts=("a", "b"), key=("data", "k"), within_ms=100, wait_ms=100, partial="drop", max_open=8, text=False):
    """A compiled join. A part is a name or [source id, name, prefix, key kind, key name]."""
    return {
        "name": "j",
        "parts": [part if isinstance(part, list) else [id_of(part), part, "", key[0], key[1]] for part in parts],
        "within_ns": within_ms * MS,
        "wait_us": wait_ms * 1000,
        "partial": partial,
        "max_open": max_open,
        "text_keys": text,
    }


def compare_config(fields=None, other=None, align_ms=100, hold_ms=1000, max_waiting=8, **more):
    """A compiled comparison."""
    config = {
        "fields": fields or {},
        "other": other,
        "align_ns": align_ms * MS,
        "hold_us": hold_ms * 1000,
        "max_waiting": max_waiting,
    }
    config.update(more)
    return config
