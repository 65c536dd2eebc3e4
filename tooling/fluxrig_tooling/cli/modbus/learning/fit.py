"""How well a number in a device fits a number on its panel.

A panel rounds or cuts to its last digit, and may show what the device held a moment before. What supposes more costs
more, in bits:

| the register, times its scale, | cost |
|---|---|
| is the reading | 0 |
| is rounded to the reading | 0.5 |
| is cut to the reading | 1 |
| moved past the reading while it was watched | 2 |
| is near it: within a hundredth, or within the last digit | 4 |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from fluxrig_tooling.cli.modbus.learning.panel import Reading

EXACT, ROUNDED, CUT, PASSED, NEAR = 0.0, 0.5, 1.0, 2.0, 4.0

NEAR_PART = Fraction(1, 100)
"""How far from the reading, as a part of it, a value may be to count as near."""


@dataclass(frozen=True)
class Fit:
    """`cost` as above. `value` is that of the values seen which fits best, number `index` of them.

    `room`: over how wide a range of values the fit would have been as good. `why` goes on from the value as a sentence.
    """

    cost: float
    index: int
    value: Fraction
    room: Fraction
    why: str


def tolerance(reading: Reading) -> Fraction:
    """How far from the reading a value is still near it."""
    return max(abs(reading.value) * NEAR_PART, reading.step)


def fit(reading: Reading, values: Sequence[Fraction]) -> Fit | None:
    """How `values`, seen one after the other while the panel showed `reading`, fit it. None when they do not."""
    wanted, step = reading.value, reading.step
    index = min(range(len(values)), key=lambda each: abs(values[each] - wanted))
    value = values[index]
    distance = abs(value - wanted)
    if distance == 0:
        return Fit(EXACT, index, value, distance, "exactly")
    if 2 * distance <= step:
        return Fit(ROUNDED, index, value, step, f"rounded to {reading.number}")
    if distance < step and abs(value) > abs(wanted) and value * wanted >= 0:
        return Fit(CUT, index, value, 2 * step, f"cut to {reading.number}")
    if min(values) < wanted < max(values):
        return Fit(PASSED, index, value, max(values) - min(values), f"moved past {reading.number}")
    if distance <= tolerance(reading):
        return Fit(NEAR, index, value, 2 * distance, f"near {reading.number}, and may have moved")
    return None
