"""Reads a node of the file through the JSON Schema (draft 2020-12) of its field: values, checks, defaults, units.

Beyond the standard there are formats for what rig files write with a unit (`FORMATS`), and the keyword
`patternErrorMessage`, which editors know too. Two things are stricter than in the `jsonschema` library: 1.0 is no
integer, and `$` in a pattern is the end of the text, also where that is a line break (as ECMA 262 has it).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from math import isfinite
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from fluxrig.errors import LocalError
from fluxrig_tooling.rig.explain import explain
from fluxrig_tooling.rig.nodes import Mapping, Node, Scalar, Sequence, resolve
from fluxrig_tooling.rig.problems import Location, Problems
from fluxrig_tooling.wording.units import parse_duration, parse_percent, parse_secret, parse_size

Converters = dict[str, Callable[[str], Any]]

FORMATS: Converters = {
    "duration": parse_duration,
    "size": parse_size,
    "percent": parse_percent,
    "secret-or-text": parse_secret,
}
"""Each format and what reads it; LocalError for text that is not of it."""

_QUANTITIES = {name: FORMATS[name] for name in ("duration", "size")}

_INTEGERS = range(-(2**64), 2**64)  # what a compiled rig can hold


@dataclass(frozen=True)
class Schema:
    """One schema within the document `root`, into which its references point."""

    here: Any
    root: dict[str, Any]

    @staticmethod
    def whole(document: dict[str, Any]) -> Schema:
        """That of a whole document."""
        return Schema(document, document)

    def parts(self) -> Iterator[dict[str, Any]]:
        """This schema and those it is composed of: references, and the branches of allOf, anyOf and oneOf."""
        waiting, seen = [self.here], set()
        while waiting:
            part = waiting.pop(0)
            if not isinstance(part, dict) or id(part) in seen:
                continue
            seen.add(id(part))
            yield part
            if "$ref" in part:
                waiting.append(_referenced(self.root, part["$ref"]))
            for keyword in ("allOf", "anyOf", "oneOf"):
                waiting.extend(part.get(keyword, ()))

    def child(self, key: str | int) -> Schema:
        """The schema of the value at `key`."""
        found = [schema for part in self.parts() for schema in _children(part, key)]
        return Schema(found[0] if len(found) == 1 else {"anyOf": found}, self.root)

    def types(self) -> set[str]:
        """The types that a value may have; empty when nothing says."""
        types: set[str] = set()
        for part in self.parts():
            if "type" in part:
                types.update([part["type"]] if isinstance(part["type"], str) else part["type"])
            else:
                allowed = part["enum"] if "enum" in part else [part["const"]] if "const" in part else []
                types.update(name for value in allowed for name in _type_names(value))
        return types

    def properties(self) -> dict[str, Any]:
        """The schemas of the keys that are known by name."""
        return {key: schema for part in self.parts() for key, schema in part.get("properties", {}).items()}

    def annotation(self, keyword: str) -> Any:
        """The value of `keyword` in the first part that has it, or None."""
        return next((part[keyword] for part in self.parts() if keyword in part), None)


def read(node: Node, schema: dict[str, Any], what: str, problems: Problems) -> Any | None:
    """The value of `node`, which errors call `what`. None when it is not valid, with the reasons in `problems`."""
    refused: dict[Location, str] = {}
    value = _value(node, Schema.whole(schema), refused)
    for at, message in refused.items():
        problems.error(at, message)
    found = [explain(error, node, what) for error in _Validator(schema, format_checker=_FORMATS).iter_errors(value)]
    for at, message, hint in (finding for findings in found for finding in findings):
        if at not in refused:
            problems.error(at, message, hint)
    return None if refused or found else value


def with_defaults(value: Any, schema: Schema) -> Any:
    """`value` with the defaults of keys that are missing."""
    if isinstance(value, list):
        return [with_defaults(item, schema.child(index)) for index, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    complete = {key: with_defaults(item, schema.child(key)) for key, item in value.items()}
    for key in schema.properties():
        default = schema.child(key).annotation("default")
        if key not in complete and default is not None:
            complete[key] = deepcopy(default)
    return complete


def converted(value: Any, schema: Schema, converters: Converters) -> Any:
    """`value` with each text of a format in `converters` converted."""
    if isinstance(value, list):
        return [converted(item, schema.child(index), converters) for index, item in enumerate(value)]
    if isinstance(value, dict):
        return {key: converted(item, schema.child(key), converters) for key, item in value.items()}
    convert = converters.get(schema.annotation("format") or "")
    return convert(value) if convert and isinstance(value, str) else value


def completed(value: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """A valid `value` with the defaults of its schema, durations in milliseconds and sizes in bytes."""
    schema = Schema.whole(document)
    complete: dict[str, Any] = converted(with_defaults(value, schema), schema, _QUANTITIES)
    return complete


def _value(node: Node, schema: Schema, refused: dict[Location, str]) -> Any:
    if isinstance(node, Mapping):
        return {key: _value(entry.node, schema.child(key), refused) for key, entry in node.entries.items()}
    if isinstance(node, Sequence):
        return [_value(item, schema.child(index), refused) for index, item in enumerate(node.items)]
    return _scalar(node, schema.types(), refused)


def _scalar(node: Scalar, types: set[str], refused: dict[Location, str]) -> Any:
    """A plain scalar is its text where only text will do, so that `version: 1.10` does not become 1.1."""
    value = resolve(node.text) if node.plain else node.text
    if "string" in types and value is not None and types.isdisjoint(_type_names(value)):
        return node.text
    if isinstance(value, float) and not isfinite(value):
        refused[node.at] = f"{node.text} is not a number that a rig can hold"
    elif isinstance(value, int) and value not in _INTEGERS:
        refused[node.at] = f"{node.text} is beyond 64 bits"
    return value


def _type_names(value: Any) -> set[str]:
    """What JSON Schema calls the type of a scalar."""
    if value is None:
        return {"null"}
    if isinstance(value, bool):
        return {"boolean"}
    if isinstance(value, int):
        return {"integer", "number"}
    return {"number"} if isinstance(value, float) else {"string"}


def _children(part: dict[str, Any], key: str | int) -> Iterator[Any]:
    if isinstance(key, int):
        prefix = part.get("prefixItems", ())
        if key < len(prefix):
            yield prefix[key]
        elif "items" in part:
            yield part["items"]
        return
    named = [part["properties"][key]] if key in part.get("properties", {}) else []
    named += [schema for pattern, schema in part.get("patternProperties", {}).items() if re.search(pattern, key)]
    yield from named
    if not named and "additionalProperties" in part:
        yield part["additionalProperties"]


def _referenced(root: dict[str, Any], reference: str) -> Any:
    """What a local reference, `#` or `#/$defs/name`, points to."""
    target: Any = root
    for key in reference.removeprefix("#").split("/")[1:]:
        target = target[key]
    return target


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
    ecma = pattern[:-1] + r"\Z" if pattern.endswith("$") and not pattern.endswith("\\$") else pattern
    if isinstance(instance, str) and not re.search(ecma, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _is_integer(checker: Any, value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_Validator = extend(
    Draft202012Validator,
    {"pattern": _pattern},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer),
)


def _check(parse: Callable[[str], Any]) -> Callable[[object], bool]:
    """A format says something of text only, and it is `parse` that raises when the text is not of it."""

    def check(value: object) -> bool:
        if isinstance(value, str):
            parse(value)
        return True

    return check


def _format_checker() -> FormatChecker:
    checker = FormatChecker(formats=())
    for name, parse in FORMATS.items():
        checker.checks(name, raises=LocalError)(_check(parse))
    return checker


_FORMATS = _format_checker()
