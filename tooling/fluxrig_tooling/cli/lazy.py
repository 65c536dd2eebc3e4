"""A group of commands that are imported when they are used, so that `--help` is immediate."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click


class LazyGroup(click.Group):
    """A group that knows its commands' help lines without importing them.

    `commands_in` is {name: (module, whose `command` is the click command; the line in the group's help)}.
    """

    def __init__(self, *arguments: Any, commands_in: dict[str, tuple[str, str]], **keywords: Any):
        super().__init__(*arguments, **keywords)
        self.commands_in = commands_in

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands_in)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.commands_in:
            return None
        command: click.Command = import_module(self.commands_in[name][0]).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self.commands_in and not args[0].startswith("-"):
            from fluxrig_tooling.wording.suggest import did_you_mean

            ctx.fail(f"no such command {args[0]!r}: {did_you_mean(args[0], self.commands_in)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self.commands_in.items()])
