"""`fluxrig rig run --watch`: the last value of every tag, as a live table.

The table is fed by a Gear like any other, wired to every source of the rig.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.live import Live
from rich.table import Table
from rich.text import Text

from fluxrig import registry
from fluxrig.gear import Context, Gear
from fluxrig.msg import FluxMsg
from fluxrig_tooling.cli.namespace import age_text, value_text

TYPE = "watch"
REFRESH_PER_S = 4

_seen: dict[tuple[str, str], tuple[Any, str, int]] = {}
"""(gear, tag): (value, quality, Unix ms). The table and the Gear share a process and nothing else."""


class Watch(Gear):
    """Inputs: in. Config (compiled): {"names": {gear id: gear name}}. Keeps the last sample of each tag."""

    MAX_TAGS = 1000

    counters = ("not_shown",)
    not_shown = 0

    def init(self, ctx: Context) -> None:
        self._names = ctx.config["names"]

    def on_in(self, msg: FluxMsg) -> None:
        gear = self._names[msg.src_id]
        for tag, value in msg.data.items():
            if (gear, tag) not in _seen and len(_seen) >= self.MAX_TAGS:
                self.not_shown += 1
                continue
            _seen[gear, tag] = (value, msg.quality(tag), msg.ts // 1_000_000)


def add_watch(rig: dict[str, Any]) -> dict[str, Any]:
    """`rig` with a watch wired to every gear that nothing feeds."""
    registry.register(TYPE, __name__, "Watch")
    fed = {wire[2] for wire in rig["wires"]}
    sources = [index for index, gear in enumerate(rig["gears"]) if index not in fed and "out" in gear["outputs"]]
    names = {rig["gears"][index]["id"]: rig["gears"][index]["name"] for index in sources}
    watch = {"name": TYPE, "type": TYPE, "id": bytes(16), "config": {"names": names}, "on_error": "drop", "outputs": {}}
    last = len(rig["gears"])
    wires = [[index, "out", last, "in", "hot"] for index in sources]
    return {**rig, "gears": [*rig["gears"], watch], "wires": [*rig["wires"], *wires]}


@contextmanager
def watching(title: str) -> Iterator[None]:
    """Show the table, until left."""
    _seen.clear()
    with Live(get_renderable=lambda: _table(title), refresh_per_second=REFRESH_PER_S):
        yield


def _table(title: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("gear")
    table.add_column("tag")
    table.add_column("value", justify="right", min_width=10)
    table.add_column("quality", min_width=7)
    table.add_column("age", justify="right", min_width=7)
    now_ms = time.time_ns() // 1_000_000
    for (gear, tag), (value, quality, ms) in sorted(_seen.copy().items()):
        style = "green" if quality == "good" else "red"
        table.add_row(gear, tag, Text(value_text(value)), Text(quality, style), age_text(ms, now_ms))
    return table
