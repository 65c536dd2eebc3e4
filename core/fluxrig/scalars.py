"""Integers, decimals and text in deterministic CBOR (RFC 8949): their bytes, and the head that begins every item."""

from struct import pack

from fluxrig.decimal import EXPONENT, Decimal
from fluxrig.errors import LocalError

UINT, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG = range(7)
"""Major types (section 3.1)."""

FRACTION = b"\xc4\x82"
"""The beginning of a decimal fraction (section 3.4.4): tag 4, and the head of a list of two."""


def head(major: int, argument: int) -> bytes:
    """The first bytes of an item: its type and its argument, 0 to 2**64-1 (section 3)."""
    major <<= 5
    if argument < 24:
        return (major | argument).to_bytes(1, "big")
    if argument < 1 << 8:
        return pack(">BB", major | 24, argument)
    if argument < 1 << 16:
        return pack(">BH", major | 25, argument)
    if argument < 1 << 32:
        return pack(">BI", major | 26, argument)
    return pack(">BQ", major | 27, argument)


def int_bytes(value: int) -> bytes:
    """The encoding of an integer. LocalError beyond -2**64 to 2**64-1."""
    if 0 <= value < 1 << 64:
        return head(UINT, value)
    if -1 << 64 <= value < 0:
        return head(NEGATIVE, -1 - value)
    raise encode_error("an integer beyond 64 bits cannot be encoded")


def decimal_bytes(value: Decimal) -> bytes:
    """The encoding of a Decimal. LocalError beyond its limits."""
    exponent = value.exponent
    mantissa = value.mantissa
    if type(exponent) is not int or type(mantissa) is not int:
        raise encode_error(f"a Decimal is two integers, not {value!r}")
    if -24 <= exponent < 0:  # in one byte, 0x20 to 0x37, as that of every common scale
        return (0xC4821F - exponent).to_bytes(3, "big") + int_bytes(mantissa)
    if not EXPONENT[0] <= exponent <= EXPONENT[1]:
        raise encode_error(f"the exponent {exponent} is not within {EXPONENT[0]} to {EXPONENT[1]}")
    return FRACTION + int_bytes(exponent) + int_bytes(mantissa)


def text_bytes(text: str) -> bytes:
    """The encoding of text. LocalError when it is not text, or holds surrogates, which UTF-8 cannot."""
    if not isinstance(text, str):
        raise encode_error(f"a key must be text, not {text!r}")
    try:
        raw = text.encode()
    except UnicodeError:
        raw = b""
    if len(raw) != len(text) and not is_unicode(text, len(raw)):
        raise encode_error("text with surrogates cannot be encoded")
    return head(TEXT, len(raw)) + raw


def encode_error(reason: str, path: str = "") -> LocalError:
    """The error to raise for the value at `path` of what is being encoded."""
    return LocalError(f"{path}: {reason}" if path else reason, path=path, reason=reason)


def is_unicode(text: str, size: int) -> bool:
    """Whether `text` came from, or goes to, `size` bytes of well-formed UTF-8 (RFC 3629).

    Not every interpreter that runs this refuses surrogates, overlong forms and codes beyond U+10FFFF by itself.
    """
    for char in text:
        code = ord(char)
        if 0xD800 <= code < 0xE000 or code > 0x10FFFF:
            return False
        size -= 1 if code < 0x80 else 2 if code < 0x800 else 3 if code < 0x10000 else 4
    return size == 0
