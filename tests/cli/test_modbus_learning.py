"""What `fluxrig modbus learn` knows of numbers: the true place of a reading is ranked high, and nothing crashes it.

Registers are encoded by pymodbus, and shown as a panel would by Python's exact decimal numbers.
"""

from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from random import Random

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from pymodbus.client.mixin import ModbusClientMixin

from fluxrig.errors import LocalError
from fluxrig_tooling.cli.modbus.learning.panel import Reading, parse_reading
from fluxrig_tooling.cli.modbus.learning.ranking import Candidate, Round, rank
from fluxrig_tooling.sim.press import PressProcess, image

TYPES = {datatype.name.lower(): datatype for datatype in ModbusClientMixin.DATATYPE}
INTEGERS = {"uint16": (1, False), "int16": (1, True), "uint32": (2, False), "int32": (2, True), "uint64": (4, False)}
"""Registers, and whether there is a sign."""

ORDERS = ("ABCD", "CDAB", "BADC", "DCBA")
TOP = 3


@dataclass(frozen=True)
class Truth:
    """A value that a device holds: how, and what its panel shows of it."""

    address: int
    type: str
    order: str
    exponent: int
    registers: tuple[int, ...]
    shown: str

    def is_at(self, candidate: Candidate) -> bool:
        place = candidate.place
        where = (place.table, place.address, place.exponent, place.encoding.order)
        types = (place.encoding.type, candidate.also)
        return where == ("hr", self.address, self.exponent, self.order) and self.type in types


def registers(value: int | float, kind: str, order: str) -> tuple[int, ...]:
    """As pymodbus has it; the bytes of each register exchanged for BADC and DCBA, which it does not know."""
    word_order = "little" if order in ("CDAB", "DCBA") else "big"
    words = ModbusClientMixin.convert_to_registers(value, TYPES[kind], word_order=word_order)  # type: ignore[arg-type]
    if order in ("BADC", "DCBA"):
        words = [word >> 8 | (word & 0xFF) << 8 for word in words]
    return tuple(words)


def shown(value: Decimal, places: int, rounding: str) -> str:
    return str(value.quantize(Decimal(1).scaleb(-places), rounding=rounding))


@st.composite
def integers(draw: st.DrawFn, address: int) -> Truth:
    """A scaled integer that needs all of its registers and an order, with all of its digits on the panel."""
    kind = draw(st.sampled_from(sorted(INTEGERS)))
    width, is_signed = INTEGERS[kind]
    bits = 16 * width
    least = 1000 if width == 1 else 1 << bits // 2
    raw = draw(st.integers(least, (1 << bits - is_signed) - 1))
    if is_signed and draw(st.booleans()):
        raw = -raw
    order = draw(st.sampled_from(ORDERS)) if width > 1 else ""
    assume(width == 1 or len({registers(raw, kind, each) for each in ORDERS}) == len(ORDERS))
    exponent = draw(st.integers(-3, 0))
    words = registers(raw, kind, order or "ABCD")
    return Truth(address, kind, order, exponent, words, shown(Decimal(raw).scaleb(exponent), -exponent, ROUND_DOWN))


@st.composite
def floats(draw: st.DrawFn, address: int) -> Truth:
    """A float in the unit of the panel, which shows at least four of its digits."""
    kind = draw(st.sampled_from(("float32", "float64")))
    order = draw(st.sampled_from(ORDERS))
    places = draw(st.integers(1, 3))
    least = 10 ** (3 - places)
    value = draw(st.floats(least, 99_999, width=32)) * draw(st.sampled_from((1, -1)))
    rounding = draw(st.sampled_from((ROUND_HALF_EVEN, ROUND_DOWN)))
    return Truth(address, kind, order, 0, registers(value, kind, order), shown(Decimal(value), places, rounding))


@st.composite
def devices(draw: st.DrawFn) -> tuple[dict[int, int], list[Truth]]:
    """Registers 0 to 63 that hold anything, and among them one to four values of which each shows something else.

    What the others hold comes from a generator of its own: else they would all come to hold the values as well.
    """
    noise = Random(draw(st.integers(0, 1 << 32)))
    held = {address: noise.randrange(1 << 16) for address in range(64)}
    addresses = draw(st.lists(st.integers(0, 14), min_size=1, max_size=4, unique=True))
    truths = [draw(st.one_of(integers(4 * address), floats(4 * address))) for address in addresses]
    for truth in truths:
        held |= dict(enumerate(truth.registers, truth.address))
    assume(len({truth.shown for truth in truths}) == len(truths))
    assume(all(is_distinctive(truth.shown) for truth in truths))
    return held, truths


def is_distinctive(number: str) -> bool:
    """Whether it has at least four digits, of which neither the first nor the last is 0."""
    return len(number.replace(".", "").strip("-0")) >= 4


@settings(max_examples=100)
@given(devices())
def test_the_true_place_of_a_distinctive_reading_is_among_the_first_three(
    device: tuple[dict[int, int], list[Truth]],
):
    held, truths = device
    ranking = rank([Round([parse_reading(truth.shown) for truth in truths], [{"hr": held}])])
    for truth, candidates in zip(truths, ranking, strict=True):
        best = [(each.place.where, each.place.how, each.value, round(each.score, 1)) for each in candidates[:TOP]]
        assert any(truth.is_at(each) for each in candidates[:TOP]), (truth, best)


def of(*numbers: str) -> list[Reading]:
    return [parse_reading(number) for number in numbers]


def hows(candidates: list[Candidate]) -> list[tuple[str, str]]:
    return [(each.place.where, each.place.how) for each in candidates]


def test_the_reasons_say_how_a_value_fits():
    held = {"hr": {0: 2301, 1: 7, 2: 23012, 3: 9} | dict(enumerate(registers(230.07, "float32", "CDAB"), 6))}
    (candidates,) = rank([Round(of("230.1 V"), [held])])
    reasons = {each.place.where: (each.place.how, each.value, each.reasons[0]) for each in candidates}
    assert reasons["hr:0"] == ("uint16 x 0.1", "230.1", "exactly")
    assert reasons["hr:2"] == ("uint16 x 0.01", "230.12", "rounded to 230.1")
    assert reasons["hr:6"] == ("float32 CDAB", "230.07", "rounded to 230.1")


def test_other_readings_tell_which_of_two_equal_numbers_it_is():
    held = dict.fromkeys(range(100), 0)
    held |= dict(enumerate(registers(231.52, "float32", "CDAB"), 10))
    held |= dict(enumerate(registers(49.98, "float32", "CDAB"), 14))
    held |= dict(enumerate(registers(12.5, "float32", "CDAB"), 12))
    held |= dict(enumerate(registers(12.5, "float32", "ABCD"), 80))
    ranking = rank([Round(of("231.52", "12.5", "49.98"), [{"hr": held}])])
    assert [hows(candidates)[0] for candidates in ranking] == [
        ("hr:10", "float32 CDAB"),
        ("hr:12", "float32 CDAB"),
        ("hr:14", "float32 CDAB"),
    ]
    assert "read like hr:10, hr:14" in ranking[1][0].reasons


def test_what_fits_alike_scores_alike():
    (candidates,) = rank([Round(of("4711"), [{"hr": {5: 4711, 40: 4711}}])])
    assert hows(candidates)[:2] == [("hr:5", "uint16"), ("hr:40", "uint16")]
    assert candidates[0].score == candidates[1].score > candidates[2].score if len(candidates) > 2 else True


def test_a_register_that_follows_the_reading_comes_before_one_that_stands_still():
    rounds = [
        Round(of("20.0"), [{"hr": {0: 200, 9: 200}}]),
        Round(of("20.7"), [{"hr": {0: 200, 9: 207}}]),
        Round(of("21.2"), [{"hr": {0: 200, 9: 212}}]),
    ]
    (candidates,) = rank(rounds)
    assert hows(candidates)[0] == ("hr:9", "uint16 x 0.1")
    assert candidates[0].reasons == ["exactly"]
    still = next(each for each in candidates if each.place.where == "hr:0")
    assert "does not fit 21.2" in still.reasons


def test_a_round_without_a_reading_is_passed_over():
    rounds = [Round(of("20.0"), [{"hr": {0: 200}}]), Round([None], [{"hr": {0: 999}}])]
    (candidates,) = rank(rounds)
    assert hows(candidates)[0] == ("hr:0", "uint16 x 0.1")
    assert candidates[0].reasons == ["exactly"]


def test_a_register_may_move_past_the_reading_while_it_is_watched():
    samples = [{"ir": {3: value}} for value in (2290, 2297, 2304)]
    (candidates,) = rank([Round(of("230.0"), samples)])
    assert hows(candidates)[0] == ("ir:3", "uint16 x 0.1")
    assert candidates[0].reasons == ["moved past 230.0"]


def test_registers_that_move_may_be_any_float_in_between():
    press = PressProcess()
    samples = [{"hr": dict(enumerate(image(press.advance(0.05))["hr"]))} for _ in range(150)]
    (candidates,) = rank([Round(of("38.0"), samples[::30])])
    assert hows(candidates)[0] == ("hr:2", "uint16 x 0.1")


def test_a_float_may_be_farther_away_than_a_number_can_say():
    ends = (registers(sign * value, "float64", "ABCD") for sign, value in ((1, 1.7e308), (-1, 5e-324), (-1, 1.7e308)))
    samples = [{"hr": dict(enumerate(each))} for each in ends]
    (candidates,) = rank([Round(of("38.5"), samples[::2])])
    assert ("hr:0", "float64 ABCD x 1000") in hows(candidates)
    (candidates,) = rank([Round(of("38.5"), samples[:2])])
    assert all(each.value for each in candidates)


def test_a_shorter_type_that_would_do_is_preferred_and_said():
    (candidates,) = rank([Round(of("4711"), [{"hr": {0: 0, 1: 4711, 2: 60_000}}])])
    assert hows(candidates)[:2] == [("hr:1", "uint16"), ("hr:0", "uint32 ABCD")]
    assert candidates[1].reasons == ["exactly", "a shorter type would do"]


def test_the_signed_type_is_named_as_long_as_nothing_tells():
    (candidates,) = rank([Round(of("4711"), [{"hr": {0: 4711}}])])
    assert (candidates[0].place.how, candidates[0].also) == ("uint16", "int16")
    (candidates,) = rank([Round(of("-4711"), [{"hr": {0: 0x10000 - 4711}}])])
    assert (candidates[0].place.how, candidates[0].also) == ("int16", "")
    (candidates,) = rank([Round(of("54711"), [{"hr": {0: 54711}}])])
    assert (candidates[0].place.how, candidates[0].also) == ("uint16", "")


ANY_REGISTERS = st.dictionaries(st.integers(0, 20) | st.integers(0, 65_535), st.integers(0, 0xFFFF), max_size=12)
ANY_NUMBER = st.decimals(-(10**9), 10**9, places=3) | st.integers(-(10**12), 10**12) | st.just(Decimal(0))


@settings(max_examples=60)
@given(st.data(), ANY_REGISTERS, ANY_REGISTERS, st.lists(ANY_NUMBER, min_size=1, max_size=4), st.integers(1, 3))
def test_nothing_crashes_it(
    data: st.DataObject, hr: dict[int, int], ir: dict[int, int], numbers: list[Decimal], looks: int
):
    samples = [{"hr": hr, "ir": {each: data.draw(st.integers(0, 0xFFFF)) for each in ir}} for _ in range(looks)]
    ranking = rank([Round([parse_reading(f"{number:f}") for number in numbers], samples)])
    assert len(ranking) == len(numbers)
    for candidates in ranking:
        assert [each.score for each in candidates] == sorted((each.score for each in candidates), reverse=True)
        for each in candidates:
            addresses = range(each.place.address, each.place.address + each.place.encoding.width)
            assert all(address in samples[0][each.place.table] for address in addresses)
            assert each.value and each.reasons


@pytest.mark.parametrize(
    ("text", "value", "places", "name", "unit"),
    [
        ("230.1 V", "230.1", 1, "", "V"),
        ("230,1V", "230.1", 1, "", "V"),
        ("  -12 ", "-12", 0, "", ""),
        ("−12.50", "-12.5", 2, "", ""),
        ("+7", "7", 0, "", ""),
        (".5", "0.5", 1, "", ""),
        ("1,234.5 kWh", "1234.5", 1, "", "kWh"),
        ("1.234,5", "1234.5", 1, "", ""),
        ("1.234", "1.234", 3, "", ""),
        ("0,125", "0.125", 3, "", ""),
        ("12'345'678", "12345678", 0, "", ""),
        ("1,234,567", "1234567", 0, "", ""),
        ("flow = 12.5 l/min", "12.5", 1, "flow", "l/min"),
        ("u1=230", "230", 0, "u1", ""),
        ("98 %", "98", 0, "", "%"),
        ("21.5°C", "21.5", 1, "", "°C"),
    ],
)
def test_readings_are_read_as_people_write_them(text: str, value: str, places: int, name: str, unit: str):
    reading = parse_reading(text)
    assert reading.value == Fraction(value)
    assert (reading.places, reading.name, reading.unit) == (places, name, unit)
    assert Fraction(reading.number) == reading.value


@pytest.mark.parametrize(
    "text", ["", "V", "1e5", "12.3.4", "1,234", "--5", "12 34", "NaN", "inf", "1" * 21, "5.5.", "=5"]
)
def test_what_is_no_reading_is_refused(text: str):
    with pytest.raises(LocalError):
        parse_reading(text)


def test_a_number_with_two_meanings_names_both():
    with pytest.raises(LocalError, match=r"write 1234 or 1\.234"):
        parse_reading("1,234")


@given(st.text(alphabet="0123456789.,'+-= %VkWh", max_size=12) | st.text(max_size=8))
@example("1'234,5")
def test_any_text_is_a_reading_or_refused(text: str):
    try:
        reading = parse_reading(text)
    except LocalError:
        return
    assert reading.step > 0
    assert (reading.value / reading.step).denominator == 1
