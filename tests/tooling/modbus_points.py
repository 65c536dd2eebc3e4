"""Points, requests and values of tags, as the rig file has them: what the tests of tags have in common."""

from dataclasses import replace
from functools import cache
from textwrap import indent
from typing import Any

from fluxrig.cbor import dumps, loads
from fluxrig.modbus.pdu import read_size
from fluxrig.modbus.values import ReadPlan
from fluxrig.modbus.write_plan import WritePlan
from fluxrig_tooling.rig import load_text
from fluxrig_tooling.rig.lower.io_modbus.point import Point, layout_of
from fluxrig_tooling.rig.lower.io_modbus.tags import TagReader
from fluxrig_tooling.rig.lower.io_modbus.writes import write_entries
from fluxrig_tooling.rig.model import GearSpec, Problems, Tag
from fluxrig_tooling.rig.problems import Problem

RIG = """\
fluxrig: 1
meta: {name: test, version: 1.0.0}
gears:
  - name: plc
    type: io_modbus
    config:
%s
  - {name: show, type: console}
wires:
  - {from: plc, to: show}
"""
CONFIG_AT = RIG[: RIG.index("%s")].count("\n") + 1
"""The line on which the config begins."""

ORDERS = ("ABCD", "BADC", "CDAB", "DCBA")
ON_THE_WIRE = {"ABCD": "ABCDEFGH", "CDAB": "GHEFCDAB", "BADC": "BADCFEHG", "DCBA": "HGFEDCBA"}


def text_of(config: str) -> str:
    return RIG % indent(config.strip("\n"), " " * 6)


def errors_of(config: str) -> list[Problem]:
    model, problems = load_text(text_of(config))
    assert (model is None) is bool(problems.errors)
    return problems.errors


def config_of(*specs: str) -> str:
    """A config with a tag x, or tags x0, x1, … for several."""
    names = ["x"] if len(specs) == 1 else [f"x{index}" for index in range(len(specs))]
    return "link: tcp://10.0.0.5\ntags:\n" + "".join(
        f"  {name}: {{{spec}}}\n" for name, spec in zip(names, specs, strict=True)
    )


def points_of(*specs: str) -> list[Point]:
    model, problems = load_text(text_of(config_of(*specs)))
    assert model, list(map(str, problems))
    gear = model.gear("plc")
    found = [TagReader(gear, name, Problems()).point() for name in gear.config["tags"]]
    points = [point for point in found if point]
    assert len(points) == len(specs)
    return points


def point_of(spec: str) -> Point:
    return points_of(spec)[0]


@cache
def plain_gear() -> GearSpec:
    model, _ = load_text(text_of(config_of("address: hr:0")))
    assert model
    return model.gear("plc")


def made(*tags: dict[str, Any]) -> list[Point | None]:
    """The points of tags whose keys are these, without a file. What is in error is None."""
    gear = plain_gear()
    named = {f"x{index}": keys for index, keys in enumerate(tags)}
    gear = replace(gear, config={**gear.config, "tags": named})
    return [TagReader(gear, name, Problems()).point() for name in named]


def tags_of(*specs: str) -> list[Tag]:
    model, problems = load_text(text_of(config_of(*specs)))
    assert model, list(map(str, problems))
    return model.tags_into(model.gear("show"))


def request_of(points: list[Point]) -> list[Any]:
    """One request that reads all of `points`, having been through a compiled rig's CBOR."""
    ordered = sorted(points, key=lambda point: (point.address, point.end))
    start, function = ordered[0].address, {"co": 1, "di": 2, "hr": 3, "ir": 4}[ordered[0].table]
    count = max(point.end for point in points) - start
    picks = [byte for point in ordered for byte in point.picks(start)]
    in_order = picks == list(range(read_size(function, count)))
    slots = [point.slot(start) for point in ordered]
    request = [function, start, count, b"" if in_order else bytes(picks), layout_of(ordered), slots]
    found: list[Any] = loads(dumps(request))
    return found


def read(request: list[Any], payload: bytes) -> tuple[dict[str, Any], dict[str, str]]:
    data: dict[str, Any] = {}
    bad: dict[str, str] = {}
    ReadPlan(*request[3:]).read(payload, data, bad)
    return data, bad


def value_at(point: Point, payload: bytes) -> Any:
    """What the tag is when the unit answers with `payload`; why it is nothing, if so."""
    data, bad = read(request_of([point]), payload)
    return bad.get(point.name, data[point.name])


def value_of(spec: str, payload: bytes) -> Any:
    return value_at(point_of(spec), payload)


def write_plan(point: Point) -> WritePlan:
    (entry,) = loads(dumps(write_entries([point])))
    return WritePlan(entry)


def decimal(mantissa: int, places: int) -> float:
    """The number as a rig file has it."""
    return float(f"{mantissa}e-{places}")
