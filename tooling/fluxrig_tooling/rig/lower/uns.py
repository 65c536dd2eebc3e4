"""Lowers the config of a `uns` Gear: the topic of every tag, and the broker, as `fluxrig.gears.uns.uns` reads them."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from fluxrig_tooling.rig.model import CHECKPOINT, LEVELS, GearSpec, Problems, RigModel, Tag
from fluxrig_tooling.rig.nodes import location
from fluxrig_tooling.rig.ranges import check_order, check_range
from fluxrig_tooling.wording.units import duration_text, parse_secret

DEFAULT_PORT = 1883
MAX_KEEPALIVE_S = 65_535
"""What an MQTT 3.1.1 CONNECT can say (section 3.1.2.10)."""

STATUS_LEVEL = "_rack"
"""Where the state of a rack stands among the topics."""

_LEVEL = re.compile(r"[A-Za-z0-9_-]+")
_FORM = "write mqtt://host or mqtt://host:port"


def lower(gear: GearSpec, rig: RigModel, problems: Problems) -> dict[str, Any]:
    """The compiled config. Mistakes go to `problems`; the result is then incomplete, and nobody may run it."""
    config = gear.config
    address, port = _broker(gear, problems)
    _check_times(gear, problems)
    _check_user(gear, problems)
    tags = rig.tags_into(gear)
    _check_tag_names(rig, tags, problems)
    _check_collisions(gear, rig, problems)
    if not gear.uns:
        hint = "give the rig `uns: {enterprise: …, site: …}`"
        problems.warning(location(gear.node, "name"), "the topics have no levels above the tag", hint)
    return {
        "broker": {
            "address": address,
            "port": port,
            "client_id": config.get("client_id", f"{rig.name}-{gear.rack}-{gear.name}"),
            "keepalive_s": config["keepalive"] // 1000,
            "user": _secret(config.get("user")),
            "password": _secret(config.get("password")),
        },
        "timeout_ms": config["timeout"],
        "reconnect_min_ms": config["reconnect_min"],
        "reconnect_max_ms": config["reconnect_max"],
        "status": "/".join([*_levels(rig.rack(gear.rack).uns), STATUS_LEVEL, gear.rack]),
        "sources": _sources(gear, rig, tags),
        "prefix": "/".join(_levels(gear.uns)),
        "max_topics": config["max_undeclared"],
        "backlog_rate": config["backlog_rate"],
    }


def _sources(gear: GearSpec, rig: RigModel, tags: list[Tag]) -> list[list[Any]]:
    """[gear id, {tag: topic}] of every gear with tags that arrive, in the order of the file."""
    topics: dict[str, dict[str, str]] = {source.name: {} for source in rig.gears}
    for tag in tags:
        topics[tag.gear][tag.name] = _topic(rig, tag)
    for source in rig.checkpoints_into(gear):
        topics[source.name][CHECKPOINT] = _checkpoint_topic(rig, source)
    return [[source.id, topics[source.name]] for source in rig.gears if topics[source.name]]


def _levels(uns: dict[str, str]) -> list[str]:
    """The levels that are given, from the top."""
    return [uns[level] for level in LEVELS if level in uns]


def _topic(rig: RigModel, tag: Tag) -> str:
    return "/".join([*_levels(rig.gear(tag.gear).uns), tag.name])


def _checkpoint_topic(rig: RigModel, correlator: GearSpec) -> str:
    """Below the state of the rack: an archive is the rack's, so that no other rack has the same topic."""
    above = _levels(rig.rack(correlator.rack).uns)
    return "/".join([*above, STATUS_LEVEL, correlator.rack, correlator.name, CHECKPOINT])


def _secret(text: str | None) -> str | dict[str, str] | None:
    return None if text is None else parse_secret(text)


def _check_tag_names(rig: RigModel, tags: list[Tag], problems: Problems) -> None:
    for tag in tags:
        if not _LEVEL.fullmatch(tag.name):
            source = rig.gear(tag.gear)
            message = f"the tag {tag.name!r} of gear {tag.gear!r} cannot be a level of a topic"
            problems.error(source.key_location("tags", tag.name), message, "use letters, digits, _ and - in its name")


def _check_collisions(gear: GearSpec, rig: RigModel, problems: Problems) -> None:
    """No two tags may share a topic, whichever `uns` Gear publishes them: there is one namespace."""
    owners: dict[str, Tag] = {}
    publishers = [each for each in rig.gears if each.type == gear.type]
    for tag in (tag for publisher in publishers for tag in rig.tags_into(publisher)):
        first = owners.setdefault(_topic(rig, tag), tag)
        if first.gear != tag.gear:
            message = f"the tags {tag.name!r} of {first.gear!r} and of {tag.gear!r} share the topic {_topic(rig, tag)}"
            hint = f"tell them apart by a level: add `uns: {{cell: {tag.gear}}}` to gear {tag.gear!r}"
            problems.error(location(rig.gear(tag.gear).node, "name"), message, hint)


def _broker(gear: GearSpec, problems: Problems) -> tuple[str, int]:
    """Address and port of `broker:`."""
    text = gear.config["broker"]
    at = gear.location("broker")
    if text.startswith("mqtts://"):
        problems.error(at, "broker: mqtts:// (TLS) is not supported yet by this version", "it has mqtt://host[:port]")
        return "", DEFAULT_PORT
    try:
        url = urlsplit(text)
        host, port = url.hostname, url.port
    except ValueError as exc:
        problems.error(at, f"broker: {exc}", _FORM)  # without the text, which may hold a password
        return "", DEFAULT_PORT
    if url.username is not None or url.password is not None:
        hint = "use the keys `user:` and `password: secret:NAME`"
        problems.error(at, "broker: user and password do not belong into an address", hint)
    elif url.scheme != "mqtt" or not host or url.path or url.query or url.fragment:
        problems.error(at, f"broker: expected mqtt://host[:port], got {text!r}", _FORM)
    elif port == 0:
        problems.error(at, "broker: expected a port from 1 to 65535, got 0", _FORM)
    return host or "", port or DEFAULT_PORT


def _check_times(gear: GearSpec, problems: Problems) -> None:
    config = gear.config
    keepalive_ms = config["keepalive"]
    if keepalive_ms % 1000 or not 1 <= keepalive_ms // 1000 <= MAX_KEEPALIVE_S:
        message = f"keepalive: expected whole seconds, 1s to {MAX_KEEPALIVE_S}s, got {duration_text(keepalive_ms)}"
        problems.error(gear.location("keepalive"), message)
    for key in ("timeout", "reconnect_min", "reconnect_max"):
        check_range(gear.location(key), key, config[key], (1, None), problems)
    shorter, longer = (("reconnect_min", config["reconnect_min"]), ("reconnect_max", config["reconnect_max"]))
    check_order(gear.location("reconnect_max"), shorter, longer, problems)


def _check_user(gear: GearSpec, problems: Problems) -> None:
    """MQTT 3.1.1 has no password without a user (section 3.1.2.9)."""
    if "password" in gear.config and "user" not in gear.config:
        problems.error(gear.key_location("password"), "password: a password goes with a user", "add `user:`")
