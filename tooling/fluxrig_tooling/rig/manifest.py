"""What the tooling knows of a Gear type: its `manifest.toml`. See core/README.md for how to write one."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError, best_match

from fluxrig.errors import LocalError
from fluxrig.wiring import RESERVED, is_reserved

FILE = "manifest.toml"

BUILT_IN, PACKAGE, BESIDE_RIG = "built in", "package", "beside the rig"
"""Where a Gear type comes from."""


@dataclass(frozen=True)
class Port:
    """An input or output. `required`: an input that nothing feeds is an error.

    `hot_only`: why no guaranteed wire may lead to an input; empty where one may. `passes_tags`: False at a port of a
    Gear that passes tags on, where the port has no part in that.
    """

    doc: str
    required: bool = False
    hot_only: str = ""
    passes_tags: bool = True


@dataclass(frozen=True)
class Example:
    """A worked example: entries of `gears:` as they stand in a rig file."""

    doc: str
    yaml: str


@dataclass(frozen=True)
class Manifest:
    """One Gear type. `module` and `class_name` are where its code is, `folder` the folder of both files.

    `targets` are the interpreters it runs on, `config` is the JSON Schema of its configuration. `sends_outside`: what
    it gets leaves the Rack. `passes_tags`: its outputs carry the tags of its inputs. `archives`: what it sends has been
    archived before. `origin`: where it comes from.
    """

    type: str
    summary: str
    targets: tuple[str, ...]
    sends_outside: bool
    passes_tags: bool
    archives: bool
    inputs: dict[str, Port]
    outputs: dict[str, Port]
    config: dict[str, Any]
    examples: tuple[Example, ...]
    module: str
    class_name: str
    folder: Path
    origin: str


def read_manifest(folder: Path, module: str, class_name: str, origin: str) -> Manifest:
    """The manifest in `folder` of the Gear type that is called like it. LocalError when it is missing or not valid.

    `class_name` is the manifest's `class` when it is empty here.
    """
    path = folder / FILE
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise LocalError(f"{path}: {exc.strerror or exc}") from exc
    except ValueError as exc:  # not TOML, not UTF-8
        raise LocalError(f"{path}: {exc}") from exc
    if error := best_match(Draft202012Validator(_MANIFEST).iter_errors(values)):
        raise LocalError(f"{path}: {_placed(error)}")
    if values["type"] != folder.name:
        raise LocalError(f"{path}: type {values['type']!r} stands in a folder called {folder.name!r}")
    class_name = class_name or values.get("class", "")
    if not class_name:
        raise LocalError(f'{path}: lacks `class = "…"`, the name of the Gear class in {folder.name}.py')
    _check_ports(path, values)
    _check_schema(path, values["config"])
    if values.get("archives", False) and origin != BUILT_IN:
        # Whoever could claim it could send past the archive.
        raise LocalError(f"{path}: archives: only the built-in correlator archives", hint="leave out `archives`")
    return Manifest(
        type=values["type"],
        summary=values["summary"],
        targets=tuple(values["targets"]),
        sends_outside=values["sends_outside"],
        passes_tags=values["passes_tags"],
        archives=values.get("archives", False),
        inputs={name: Port(**port) for name, port in values.get("inputs", {}).items()},
        outputs={name: Port(**port) for name, port in values.get("outputs", {}).items()},
        config=values["config"],
        examples=tuple(Example(**example) for example in values.get("example", ())),
        module=module,
        class_name=class_name,
        folder=folder,
        origin=origin,
    )


def _check_ports(path: Path, values: dict[str, Any]) -> None:
    """A port is an attribute of the Gear, so it cannot have the name of another one that the Rack looks for."""
    for name in values.get("outputs", {}):
        if is_reserved(name):
            message = f"{path}: outputs.{name}: this name means something else in a Gear"
            raise LocalError(message, hint=f"call the output anything but {', '.join(_RESERVED)}")
    if "batch" in values.get("inputs", {}):
        message = f"{path}: inputs.batch: `deliver_batch` is the length of a batch, not an input"
        raise LocalError(message, hint="call the input something else")


def _check_schema(path: Path, schema: dict[str, Any]) -> None:
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as exc:
        raise LocalError(f"{path}: config is not a JSON Schema: {_placed(exc)}") from exc
    for reference in _references(schema):
        # A schema that is fetched would make a rig mean something else tomorrow.
        name = reference.removeprefix("#/$defs/")
        if name == reference or name not in schema.get("$defs", {}):
            raise LocalError(f"{path}: config: $ref {reference!r} is not one of its $defs (want #/$defs/name)")


def _placed(error: ValidationError | SchemaError) -> str:
    """What is wrong, after the key where it is."""
    place = error.json_path.removeprefix("$").removeprefix(".")
    return f"{place}: {error.message}" if place else error.message


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            yield from _references(part)


def _ports(**properties: Any) -> dict[str, Any]:
    """The schema of a table of ports, each with `properties` beside its doc."""
    return {
        "type": "object",
        "propertyNames": {"pattern": "^[a-z][a-z0-9_]*$"},
        "additionalProperties": {
            "type": "object",
            "required": ["doc"],
            "properties": {"doc": {"type": "string"}, **properties},
            "additionalProperties": False,
        },
    }


_RESERVED = [name + "…" if name.endswith("_") else name for name in RESERVED]

_MANIFEST = {
    "type": "object",
    "required": ["type", "summary", "targets", "sends_outside", "passes_tags", "config"],
    "additionalProperties": False,
    "properties": {
        "type": {"type": "string", "pattern": "^[a-z][a-z0-9_]*$"},
        "class": {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$"},
        "summary": {"type": "string", "minLength": 1},
        "targets": {"type": "array", "items": {"enum": ["cpython", "micropython"]}, "minItems": 1},
        "sends_outside": {"type": "boolean"},
        "passes_tags": {"type": "boolean"},
        "archives": {"type": "boolean"},
        "inputs": _ports(
            required={"type": "boolean"}, hot_only={"type": "string", "minLength": 1}, passes_tags={"type": "boolean"}
        ),
        "outputs": _ports(passes_tags={"type": "boolean"}),
        "config": {
            "type": "object",
            "required": ["type", "additionalProperties"],
            "properties": {"type": {"const": "object"}, "additionalProperties": {"const": False}},
        },
        "example": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["doc", "yaml"],
                "properties": {"doc": {"type": "string"}, "yaml": {"type": "string"}},
                "additionalProperties": False,
            },
        },
    },
}
