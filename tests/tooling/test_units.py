"""Durations, sizes, percentages and secrets. Hypothesis writes them, exact arithmetic says what they are."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxrig.errors import LocalError
from fluxrig_tooling.wording.units import duration_text, parse_duration, parse_percent, parse_secret, parse_size

MS = {"ms": 1, "s": 1000, "m": 60 * 1000, "h": 3600 * 1000, "d": 24 * 3600 * 1000}
BYTES = {"B": 1, "kB": 1000, "MB": 1000**2, "GB": 1000**3, "TB": 1000**4}
BYTES |= {"KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "TiB": 1024**4}


def refusal(parse, text: str) -> str:
    with pytest.raises(LocalError) as caught:
        parse(text)
    return str(caught.value)


@given(st.integers(0, 36_500), st.sampled_from(list(MS)))
def test_a_duration_is_its_number_times_its_unit(number, unit):
    assert parse_duration(f"{number}{unit}") == number * MS[unit]


@given(st.integers(0, 36_500 * MS["d"]))
def test_a_duration_is_written_so_that_it_is_read_again(ms):
    assert parse_duration(duration_text(ms)) == ms
    assert [duration_text(each) for each in (0, 1500, 2000, 90_000, 120_000)] == ["0ms", "1500ms", "2s", "90s", "2m"]


@given(st.integers(0, 10**9), st.sampled_from(list(MS)), st.integers(0, 3))
def test_a_decimal_duration_is_exact_or_refused(number, unit, places):
    text = f"{number // 10**places}.{number % 10**places:0{places}d}{unit}" if places else f"{number}{unit}"
    ms = Fraction(number, 10**places) * MS[unit]
    if ms.denominator == 1 and ms <= 36_500 * MS["d"]:
        assert parse_duration(text) == ms
    else:
        assert refusal(parse_duration, text)


@given(st.integers(0, 2**20), st.sampled_from(list(BYTES)))
def test_a_size_is_its_number_times_its_unit(number, unit):
    assert parse_size(f"{number}{unit}") == number * BYTES[unit]


@given(st.decimals(0, 100, allow_nan=False, places=3))
def test_a_percentage_is_a_hundredth(number):
    assert parse_percent(f"{number}%") == Fraction(number) / 100


@given(st.text(max_size=12) | st.text("0123456789.mshdkKMGTiB% -+e", max_size=12))
def test_any_other_text_is_refused_and_nothing_else_happens(text):
    for parse, smallest in ((parse_duration, 0), (parse_size, 0), (parse_percent, 0)):
        try:
            assert parse(text) >= smallest
        except LocalError as exc:
            assert str(exc)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("5", "expected a duration such as 100ms, got 5 without a unit"),
        ("5.0", "expected a duration such as 100ms, got 5.0 without a unit"),
        ("", "expected a duration such as 100ms, got ''"),
        ("-1s", "expected a duration such as 100ms, got '-1s'"),
        ("1 s", "expected a duration such as 100ms, got '1 s'"),
        ("1S", "expected a duration such as 100ms, got '1S'"),
        ("1h30m", "expected a duration such as 100ms, got '1h30m'"),
        ("1s\n", "expected a duration such as 100ms, got '1s\\n'"),
        ("٣s", "expected a duration such as 100ms, got '٣s'"),
        ("1us", "expected a duration such as 100ms, got '1us'"),
        ("0.5ms", "0.5ms is not a whole number of milliseconds, the finest a duration can be"),
        ("36501d", "36501d is longer than 36500d, the longest duration"),
    ],
)
def test_a_refused_duration_says_why(text, message):
    assert refusal(parse_duration, text) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("5", "expected a size such as 2GiB, got 5 without a unit"),
        ("5gib", "expected a size such as 2GiB, got '5gib'"),
        ("5Kib", "expected a size such as 2GiB, got '5Kib'"),
        ("1.5B", "1.5B is not a whole number of bytes"),
        ("9999999999TiB", "9999999999TiB is more than any storage holds"),
    ],
)
def test_a_refused_size_says_why(text, message):
    assert refusal(parse_size, text) == message


def test_a_percentage_ends_at_100():
    assert parse_percent("100%") == 1
    assert refusal(parse_percent, "100.5%") == "100.5% is more than 100%"
    assert refusal(parse_percent, "5") == "expected a percentage such as 5%, got 5"


def test_a_secret_is_compiled_to_its_name():
    assert parse_secret("secret:broker_pw-2") == {"secret": "broker_pw-2"}
    assert parse_secret("not a secret: x") == "not a secret: x"
    for text in ("secret:", "secret:a b", "secret:../x", "secret:" + "x" * 65, "secret:a\n"):
        assert "expected secret:NAME" in refusal(parse_secret, text)
