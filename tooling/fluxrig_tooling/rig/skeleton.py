"""The format of a rig file, as JSON Schemas. What depends on the Gear types stands in their manifests."""

from __future__ import annotations

from typing import Any

from fluxrig_tooling.rig.model import GUARANTEED, HOT, LEVELS

VERSION = 1
"""The newest format that this release reads. Release N reads formats N-2 to N; release 0 prepares 1."""

OLDEST = max(VERSION - 2, 1)

ON_ERROR = ("reject", "drop", "kill")

MAX_NAME = 63
"""Characters of the name of a gear or rack."""

_NAME = {
    "type": "string",
    "pattern": "^[a-z0-9_-]+$",
    "maxLength": MAX_NAME,
    "patternErrorMessage": "use lower case letters, digits, _ and -",
}
_LEVEL = {
    "type": "string",
    "pattern": "^[A-Za-z0-9_-]+$",
    "maxLength": 63,
    "patternErrorMessage": "use letters, digits, _ and -, because it is a level of a topic",
}
_ENDPOINT = {
    "type": "string",
    "pattern": r"^[a-z0-9_-]+(\.[a-z0-9_-]+){0,2}$",
    "patternErrorMessage": "write gear, gear.port or rack.gear.port",
    "examples": ["plc", "edge.err"],
}
_ENDPOINTS = _ENDPOINT | {"type": ["string", "array"], "items": _ENDPOINT, "minItems": 1}


def _table(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


def _described(schema: dict[str, Any], description: str, **more: Any) -> dict[str, Any]:
    return {**schema, "description": description, **more}


def _list(items: dict[str, Any], description: str) -> dict[str, Any]:
    return {"type": "array", "items": items, "description": description}


_DOC = {"type": "string", "description": "What it is for, to those who read the file."}

_UNS = _described(
    _table(
        [], **{level: _described(_LEVEL, f"The {level} in the topics of the Unified Namespace.") for level in LEVELS}
    ),
    "Levels of the Unified Namespace. A gear's go over its rack's, a rack's over the rig's.",
)

RACK = _table(
    ["name"],
    name=_described(_NAME, "The name of the rack.", examples=["line-1"]),
    board=_described({"type": "string"}, "The hardware, one of the boards known.", examples=["RASPBERRY_PI"]),
    machine=_described(
        {"type": "string", "minLength": 1, "maxLength": 200},
        "The machine id in every message; the rack's name by default.",
    ),
    uns=_UNS,
    doc=_DOC,
)

GEAR = _table(
    ["name", "type"],
    name=_described(_NAME, "The name of the gear, unique in the rig.", examples=["plc"]),
    type=_described({"type": "string"}, "What the gear does: one of the gear types.", examples=["io_modbus"]),
    for_each=_described(
        {
            "type": ["string", "array"],
            "items": {
                "type": "object",
                "required": ["id"],
                "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
            },
            "minLength": 1,
            "minItems": 1,
        },
        "Makes a gear NAME-ID of each row: of a CSV file beside the rig, or of a list. ${column} stands for its cell.",
        examples=["meters.csv"],
    ),
    deploy=_described(_NAME, "The rack it runs on. May be left out when there is one rack."),
    config=_described({"type": "object"}, "What the gear type takes; see `fluxrig gear doc`."),
    on_error=_described(
        {"enum": list(ON_ERROR)},
        "What becomes of a message that the gear fails on: sent to `err`, dropped and counted, or the gear is stopped. "
        "By default reject where `err` is wired, else drop.",
    ),
    uns=_UNS,
    doc=_DOC,
)

DELIVERY = _table(
    [],
    max_attempts={
        "type": "integer",
        "minimum": 1,
        "maximum": 65_535,
        "default": 5,
        "description": "How often a message is tried that the receiver fails on, before it goes to the dead letters. "
        "A receiver that cannot be reached, such as a broker that is away, costs no attempt.",
    },
    retry_min={
        "type": "string",
        "format": "duration",
        "default": "500ms",
        "description": "The pause after a first failure. It doubles with each further one.",
    },
    retry_max={
        "type": "string",
        "format": "duration",
        "default": "60s",
        "description": "The longest pause between two attempts.",
    },
)

WIRE = _table(
    ["from", "to"],
    **{"from": _described(_ENDPOINTS, "The output, or several. A name alone means its port `out`.", examples=["plc"])},
    to=_described(_ENDPOINTS, "The input, or several. A name alone means its port `in`.", examples=["edge"]),
    lane=_described({"enum": [HOT, GUARANTEED]}, "hot: in memory, at once. guaranteed: kept on disk until delivered."),
    delivery=_described(DELIVERY, "How a guaranteed wire tries again.", examples=[{"max_attempts": 10}]),
)

TEST = _table(
    ["name", "given", "expect"],
    name=_described({"type": "string", "minLength": 1}, "What the test shows."),
    given=_list({}, "The messages that go in."),
    expect=_list({}, "The messages that come out."),
)

RIG = _table(
    ["fluxrig", "meta", "gears"],
    fluxrig=_described({"type": "integer"}, "The version of the format.", examples=[VERSION]),
    meta=_described(
        _table(
            ["name", "version"],
            name=_described(_NAME, "The name of the rig.", examples=["press-line"]),
            version=_described({"type": "string", "minLength": 1}, "The version of this rig.", examples=["1.0.0"]),
            doc=_DOC,
        ),
        "What the rig is called.",
    ),
    uns=_UNS,
    racks=_list(RACK, "The nodes. Left out, there is one with the name of the rig and the board GENERIC."),
    gears=_list(GEAR, "The gears."),
    wires=_list(WIRE, "The wires, each from an output to an input."),
    tests=_list(TEST, "What the rig should do. Checked for their form, not run."),
)
"""The whole skeleton of a rig file."""

LISTS = {"racks": RACK, "gears": GEAR, "wires": WIRE, "tests": TEST}
"""The lists of a rig file, and the schema of an item of each."""
