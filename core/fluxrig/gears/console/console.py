"""One line a message, for the person at the terminal."""

import json

from fluxrig.gear import Gear
from fluxrig.ids import id_text

TEXT = "text"
JSON = "json"


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
    """`1767225600.000 pressure=101.2 temp=bad:timeout`, tags in alphabetical order."""
    seconds, ns = divmod(msg.ts, 1_000_000_000)
    parts = [f"{seconds}.{ns // 1_000_000:03d}"]
    for tag in sorted(msg.data):
        quality = msg.meta.get("q." + tag)
        parts.append(tag + "=" + (quality if quality else _scalar(msg.data[tag])))
    return " ".join(parts)


def render_json(msg) -> str:
    """One JSON object: id, ts (Unix ns), meta, data. Bytes are written as hex text."""
    data = {tag: _printable(value) for tag, value in msg.data.items()}
    return json.dumps({"id": id_text(msg.id), "ts": msg.ts, "meta": msg.meta, "data": data})


def _scalar(value) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _printable(value):
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, (list, tuple)):
        return [_printable(item) for item in value]
    if isinstance(value, dict):
        return {key: _printable(item) for key, item in value.items()}
    return value
