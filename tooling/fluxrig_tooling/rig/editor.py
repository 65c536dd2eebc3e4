"""One JSON Schema of a whole rig file, for editors: completion, documentation and checks while typing.

Say `# yaml-language-server: $schema=rig.schema.json` in the first line of a rig file.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from fluxrig_tooling.device import board
from fluxrig_tooling.rig import skeleton
from fluxrig_tooling.rig.catalog import Catalog
from fluxrig_tooling.rig.manifest import Manifest
from fluxrig_tooling.rig.model import GUARANTEED

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_COLUMN = {"type": "string", "pattern": "\\$\\{"}
"""Text with the place of a column in it, which may stand wherever a gear with `for_each` has a value."""

_SHOWN = ("description", "examples", "default")
"""What an editor shows of a value, whatever that may be."""

_TABLES_OF_SCHEMAS = {"properties", "patternProperties", "$defs"}
_SCHEMAS = {"items", "prefixItems", "additionalProperties", "anyOf", "oneOf", "allOf"}
"""Keywords under which schemas of values stand. The names of keys hold no columns."""


def rig_schema(catalog: Catalog | None = None) -> dict[str, Any]:
    """The schema, with the config of each Gear type in `catalog` (those that every rig can use by default).

    LocalError when one of their manifests is not valid.
    """
    catalog = catalog or Catalog()
    manifests = [catalog.manifest(name) for name in catalog.types()]
    schema = deepcopy(skeleton.RIG)
    schema["properties"]["fluxrig"]["enum"] = list(range(skeleton.OLDEST, skeleton.VERSION + 1))
    schema["properties"]["racks"]["items"]["properties"]["board"]["enum"] = board.names()
    guaranteed = {"properties": {"lane": {"const": GUARANTEED}}, "required": ["lane"]}
    schema["properties"]["wires"]["items"]["dependentSchemas"] = {"delivery": guaranteed}
    gear = schema["properties"]["gears"]["items"]
    gear["properties"]["type"] |= {
        "enum": [manifest.type for manifest in manifests],
        "enumDescriptions": [manifest.summary for manifest in manifests],
    }
    gear["allOf"] = [_rule(manifest) for manifest in manifests]
    schema["$defs"] = {manifest.type: _definition(manifest) for manifest in manifests}
    schema = _as_an_editor_reads(schema)
    schema["$defs"] = {name: _or_a_column(config) for name, config in schema["$defs"].items()}
    properties = schema["properties"]["gears"]["items"]["properties"]
    properties |= {key: _or_a_column(properties[key]) for key in ("uns", "deploy", "on_error")}
    return {"$schema": DIALECT, "title": "fluxrig rig", **schema}


def _rule(manifest: Manifest) -> dict[str, Any]:
    """What a gear of one type has to look like."""
    then: dict[str, Any] = {"properties": {"config": {"$ref": f"#/$defs/{manifest.type}"}}}
    if manifest.config.get("required"):
        then["required"] = ["config"]
    return {"if": {"properties": {"type": {"const": manifest.type}}, "required": ["type"]}, "then": then}


def _definition(manifest: Manifest) -> dict[str, Any]:
    """The config of a type, with its own `$defs` at their new place.

    What a profile may say need not stand in the rig: it is required where no profile is named.
    """
    config = deepcopy(manifest.config)
    if "profile" in config["properties"]:
        apart = config.setdefault("else", {}).setdefault("properties", {})
        for table in ("tags", "groups"):
            required = config["properties"][table]["additionalProperties"].pop("required", [])
            apart.setdefault(table, {})["additionalProperties"] = {"required": required}
    return _moved(config, f"#/$defs/{manifest.type}")


def _moved(schema: Any, place: str) -> Any:
    if isinstance(schema, list):
        return [_moved(part, place) for part in schema]
    if not isinstance(schema, dict):
        return schema
    moved = {key: _moved(part, place) for key, part in schema.items()}
    if isinstance(moved.get("$ref"), str):
        moved["$ref"] = place + moved["$ref"].removeprefix("#")
    return moved


def _or_a_column(schema: Any) -> Any:
    """`schema`, with text that names a column allowed for each value that is no list and no mapping."""
    if not isinstance(schema, dict):
        return schema
    changed = dict(schema)
    for keyword in _TABLES_OF_SCHEMAS & schema.keys():
        changed[keyword] = {name: _or_a_column(part) for name, part in schema[keyword].items()}
    for keyword in _SCHEMAS & schema.keys():
        part = schema[keyword]
        changed[keyword] = [_or_a_column(each) for each in part] if isinstance(part, list) else _or_a_column(part)
    types = schema.get("type", [])
    is_nested = not {"object", "array"}.isdisjoint([types] if isinstance(types, str) else types)
    if is_nested or not ("enum" in schema or "type" in schema):
        return changed
    shown = {keyword: value for keyword, value in changed.items() if keyword in _SHOWN}
    bare = {keyword: value for keyword, value in changed.items() if keyword not in _SHOWN}
    return {**shown, "anyOf": [bare, _COLUMN]}


def _as_an_editor_reads(schema: Any) -> Any:
    """`schema`, lenient where we take a scalar's text for what it is: an editor reads `version: 1.10` as a number."""
    if isinstance(schema, list):
        return [_as_an_editor_reads(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    lenient = {key: _as_an_editor_reads(part) for key, part in schema.items()}
    if lenient.get("type") == "string" and "format" not in lenient:
        lenient["type"] = ["string", "number", "boolean"]
    return lenient
