"""Decimals on both interpreters. tests/interop/test_decimal_oracle.py holds them to Python's own exact numbers."""

from expect import raises

from fluxrig.decimal import Decimal, is_number

NAN, INFINITY = float("nan"), float("inf")


LESS = (True, True, False, False, False, True)
EQUAL = (False, True, False, True, True, False)
GREATER = (False, False, True, True, False, True)
UNORDERED = (False, False, False, False, False, True)


def relation(a, b):
    return a < b, a <= b, a > b, a >= b, a == b, a != b


def is_exactly(value, mantissa, exponent):
    return type(value) is Decimal and (value.mantissa, value.exponent) == (mantissa, exponent)


def test_text_has_exactly_its_places():
    for mantissa, exponent, text in (
        (206, -1, "20.6"),
        (2060, -2, "20.60"),
        (-206, -1, "-20.6"),
        (5, -1, "0.5"),
        (-5, -2, "-0.05"),
        (123, -3, "0.123"),
        (0, 0, "0"),
        (0, -2, "0.00"),
        (0, 3, "0"),
        (12, 2, "1200"),
        (-12, 2, "-1200"),
        (7, 0, "7"),
        (4294967295, -1, "429496729.5"),
        ((1 << 64) - 1, -1, "1844674407370955161.5"),
        (1, -64, "0." + "0" * 63 + "1"),
        (-1 << 64, 64, "-18446744073709551616" + "0" * 64),
    ):
        assert str(Decimal(mantissa, exponent)) == text
        assert "%s" % Decimal(mantissa, exponent) == text


def test_repr_is_how_it_is_made():
    assert repr(Decimal(206, -1)) == "Decimal(206, -1)"
    assert repr([Decimal(-5, 2)]) == "[Decimal(-5, 2)]"


def test_sums_and_differences_are_exact():
    assert is_exactly(Decimal(206, -1) + Decimal(5, -2), 2065, -2)
    assert is_exactly(Decimal(5, -2) + Decimal(206, -1), 2065, -2)
    assert is_exactly(Decimal(206, -1) - Decimal(206, -1), 0, -1)
    assert is_exactly(Decimal(206, -1) - Decimal(5, 1), -294, -1)
    assert is_exactly(Decimal(206, -1) + 1, 216, -1)
    assert is_exactly(1 + Decimal(206, -1), 216, -1)
    assert is_exactly(Decimal(206, -1) - 1, 196, -1)
    assert is_exactly(1 - Decimal(206, -1), -196, -1)
    assert is_exactly(Decimal(12, 2) + 1, 1201, 0)
    assert is_exactly((1 << 64) - Decimal(1, -1), (1 << 64) * 10 - 1, -1)
    assert is_exactly(True + Decimal(5, -1), 15, -1)
    assert is_exactly(Decimal(5, -1) - True, -5, -1)


def test_products_are_exact():
    assert is_exactly(Decimal(206, -1) * Decimal(5, -2), 1030, -3)
    assert is_exactly(Decimal(206, -1) * 3, 618, -1)
    assert is_exactly(3 * Decimal(206, -1), 618, -1)
    assert is_exactly((1 << 70) * Decimal(-1, -1), -1 << 70, -1)
    assert is_exactly(Decimal(206, -1) * True, 206, -1)
    assert is_exactly(False * Decimal(206, -1), 0, -1)


def test_beside_a_float_the_result_is_a_float():
    for result, expected in (
        (Decimal(5, -1) + 0.25, 0.75),
        (0.25 + Decimal(5, -1), 0.75),
        (Decimal(5, -1) - 0.25, 0.25),
        (0.25 - Decimal(5, -1), -0.25),
        (Decimal(5, -1) * 0.5, 0.25),
        (0.5 * Decimal(5, -1), 0.25),
        (Decimal(5, -1) / 0.5, 1.0),
        (0.5 / Decimal(25, -2), 2.0),
    ):
        assert type(result) is float and result == expected


def test_every_quotient_is_a_float():
    for result, expected in (
        (Decimal(206, -1) / Decimal(103, -1), 2.0),
        (Decimal(206, -1) / 2, 10.3),
        (1 / Decimal(5, -1), 2.0),
        (Decimal(5, -1) / True, 0.5),
        (True / Decimal(5, -1), 2.0),
    ):
        assert type(result) is float and result == expected
    for zero in (0, 0.0, Decimal(0, -1)):
        raises(ZeroDivisionError, lambda divisor=zero: Decimal(1, 0) / divisor)
    raises(ZeroDivisionError, lambda: 1 / Decimal(0, 3))


def test_what_is_no_number_is_refused():
    others: tuple = (None, "1", b"1", [1], {})
    for other in others:
        for operation in (
            lambda a, b: a + b,
            lambda a, b: a - b,
            lambda a, b: a / b,
            lambda a, b: a < b,
            lambda a, b: a <= b,
            lambda a, b: a > b,
            lambda a, b: a >= b,
        ):
            raises(TypeError, operation, Decimal(206, -1), other)
            raises(TypeError, operation, other, Decimal(206, -1))
        raises(TypeError, lambda factor=other: Decimal(206, -1) * factor)
        assert (Decimal(206, -1) == other, Decimal(206, -1) != other) == (False, True)
        assert (other == Decimal(206, -1), other != Decimal(206, -1)) == (False, True)


def test_sign_and_truth():
    assert is_exactly(-Decimal(206, -1), -206, -1)
    assert is_exactly(abs(Decimal(-206, -1)), 206, -1)
    assert is_exactly(abs(Decimal(206, -1)), 206, -1)
    assert Decimal(1, -64) and Decimal(-1, 0)
    assert not Decimal(0, -1) and not Decimal(0, 5)


def test_the_integer_part_is_towards_zero():
    for mantissa, exponent, whole in (
        (206, -1, 20),
        (-206, -1, -20),
        (-5, -1, 0),
        (9, -64, 0),
        (12, 2, 1200),
        (-12, 2, -1200),
        ((1 << 64) - 1, -1, 1844674407370955161),
    ):
        assert int(Decimal(mantissa, exponent)) == whole


def test_the_float_is_the_nearest():
    for mantissa, exponent, nearest in (
        (206, -1, 20.6),
        (-5, -2, -0.05),
        (12, 2, 1200.0),
        (4294967295, -1, 429496729.5),
        (1, -22, 1e-22),
        (0, -5, 0.0),
    ):
        assert float(Decimal(mantissa, exponent)) == nearest
    assert abs(float(Decimal((1 << 64) - 1, -64)) / 1.8446744073709552e-45 - 1) < 1e-15


def test_order_of_decimals_is_exact():
    ordered = [
        Decimal(-1 << 64, 64),
        Decimal(-12, 2),
        Decimal(-1, -64),
        Decimal(0, 0),
        Decimal(1, -64),
        Decimal(206, -1),
        Decimal(2061, -2),
        Decimal(12, 2),
        Decimal((1 << 64) - 2, -1),
        Decimal((1 << 64) - 1, -1),
        Decimal(1, 64),
    ]
    for i, a in enumerate(ordered):
        for j, b in enumerate(ordered):
            assert relation(a, b) == (LESS if i < j else GREATER if i > j else EQUAL)


def test_what_is_equal_has_one_hash():
    pairs: tuple = (
        (Decimal(10, -1), 1),
        (Decimal(10, -1), Decimal(1, 0)),
        (Decimal(12, 2), 1200),
        (Decimal(12, 2), Decimal(120000, -2)),
        (Decimal(206, -1), Decimal(20600, -3)),
        (Decimal(206, -1), 20.6),
        (Decimal(5, -1), 0.5),
        (Decimal(-20, -1), -2.0),
        (Decimal(0, -3), 0),
        (Decimal(1 << 53, 0), 2.0**53),
        (Decimal(10, -1), True),
    )
    for a, b in pairs:
        assert (a == b, b == a, a != b, b != a) == (True, True, False, False)
        assert hash(a) == hash(b)
        assert {a: "found"}[b] == {b: "found"}[a] == "found"
    assert hash(Decimal((1 << 64) - 1, -64)) == hash(Decimal(((1 << 64) - 1) * 10, -65))


def test_comparisons_with_integers():
    large = 1 << 64
    assert relation(Decimal(large * 10 - 1, -1), large) == LESS
    assert relation(Decimal(large * 10, -1), large) == EQUAL
    assert relation(Decimal(large * 10 + 1, -1), large) == GREATER
    assert relation(Decimal(12, 2), 1199) == GREATER
    assert relation(Decimal(5, -1), True) == LESS
    assert relation(Decimal(5, -1), False) == GREATER
    # Only these two with the integer on the left: MicroPython has no others.
    one, two = 1, 2
    assert (one == Decimal(10, -1), two == Decimal(10, -1)) == (True, False)
    assert (one != Decimal(10, -1), two != Decimal(10, -1)) == (False, True)


def test_comparisons_with_floats_are_those_of_the_nearest_float():
    value = Decimal(206, -1)
    for other, expected, reflected in (
        (20.6, EQUAL, EQUAL),
        (20.5, GREATER, LESS),
        (20.7, LESS, GREATER),
        (INFINITY, LESS, GREATER),
        (-INFINITY, GREATER, LESS),
        (NAN, UNORDERED, UNORDERED),
    ):
        assert relation(value, other) == expected
        assert relation(other, value) == reflected
    assert relation(Decimal(10, -1), 1.0) == EQUAL
    for value in (Decimal(10, -1), Decimal(12, 2), Decimal(0, 0)):
        assert relation(value, NAN) == relation(NAN, value) == UNORDERED


def test_it_is_a_number():
    assert is_number(Decimal(206, -1)) and is_number(1) and is_number(1.5)
    for other in (True, None, "1", b"1", [Decimal(1, 0)]):
        assert not is_number(other)
