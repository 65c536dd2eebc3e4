"""`fluxrig rig run --watch`: the last value of every tag, as a live table.

The table is fed by a Gear like any other, wired to every source of the rig.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from rich.live import Live
from rich.table import Table

from fluxrig import registry
from fluxrig.gear import Context, Gear
from fluxrig.msg import FluxMsg
from fluxrig_tooling.cli.live import ValueTable
from fluxrig_tooling.cli.terminal import console

TYPE = "watch"
REFRESH_PER_S = 4


class Watch(Gear):
    """Inputs: in. Config (compiled): {"names": {gear id: gear name}}. Keeps the last sample of each tag in `seen`."""

    MAX_TAGS = 1000

    seen: ClassVar[dict[tuple[str, str], tuple[Any, str, int]]] = {}
    """(gear, tag): (value, quality, Unix ms). Of the class, because the Rack makes its Gears by the names of their
    types, and hands none out: here the table, which is in the same process, finds what the Gear has seen."""

    begin: ClassVar[Callable[[], None]]
    """Called at the first value: a rig that does not start has no table."""

    counters = ("not_shown",)
    not_shown = 0

    def init(self, ctx: Context) -> None:
        self._names = ctx.config["names"]

    def on_in(self, msg: FluxMsg) -> None:
        if not self.seen:
            type(self).begin()
        gear = self._names[msg.src_id]
        for tag, value in msg.data.items():
            if (gear, tag) not in self.seen and len(self.seen) >= self.MAX_TAGS:
                self.not_shown += 1
                continue
            self.seen[gear, tag] = (value, msg.quality(tag), msg.ts // 1_000_000)


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
    """Show the table, until left. It begins empty: what an earlier run in this process saw is forgotten."""
    Watch.seen.clear()
    screen = console()
    live = Live(get_renderable=lambda: _table(title), console=screen, refresh_per_second=REFRESH_PER_S)
    Watch.begin = live.start
    try:
        yield
    finally:
        live.stop()
        if Watch.seen and not screen.is_terminal:
            screen.print()  # ends the last line, which rich leaves open there


def _table(title: str) -> Table:
    table = ValueTable(title, "gear", "tag")
    for (gear, tag), (value, quality, ms) in sorted(Watch.seen.copy().items()):
        table.add(gear, tag, value=value, quality=quality, ms=ms)
    return table.table
