"""Ranks the registers, types, orders and scales that may be behind the readings of a panel. Pure: no I/O, no clock.

Every candidate has a score, in bits. For it speaks how much would have to be a coincidence: what its registers hold,
less the room that the reading leaves. Against it speaks what it supposes: a rare type or order, an odd scale, a value
that has moved since. Then the readings are taken together: one that is read like the others, and stands near them,
supposes less than one that is read in a way of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import ceil, floor, log2
from typing import Any

from fluxrig_tooling.cli.modbus.learning.encodings import (
    FLOAT_EXPONENTS,
    INTEGER_EXPONENTS,
    SIGNED,
    Encoding,
    decoder,
    encodings,
)
from fluxrig_tooling.cli.modbus.learning.fit import fit, tolerance
from fluxrig_tooling.cli.modbus.learning.panel import Reading
from fluxrig_tooling.cli.modbus.learning.place import Place

Sample = dict[str, dict[int, int]]
"""What the registers held at one moment: {table: {address: register}}."""

FLOAT_SCALED = 3.0  # a float that is not in the unit of the panel
COARSER = 2.0  # for each digit that the panel has and the register has not
UNUSED = 3.0  # for each time that a shorter type would have done
MISSED = 10.0  # a round whose reading does not fit
OVERLAP = 12.0  # another reading that needs the same registers
OTHER_TABLE, OTHER_ORDER, OTHER_KIND, OTHER_TYPE, OTHER_SCALE = 1.5, 4.0, 2.0, 1.0, 0.5
FAR = 3.0  # the most that the distance to another reading counts
MOST = 8.0  # the most that another reading can speak against a candidate

MARGIN = 4.0
"""So much more than what chance gives is taken for certain."""

KEPT = 40
"""Candidates of each reading that are compared with those of the others."""

DECODERS = {encoding: decoder(encoding) for encoding in encodings()}


@dataclass(frozen=True)
class Round:
    """The readings at one moment, None for what was not read, and the samples taken around it, oldest first.

    All samples have the same registers. The readings of all rounds stand in the same order.
    """

    readings: Sequence[Reading | None]
    samples: Sequence[Sample]

    @cached_property
    def raws(self) -> dict[tuple[str, int, Encoding], list[int | float]]:
        """The raw number in each sample, of each encoding at each address of a table where they always hold one."""
        found: dict[tuple[str, int, Encoding], list[int | float]] = {}
        for table, registers in self.samples[0].items():
            for address in registers:
                for encoding, decode in DECODERS.items():
                    addresses = range(address, address + encoding.width)
                    if all(each in registers for each in addresses):
                        raws = [decode([sample[table][each] for each in addresses]) for sample in self.samples]
                        if None not in raws:
                            found[table, address, encoding] = raws  # type: ignore[assignment]
        return found


@dataclass
class Candidate:
    """A place that may be behind a reading.

    `alone` is its score by itself, `score` with the other readings taken into account. `evidence`: how many bits would
    have to be a coincidence. `value` is what was there, as text; `reasons` say why it is a candidate. `also` is the
    type that reads the same as long as the sign bit is 0, or empty.
    """

    place: Place
    alone: float
    evidence: float
    value: str
    reasons: list[str]
    also: str = ""
    score: float = 0.0


def rank(rounds: Sequence[Round]) -> list[list[Candidate]]:
    """The candidates of each reading, the best first. What scores the same stands in the order of addresses."""
    count = len(rounds[0].readings)
    found = [_alone([(each, each.readings[index]) for each in rounds]) for index in range(count)]
    for index, candidates in enumerate(found):
        others = [other for other in found[:index] + found[index + 1 :] if other]
        for candidate in candidates:
            candidate.score = round(candidate.alone - _oddness(candidate.place, others), 6)
    for candidates in found:
        candidates.sort(key=lambda each: (-each.score, each.place.table, each.place.address))
    for index, candidates in enumerate(found):
        best = [other[0].place for other in found[:index] + found[index + 1 :] if other]
        for candidate in candidates:
            alike = [place.where for place in best if place.encoding == candidate.place.encoding]
            if alike and candidate.place not in best:
                candidate.reasons.append(f"read like {', '.join(alike[:3])}")
    return found


def is_chance(rounds: Sequence[Round], best: Candidate) -> bool:
    """Whether among so many registers one would be expected to score as well as this candidate does by itself."""
    registers = sum(len(table) for table in rounds[0].samples[0].values())
    return best.alone < log2(max(registers, 1)) + MARGIN


def _alone(rounds: list[tuple[Round, Reading | None]]) -> list[Candidate]:
    """The best candidates for one reading, which is another one in each round."""
    given = [(each, reading) for each, reading in rounds if reading is not None]
    places = {place for each, reading in given for place in _places(each, reading)}
    candidates = [_judged(place, given) for place in places]
    return sorted(candidates, key=lambda each: (-each.alone, each.place.table, each.place.address))[:KEPT]


def _places(round_: Round, reading: Reading) -> Iterator[Place]:
    """Every place whose values come near the reading."""
    windows = _windows(reading)
    for (table, address, encoding), raws in round_.raws.items():
        least, greatest = min(raws), max(raws)
        # What an unsigned type reads in the same way is no place of its own.
        if encoding.type not in SIGNED.values() or least < 0:
            for exponent, low, high in windows[encoding.is_float]:
                if low <= greatest and least <= high:
                    yield Place(table, address, encoding, exponent)


def _windows(reading: Reading) -> list[list[tuple[int, Any, Any]]]:
    """(exponent, lowest, highest raw number near the reading) of each scale: of integers, and of floats."""
    low, high = reading.value - tolerance(reading), reading.value + tolerance(reading)
    whole, real = [], []
    for exponent in INTEGER_EXPONENTS:
        scale = Fraction(10) ** exponent
        whole.append((exponent, ceil(low / scale), floor(high / scale)))
    for exponent in FLOAT_EXPONENTS:
        scale = Fraction(10) ** exponent
        real.append((exponent, float(low / scale), float(high / scale)))
    return [whole, real]


def _judged(place: Place, given: list[tuple[Round, Reading]]) -> Candidate:
    encoding = place.encoding
    suppositions = encoding.cost + _scale_cost(place, given[0][1])
    reasons: list[str] = []
    raws: list[int | float] = []
    evidence: dict[Fraction, float] = {}  # of each reading: the same once more proves nothing more
    value = ""
    for round_, reading in given:
        found = round_.raws.get((place.table, place.address, encoding), [])
        raws += found
        fitting = fit(reading, [place.value(raw) for raw in found]) if found else None
        if fitting is None:
            suppositions += MISSED
            reasons.append(f"does not fit {reading.number}")
            continue
        suppositions += fitting.cost
        reasons = [why for why in reasons if why != fitting.why] + [fitting.why]
        raw = found[fitting.index]
        value = place.text(raw)
        room = _log2(fitting.room / place.step(raw) + 1)
        told = min(place.information(raw) - room, reading.information)
        evidence[reading.value] = max(evidence.get(reading.value, 0.0), told)
    unused = _shorter(encoding, raws)
    if unused:
        suppositions += UNUSED * unused
        reasons.append("a shorter type would do")
    also = encoding.type in SIGNED and max(raws) < 1 << 16 * encoding.width - 1
    total = sum(evidence.values())
    return Candidate(place, total - suppositions, total, value, reasons, SIGNED[encoding.type] if also else "")


def _log2(number: Fraction) -> float:
    """Also of what no float can hold: between two float64 there may be more steps than that."""
    return log2(number.numerator) - log2(number.denominator)


def _scale_cost(place: Place, reading: Reading) -> float:
    """What the scale supposes: nothing when the register counts the panel's last digit, or is a float in its unit."""
    if place.encoding.is_float:
        return FLOAT_SCALED + abs(place.exponent) % 3 if place.exponent else 0.0
    digits = place.exponent + reading.places
    return COARSER * digits if digits > 0 else -0.5 * digits


def _shorter(encoding: Encoding, raws: list[int | float]) -> int:
    """How many times an integer type could be halved, and still hold every raw number."""
    if encoding.is_float:
        return 0
    bits = max(int(raw if raw >= 0 else ~raw).bit_length() for raw in raws)  # type: ignore[operator]
    width, halves = encoding.width, 0
    while width > 1 and bits <= 16 * width // 2:
        width //= 2
        halves += 1
    return halves


def _oddness(place: Place, others: Sequence[Sequence[Candidate]]) -> float:
    """What it supposes that the readings with the candidates `others` are beside this place.

    On average it is read in a way of its own; and none of them can have its registers.
    """
    if not others:
        return 0.0
    apart, robbed = [], 0.0
    for candidates in others:
        losses = [
            (candidates[0].alone - each.alone, each.place) for each in candidates if not place.overlaps(each.place)
        ]
        apart.append(min([MOST, *(loss + _apart(place, other) for loss, other in losses)]))
        robbed = max(robbed, min([OVERLAP, *(loss for loss, _ in losses)]))
    return sum(apart) / len(apart) + robbed


def _apart(one: Place, other: Place) -> float:
    """How unlikely it is that a device holds two of its values so."""
    cost = OTHER_TABLE if one.table != other.table else min(log2(1 + abs(one.address - other.address)) / 3, FAR)
    if one.encoding.order and other.encoding.order and one.encoding.order != other.encoding.order:
        cost += OTHER_ORDER
    if one.encoding.type != other.encoding.type:
        cost += OTHER_KIND if one.encoding.is_float != other.encoding.is_float else OTHER_TYPE
    elif one.exponent != other.exponent:
        cost += OTHER_SCALE
    return cost
