"""`fluxrig modbus identify`: who made a device, and what it is."""

from __future__ import annotations

import click
from rich.text import Text

from fluxrig.errors import FluxError
from fluxrig.modbus.pdu import ExceptionResponse
from fluxrig_tooling.cli.common import json_option, print_json
from fluxrig_tooling.cli.modbus.identity import CATEGORIES, Identity, identify
from fluxrig_tooling.cli.modbus.options import Target, target_options
from fluxrig_tooling.cli.modbus.session import opened, run
from fluxrig_tooling.cli.modbus.small_rig import ANY_TAG, Device, device
from fluxrig_tooling.cli.modbus.trouble import Trouble, exception_trouble, line_trouble
from fluxrig_tooling.cli.terminal import console, new_table, print_error


@click.command("identify")
@target_options
@click.option("--most", type=click.Choice(list(CATEGORIES)), default="extended", help="How much to ask; extended.")
@json_option
def command(target: Target, most: str, as_json: bool) -> None:
    """Ask one unit over LINK who made it, and what it is (function 43/14).

    The answer is optional in Modbus, and many devices have none: then this exits 1.

    \b
    Example:
      fluxrig modbus identify tcp://10.0.0.5 --unit 3
    """
    identity = run(_identify(device(target.config(ANY_TAG)), target, CATEGORIES[most]), as_json)
    trouble = None if identity.objects else _trouble(identity.error, target.unit_id)
    if as_json:
        found = {"link": target.link, "unit": target.unit_id, "objects": identity.named()}
        print_json({"ok": trouble is None, **found, **(trouble.as_dict() if trouble else {})})
    elif trouble:
        print_error(str(trouble))
    else:
        table = new_table(f"unit {target.unit_id}", "says", folded=("says",))
        for name, value in identity.named().items():
            table.add_row(name, Text(value))
        console().print(table)
    if trouble:
        raise SystemExit(1)


async def _identify(gear: Device, target: Target, most: int) -> Identity:
    async with opened(gear, target) as session:
        return await identify(session, target.unit_id, most)


def _trouble(error: FluxError | None, unit_id: int) -> Trouble:
    if error is None:
        return Trouble("empty", f"unit {unit_id} answers, and says nothing of itself", "see its label or its manual")
    if not isinstance(error, ExceptionResponse):
        return line_trouble(error, unit_id)
    if error.unreachable:
        return exception_trouble(error, unit_id)
    text = f"unit {unit_id} is there, but does not identify itself ({error})"
    return Trouble(error.reason, text, "many devices do not; some keep their type in a register: see the manual")
