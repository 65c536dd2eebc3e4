"""Our decimals against Python's own exact numbers: `fractions.Fraction` for values, `decimal.Decimal` for text."""

import decimal
import json
import math
import operator
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fluxrig.decimal import EXPONENT, MANTISSA, Decimal

MANTISSAS = st.integers(*MANTISSA) | st.integers(-1000, 1000)
EXPONENTS = st.integers(*EXPONENT) | st.integers(-4, 2)
DECIMALS = st.builds(Decimal, MANTISSAS, EXPONENTS)
EXACT = DECIMALS | MANTISSAS | st.booleans()
FLOATS = st.floats() | st.integers(-3000, 3000).map(lambda n: n / 10)

RELATIONS = (operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne)


def fraction(value):
    return Fraction(value.mantissa) * Fraction(10) ** value.exponent if isinstance(value, Decimal) else Fraction(value)


def nearest(value):
    """The number that a Decimal counts as beside a float."""
    exact = fraction(value)
    return exact.numerator if exact.denominator == 1 else float(exact)


def rescaled(value, places):
    """The same number with more places."""
    return Decimal(value.mantissa * 10**places, value.exponent - places)


@pytest.mark.parametrize("operation", [operator.add, operator.sub, operator.mul])
def test_arithmetic_is_exact(operation):
    @given(DECIMALS, EXACT)
    def holds(a, b):
        for left, right in ((a, b), (b, a)):
            result = operation(left, right)
            assert type(result) is Decimal
            assert fraction(result) == operation(fraction(left), fraction(right))

    holds()


@given(DECIMALS, EXACT)
def test_sums_have_the_places_of_the_finer_one(a, b):
    finer = min(a.exponent, b.exponent if isinstance(b, Decimal) else 0)
    assert (a + b).exponent == (a - b).exponent == (b - a).exponent == finer


@given(DECIMALS)
def test_with_one_operand(value):
    exact = fraction(value)
    assert fraction(-value) == -exact
    assert fraction(abs(value)) == abs(exact)
    assert bool(value) == bool(exact)
    assert int(value) == math.trunc(exact)
    assert float(value) == float(exact)


@given(DECIMALS, EXACT.filter(bool))
def test_quotients_are_the_nearest_float_or_next_to_it(a, b):
    assert type(a / b) is float
    exact = float(fraction(a) / fraction(b))
    assert abs(a / b - exact) <= 4 * math.ulp(exact)


@given(DECIMALS, EXACT, st.integers(0, 20))
def test_comparisons_are_exact(a, b, places):
    for left, right in ((a, b), (b, a), (a, rescaled(a, places)), (rescaled(a, places), b)):
        for relation in RELATIONS:
            assert relation(left, right) == relation(fraction(left), fraction(right))


@given(DECIMALS, FLOATS)
@example(Decimal(206, -1), 20.6)
@example(Decimal((1 << 53) + 1, 0), 2.0**53)
@example(Decimal(12, 2), math.inf)
@example(Decimal(12, 2), math.nan)
def test_comparisons_with_floats(value, other):
    for number in (other, float(value), math.nextafter(float(value), other)):
        for relation in RELATIONS:
            assert relation(value, number) == relation(nearest(value), number)
            assert relation(number, value) == relation(number, nearest(value))


@given(DECIMALS, st.integers(0, 20))
def test_what_is_equal_has_one_hash(value, places):
    for other in (rescaled(value, places), int(value), float(value)):
        assert value != other or hash(value) == hash(other)
    assert rescaled(value, places) == value


@given(DECIMALS, FLOATS)
def test_beside_a_float_the_result_is_that_of_the_nearest_float(value, other):
    number = float(value)
    for operation in (operator.add, operator.sub, operator.mul, operator.truediv):
        for left, right in ((value, other), (other, value)):
            if operation is operator.truediv and not right:
                continue
            result = operation(left, right)
            plain = (number if left is value else left, number if right is value else right)
            assert type(result) is float
            assert repr(result) == repr(operation(*plain))


@given(DECIMALS)
@example(Decimal(0, 3))
@example(Decimal(0, -3))
@example(Decimal(-5, -2))
def test_text_is_plain_and_exact_and_a_number_in_json(value):
    text = str(value)
    digits = tuple(int(digit) for digit in str(abs(value.mantissa)))
    theirs = decimal.Decimal((int(value.mantissa < 0), digits, value.exponent))
    assert decimal.Decimal(text) == theirs
    assert text == (f"{theirs:f}" if value.mantissa else f"{0:.{max(-value.exponent, 0)}f}")
    assert json.loads(text, parse_float=Fraction) == fraction(value)
    assert len(text.partition(".")[2]) == max(-value.exponent, 0)


@given(DECIMALS)
def test_repr_is_how_it_is_made(value):
    again = eval(repr(value))
    assert (again.mantissa, again.exponent) == (value.mantissa, value.exponent)
