"""`fluxrig rig`: check, compile, run and draw rig files."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fluxrig_tooling.cli.common import (
    FLUX_SUFFIX,
    FOLDER,
    RIG_FILE,
    SECONDS,
    compiled,
    json_option,
    loaded,
    lowered,
    print_json,
    rack_option,
    refuse_compiled,
    refused,
)
from fluxrig_tooling.cli.rig_new import command as new_command
from fluxrig_tooling.cli.rig_plan import command as plan_command
from fluxrig_tooling.cli.terminal import say
from fluxrig_tooling.wording.text import counted

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from fluxrig_tooling.rig.model import RigModel


@click.group("rig")
def command() -> None:
    """Make, check, compile, run and draw rig files."""


command.add_command(new_command)
command.add_command(plan_command)


@command.command(short_help="Say everything that is wrong with a rig file.")
@click.argument("rig", type=RIG_FILE)
@json_option
def check(rig: Path, as_json: bool) -> None:
    """Say everything that is wrong with RIG, with file, line and column.

    Exits 1 when there are errors; warnings alone are no reason. What the
    compiler adds to the rig, so that nothing leaves a Rack that its archive
    does not have, is said as info.

    \b
    Example:
      fluxrig rig check press.yaml
    """
    from fluxrig_tooling.rig import load

    refuse_compiled(rig)
    model, problems = load(rig)
    errors, warnings = len(problems.errors), len(problems.warnings)
    if as_json:
        document = {"file": str(rig), "ok": not errors, "problems": [each.as_dict() for each in problems]}
        print_json(document | {"inserted": _inserted(model) if model else []})
    else:
        for problem in problems:
            say(str(problem))
        if model:
            gears = counted(len(model.gears), "gear")
            if model.insertions:
                gears += f" ({len(model.insertions)} inserted)"
            parts = (counted(len(model.racks), "rack"), gears, counted(len(model.wires), "wire"))
            say(f"{rig}: ok: {', '.join(parts)}" + (f"; {counted(warnings, 'warning')}" if warnings else ""))
        else:
            click.echo(f"{rig}: {counted(errors, 'error')}")
    if errors:
        raise SystemExit(1)


@command.command("compile", short_help="Make the .flux file that a Rack loads.")
@click.argument("rig", type=RIG_FILE)
@rack_option
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Default: RACK.flux.")
@json_option
def compile_(rig: Path, rack: str | None, output: Path | None, as_json: bool) -> None:
    """Compile RIG for one rack into a .flux file: data that a Rack loads, never code.

    The same rig compiles to the same bytes. Secrets are not in them, only their names.

    \b
    Example:
      fluxrig rig compile press.yaml --rack line-1 -o line-1.flux
    """
    from fluxrig.flux import pack

    model = loaded(rig, as_json, infos=False)
    data = lowered(model, rack, as_json)
    name = data["rack"]
    flux = pack(data)
    target = output or Path(name + FLUX_SUFFIX)
    try:
        target.write_bytes(flux)
    except OSError as exc:
        raise refused(f"{target} cannot be written: {exc.strerror or exc}", as_json) from exc
    if as_json:
        document = {"rack": name, "output": str(target), "bytes": len(flux)}
        print_json(document | {"inserted": _inserted(model, name)})
    else:
        from fluxrig_tooling.rig.invariant import summary

        click.echo(f"{target}: {len(flux)} bytes for rack {name}")
        for line in summary(model, name):
            say(f"    {line}")


@command.command(short_help="Run a rig on this machine.")
@click.argument("rig", type=RIG_FILE)
@rack_option
@click.option("--seconds", type=SECONDS, help="End by itself after this time.")
@click.option("--watch", is_flag=True, help="Show the values as a live table.")
@click.option("--state", type=FOLDER, metavar="DIR", help="Secrets, archive and files; ~/.config/fluxrig/RACK.")
@json_option
def run(rig: Path, rack: str | None, seconds: float | None, watch: bool, state: Path | None, as_json: bool) -> None:
    """Run RIG (a rig file, or a compiled .flux) as a Rack on this machine.

    Ctrl-C or SIGTERM drains the gears and ends it; a second one ends it at once. With --json the Rack's statistics are
    printed at the end. Exits 1 when its archive has lost messages, or did not take them.

    \b
    Example:
      fluxrig rig run press.yaml --seconds 10 --watch
    """
    from fluxrig.errors import FluxError
    from fluxrig_ports.cpython.loop import run as run_loop
    from fluxrig_tooling.cli.host import TerminalHost

    if watch and as_json:
        raise click.UsageError("--watch and --json exclude each other")
    rig_data = compiled(rig, rack, as_json)
    host = TerminalHost(state or Path(click.get_app_dir("fluxrig")) / rig_data["rack"], lines_to_stderr=as_json)
    try:
        stats = run_loop(_run(rig_data, host, seconds, watch))
    except FluxError as exc:
        raise refused(str(exc), as_json) from exc
    if as_json:
        print_json(stats)
    archive = stats.get("archive", {"lost": 0, "refused": 0})
    lost = archive["lost"] + archive["refused"]
    if lost:
        raise click.ClickException(f"{counted(lost, 'message')} lost for good: not archived, see above for why")


async def _run(rig: dict[str, Any], host: Any, seconds: float | None, watch: bool) -> dict[str, Any]:
    from fluxrig_ports.cpython.run import run_rack

    until: Awaitable[object] | None = None if seconds is None else asyncio.sleep(seconds)
    with ExitStack() as stack:
        if watch:
            from fluxrig_tooling.cli.watch import add_watch, watching

            rig = add_watch(rig)
            stack.enter_context(watching(rig["rig"]))
        return await run_rack(rig, host, until)


@command.command(short_help="Draw a rig as a Mermaid flowchart.")
@click.argument("rig", type=RIG_FILE)
@json_option
def graph(rig: Path, as_json: bool) -> None:
    """Draw RIG as a Mermaid flowchart; with --json, its racks, gears and wires.

    Gears with a dashed frame are not in the file: the compiler inserts them.

    \b
    Example:
      fluxrig rig graph press.yaml > press.mmd
    """
    from fluxrig_tooling.rig import mermaid

    model = loaded(rig, as_json, infos=False)
    if as_json:
        print_json(_drawn(model))
    else:
        click.echo(mermaid(model))


@command.command(short_help="Print the JSON Schema of rig files.")
def schema() -> None:
    """Print the JSON Schema of rig files, for editors that complete YAML.

    \b
    Example:
      fluxrig rig schema > rig.schema.json
    and then, as the first line of a rig file:
      # yaml-language-server: $schema=rig.schema.json
    """
    from fluxrig_tooling.rig import rig_schema

    print_json(rig_schema())


def _drawn(model: RigModel) -> dict[str, Any]:
    """What a drawing shows of a rig."""
    return {
        "racks": [{"name": rack.name, "board": rack.board} for rack in model.racks],
        "gears": [{"name": gear.name, "type": gear.type, "rack": gear.rack} for gear in model.gears],
        "wires": [
            {"from": f"{wire.source}.{wire.output}", "to": f"{wire.target}.{wire.input}", "lane": wire.lane}
            for wire in model.wires
        ],
        "inserted": _inserted(model),
    }


def _inserted(model: RigModel, rack: str | None = None) -> list[dict[str, Any]]:
    """The correlators that are inserted, on one rack or on all."""
    from fluxrig_tooling.rig.invariant import as_dict

    return [as_dict(each) for each in model.insertions if rack in (None, each.rack)]
