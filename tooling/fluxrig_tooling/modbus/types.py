"""The types of a value in the registers of a Modbus unit."""

from __future__ import annotations

from struct import calcsize

BOOL, STRING, RAW = "bool", "string", "raw"

LAYOUTS = {
    BOOL: "B",
    "int8": "b",
    "uint8": "B",
    "int16": "h",
    "uint16": "H",
    "int32": "i",
    "uint32": "I",
    "int64": "q",
    "uint64": "Q",
    "float32": "f",
    "float64": "d",
    "bcd16": "H",
    "bcd32": "I",
    "bcd64": "Q",
}
"""The `struct` code of each type with one length; a bool is one bit of a byte."""

BYTE_TYPES = ("int8", "uint8")
FLOATS = ("float32", "float64")
BCD = ("bcd16", "bcd32", "bcd64")


def registers_of(kind: str, length: int = 1) -> int:
    """How many registers a value of type `kind` takes; `length` is the characters of a string, the registers of raw."""
    if kind == STRING:
        return (length + 1) // 2
    return length if kind == RAW else max(calcsize(">" + LAYOUTS[kind]) // 2, 1)
