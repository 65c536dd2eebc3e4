"""Lowers the config of an `io_modbus` Gear: its tags become the fewest requests, and read plans for the answers.

What comes out is documented where it is used: `fluxrig.gears.io_modbus.io_modbus` (groups and requests), `.link` (the
connection) and `.values` (order, layout and slots of a request).
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from fluxrig.modbus.pdu import MAX_BITS, MAX_REGISTERS, read_size
from fluxrig_tooling.rig.lower.io_modbus.tags import BIT_TABLES, DEFAULT_GROUP, Point, TagReader
from fluxrig_tooling.rig.model import GearSpec, Problems, RigModel, Tag

DEFAULT_PORT = 502

FUNCTIONS = {"co": 1, "di": 2, "hr": 3, "ir": 4}
"""The read function of each table."""


def lower(gear: GearSpec, rig: RigModel, problems: Problems) -> dict[str, Any]:
    """The compiled config. Mistakes go to `problems`; the result is then incomplete, and nobody may run it."""
    config = gear.config
    address, port = _link(gear, problems)
    _check_durations(gear, problems)
    points = [point for name in config["tags"] if (point := TagReader(gear, name, problems).point())]
    return {
        "address": address,
        "port": port,
        "unit_id": config["unit_id"],
        "timeout_ms": config["timeout"],
        "connect_timeout_ms": config["connect_timeout"],
        "reconnect_min_ms": config["reconnect_min"],
        "reconnect_max_ms": config["reconnect_max"],
        "groups": list(_groups(gear, points, problems)),
    }


def tags(gear: GearSpec) -> list[Tag]:
    """What the output carries. Says nothing of mistakes, which are for `lower` to report."""
    return [TagReader(gear, name, Problems()).tag() for name in gear.config["tags"]]


def plan(points: list[Point]) -> list[list[Any]]:
    """The fewest requests that read all of `points` and nothing else, splitting none."""
    requests: list[list[Point]] = []
    end = 0
    for point in sorted(points, key=lambda point: (FUNCTIONS[point.table], point.address, point.end)):
        first = requests[-1][0] if requests else None
        limit = MAX_BITS if point.table in BIT_TABLES else MAX_REGISTERS
        # A point that does not fit begins a request, and all that follow stand behind its start: so taking as many as
        # fit, in order, is best.
        if first and first.table == point.table and point.address <= end and point.end - first.address <= limit:
            requests[-1].append(point)
            end = max(end, point.end)
        else:
            requests.append([point])
            end = point.end
    return [_request(members) for members in requests]


def _request(points: list[Point]) -> list[Any]:
    start = points[0].address
    count = max(point.end for point in points) - start
    function = FUNCTIONS[points[0].table]
    picks = [byte for point in points for byte in point.picks(start)]
    in_order = picks == list(range(read_size(function, count)))
    layout = ">" + "".join(point.layout for point in points)
    return [function, start, count, b"" if in_order else bytes(picks), layout, [point.slot(start) for point in points]]


def _groups(gear: GearSpec, points: list[Point], problems: Problems) -> Iterator[dict[str, Any]]:
    declared = gear.config.get("groups", {})
    if DEFAULT_GROUP in declared:
        problems.error(
            gear.key_at("groups", DEFAULT_GROUP),
            f"the group of the tags that name none is called {DEFAULT_GROUP!r} already",
            "set their period with `every:` beside `tags:`, or call this group something else",
        )
    named = {tag.get("group") for tag in gear.config["tags"].values()} | {DEFAULT_GROUP}
    for name, timing in {**declared, DEFAULT_GROUP: {"every": gear.config["every"]}}.items():
        members = [point for point in points if point.group == name]
        if members:
            phase = timing.get("phase", 0)
            yield {"name": name, "every_ms": timing["every"], "phase_ms": phase, "requests": plan(members)}
        elif name not in named:
            unused = f"no tag is in group {name!r}"
            problems.warning(gear.key_at("groups", name), unused, f"put `group: {name}` at a tag")


def _link(gear: GearSpec, problems: Problems) -> tuple[str, int]:
    """Address and port of `link:`."""
    text = gear.config["link"]
    where = gear.at("link")
    scheme = text.partition("://")[0]
    if scheme in ("serial", "rtu+tcp"):
        problems.error(where, f"{scheme}:// links are not supported yet by this version", "it has tcp://host[:port]")
        return "", DEFAULT_PORT
    try:
        url = urlsplit(text)
        host, port = url.hostname, DEFAULT_PORT if url.port is None else url.port
    except ValueError:
        host, port = None, 0
    else:
        if url.scheme != "tcp" or url.username is not None or url.path or url.query or url.fragment:
            host = None
    if not host or not port:
        problems.error(where, f"{text!r} is no link", "write tcp://host or tcp://host:port, the port from 1 to 65535")
    return host or "", port


def _check_durations(gear: GearSpec, problems: Problems) -> None:
    config = gear.config
    for key in ("every", "timeout", "connect_timeout", "reconnect_min", "reconnect_max"):
        if config[key] < 1:
            problems.error(gear.at(key), f"{key} is at least 1ms")
    if config["reconnect_max"] < config["reconnect_min"]:
        problems.error(gear.at("reconnect_max"), "reconnect_max is shorter than reconnect_min")
    for name, timing in config.get("groups", {}).items():
        if timing["every"] < 1:
            problems.error(gear.at("groups", name, "every"), "every is at least 1ms")
        elif timing.get("phase", 0) >= timing["every"]:
            problems.error(
                gear.at("groups", name, "phase"),
                f"the phase of group {name!r} is not shorter than its period",
                "a phase says where in its period a group is polled",
            )
