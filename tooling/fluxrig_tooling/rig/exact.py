"""Numbers of a rig file as they were written: 0.1, and not the float next to it."""

from __future__ import annotations

from fractions import Fraction

from fluxrig.decimal import EXPONENT, MANTISSA, Decimal


def written(number: float) -> Fraction:
    """What `number` was in the rig file."""
    return Fraction(str(number))


def exact_number(value: Fraction) -> Decimal | float:
    """`value`, which is decimal, as a Gear gets it: exact, or the nearest float when no Decimal has room for it."""
    mantissa, exponent = value, 0
    while mantissa.denominator > 1 and exponent > EXPONENT[0]:
        mantissa *= 10
        exponent -= 1
    if mantissa.denominator > 1 or mantissa > MANTISSA[1]:
        return float(value)
    return Decimal(mantissa.numerator, exponent)
