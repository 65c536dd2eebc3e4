"""What the verbs have in common on the command line: the link, the unit, and how the line is driven."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click

from fluxrig.errors import LocalError
from fluxrig_tooling.cli.common import Parsed
from fluxrig_tooling.modbus.unit_ids import MAX_TCP_UNIT_ID


def parse_positive_duration(text: str) -> int:
    """A duration as in a rig, such as 500ms or 2s, in milliseconds: at least one. LocalError for other text."""
    from fluxrig_tooling.wording.units import parse_duration

    ms = parse_duration(text)
    if ms < 1:
        raise LocalError(f"expected at least 1ms, got {text}")
    return ms


DURATION = Parsed("duration", parse_positive_duration)


@dataclass(frozen=True)
class Target:
    """A unit behind a link, as the command line has them. `keys` are those of the Gear's config that were given."""

    link: str
    unit_id: int
    keys: dict[str, Any]
    retries: int = 0

    def config(self, tags: dict[str, Any], **keys: Any) -> dict[str, Any]:
        """The config of a Gear that has `tags` of this unit."""
        return {"link": self.link, "unit_id": self.unit_id, **self.keys, "every": "1h", "tags": tags, **keys}

    def command(self, verb: str, *arguments: str, **keys: Any) -> str:
        """The command line of another verb for this unit, or with other `keys`."""
        flags = {"unit": self.unit_id, **self.keys, **keys}
        given = [f"--{key.replace('_', '-')} {value}" for key, value in flags.items() if not isinstance(value, bool)]
        given += [f"--{key.replace('_', '-')}" for key, value in flags.items() if value is True]
        return " ".join(["fluxrig", "modbus", verb, self.link, *arguments, *given])


link_argument = click.argument("link")
unit_option = click.option(
    "--unit", type=click.IntRange(0, MAX_TCP_UNIT_ID), metavar="ID", default=1, help="The Modbus unit (slave) id; 1."
)
baud_option = click.option("--baud", type=int, metavar="RATE", help="Of a serial line; 19200 unless given.")
parity_option = click.option("--parity", type=click.Choice(["even", "none", "odd"]), help="Of a serial line; even.")
stop_bits_option = click.option("--stop-bits", type=click.IntRange(1, 2), metavar="N", help="Of a serial line; 1.")
timeout_option = click.option(
    "--timeout", type=DURATION, metavar="TIME", help="For one answer: 1s, on serial lines 500ms."
)
rs485_option = click.option("--rs485", is_flag=True, help="The driver switches the transceiver.")
echo_option = click.option("--local-echo", is_flag=True, help="The adapter returns what is sent.")
retries_option = click.option(
    "--retries", type=click.IntRange(0, 10), metavar="N", default=0, help="More attempts after a silence; 0."
)

_OPTIONS = (
    link_argument,
    unit_option,
    baud_option,
    parity_option,
    stop_bits_option,
    timeout_option,
    retries_option,
    rs485_option,
    echo_option,
)


def target_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """LINK, --unit and how the line is driven: the argument `target` of the function."""

    @wraps(function)
    def command(link: str, unit: int, retries: int, timeout: int | None, **others: Any) -> Any:
        keys = line_keys(timeout, **{key: others.pop(key) for key in ("baud", "parity", "stop_bits")})
        keys |= line_keys(None, **{key: others.pop(key) or None for key in ("rs485", "local_echo")})
        return function(target=Target(link, unit, keys, retries), **others)

    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def line_keys(timeout: int | None, **keys: Any) -> dict[str, Any]:
    """Those keys of a Gear's config that are given, with `timeout` in milliseconds."""
    if timeout is not None:
        keys["timeout"] = f"{timeout}ms"
    return {key: value for key, value in keys.items() if value is not None}


def refuse_given(options: dict[str, Any], why: str) -> None:
    """Wrong usage, if one of `options` is given."""
    for name, value in options.items():
        if value:
            raise click.UsageError(f"there is --{name.replace('_', '-')}, {why}")
