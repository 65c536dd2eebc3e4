"""Every command explains itself: an example, within 80 columns."""

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from fluxrig_tooling.cli.main import main


def commands() -> Iterator[tuple[tuple[str, ...], click.Command]]:
    def below(path: tuple[str, ...], command: click.Command) -> Iterator[tuple[tuple[str, ...], click.Command]]:
        yield path, command
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                assert inner
                yield from below((*path, name), inner)

    yield from below((), main)


COMMANDS = dict(commands())
VERBS = {path: command for path, command in COMMANDS.items() if not isinstance(command, click.Group)}


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_fits_80_columns(path: tuple[str, ...]):
    result = CliRunner().invoke(main, [*path, "--help"], terminal_width=80)
    assert result.exit_code == 0
    assert [line for line in result.output.splitlines() if len(line) > 80] == []
    assert "..." not in result.output.partition("Commands:")[2], "a line that click has cut"


@pytest.mark.parametrize("path", VERBS, ids=" ".join)
def test_every_verb_has_a_worked_example(path: tuple[str, ...]):
    output = CliRunner().invoke(main, [*path, "--help"]).output
    assert "Example:" in output
    assert "fluxrig " + " ".join(path) in output.partition("Example:")[2]


def test_what_reports_takes_json():
    # The whole output of these is one document in a format of its own.
    silent = {("rig", "schema"), ("archive", "checkpoint")}
    reporting = {path for path in VERBS if path not in silent}
    for path in reporting:
        names = {option for parameter in VERBS[path].params for option in parameter.opts}
        assert "--json" in names, path


def test_nouns_are_listed_without_importing_them():
    assert set(COMMANDS) >= {("demo",), ("doctor",), ("gear",), ("rig",)}
    output = CliRunner().invoke(main, ["--help"]).output
    for noun in ("demo", "doctor", "gear", "rig"):
        assert f"\n  {noun} " in output


def test_an_unknown_command_is_wrong_usage_and_names_the_nearest():
    result = CliRunner().invoke(main, ["rgi"])
    assert result.exit_code == 2
    assert "did you mean 'rig'?" in result.output
