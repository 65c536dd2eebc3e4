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

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def rig_schema(catalog: Catalog | None = None) -> dict[str, Any]:
    """The schema, with the config of each Gear type in `catalog` (those that every rig can use by default).

    LocalError when one of their manifests is not valid.
    """
    catalog = catalog or Catalog()
    manifests = [catalog.manifest(name) for name in catalog.types()]
    schema = deepcopy(skeleton.RIG)
    schema["properties"]["fluxrig"]["enum"] = list(range(skeleton.OLDEST, skeleton.VERSION + 1))
    schema["properties"]["racks"]["items"]["properties"]["board"]["enum"] = board.names()
    gear = schema["properties"]["gears"]["items"]
    gear["properties"]["type"] |= {
        "enum": [manifest.type for manifest in manifests],
        "enumDescriptions": [manifest.summary for manifest in manifests],
    }
    gear["allOf"] = [_rule(manifest) for manifest in manifests]
    schema["$defs"] = {manifest.type: _definition(manifest) for manifest in manifests}
    return {"$schema": DIALECT, "title": "fluxrig rig", **_as_an_editor_reads(schema)}


def _rule(manifest: Manifest) -> dict[str, Any]:
    """What a gear of one type has to look like."""
    then: dict[str, Any] = {"properties": {"config": {"$ref": f"#/$defs/{manifest.type}"}}}
    if manifest.config.get("required"):
        then["required"] = ["config"]
    return {"if": {"properties": {"type": {"const": manifest.type}}, "required": ["type"]}, "then": then}


def _definition(manifest: Manifest) -> dict[str, Any]:
    """The config of a type, with its own `$defs` at their new place."""
    return _moved(manifest.config, f"#/$defs/{manifest.type}")


def _moved(schema: Any, place: str) -> Any:
    if isinstance(schema, list):
        return [_moved(part, place) for part in schema]
    if not isinstance(schema, dict):
        return schema
    moved = {key: _moved(part, place) for key, part in schema.items()}
    if isinstance(moved.get("$ref"), str):
        moved["$ref"] = place + moved["$ref"].removeprefix("#")
    return moved


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
