"""`fluxrig modbus read --watch`: the same values again and again, until Ctrl-C."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass

import click
from rich.console import Group
from rich.live import Live
from rich.text import Text

from fluxrig_tooling.cli.modbus.options import Target
from fluxrig_tooling.cli.modbus.reading import Row, Source
from fluxrig_tooling.cli.modbus.session import opened, run
from fluxrig_tooling.cli.modbus.show import row_text
from fluxrig_tooling.cli.modbus.small_rig import Device
from fluxrig_tooling.cli.terminal import console, new_table
from fluxrig_tooling.wording.values import age_text

FRESH_MS = 2000
"""So long a value that has changed stands out."""

REFRESH_PER_S = 8


@dataclass
class Seen:
    """What became of one row. `changed_ms`: when it was last seen to change (monotonic), None before that."""

    row: Row
    changes: int = 0
    changed_ms: int | None = None


class Log:
    """The rows as they were last read, and how they change."""

    def __init__(self, title: str):
        self.reads = self.failures = 0
        self.seen: list[Seen] = []
        self._title = title
        self._times: deque[int] = deque(maxlen=20)

    def add(self, rows: list[Row], now_ms: int) -> None:
        """`rows` were read at `now_ms` (monotonic)."""
        self.reads += 1
        self.failures += any(row.trouble for row in rows)
        self._times.append(now_ms)
        if not self.seen:
            self.seen = [Seen(row) for row in rows]
        for seen, row in zip(self.seen, rows, strict=True):
            if (seen.row.value, seen.row.trouble) != (row.value, row.trouble):
                seen.changes += 1
                seen.changed_ms = now_ms
            seen.row = row

    @property
    def rate(self) -> float:
        """Reads a second, of late."""
        passed_ms = self._times[-1] - self._times[0] if self._times else 0
        return (len(self._times) - 1) * 1000 / passed_ms if passed_ms else 0.0

    def table(self, now_ms: int) -> Group:
        """The rows, those that have just changed standing out."""
        table = new_table("value of", "type", "value", "changes", "last", right=("value", "changes", "last"))
        failed = f", {self.failures} failed" if self.failures else ""
        title = f"{self._title}: {self.reads} reads, {self.rate:.1f}/s{failed}; Ctrl-C ends"
        for seen in self.seen:
            row, age_ms = seen.row, None if seen.changed_ms is None else now_ms - seen.changed_ms
            style = "red" if row.trouble else "bold yellow" if age_ms is not None and age_ms < FRESH_MS else ""
            value = Text(_value(row), style)
            last = "-" if seen.changed_ms is None else age_text(seen.changed_ms, now_ms)
            table.add_row(row.name, row.how or _hexadecimal(row), value, str(seen.changes), last)
        return Group(Text(title, "dim"), table)


def watch_rows(device: Device, target: Target, source: Source, every_ms: int) -> None:
    """Read and show, until Ctrl-C. Without a terminal each read is a line."""
    try:
        run(_watch(device, target, source, every_ms), as_json=False)
    except KeyboardInterrupt:
        return


async def _watch(device: Device, target: Target, source: Source, every_ms: int) -> None:
    log = Log(f"{target.link} unit {target.unit_id}")
    screen = console()
    async with opened(device, target) as session:
        clock = session.clock
        deadline = clock.ticks_us()
        live = Live(get_renderable=lambda: log.table(_now_ms()), console=screen, refresh_per_second=REFRESH_PER_S)
        if screen.is_terminal:
            live.start()
        try:
            while True:
                log.add(await source.rows(session), _now_ms())
                if not screen.is_terminal:
                    click.echo(_line([seen.row for seen in log.seen]))
                deadline = clock.ticks_add(deadline, every_ms * 1000)
                if clock.ticks_diff(deadline, clock.ticks_us()) < 0:
                    deadline = clock.ticks_us()  # slower than asked for: no hurry to make up for it
                await clock.sleep_until(deadline)
        finally:
            live.stop()


def _line(rows: list[Row]) -> str:
    now_ms = time.time_ns() // 1_000_000
    at = f"{time.strftime('%H:%M:%S', time.localtime(now_ms / 1000))}.{now_ms % 1000:03d}"
    return "  ".join([at, *(f"{row.name}={_value(row)}" for row in rows)])


def _value(row: Row) -> str:
    return f"bad:{row.trouble.reason}" if row.trouble else row_text(row)


def _hexadecimal(row: Row) -> str:
    return f"{row.value:04x}" if isinstance(row.value, int) and not isinstance(row.value, bool) else ""


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000
