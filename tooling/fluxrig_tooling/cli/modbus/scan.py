"""`fluxrig modbus scan`: which units answer on a line. It only reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from fluxrig_tooling.cli.common import json_option, print_json
from fluxrig_tooling.cli.modbus.addresses import parse_address
from fluxrig_tooling.cli.modbus.options import DURATION, Target, line_keys, link_argument, rs485_option
from fluxrig_tooling.cli.modbus.scanning import ANSWER, LATE, Found, Scan, Setting
from fluxrig_tooling.cli.modbus.session import run
from fluxrig_tooling.cli.modbus.snippet import gear_lines
from fluxrig_tooling.cli.terminal import Bar, console, new_table, progress, say
from fluxrig_tooling.modbus.unit_ids import MAX_TCP_UNIT_ID, SERIAL_UNIT_IDS
from fluxrig_tooling.wording.text import counted

BAUDS = "9600,19200,38400,115200"
PARITIES = "none,even"
SERIAL = "serial://"
NETWORK_UNITS = (1, MAX_TCP_UNIT_ID, 0, *SERIAL_UNIT_IDS[1:])
"""Devices on a network answer as 1, 255 or 0, gateways for the units behind them."""

SERIAL_MS, NETWORK_MS = 300, 500
_SILENT = {
    "tcp": "--units, --timeout, and whether it is a device of Modbus at all",
    "rtu+tcp": "power, wiring, baud rate and parity behind the gateway, --units, --timeout; most gateways want tcp://",
    "serial": "power, wiring (A and B exchanged?), --bauds, --parities, --units, --timeout",
}
"""What to look at where nothing comes, by the scheme of the link."""

_NOISY = {
    "tcp": "does Modbus/TCP listen at this port? a gateway may want rtu+tcp://",
    "rtu+tcp": "most gateways want tcp://; else baud rate, parity and wiring behind this one?",
    "serial": "other settings, A and B exchanged, no termination, or another master on the line?",
}
"""What may be behind bytes that are no answer, likewise."""

ALIKE = 8
"""So many units with one and the same answer are probably one device that does not look at the unit id."""


class Numbers(click.ParamType):
    """A list of numbers and ranges from `low` to `high`, such as 1-10,247."""

    name = "numbers"

    def __init__(self, low: int, high: int):
        self._low, self._high = low, high

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        numbers: dict[int, None] = {}
        for part in value.split(","):
            first, dash, last = part.strip().partition("-")
            if not first.isdecimal() or (dash and not last.isdecimal()):
                self.fail(f"expected a number, or a range such as 1-10, got {part!r}", param, ctx)
            begin, end = int(first), int(last or first)
            if not self._low <= begin <= end <= self._high:
                self.fail(f"expected numbers from {self._low} to {self._high}, got {part}", param, ctx)
            numbers |= dict.fromkeys(range(begin, end + 1))
        return tuple(numbers)


@click.command("scan")
@link_argument
@click.option(
    "--units", type=Numbers(0, MAX_TCP_UNIT_ID), metavar="LIST", help="Which unit ids: 1-247; on tcp:// also 0 and 255."
)
@click.option("--bauds", type=Numbers(50, 4_000_000), metavar="LIST", default=BAUDS, help=f"{BAUDS} unless given.")
@click.option("--parities", metavar="LIST", default=PARITIES, help="Of none, even and odd; none,even.")
@click.option("--stop-bits", type=click.IntRange(1, 2), metavar="N", default=1, help="Of a serial line; 1.")
@click.option("--timeout", type=DURATION, metavar="TIME", help="For one answer: 500ms, on serial lines 300ms.")
@click.option("--probe", metavar="ADDRESS", default="hr:0", help="What each unit is asked for; hr:0.")
@click.option("--all", "all_settings", is_flag=True, help="Go on with other settings where a unit is found.")
@rs485_option
@json_option
def command(
    link: str,
    units: tuple[int, ...] | None,
    bauds: tuple[int, ...],
    parities: str,
    stop_bits: int,
    timeout: int | None,
    probe: str,
    all_settings: bool,
    rs485: bool,
    as_json: bool,
) -> None:
    """Find out which units answer on LINK. Only reads, and at most 10 requests a second.

    On a serial line it tries baud rates and parities, the likely ones first, and tells silence from noise and echo. A
    unit that answers with an exception is there too. Ctrl-C ends it and shows what was found so far. Exits 1 when
    nothing was found. On a serial line no other master may talk meanwhile.

    \b
    Example:
      fluxrig modbus scan serial:///dev/ttyUSB0 --units 1-20
      fluxrig modbus scan tcp://10.0.0.5
    """
    from fluxrig_ports.cpython.host import CPythonHost

    is_serial = link.startswith(SERIAL)
    settings = _settings(bauds, parities, stop_bits) if is_serial else [Setting()]
    keys = line_keys(timeout or (SERIAL_MS if is_serial else NETWORK_MS), rs485=rs485 or None)
    wanted = parse_address(probe, {})
    if units is None:
        units = NETWORK_UNITS if link.startswith("tcp://") else tuple(SERIAL_UNIT_IDS)
    elif 0 in units and not link.startswith("tcp://"):
        raise click.UsageError("unit 0 is a broadcast on such a line, and nobody answers that")
    host = CPythonHost(Path(click.get_app_dir("fluxrig")))
    scan = Scan(host, Target(link, 1, keys), settings, units, (wanted.table, wanted.first), all_settings)
    try:
        with progress("", counts=True) as bar:
            run(scan.run(partial(_advance, bar)), as_json)
    except KeyboardInterrupt:
        click.echo(f"ended after {scan.done} of {scan.total} attempts", err=True)
    if as_json:
        print_json(_document(link, scan))
    else:
        _show(link, scan)
    if not scan.found:
        raise SystemExit(1)


def _settings(bauds: tuple[int, ...], parities: str, stop_bits: int) -> list[Setting]:
    chosen = parities.split(",")
    for each in chosen:
        if each not in ("none", "even", "odd"):
            raise click.UsageError(f"expected none, even or odd, got {each!r}")
    return [Setting(baud, parity, stop_bits) for baud in bauds for parity in chosen]


def _advance(bar: Bar, scan: Scan) -> None:
    bar.show(f"{scan.now:<24}", scan.done, scan.total, f"{len(scan.found)} found")


def _show(link: str, scan: Scan) -> None:
    if scan.found:
        click.echo(f"{counted(len(scan.found), 'unit')} on {link}, after {counted(scan.requests, 'request')}:")
        is_serial = any(found.setting.baud for found in scan.found)
        table = new_table("unit", *["line"] * is_serial, "answers", "is", folded=("answers", "is"))
        for found in scan.found:
            who = Text(found.identity.summary() if found.identity else "")
            detail = f"{found.detail}, late" if found.how == LATE else found.detail
            table.add_row(str(found.unit_id), *[str(found.setting)] * is_serial, detail, who or Text("-", "dim"))
        console().print(table)
    for line in _remarks(link, scan):
        say(line, err=not scan.found)
    if scan.found:
        best = min(scan.found, key=lambda found: found.how != ANSWER)
        _show_next(link, best, bool(scan.echoes))


def _show_next(link: str, found: Found, has_echo: bool) -> None:
    """What to type next, and what to write into a rig."""
    keys = {**found.setting.keys(), **({"local_echo": True} if has_echo else {})}
    keys = {key: value for key, value in keys.items() if (key, value) != ("stop_bits", 1)}
    click.echo(f"\nnext:\n  {Target(link, found.unit_id, keys).command('read', 'hr:0-9')}\n\nor in a rig:")
    for line in gear_lines(f"unit-{found.unit_id}", link, {**keys, "unit_id": found.unit_id}, {}):
        click.echo(line)


def _remarks(link: str, scan: Scan) -> Iterator[str]:
    """What else was seen, and what to do about it, which depends on the link."""
    kind = link.partition("://")[0]
    if scan.error is not None:
        yield f"there is no connection: {scan.error}"
    elif not scan.found and not scan.requests:
        return
    elif not scan.found:
        yield f"nobody answered {counted(scan.requests, 'request')}"
    alike = Counter(found.detail for found in scan.found).most_common(1)
    if alike and alike[0][1] >= ALIKE:
        yield f"{alike[0][1]} of them answer alike: it may be one device, which does not look at the unit id"
    if any(found.how == LATE for found in scan.found):
        yield "some answered late: give them more time, with --timeout"
    if scan.echoes:
        yield "what is sent comes back: say --local-echo, or local_echo: true in a rig"
    if scan.noise:
        first = scan.noise[0]
        where = f" at {first.setting}" if first.setting.baud else ""
        yield f"{len(scan.noise)} times something came that is not an answer, first{where}: {first.data[:12].hex(' ')}"
        if not scan.found:
            yield f"  {_NOISY.get(kind, _NOISY['serial'])}"
    if scan.closed and not scan.found:
        yield "the connection was closed instead: does Modbus listen at this port?"
    if not scan.found and scan.error is None and not (scan.noise or scan.echoes or scan.closed):
        yield f"  all is silent: look at {_SILENT.get(kind, _SILENT['serial'])}"


def _document(link: str, scan: Scan) -> dict[str, Any]:
    return {
        "ok": bool(scan.found),
        "link": link,
        "complete": scan.complete,
        "requests": scan.requests,
        "found": [
            {
                "unit": found.unit_id,
                **found.setting.keys(),
                "how": found.how,
                "detail": found.detail,
                "identity": found.identity.named() if found.identity else {},
            }
            for found in scan.found
        ],
        "silent": scan.silences,
        "echo": bool(scan.echoes),
        "noise": [
            {"unit": noise.unit_id, **noise.setting.keys(), "bytes": noise.data.hex()} for noise in scan.noise[:100]
        ],
        "error": str(scan.error) if scan.error else "",
    }
