"""Entry point: `fluxrig`. A command's module is imported when the command is used, so that `--help` is immediate."""

from __future__ import annotations

import sys
from importlib import import_module
from io import TextIOWrapper

import click

import fluxrig

COMMANDS = {
    "demo": ("fluxrig_tooling.cli.demo", "Watch a simulated press become a Unified Namespace."),
    "doctor": ("fluxrig_tooling.cli.doctor", "Check that this machine can run a rig, and name each fix."),
    "gear": ("fluxrig_tooling.cli.gear", "List the Gear types and show what each one takes."),
    "profile": ("fluxrig_tooling.cli.profile", "List the tag maps of common devices and show each one."),
    "rig": ("fluxrig_tooling.cli.rig", "Check, compile, run and draw rig files."),
}
"""Name: (module, whose `command` is the click command; the line in `fluxrig --help`)."""


class LazyGroup(click.Group):
    """A group that knows its commands' help lines without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = import_module(COMMANDS[name][0]).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            from fluxrig_tooling.rig.suggest import did_you_mean

            ctx.fail(f"no such command {args[0]!r}: {did_you_mean(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80})
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
