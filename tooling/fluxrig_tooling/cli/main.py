"""Entry point: `fluxrig`. A command's module is imported when the command is used, so that `--help` is immediate."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from io import TextIOWrapper
from typing import Any

import click

import fluxrig
from fluxrig_tooling.cli.lazy import LazyGroup
from fluxrig_tooling.cli.output import remembering
from fluxrig_tooling.cli.terminal import WIDTH, fitted

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


class Program(LazyGroup):
    """The whole of it: what cannot be written to standard output ends it with an error, as what cannot be read does."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.ClickException as exc:
            shown: Any = exc  # whose message click declares as final
            shown.message = fitted(exc.message, sys.stderr, taken=len("Error: "))
            raise

    def main(self, *arguments: Any, **keywords: Any) -> Any:
        output = remembering()
        try:
            return super().main(*arguments, **keywords)
        except (OSError, SystemExit) as exc:
            if output is None:
                raise
            with suppress(OSError, ValueError):  # which `output` knows; a command has closed it
                sys.stdout.flush()
            output.is_over = True
            if output.fault is None:
                raise
            click.echo(f"Error: standard output cannot be written: {output.fault.strerror}", err=True)
            raise SystemExit(1) from exc


@click.group(
    cls=Program,
    commands_in=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": WIDTH},
)
@click.version_option(fluxrig.__version__, prog_name="fluxrig")
def main() -> None:
    """The industrial patchbay: from what machines say to a Unified Namespace.

    \b
    Exit codes:  0  success, and Ctrl-C for what runs until then
                 1  a negative answer, what was lost for good, output that
                    cannot be written, Ctrl-C before there is an answer
                 2  wrong usage
    Start with:  fluxrig demo --seconds 20
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without Unicode gets question marks, not a crash
    if os.environ.get("NO_COLOR"):
        click.get_current_context().color = False  # rich looks for it by itself, click does not
