"""Reads the fields that tag lists of every origin have: addresses, types, orders, numbers, periods, yes and no.

Each raises LocalError, with a `hint`, for text that it cannot read.
"""

from __future__ import annotations

import re
from fractions import Fraction

from fluxrig.errors import LocalError
from fluxrig_tooling.modbus.addresses import REFERENCE
from fluxrig_tooling.modbus.orders import ORDERS
from fluxrig_tooling.modbus.tables import REFERENCE_TABLES, TABLES
from fluxrig_tooling.rig.importing.model import Options
from fluxrig_tooling.wording.suggest import did_you_mean

_OWN = re.compile(rf"({'|'.join(TABLES)}):(\d{{1,5}})(?:\.(\d{{1,2}}))?")
_PREFIXED = re.compile(r"([0134])x(\d{1,5})(?:\.(\d{1,2}))?")
_REFERENCE = re.compile(rf"({REFERENCE})(?:\.(\d{{1,2}}))?")
_BARE = re.compile(r"(\d{1,5}|0x[0-9a-f]{1,4})(?:\.(\d{1,2}))?")
_COMMA = re.compile(r"[-+]?\d+,\d+")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|sec|m|min|h)?")

_TYPES = {
    "bool": ("bool", "boolean", "bit", "digital", "coil"),
    "int8": ("int8", "sint", "sint8", "s8", "i8"),
    "uint8": ("uint8", "usint", "byte", "u8"),
    "int16": ("int16", "int", "short", "sint16", "s16", "i16", "signed16"),
    "uint16": ("uint16", "uint", "word", "ushort", "u16", "unsigned16", "unsigned"),
    "int32": ("int32", "dint", "long", "sint32", "s32", "i32", "signed32"),
    "uint32": ("uint32", "udint", "dword", "ulong", "u32", "unsigned32"),
    "int64": ("int64", "lint", "llong", "s64", "i64", "signed64"),
    "uint64": ("uint64", "ulint", "lword", "qword", "u64", "unsigned64"),
    "float32": ("float32", "float", "real", "single", "f32", "float32ieee"),
    "float64": ("float64", "double", "lreal", "f64", "float64ieee"),
    "bcd16": ("bcd16", "bcd"),
    "bcd32": ("bcd32", "lbcd"),
    "string": ("string", "text", "ascii", "char"),
}
_TYPE_OF = {name: rig_type for rig_type, names in _TYPES.items() for name in names}

_ORDERS = {
    "ABCD": ("abcd", "abcdefgh", "bigendian", "big", "be", "mswbe", "mswfirst", "highwordfirst"),
    "CDAB": ("cdab", "ghefcdab", "wordswap", "wordswapped", "swapped", "lswbe", "lswfirst", "lowwordfirst"),
    "BADC": ("badc", "badcfehg", "byteswap", "byteswapped", "mswle"),
    "DCBA": ("dcba", "hgfedcba", "littleendian", "little", "le", "lswle"),
}
_ORDER_OF = {name: order for order, names in _ORDERS.items() for name in names}

_TABLE_NAMES = {
    "hr": ("hr", "holding", "holdingregister", "holdingregisters", "4x", "3", "03", "fc3", "fc03"),
    "ir": ("ir", "input", "inputregister", "inputregisters", "3x", "4", "04", "fc4", "fc04"),
    "co": ("co", "coil", "coils", "0x", "1", "01", "fc1", "fc01"),
    "di": ("di", "discrete", "discreteinput", "discreteinputs", "inputstatus", "1x", "2", "02", "fc2", "fc02"),
}
_TABLE_OF = {name: table for table, names in _TABLE_NAMES.items() for name in names}

_YES = {"yes", "y", "true", "1", "x", "rw", "readwrite", "wr", "w", "write", "wo", "writeonly"}
_NO = {"", "no", "n", "false", "0", "ro", "readonly", "r", "read"}

_MS = {"ms": 1, "s": 1000, "sec": 1000, "m": 60_000, "min": 60_000, "h": 3_600_000}


def address_of(text: str, options: Options) -> tuple[str, int, int | None]:
    """Table, address from 0, and bit of an address as people write it: `hr:0`, `40001`, `4x0001`, `40001.5`.

    A number that names no table is read as `options` say, and refused where they do not.
    """
    written = text.strip().lower()
    if match := _OWN.fullmatch(written):
        return match[1], int(match[2]), _bit(match[3])
    prefixed = _PREFIXED.fullmatch(written)
    if prefixed and not written.startswith("0x"):
        return _from_one(written, *prefixed.groups())
    reference = _REFERENCE.fullmatch(written) if options.base is None else None
    if reference:
        return _from_one(written, reference[1][0], reference[1][1:], reference[2])
    match = _BARE.fullmatch(written)
    if match is None:
        raise LocalError(
            f"{text!r} is not an address", hint="write hr:0, ir:0, co:0 or di:0, or a reference such as 40001"
        )
    number = int(match[1], 16) if match[1].startswith("0x") else int(match[1])
    if options.base is None or not options.table:
        table = options.table or "hr"
        readings = [f"{table}:{number} (counted from 0)"]
        if number:
            readings.append(f"{table}:{number - 1} (counted from 1)")
        hint = "say which with --base 0 or --base 1, and --table with hr, ir, co or di"
        raise LocalError(f"the bare number {text} can mean {' or '.join(readings)}", hint=hint)
    if number < options.base:
        raise LocalError(f"there is not an address {text} where counting begins with {options.base}", hint="")
    return options.table, number - options.base, _bit(match[2])


def table_of(text: str) -> str:
    """The table that a word means: `holding`, `4x` or `FC03` are all `hr`."""
    return _looked_up(text, _TABLE_OF, "table")


def type_of(text: str) -> str:
    """The rig's name of a data type: `REAL` and `float` are float32."""
    return _looked_up(text, _TYPE_OF, "type")


def order_of(text: str) -> str:
    """One of the orders: `big endian` is ABCD, `low word first` is CDAB."""
    return _looked_up(text, _ORDER_OF, "order") if text.upper() not in ORDERS else text.upper()


def number_of(text: str) -> Fraction:
    """A number, also with a decimal comma. Refused is one where the comma may as well stand for thousands."""
    written = text.strip().replace("\N{MINUS SIGN}", "-")
    if _COMMA.fullmatch(written):
        whole, _, decimals = written.partition(",")
        if len(decimals) == 3 and whole.lstrip("+-") != "0":
            raise LocalError(f"{text} can mean {whole}.{decimals} or {whole}{decimals}", hint="write it with a point")
        written = f"{whole}.{decimals}"
    if len(written) > 40 or not re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d{1,2})?", written, re.IGNORECASE):
        raise LocalError(f"{text!r} is not a number", hint="for example 0.1")
    return Fraction(written)


def duration_of(text: str, unit: str = "ms") -> int:
    """A period in milliseconds; `unit` is that of a bare number."""
    match = _DURATION.fullmatch(text.strip().lower())
    milliseconds = Fraction(match[1]) * _MS[match[2] or unit] if match and len(text) < 20 else Fraction(0)
    if milliseconds < 1 or milliseconds.denominator != 1:
        raise LocalError(f"{text!r} is not a period of whole milliseconds", hint="for example 100ms or 5s")
    return int(milliseconds)


def truth_of(text: str) -> bool:
    """Yes or no, also as access rights: `RW` is yes, `read only` no."""
    folded = _folded(text)
    if folded in _YES or folded in _NO:
        return folded in _YES
    raise LocalError(f"{text!r} is neither yes nor no", hint="write yes or no, RW or RO")


def integer_of(text: str, low: int, high: int) -> int:
    """A whole number within bounds, both included."""
    if not re.fullmatch(r"\d{1,6}", text.strip()) or not low <= int(text) <= high:
        raise LocalError(f"{text!r} is not a number from {low} to {high}", hint="")
    return int(text)


def _from_one(text: str, digit: str, number: str, bit: str | None) -> tuple[str, int, int | None]:
    if int(number) == 0:
        raise LocalError(f"{text} does not exist: references count from 1", hint="the first one ends in 1")
    return REFERENCE_TABLES[digit], int(number) - 1, _bit(bit)


def _bit(text: str | None) -> int | None:
    if text is None:
        return None
    if int(text) > 15:
        raise LocalError(f"a register has no bit {text}", hint="bits count from 0, the least significant, to 15")
    return int(text)


def _looked_up(text: str, known: dict[str, str], what: str) -> str:
    found = known.get(_folded(text))
    if found is None:
        raise LocalError(f"unknown {what} {text!r}", hint=did_you_mean(text, dict.fromkeys(known.values())))
    return found


def _folded(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.casefold())
