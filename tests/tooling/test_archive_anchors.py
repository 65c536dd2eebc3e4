"""Checkpoints in text of any kind: all of them are found, and the time it takes grows with the length alone."""

from __future__ import annotations

import json
from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxrig_tooling.archive.anchor import Anchor, anchors_in

anchors = st.builds(
    Anchor,
    machine=st.one_of(st.sampled_from(["press-1", '{"a": "', "}", "\\", "line 1\n", "пресс"]), st.text(max_size=50)),
    journal=st.binary(min_size=16, max_size=16),
    position=st.integers(0, (1 << 64) - 1),
    head=st.binary(min_size=32, max_size=32),
    time=st.integers(0, (1 << 64) - 1),
)
JUNK = [
    "{",
    "}",
    '"',
    "\\",
    ":",
    ",",
    '{"',
    '{"a":1,',
    '"machine":',
    '{"v": ',
    "[",
    " ",
    "\n",
    "acme/_rack/line-1 ",
    "é",
]
junk = st.one_of(st.lists(st.sampled_from(JUNK), max_size=20).map("".join), st.text(max_size=40))


@st.composite
def spelled(draw: st.DrawFn) -> tuple[str, Anchor]:
    """A checkpoint as some program has written it: with its keys in any order, or within other objects."""
    anchor = draw(anchors)
    fields = draw(st.permutations(list(anchor.as_dict().items())))
    value = draw(
        st.sampled_from(
            [lambda each: each, lambda each: {"v": each, "t": 1, "q": "good"}, lambda each: [[{"x": each}]]]
        )
    )(dict(fields))
    options: dict[str, Any] = draw(
        st.sampled_from([{}, {"indent": 2}, {"indent": "\t"}, {"separators": (",", ":")}, {"ensure_ascii": False}])
    )
    return json.dumps(value, **options), anchor


@given(st.lists(st.tuples(junk, spelled()), max_size=5), junk)
def test_all_are_found_whatever_stands_around_them(parts: list[tuple[str, tuple[str, Anchor]]], end: str):
    text = "".join(before + written for before, (written, _) in parts) + end
    assert list(anchors_in(text)) == [anchor for _, (_, anchor) in parts]


@given(st.lists(st.tuples(spelled(), st.integers(1, 400)), min_size=1, max_size=4))
def test_a_line_that_was_cut_off_hides_none_of_the_others(parts: list[tuple[tuple[str, Anchor], int]]):
    text = "".join(f"{written[:-cut]}\n{written}" for (written, _), cut in parts)
    assert set(anchors_in(text)) == {anchor for (_, anchor), _ in parts}


ENDLESS = [
    '{"a":',
    '{"a":"x{',
    '{"a":1,"b":[',
    '{"":"',
    '{"',
    '{"a":"\\"',
    '{":","',
    "{    ",
    '{"a":"b","c":',
    '{"{":"{",',
]


@pytest.mark.parametrize("text", ENDLESS)
def test_hostile_text_takes_no_more_time_a_byte_when_it_is_longer(text: str):
    start = process_time()
    assert list(anchors_in(text * ((2 << 20) // len(text)))) == []
    assert process_time() - start < 5, "a pass over 2 MiB takes a tenth of a second"


@pytest.mark.parametrize(
    "changed",
    [
        {"journal": "00"},
        {"journal": "G" * 32},
        {"head": None},
        {"position": True},
        {"position": -1},
        {"position": 1 << 64},
        {"time": 1.5},
        {"machine": 1},
    ],
)
def test_what_only_looks_like_one_is_none(changed: dict[str, object]):
    anchor = Anchor("press-1", bytes(16), 1, bytes(32), 2)
    assert list(anchors_in(json.dumps(anchor.as_dict()))) == [anchor]
    assert list(anchors_in(json.dumps({**anchor.as_dict(), **changed}))) == []
