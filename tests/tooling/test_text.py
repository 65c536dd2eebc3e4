"""Counts with their nouns, text that is too long, and text that would steer a terminal."""

from hypothesis import given
from hypothesis import strategies as st

from fluxrig_tooling.wording.text import counted, cut, printable, quoted


def test_a_noun_is_singular_for_one_alone():
    assert [counted(number, "tag") for number in (0, 1, 2, 1200)] == ["0 tags", "1 tag", "2 tags", "1,200 tags"]


@given(st.text(max_size=30), st.integers(1, 20))
def test_what_is_cut_fits_and_says_so(text: str, width: int):
    shown = cut(text, width)
    assert len(shown) <= width
    assert shown == text if len(text) <= width else (shown[-1], shown[:-1]) == ("…", text[: width - 1])


@given(st.text(max_size=30))
def test_nothing_steers_the_terminal(text: str):
    assert printable(text).isprintable()
    assert printable("a\x1b[31m\u202e") == "a\\x1b[31m\\x202e"


@given(st.text(max_size=80))
def test_a_quotation_is_cut_before_its_quotes(text: str):
    assert quoted(text) == repr(text if len(text) <= 60 else text[:59] + "…")
