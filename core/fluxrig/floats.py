"""Floats in deterministic CBOR: the shortest of half, single and double precision that keeps the value.

Works on the bits of the formats (IEEE 754), because interpreters that run this may lack half precision in `struct`,
or have floats of single precision only. A float of 16, 32 or 64 bits is a sign, then an exponent of 5, 8 or 11 bits,
then a mantissa of 10, 23 or 52 bits.
"""

from math import ldexp
from struct import pack, unpack_from

HALF, SINGLE, DOUBLE = 0xF9, 0xFA, 0xFB
"""First bytes of the items (RFC 8949 section 3.3)."""

_NAN = 0x7E00  # the one NaN, of half precision and without payload (section 4.2.2)

# Mantissa bits of a format and of the next narrower one, the highest exponent of the format, and the lowest and the
# highest exponent whose numbers are normal numbers of the narrower one, too.
_SINGLE_TO_HALF = (23, 10, 0xFF, 113, 142)
_DOUBLE_TO_SINGLE = (52, 23, 0x7FF, 897, 1150)
_READ = {SINGLE: (">f", 4, _SINGLE_TO_HALF), DOUBLE: (">d", 8, _DOUBLE_TO_SINGLE)}


def float_bytes(value: float) -> bytes:
    """The encoding of a float (section 4.2.1)."""
    if value != value:
        return pack(">BH", HALF, _NAN)
    try:
        single = pack(">Bf", SINGLE, value)
    except OverflowError:
        return pack(">Bd", DOUBLE, value)
    if unpack_from(">f", single, 1)[0] != value:
        return pack(">Bd", DOUBLE, value)
    if single[4] or single[3] & 0x1F:  # a mantissa too long for half precision, as that of most measurements
        return single
    bits = unpack_from(">I", single, 1)[0]
    exponent = bits >> 23 & 0xFF
    if 113 <= exponent <= 142:
        half = (bits >> 13 & 0x3FFFF) - (112 << 10)
    elif exponent == 0xFF:
        half = 0x7C00
    else:
        units = ldexp(abs(value), 24)  # of the smallest subnormal number
        if units >= 1024 or units != int(units):
            return single
        half = int(units)
    return pack(">BH", HALF, bits >> 16 & 0x8000 | half)


def read_float(first: int, data: bytes, begin: int) -> float | None:
    """The value of the float at `begin` of `data`, after its first byte; None when a shorter form would keep it.

    All bytes of it must be there. Where floats have single precision a double is rounded, yet judged by its bits.
    """
    if first == HALF:
        bits = data[begin] << 8 | data[begin + 1]
        value = _half_value(bits)
        return value if value == value or bits == _NAN else None
    form, size, formats = _READ[first]
    value = unpack_from(form, data, begin)[0]
    end = begin + size
    if value != value or (data[end - 1] == 0 and _is_narrower(int.from_bytes(data[begin:end], "big"), formats)):
        return None
    return value


def _half_value(bits: int) -> float:
    exponent = bits >> 10 & 0x1F
    mantissa = bits & 0x3FF
    if exponent == 31:
        magnitude = float("nan" if mantissa else "inf")
    elif exponent:
        magnitude = ldexp(1024 + mantissa, exponent - 25)
    else:
        magnitude = ldexp(mantissa, -24)
    return -magnitude if bits & 0x8000 else magnitude


def _is_narrower(bits: int, formats: tuple) -> bool:
    """Whether the next narrower format has the same number, by its bits. Not for NaN."""
    wide, narrow, top, lowest, highest = formats
    mantissa = bits & ((1 << wide) - 1)
    exponent = bits >> wide & top
    if exponent == 0 or exponent == top:
        return mantissa == 0
    drop = wide - narrow
    if exponent < lowest:  # a subnormal number there, if any: its leading one is written out
        mantissa |= 1 << wide
        drop += lowest - exponent
    return exponent <= highest and mantissa & ((1 << drop) - 1) == 0
