"""One line a message, for the person at the terminal."""

from fluxrig.gear import Gear
from fluxrig.ids import id_text
from fluxrig.jsontext import json_text
from fluxrig.msg import QUALITY

TEXT = "text"
JSON = "json"

_NULL = "null"  # what is not a number there


class Console(Gear):
    """Inputs: in. Outputs: out (the same message), err. Config (compiled): {"format": "text" | "json"}."""

    counters = ("lines",)
    lines = 0

    def init(self, ctx):
        self._write = ctx.host.write_out
        self._render = render_json if ctx.config["format"] == JSON else render_text

    def on_in(self, msg):
        self._write(self._render(msg))
        self.lines += 1
        self.out(msg)


def render_text(msg) -> str:
    """`1767225600.000 pressure=101.2 temp=bad:timeout`, tags in alphabetical order. Lists and maps are JSON."""
    seconds, ns = divmod(msg.ts, 1_000_000_000)
    parts = [f"{seconds}.{ns // 1_000_000:03d}"]
    for tag in sorted(msg.data):
        quality = msg.meta.get(QUALITY + tag)
        parts.append(tag + "=" + (quality if quality else _value_text(msg.data[tag])))
    return " ".join(parts)


def render_json(msg) -> str:
    """One JSON object: id, ts (Unix ns), meta, data. Bytes are hex text; NaN and the infinities are null."""
    return '{"id": "%s", "ts": %d, "meta": %s, "data": %s}' % (
        id_text(msg.id),
        msg.ts,
        json_text(msg.meta),
        json_text(msg.data, _NULL),
    )


def _value_text(value) -> str:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, (list, tuple, dict)):
        return json_text(value, _NULL)
    return str(value)
