"""Numbers in every type and order, and which of them each server encodes by itself.

They are exact in binary, and have few digits: how a float is read and printed differs between interpreters.
"""

ORDERS = ("ABCD", "BADC", "CDAB", "DCBA")
WIDTHS = {"int16": 1, "uint16": 1, "int32": 2, "uint32": 2, "float32": 2, "int64": 4, "uint64": 4, "float64": 4}
VALUES = {
    "int16": (0x1234, -2, -0x8000),
    "uint16": (0x1234, 0xFFFE, 0),
    "int32": (0x12345678, -2, -0x80000000),
    "uint32": (0x12345678, 0xFFFFFFFE, 1),
    "float32": (123456.0234375, -1.5, 0.0),
    "int64": (0x123456789ABCDEF0, -2, -0x8000000000000000),
    "uint64": (0x123456789ABCDEF0, 0xFFFFFFFFFFFFFFFE, 1),
    "float64": (123456789.015625, -1.5, 0.0),
}
"""What each of them holds, in three rounds. All of their bytes differ in the first."""

ALL = [(name, order) for name in WIDTHS for order in (ORDERS if WIDTHS[name] > 1 else ORDERS[:1])]
BY_LIBMODBUS = [("float32", order) for order in ORDERS] + [
    (name, "ABCD") for name in ("int16", "uint16", "int32", "uint32", "int64", "uint64")
]
ENCODINGS = {"pymodbus": ALL, "libmodbus": BY_LIBMODBUS}

EACH_ONCE = [("libmodbus", "tcp"), ("pymodbus", "tcp"), ("libmodbus", "rtu"), ("pymodbus", "rtu+tcp")]


ROOM = 6
"""Tags that a small heap has room for, as a config on its way in and as a Gear."""


def places(peer):
    """Lists of (tag, type, order, address), one after the other in one table, at most `ROOM` in a list."""
    encodings = ENCODINGS[peer]
    lists = []
    for first in range(0, len(encodings), ROOM):
        found = []
        address = 10
        for name, order in encodings[first : first + ROOM]:
            found.append((f"{name}-{order}".lower(), name, order, address))
            address += WIDTHS[name]
        lists.append(found)
    return lists


def tag_lines(table, found, more=""):
    """The tags of a list of `places` as a rig file has them, in that table."""
    lines = []
    for tag, name, order, address in found:
        order = f", order: {order}" if WIDTHS[name] > 1 else ""
        lines.append(f"{tag}: {{address: {table}:{address}, type: {name}{order}{more}}}")
    return "\n".join(lines)
