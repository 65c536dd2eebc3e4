"""What a JSON Schema violation means, in the words of the file: what was expected, what stands there, what would do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from jsonschema.exceptions import ValidationError, best_match

from fluxrig_tooling.rig.nodes import Node, Scalar, Sequence, find, key_location, location, resolve
from fluxrig_tooling.rig.problems import Location
from fluxrig_tooling.wording.suggest import did_you_mean, listed, nearest
from fluxrig_tooling.wording.text import MAX_QUOTE, cut, quoted

Finding = tuple[Location, str, str]
"""Place, message, hint."""

_TYPES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "keys and values",
    "null": "nothing",
}
_SUCH_AS = {
    "duration": "a duration such as 100ms",
    "size": "a size such as 2GiB",
    "percent": "a percentage such as 5%",
}


@dataclass(frozen=True)
class _Violation:
    """One violation: `keyword` of `schema`, whose value is `limit`, does not hold for `value`, written as `written`."""

    keyword: str
    limit: Any
    value: Any
    schema: dict[str, Any]
    written: str
    text: str
    cause: Exception | None


Words = tuple[str, str]
"""Message and hint."""


def explain(error: ValidationError, node: Node, what: str) -> Iterator[Finding]:
    """What to report for one violation within `node`, which is called `what`."""
    if error.validator in ("anyOf", "oneOf") and error.context:
        error = best_match([error]) or error
    path = tuple(error.absolute_path)
    violation = _violation(error, find(node, *path))
    value, properties = violation.value, violation.schema.get("properties", {})
    if "propertyNames" in error.absolute_schema_path:
        yield key_location(node, *path, value), f"the key {quoted(value)} is not valid", _form(violation.schema)
    elif violation.keyword in ("additionalProperties", "unevaluatedProperties"):
        place = ".".join(map(str, path)) or what
        for key in _surplus(violation):
            at = key_location(node, *path, key)
            yield at, f"unknown key {quoted(key)} in {place}", did_you_mean(key, properties)
    elif violation.keyword == "required":
        for key in violation.limit:
            if key not in value:
                message = f"{_name(path, what)} lacks the key {key!r}"
                yield location(node, *path), message, _how_to_write(key, properties.get(key, {}))
    else:
        message, hint = _RULES.get(violation.keyword, _other)(violation)
        yield location(node, *path), f"{_name(path, what)}: {message}", hint


def _violation(error: Any, node: Node | None) -> _Violation:
    return _Violation(
        keyword=error.validator or "",
        limit=error.validator_value,
        value=error.instance,
        schema=error.schema if isinstance(error.schema, dict) else {},
        written=_written(node),
        text=error.message,
        cause=error.cause,
    )


def _type(violation: _Violation) -> Words:
    types = [violation.limit] if isinstance(violation.limit, str) else violation.limit
    such_as = _SUCH_AS.get(violation.schema.get("format", ""))
    expected = such_as or " or ".join(_TYPES[name] for name in types if name != "null")
    return f"expected {expected}, got {violation.written}", _examples(violation.schema)


def _enum(violation: _Violation) -> Words:
    allowed = [str(value) for value in violation.limit]
    return f"{violation.written} is not one of {listed(allowed, 'or')}", _only_near(str(violation.value), allowed)


def _pattern(violation: _Violation) -> Words:
    return f"{violation.written} is not valid here", _form(violation.schema)


def _format(violation: _Violation) -> Words:
    hint = getattr(violation.cause, "fields", {}).get("hint", "")
    return str(violation.cause), hint or _examples(violation.schema)


def _limit(text: str) -> Callable[[_Violation], Words]:
    """`text` has {0} for the limit; against it stands the number, or how many there are."""

    def words(violation: _Violation) -> Words:
        counted = isinstance(violation.value, str | list | dict)
        return f"{text.format(violation.limit)}, got {len(violation.value) if counted else violation.written}", ""

    return words


def _other(violation: _Violation) -> Words:
    return cut(violation.text, MAX_QUOTE), ""


_RULES: dict[str, Callable[[_Violation], Words]] = {
    "type": _type,
    "enum": _enum,
    "const": lambda violation: (f"expected {violation.limit}, got {violation.written}", ""),
    "pattern": _pattern,
    "format": _format,
    "minimum": _limit("expected at least {0}"),
    "maximum": _limit("expected at most {0}"),
    "exclusiveMinimum": _limit("expected more than {0}"),
    "exclusiveMaximum": _limit("expected less than {0}"),
    "multipleOf": _limit("expected a multiple of {0}"),
    "minLength": _limit("expected at least {0} characters"),
    "maxLength": _limit("expected at most {0} characters"),
    "minItems": _limit("expected at least {0} items"),
    "maxItems": _limit("expected at most {0} items"),
    "minProperties": _limit("expected at least {0} keys"),
    "maxProperties": _limit("expected at most {0} keys"),
    "uniqueItems": lambda violation: ("an item stands here twice", ""),
}


def _name(path: tuple[str | int, ...], what: str) -> str:
    """What to call the value at `path`."""
    if not path:
        return what
    last = path[-1]
    return last if isinstance(last, str) else f"{_name(path[:-1], what)}, item {last + 1}"


def _written(node: Node | None) -> str:
    """How a value stands in the file, text in quotes."""
    if isinstance(node, Scalar):
        if node.plain and node.text in ("", "~"):
            return "nothing"
        is_text = not node.plain or isinstance(resolve(node.text), str)
        return quoted(node.text) if is_text else cut(node.text, MAX_QUOTE)
    return "a list" if isinstance(node, Sequence) else "keys and values"


def _surplus(violation: _Violation) -> list[str]:
    """The keys that are not allowed."""
    unknown = [key for key in violation.value if key not in violation.schema.get("properties", {})]
    return [key for key in unknown if repr(key) in violation.text] or unknown


def _form(schema: dict[str, Any]) -> str:
    """What text should look like."""
    return schema.get("patternErrorMessage") or _examples(schema)


def _examples(schema: dict[str, Any]) -> str:
    examples = [str(example) for example in schema.get("examples", ()) if not isinstance(example, dict)]
    return f"for example {listed(examples, 'or')}" if examples else ""


def _how_to_write(key: str, schema: Any) -> str:
    """How the missing `key` could be written, and what it is."""
    if not isinstance(schema, dict):
        return f"add `{key}:`"
    examples = [example for example in schema.get("examples", ()) if not isinstance(example, dict | list)]
    text = f"`{key}: {examples[0]}`" if examples else f"`{key}:`"
    first_words = re.split(r"[.:]\s", schema.get("description", ""))[0].removesuffix(".")
    return f"add {text}" + (f" ({' '.join(first_words.split())})" if first_words else "")


def _only_near(word: str, candidates: list[str]) -> str:
    close = nearest(word, candidates)
    return f"did you mean {close!r}?" if close else ""
