"""`fluxrig modbus read`: registers, coils and inputs, once or again and again."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import click

from fluxrig_tooling.cli.common import RIG_FILE, json_option
from fluxrig_tooling.cli.modbus.addresses import parse_address, tag_keys
from fluxrig_tooling.cli.modbus.options import DURATION, Target, refuse_given, target_options
from fluxrig_tooling.cli.modbus.reading import CombinedSource, Row, Source, Span, Values
from fluxrig_tooling.cli.modbus.session import opened, run
from fluxrig_tooling.cli.modbus.show import print_exactly, show_hex, show_items, show_troubles, show_values, troubles
from fluxrig_tooling.cli.modbus.small_rig import ANY_TAG, Device, device_of_rig
from fluxrig_tooling.cli.modbus.small_rig import device as read_device
from fluxrig_tooling.wording.suggest import did_you_mean


@click.command("read")
@target_options
@click.argument("addresses", metavar="[ADDRESS]...", nargs=-1)
@click.option("--type", "kind", metavar="TYPE", help="int16, float32, … as in a rig; bit3, string16, raw4.")
@click.option("--order", metavar="ORDER", help="ABCD, CDAB, BADC or DCBA.")
@click.option("--scale", metavar="NUMBER", help="What a raw number counts, such as 0.1.")
@click.option("--count", type=click.IntRange(1, 65536), metavar="N", help="How many values from ADDRESS on.")
@click.option("--hex", "--raw", "as_hex", is_flag=True, help="Registers as they are, in hex.")
@click.option("--watch", is_flag=True, help="Again and again, as a live table.")
@click.option("--every", type=DURATION, metavar="TIME", default="1s", show_default=True, help="With --watch.")
@click.option("--profile", metavar="VENDOR/MODEL", help="Read tags of a known device; ADDRESS is a tag or pattern.")
@click.option("--rig", type=RIG_FILE, help="Read tags of a rig; LINK is its Gear, ADDRESS a tag.")
@json_option
def command(
    target: Target,
    addresses: tuple[str, ...],
    kind: str | None,
    order: str | None,
    scale: str | None,
    count: int | None,
    as_hex: bool,
    watch: bool,
    every: int,
    profile: str | None,
    rig: Path | None,
    as_json: bool,
) -> None:
    """Read from one unit over LINK: tcp://HOST[:PORT], rtu+tcp://HOST[:PORT] or serial:///dev/ttyUSB0.

    ADDRESS is hr:0, ir:0, co:0 or di:0 (counted from 0), a reference such as 40001 (from 1), or a range such as hr:0-9.
    It may have a name, type, order and scale of its own: flow=hr:2/float32/CDAB or hr:4/int16/x0.1. Registers without a
    type are shown as hex, numbers, bits and text. Exits 1 when something could not be read.

    \b
    Example:
      fluxrig modbus read tcp://10.0.0.5 hr:0-9 --unit 3
      fluxrig modbus read serial:///dev/ttyUSB0 ir:12 --type float32 --watch
      fluxrig modbus read tcp://10.0.0.7 --profile eastron/sdm630 "voltage*"
    """
    if watch and as_json:
        raise click.UsageError("--watch and --json exclude each other")
    typing = {"type": kind, "order": order, "scale": scale, "count": count, "hex": as_hex}
    if rig or profile:
        refuse_given(typing, "which the tags say already")
    device, sources = (
        _tags(target, addresses, profile, rig, as_json) if rig or profile else _addresses(target, addresses, typing)
    )
    if watch:
        from fluxrig_tooling.cli.modbus.watching import watch_rows

        watch_rows(device, target, CombinedSource(sources), every)
        return
    rows = run(_read(device, target, sources), as_json)
    flat = [row for each in rows for row in each]
    if as_json:
        print_exactly(_document(target, flat))
    else:
        for source, each in zip(sources, rows, strict=True):
            _show(source, each, as_hex)
        show_troubles(flat)
    if any(row.trouble for row in flat):
        raise SystemExit(1)


async def _read(device: Device, target: Target, sources: Sequence[Source]) -> list[list[Row]]:
    async with opened(device, target) as session:
        return [await source.rows(session) for source in sources]


def _addresses(target: Target, addresses: tuple[str, ...], typing: dict[str, Any]) -> tuple[Device, list[Source]]:
    """What the addresses ask for: those with a type become tags, the others spans."""
    if not addresses:
        raise click.UsageError("which addresses? Such as hr:0, or hr:0-9")
    keys = tag_keys(typing["type"], typing["order"], typing["scale"])
    wanted = [parse_address(each, keys) for each in addresses]
    count = typing["count"]
    if count and any(each.count for each in wanted):
        raise click.UsageError("a range says how many it is, and --count does too")
    if typing["hex"] and (keys or any(each.keys or each.is_bits for each in wanted)):
        raise click.UsageError("--hex shows registers as they are, without a type")
    tags: dict[str, dict[str, Any]] = {}
    labels: list[dict[str, str]] = []  # of each address, in their order
    for each in wanted:
        named = {f"value_{len(tags) + index}": tag for index, tag in enumerate(each.tags(count) if each.keys else ())}
        tags |= {name: tag for name, (_, tag) in named.items()}
        labels.append({name: label for name, (label, _) in named.items()})
    device = read_device(target.config(tags or ANY_TAG))
    sources: list[Source] = []
    for is_typed, group in groupby(zip(wanted, labels, strict=True), key=lambda pair: bool(pair[1])):
        if is_typed:
            sources.append(Values(device, {name: label for _, names in group for name, label in names.items()}))
        else:
            sources += [Span(target.unit_id, each.table, each.first, each.count or count or 1) for each, _ in group]
    return device, sources


def _tags(
    target: Target, names: tuple[str, ...], profile: str | None, rig: Path | None, as_json: bool
) -> tuple[Device, list[Source]]:
    """Tags that a rig or a profile has."""
    if rig is None:
        config = target.config({}, profile=profile, **({"select": list(names)} if names else {}))
        del config["tags"]
        device = read_device(config)
        return device, [Values(device)]
    if profile:
        raise click.UsageError("--rig and --profile exclude each other")
    refuse_given(target.keys, "which the rig says already")
    device = device_of_rig(rig, target.link, as_json)
    for name in names:
        if name not in device.tags:
            raise click.UsageError(f"{target.link} has no tag {name!r}: {did_you_mean(name, device.tags)}")
    return device, [Values(device, {name: name for name in names})]


def _show(source: Source, rows: Sequence[Row], as_hex: bool) -> None:
    if isinstance(source, Values):
        show_values(rows)
    elif as_hex:
        show_hex(rows)
    else:
        show_items(rows)


def _document(target: Target, rows: Sequence[Row]) -> dict[str, Any]:
    values = [
        {
            "name": row.name,
            "address": row.address,
            "type": row.how,
            "value": row.value,
            "quality": f"bad:{row.trouble.reason}" if row.trouble else "good",
        }
        for row in rows
    ]
    errors = [{"address": those[0].address, **trouble.as_dict()} for trouble, those in troubles(rows)]
    return {"ok": not errors, "link": target.link, "unit": target.unit_id, "values": values, "errors": errors}
