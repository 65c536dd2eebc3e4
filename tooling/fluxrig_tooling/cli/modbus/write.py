"""`fluxrig modbus write`: a value into a device, after a question, read back."""

from __future__ import annotations

import re
import sys
from typing import Any

import click

from fluxrig.decimal import Decimal
from fluxrig.errors import LocalError
from fluxrig.modbus import pdu
from fluxrig.modbus.confirmed_write import ACCEPTED, CONFIRMED, NOT_CONFIRMED, NOT_SENT, REFUSED, UNKNOWN
from fluxrig.modbus.write_plan import WritePlan
from fluxrig_tooling.cli.common import json_option, refused
from fluxrig_tooling.cli.modbus.addresses import AddressRequest, number, parse_address, tag_keys
from fluxrig_tooling.cli.modbus.options import Target, target_options
from fluxrig_tooling.cli.modbus.session import opened, run
from fluxrig_tooling.cli.modbus.show import print_exactly
from fluxrig_tooling.cli.modbus.small_rig import Device, device
from fluxrig_tooling.cli.modbus.trouble import NO_ANSWER, Trouble
from fluxrig_tooling.cli.modbus.writing import GOOD, SENT, Job, Outcome
from fluxrig_tooling.cli.terminal import say
from fluxrig_tooling.wording.values import FLOAT64, value_text

FUNCTIONS = {
    pdu.WRITE_SINGLE_COIL: "single",
    pdu.WRITE_SINGLE_REGISTER: "single",
    pdu.WRITE_MULTIPLE_COILS: "multiple",
    pdu.WRITE_MULTIPLE_REGISTERS: "multiple",
    pdu.MASK_WRITE_REGISTER: "",
    pdu.READ_WRITE_MULTIPLE_REGISTERS: "read_write",
}
"""What a rig calls each function that writes, as `write_with:`."""

BOOLS = {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False}

_DECIMAL = re.compile(r"([+-]?)([0-9]{0,40})(?:\.([0-9]{0,40}))?")
_BASED = re.compile(r"0[xX][0-9A-Fa-f]{1,16}|0[bB][01]{1,64}")


@click.command("write", context_settings={"ignore_unknown_options": True})  # -5 is a value
@target_options
@click.argument("address")
@click.argument("values", metavar="VALUE...", nargs=-1, required=True)
@click.option("--type", "kind", metavar="TYPE", help="int16, float32, … as in a rig; bit3, string16, raw4.")
@click.option("--order", metavar="ORDER", help="ABCD, CDAB, BADC or DCBA.")
@click.option("--scale", metavar="NUMBER", help="What a raw number counts, such as 0.1.")
@click.option("--min", "low", metavar="NUMBER", help="Refuse a lower value.")
@click.option("--max", "high", metavar="NUMBER", help="Refuse a higher value.")
@click.option("--function", type=click.Choice([str(each) for each in FUNCTIONS]), help="Instead of the usual one.")
@click.option("--no-verify", is_flag=True, help="Do not read back, as for registers that can only be written.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def command(
    target: Target,
    address: str,
    values: tuple[str, ...],
    kind: str | None,
    order: str | None,
    scale: str | None,
    low: str | None,
    high: str | None,
    function: str | None,
    no_verify: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Write VALUE to ADDRESS of one unit over LINK, and read it back.

    ADDRESS is as for `fluxrig modbus read`, such as hr:10, co:3, hr:0/float32/CDAB or hr:5/bit3. Several values go to
    the addresses from there on, in one request. Shows the value that is there and asks, unless --yes. Exits 1 when the
    device does not confirm the value.

    \b
    Example:
      fluxrig modbus write tcp://10.0.0.5 hr:10 42 --unit 3
      fluxrig modbus write tcp://10.0.0.5 hr:2/int16/x0.1 -12.5 --min -40 --max 80
      fluxrig modbus write serial:///dev/ttyUSB0 co:3 on --yes
    """
    wanted = parse_address(address, tag_keys(kind, order, scale))
    _check_options(values, wanted)
    if not yes and not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask at: add --yes, if you are sure")
    is_broadcast = target.unit_id == 0 and not target.link.startswith("tcp://")
    limits = {key: number(text) for key, text in (("min", low), ("max", high)) if text is not None}
    writing = {"writable": True, **limits, **_write_with(function, len(values))}
    if is_broadcast:
        writing["readable"] = False
    elif no_verify:
        writing["verify"] = False
    gear = device(target.config(_tags(wanted, len(values), writing)))
    plans = [WritePlan(entry) for entry in gear.writes]
    if function and int(function) != plans[0].function:
        raise click.UsageError(f"{wanted.text} is written with function {plans[0].function}, not with {function}")
    try:
        job = Job(plans, [_value(wanted, text) for text in values], _part(wanted), is_broadcast)
    except LocalError as exc:
        raise click.UsageError(str(exc).removeprefix(f"{exc.fields.get('tag')}: ")) from exc
    before = None if is_broadcast or (yes and not as_json) else run(_look(gear, target, job), as_json)
    if isinstance(before, Trouble) and before.reason in NO_ANSWER:
        raise refused(str(before), as_json)
    if not yes and not click.confirm(_question(target, job, before), err=as_json):
        raise click.ClickException("nothing was written")
    outcome = run(_write(gear, target, job), as_json)
    if as_json:
        print_exactly(_document(target, job, before, outcome))
    else:
        _say(job, outcome)
    if outcome.result not in GOOD:
        raise SystemExit(1)


def _check_options(values: tuple[str, ...], wanted: AddressRequest) -> None:
    for text in values:
        if text.startswith("--"):
            raise click.NoSuchOption(text)
    if wanted.count not in (None, len(values) * wanted.width):
        raise click.UsageError(f"{wanted.text} is {wanted.count} items, and here are {len(values)} values")
    if len(values) > 1 and ("bit" in wanted.keys or "byte" in wanted.keys):
        raise click.UsageError("a part of a register is written alone: one value at a time")


def _write_with(function: str | None, count: int) -> dict[str, Any]:
    """The key of a tag that chooses the function: several values need one that writes several."""
    name = FUNCTIONS[int(function)] if function else ""
    if not name and count > 1:
        name = "multiple"
    return {"write_with": name} if name else {}


def _tags(wanted: AddressRequest, count: int, writing: dict[str, Any]) -> dict[str, Any]:
    tags = wanted.tags(None if wanted.count else count)
    return {address.replace(":", "_"): {**tag, **writing} for address, tag in tags}


def _part(wanted: AddressRequest) -> str:
    """Which part of a register is written, empty for all of it."""
    if "bit" in wanted.keys:
        return f"bit {wanted.keys['bit']}"
    return f"{wanted.keys.get('byte', 'low')} byte" if wanted.keys.get("type") in ("int8", "uint8") else ""


def _value(wanted: AddressRequest, text: str) -> Any:
    """The value of the tag's type. LocalError when the text is none."""
    kind = wanted.keys.get("type", "")
    if wanted.is_bits or "bit" in wanted.keys:
        if text.lower() not in BOOLS:
            raise LocalError(f"{text!r} is not on or off")
        return BOOLS[text.lower()]
    if kind == "string":
        return text
    if kind == "raw":
        try:
            return bytes.fromhex(text)
        except ValueError:
            raise LocalError(f"{text!r} is not in hex, such as 0a1b2c3d") from None
    if _BASED.fullmatch(text):
        return int(text, 0)
    match = _DECIMAL.fullmatch(text)
    if match and (match[2] or match[3]):
        sign, whole, places = match.groups(default="")
        mantissa = int(f"{sign}{whole}{places}")
        return Decimal(mantissa, -len(places)) if places else mantissa
    return number(text)


async def _look(gear: Device, target: Target, job: Job) -> list[Any] | Trouble:
    async with opened(gear, target) as session:
        return await job.look(session)


async def _write(gear: Device, target: Target, job: Job) -> Outcome:
    async with opened(gear, target) as session:
        return await job.write(session)


def _question(target: Target, job: Job, before: list[Any] | Trouble | None) -> str:
    to = "ALL units" if before is None else f"unit {target.unit_id}"
    now = "" if before is None else f" (now {_listed(before)})"
    return f"write {_listed(job.values)} to {job.where} of {to} at {target.link}{now}?"


def _say(job: Job, outcome: Outcome) -> None:
    found = f", it is {_listed(outcome.found)} now" if outcome.found is not None else ""
    texts = {
        CONFIRMED: f"{job.where} is {_listed(outcome.found)}",
        ACCEPTED: f"the device took {_listed(job.values)} for {job.where}",
        SENT: f"{_listed(job.values)} to {job.where} of all units, and none answers that",
        NOT_CONFIRMED: f"{job.where} is not {_listed(job.values)}{found}",
        REFUSED: f"{job.where} was not written",
        NOT_SENT: f"{job.where} was not written",
        UNKNOWN: f"whether {job.where} becomes {_listed(job.values)}{found}",
    }
    is_good = outcome.result in GOOD
    word = click.style(outcome.result.replace("_", " ") + ":", fg="green" if is_good else "red")
    click.echo(f"{word} {texts[outcome.result]}", err=not is_good)
    if outcome.trouble:
        say(str(outcome.trouble), err=True)


def _document(target: Target, job: Job, before: list[Any] | Trouble | None, outcome: Outcome) -> dict[str, Any]:
    trouble = outcome.trouble.as_dict() if outcome.trouble else {}
    return {
        "ok": outcome.result in GOOD,
        "link": target.link,
        "unit": target.unit_id,
        "address": job.where,
        "function": job.function,
        "result": outcome.result,
        "written": job.values,
        "before": before if isinstance(before, list) else None,
        "after": outcome.found,
        **trouble,
    }


def _listed(values: list[Any] | Trouble | None) -> str:
    if isinstance(values, Trouble):
        return f"unknown: {values.text}"
    return ", ".join(value_text(value, FLOAT64) for value in values or ())
