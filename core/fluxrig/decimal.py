"""Exact decimal numbers: what a register times 0.1 is, also where floats have single precision.

206 times 0.1 is `Decimal(206, -1)`: two integers, and never a rounded float. In CBOR it is a decimal fraction
(`fluxrig.cbor`), in JSON a plain number.
"""

MANTISSA = (-1 << 64, (1 << 64) - 1)
EXPONENT = (-64, 64)
"""Lowest and highest that a message carries. Beyond them arithmetic goes on, and encoding is refused."""


class Decimal:
    """The number `mantissa * 10**exponent`, both integers. Immutable by contract.

    - With integers and one another, `+ - *` are exact, and so are comparisons: `Decimal(10, -1) == 1`.
    - With a float, and in divisions, the result is a float.
    - Compared with a float, a number with a fraction counts as the float nearest to it, so that a limit of 20.6 in a
      rig is reached: `Decimal(206, -1) >= 20.6`. Nothing is equal to NaN, or above or below it.
    - What is equal has one hash. The places stay: `Decimal(10, -1)` is written `1.0`.

    MicroPython has no order with an integer on the left: `1 < Decimal(12, -1)` is a TypeError there, and `1 == …` is
    not. Write the Decimal first.
    """

    __slots__ = ("exponent", "mantissa")

    def __init__(self, mantissa: int, exponent: int):
        # One is made for every scaled register of every poll: nothing is checked here.
        self.mantissa = mantissa
        self.exponent = exponent

    def __add__(self, other):
        if isinstance(other, float):
            return float(self) + other
        if not isinstance(other, _EXACT):
            return NotImplemented
        mine, others, exponent = _aligned(self, other)
        return Decimal(mine + others, exponent)

    __radd__ = __add__

    def __sub__(self, other):
        if isinstance(other, float):
            return float(self) - other
        if not isinstance(other, _EXACT):
            return NotImplemented
        mine, others, exponent = _aligned(self, other)
        return Decimal(mine - others, exponent)

    def __rsub__(self, other):
        if isinstance(other, float):
            return other - float(self)
        return -self + other

    def __mul__(self, other):
        if isinstance(other, Decimal):
            return Decimal(self.mantissa * other.mantissa, self.exponent + other.exponent)
        if isinstance(other, float):
            return float(self) * other
        if not isinstance(other, _EXACT):
            return NotImplemented
        return Decimal(self.mantissa * other, self.exponent)

    __rmul__ = __mul__

    def __truediv__(self, other):
        if not isinstance(other, _NUMBERS):
            return NotImplemented
        return float(self) / float(other)

    def __rtruediv__(self, other):
        if not isinstance(other, _NUMBERS):
            return NotImplemented
        return float(other) / float(self)

    def __neg__(self):
        return Decimal(-self.mantissa, self.exponent)

    def __abs__(self):
        return Decimal(abs(self.mantissa), self.exponent)

    def __bool__(self):
        return self.mantissa != 0

    def __float__(self):
        """The nearest float; on MicroPython, which rounds both integers first, that or one next to it."""
        if self.exponent < 0:
            return self.mantissa / 10**-self.exponent
        return float(self.mantissa * 10**self.exponent)

    def __int__(self):
        """The integer part: towards zero."""
        if self.exponent >= 0:
            return self.mantissa * 10**self.exponent
        whole = abs(self.mantissa) // 10**-self.exponent
        return whole if self.mantissa >= 0 else -whole

    def __eq__(self, other):
        pair = self._beside(other)
        return NotImplemented if pair is None else pair[0] == pair[1]

    def __lt__(self, other):
        pair = self._beside(other)
        return NotImplemented if pair is None else pair[0] < pair[1]

    def __le__(self, other):
        pair = self._beside(other)
        return NotImplemented if pair is None else pair[0] <= pair[1]

    def __gt__(self, other):
        pair = self._beside(other)
        return NotImplemented if pair is None else pair[0] > pair[1]

    def __ge__(self, other):
        pair = self._beside(other)
        return NotImplemented if pair is None else pair[0] >= pair[1]

    def __hash__(self):
        return hash(self._plain())

    def __str__(self):
        """Plain decimal notation with `-exponent` places, which is a number in JSON as well."""
        if self.exponent >= 0:
            return str(self.mantissa * 10**self.exponent)
        digits = str(abs(self.mantissa))
        point = len(digits) + self.exponent
        if point <= 0:
            digits = "0" * (1 - point) + digits
            point = 1
        sign = "-" if self.mantissa < 0 else ""
        return f"{sign}{digits[:point]}.{digits[point:]}"

    def __repr__(self):
        return f"Decimal({self.mantissa}, {self.exponent})"

    def _plain(self):
        """This number as an integer if it is one, else as the float nearest to it."""
        whole = int(self)
        return whole if self.exponent >= 0 or whole * 10**-self.exponent == self.mantissa else float(self)

    def _beside(self, other):
        """This number and `other` as two plain ones that compare as they do; None when `other` is not a number."""
        if isinstance(other, _EXACT):
            return _aligned(self, other)
        if isinstance(other, float):
            return self._plain(), other
        return None


_EXACT = (Decimal, int, bool)  # MicroPython's booleans are not integers
_NUMBERS = (Decimal, int, bool, float)


def is_number(value) -> bool:
    """Whether `value` is an integer, a float or a Decimal, and not a boolean."""
    return isinstance(value, _NUMBERS) and not isinstance(value, bool)


def _aligned(number: Decimal, other) -> tuple:
    """The mantissas that both have at one exponent, and that exponent. `other` is one of _EXACT."""
    mantissa = number.mantissa
    exponent = number.exponent
    others, others_exponent = (other.mantissa, other.exponent) if isinstance(other, Decimal) else (other, 0)
    if exponent > others_exponent:
        return mantissa * 10 ** (exponent - others_exponent), others, others_exponent
    if exponent < others_exponent:
        return mantissa, others * 10 ** (others_exponent - exponent), exponent
    return mantissa, others, exponent
