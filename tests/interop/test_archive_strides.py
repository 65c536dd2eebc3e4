"""Verifying learns the lengths of messages and goes over many at once: what it finds must not depend on that."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluxrig_tooling.archive.check import check
from fluxrig_tooling.archive.findings import Checked, CheckTask
from fluxrig_tooling.archive.strides import BATCH, MAX_LENGTHS, Strides
from tests.peers import journal_format as fmt
from tests.peers.journal_format import Writer


def segment(lengths: list[int], group: int, messages: int) -> bytes:
    """A sealed segment with messages of these lengths in turn, and a cursor in every group."""
    drawn = random.Random(1)
    writer = Writer()
    for number in range(1, messages + 1):
        writer.record(drawn.randbytes(lengths[number % len(lengths)]))
        if number % 7 == 0:
            writer.cursor(b"c" * 16, number)
        if number == messages:
            writer.seal()
        elif number % group == 0:
            writer.link()
    return bytes(writer.files[fmt.name(1)])


def found(data: bytes, strides: Strides, times: int = 1) -> Checked:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / fmt.name(1)
        path.write_bytes(data)
        for _ in range(times):
            result = check(CheckTask(path, 1), strides)
        return result


@pytest.mark.parametrize("lengths", [[200], [0], [255, 256, 257], [3, 91, 92, 255, 1000]])
def test_it_learns_the_lengths_and_counts_the_same(lengths: list[int]):
    data = segment(lengths, 5 * BATCH, 12 * BATCH + 5)
    strides = Strides()
    before = found(data, strides)
    assert strides.match is not None
    assert found(data, strides) == before
    assert (before.problem, before.messages, before.links) == (None, 12 * BATCH + 5, 3)


@pytest.mark.parametrize("lengths", [[40, 70_000, 41], [65_535, 65_536]])
def test_groups_longer_than_the_window_are_gone_over_one_by_one(lengths: list[int]):
    data = segment(lengths, 2 * BATCH, 4 * BATCH)
    strides = Strides()
    result = found(data, strides)
    assert (result.problem, result.messages, result.links) == (None, 4 * BATCH, 2)
    found(segment([200], 4 * BATCH, 4 * BATCH), strides)
    assert strides.match is not None
    assert found(data, strides) == result


def test_too_many_lengths_are_not_learnt():
    data = segment(list(range(MAX_LENGTHS + 2)), 5 * BATCH, 12 * BATCH)
    strides = Strides()
    assert found(data, strides, times=2).problem is None
    assert strides.match is None


def test_other_lengths_later_are_gone_over_one_by_one():
    strides = Strides()
    assert found(segment([200], 4 * BATCH, 4 * BATCH), strides, times=2).problem is None
    assert strides.match is not None
    mixed = found(segment([200, 200, 300], 4 * BATCH, 12 * BATCH), strides)
    assert (mixed.problem, mixed.messages) == (None, 12 * BATCH)


DATA = segment([60, 61, 64, 80], 4 * BATCH, 10 * BATCH)


@settings(max_examples=200)
@given(st.integers(0, len(DATA) - 2), st.integers(1, 255))
def test_a_changed_byte_is_found_at_the_same_place(byte: int, difference: int):
    changed = bytearray(DATA)
    changed[byte] ^= difference
    strides = Strides()
    plain = found(bytes(changed), strides)
    found(DATA, strides, times=2)
    assert strides.match is not None
    assert found(bytes(changed), strides) == plain
    assert plain.problem is not None
    frame = next(each for each in fmt.frames(DATA) if byte < each.end)
    assert plain.problem.byte == frame.offset
