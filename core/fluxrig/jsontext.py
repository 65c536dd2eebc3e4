"""Values of messages as JSON text (RFC 8259), the same on both interpreters.

A `json` module cannot be taught Decimals on MicroPython, and through floats they would lose their last places.
"""

import json

from fluxrig.decimal import Decimal
from fluxrig.errors import LocalError


class NotANumber(Exception):
    """A NaN or an infinity, which JSON has no form for."""


def json_text(value, not_a_number: str = "") -> str:
    """`value` as JSON: a Decimal is a number with all its places, bytes are hex text, a map is in order of its keys.

    `not_a_number` is what NaN and the infinities become, also within lists and maps; NotANumber if nothing is given.
    LocalError for what no message holds.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, Decimal)):
        return str(value)
    if isinstance(value, float):
        if value - value == 0:
            return repr(value)
        if not_a_number:
            return not_a_number
        raise NotANumber
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, bytes):
        return '"' + value.hex() + '"'
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join([json_text(item, not_a_number) for item in value]) + "]"
    if isinstance(value, dict):
        pairs = [_key(key) + ": " + json_text(value[key], not_a_number) for key in sorted(value)]
        return "{" + ", ".join(pairs) + "}"
    raise LocalError(f"a value of type {type(value).__name__} has no JSON form")


def _key(key) -> str:
    if not isinstance(key, str):
        raise LocalError(f"a key must be text, not {key!r}")
    return json.dumps(key)
