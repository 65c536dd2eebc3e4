"""`fluxrig demo`: a simulated press, a broker and a Rack, and the namespace they make, live."""

from __future__ import annotations

import asyncio
import tempfile
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.live import Live

from fluxrig.flux import pack
from fluxrig_tooling.archive.verify import verify
from fluxrig_tooling.cli.common import FOLDER, SECONDS, json_option, print_json, refused
from fluxrig_tooling.cli.namespace import NamespaceView
from fluxrig_tooling.cli.terminal import console, paragraph
from fluxrig_tooling.rig import compile_rig, load
from fluxrig_tooling.sim.child import Child, ChildError, running
from fluxrig_tooling.sim.rack import METER, add_meter
from fluxrig_tooling.wording.suggest import listed
from fluxrig_tooling.wording.text import counted
from fluxrig_tooling.wording.values import rounded_size

PLC, UNS = "plc", "uns"
PEERS = ("pymodbus", "amqtt")
TITLE = "press → io_modbus → archive → filter (5 %) → uns → broker    Ctrl-C ends it"
REFRESH_S = 0.25
EMPTY = {"messages": 0, "bytes": 0, "verified": True}
"""What is reported of an archive that was ended before its first message."""


@click.command("demo")
@click.option("--seconds", type=SECONDS, help="End by itself after this time.")
@click.option("--state", type=FOLDER, metavar="DIR", help="Keep the archive, in this folder; default: it is removed.")
@json_option
def command(seconds: float | None, state: Path | None, as_json: bool) -> None:
    """Watch a simulated press become a Unified Namespace.

    Starts a hydraulic press behind Modbus/TCP, an MQTT broker and one Rack, all on this machine and each a process of
    its own, and shows what a subscriber to the broker sees. Ctrl-C drains and ends everything.

    With --json there is no table, and at the end one JSON object: polls, values_read, events_sent, bytes_sent,
    bytes_if_unfiltered, missed_deadlines, lateness_ms {p50, p99, max}, archive {messages, bytes, verified}.

    \b
    Example:
      fluxrig demo --seconds 20 --state here
      fluxrig archive show here/archive --last 10
    """
    missing = [name for name in PEERS if find_spec(name) is None]
    if missing:
        raise refused(f"the demo needs {listed(missing)}: pip install 'fluxrig[demo]'", as_json)
    try:
        stats = asyncio.run(_demo(seconds, state, as_json))
    except ChildError as exc:
        raise refused(str(exc), as_json) from exc
    if as_json:
        print_json(stats)
    else:
        click.echo(_in_words(stats))
        if state:
            click.echo(f"\nThe archive is kept in {state / 'archive'}")


async def _demo(seconds: float | None, state: Path | None, as_json: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        click.echo("starting the press and the broker …", err=True)
        async with running("the press or the broker", "fluxrig_tooling.sim.plant") as plant:
            port = plant.first["mqtt_port"]
            flux = Path(folder) / "press.flux"
            flux.write_bytes(_compiled(plant.first["modbus_port"], port))
            state = state or Path(folder) / "state"
            with NamespaceView("127.0.0.1", port) as view:
                async with running("the Rack", "fluxrig_tooling.sim.rack", str(flux), str(state)) as rack:
                    click.echo(f"the Rack is running; from elsewhere: mosquitto_sub -p {port} -t '#' -v", err=True)
                    await _watch(view, rack, seconds, as_json)
                    return await _summary(rack, state / "archive")


def _compiled(modbus_port: int, mqtt_port: int) -> bytes:
    """The example rig, pointed at the plant's ports, with the meter of unfiltered traffic."""
    rig_file = Path(str(files("fluxrig_tooling.rig") / "examples" / "press.yaml"))
    overrides = {
        f"gears.{PLC}.config.link": f"tcp://127.0.0.1:{modbus_port}",
        f"gears.{UNS}.config.broker": f"mqtt://127.0.0.1:{mqtt_port}",
    }
    model, problems = load(rig_file, overrides)
    if model is None:
        raise click.ClickException("\n".join(str(problem) for problem in problems))
    rig = compile_rig(model, model.racks[0].name)
    add_meter(rig, PLC, UNS)
    return pack(rig)


async def _watch(view: NamespaceView, rack: Child, seconds: float | None, in_silence: bool) -> None:
    """Show the namespace for `seconds`, or until Ctrl-C, or until the Rack ends by itself, which it never should."""
    loop = asyncio.get_running_loop()
    end = None if seconds is None else loop.time() + seconds
    try:
        if not in_silence:
            click.echo(TITLE)
        with Live(view.table(), console=Console(quiet=True) if in_silence else console(), auto_refresh=False) as live:
            while not rack.has_ended and (end is None or loop.time() < end):
                await asyncio.sleep(REFRESH_S if end is None else min(REFRESH_S, max(end - loop.time(), 0)))
                live.update(view.table(), refresh=live.console.is_terminal)
            live.update(view.table(), refresh=True)
        if not in_silence:
            click.echo()
    except asyncio.CancelledError:
        # Ctrl-C cancels the main task once. It asks for an orderly end, which is what follows.
        task = asyncio.current_task()
        assert task
        task.uncancel()


async def _summary(rack: Child, archive: Path) -> dict[str, Any]:
    stats = await rack.end()
    gears = stats["gears"]
    ticker = next(ticker for name, ticker in stats["tickers"].items() if name.startswith(PLC + "."))
    return {
        "polls": gears[PLC]["polls"],
        "values_read": gears[PLC]["values_read"],
        "events_sent": gears[UNS]["published"],
        "bytes_sent": gears[UNS]["bytes_sent"],
        "bytes_if_unfiltered": gears[METER]["bytes"],
        "missed_deadlines": stats["missed"],
        "lateness_ms": {key: ticker[f"late_us_{key}"] / 1000 for key in ("p50", "p99", "max")},
        "archive": _verified(archive) if stats["archive"]["durable"] else dict(EMPTY),
    }


def _verified(archive: Path) -> dict[str, Any]:
    report = verify(archive)
    return {"messages": report.messages, "bytes": report.bytes, "verified": report.ok}


def _in_words(stats: dict[str, Any]) -> str:
    whole = stats["bytes_if_unfiltered"]
    archive = stats["archive"]
    chain = "their chain of hashes is whole" if archive["verified"] else "their chain of hashes is BROKEN"
    part = f"{100 * stats['bytes_sent'] / whole:.0f} % of the bytes that sending every value takes" if whole else "none"
    return "\n\n".join(
        paragraph(text)
        for text in (
            f"{counted(stats['values_read'], 'value')} read in {counted(stats['polls'], 'poll')}, "
            f"{counted(stats['missed_deadlines'], 'deadline')} missed; {counted(stats['events_sent'], 'event')} sent "
            f"({part}).",
            f"{counted(archive['messages'], 'message')} archived before anything left, in "
            f"{rounded_size(archive['bytes'])}: {chain}.",
        )
    )
