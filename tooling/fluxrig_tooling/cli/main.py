"""Entry point: `fluxrig`. A command's module is imported when the command is used, so that `--help` is immediate."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper

import click

import fluxrig
from fluxrig_tooling.cli.lazy import LazyGroup

COMMANDS = {
    "archive": ("fluxrig_tooling.cli.archive", "Verify, read and export what a Rack has archived."),
    "demo": ("fluxrig_tooling.cli.demo", "Watch a simulated press become a Unified Namespace."),
    "doctor": ("fluxrig_tooling.cli.doctor", "Check that this machine can run a rig, and name each fix."),
    "gear": ("fluxrig_tooling.cli.gear", "List the Gear types and show what each one takes."),
    "modbus": ("fluxrig_tooling.cli.modbus", "Look into a Modbus device by hand: read, write, scan, learn."),
    "profile": ("fluxrig_tooling.cli.profile", "List the tag maps of common devices and show each one."),
    "rig": ("fluxrig_tooling.cli.rig", "Make, check, compile, run and draw rig files."),
}
"""Name: (module, whose `command` is the click command; the line in `fluxrig --help`)."""


@click.group(
    cls=LazyGroup,
    commands_in=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
@click.version_option(fluxrig.__version__, prog_name="fluxrig")
def main() -> None:
    """The industrial patchbay: from what machines say to a Unified Namespace.

    \b
    Exit codes: 0 success, 1 a negative answer, 2 wrong usage.
    Start with:  fluxrig demo --seconds 20
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without Unicode gets question marks, not a crash
    if os.environ.get("NO_COLOR"):
        click.get_current_context().color = False  # rich looks for it by itself, click does not
