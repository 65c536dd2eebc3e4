"""How a live view shows what stands on a topic."""

import pytest

from fluxrig_tooling.cli.namespace import Entry, is_past, read_entry
from fluxrig_tooling.wording.values import value_text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("20.6", "20.6"),
        ("20.60", "20.60"),
        ("-0.05", "-0.05"),
        ("429496729.5", "429496729.5"),
        ("12345678901.2", "12345678901.2"),
        ("123456789012.3", "1.2346e+11"),
        ("101.30000305175781", "101.3"),
        ("0.30000000000000004", "0.3"),
        ("2.5e-07", "2.5e-07"),
        ("1e+22", "1e+22"),
        ("4294967295", "4294967295"),
        ("[1, 0.50]", "[1, 0.50]"),
    ],
)
def test_numbers_of_the_namespace_keep_their_places(number, text):
    entry = read_entry(b'{"v": %s, "t": 1000, "q": "good"}' % number.encode())
    assert entry and (entry.ms, entry.quality) == (1000, "good")
    assert value_text(entry.value) == text


def test_what_is_no_entry_is_none():
    for payload in (b"", b"20.6", b"[]", b'{"v": 1}', b'{"v": 1, "t": 1.5, "q": "good"}', b'{"v": 1, "t": 1, "q": 2}'):
        assert read_entry(payload) is None
    assert read_entry(b'{"v": null, "t": null, "q": "bad:timeout"}') == Entry(None, None, "bad:timeout")


def test_what_is_filled_in_after_an_outage_is_no_live_value():
    def entry(ms: int | None) -> Entry:
        return Entry(1, ms, "good")

    assert is_past(entry(1000), entry(2000), now_ms=5000)
    for new, known in ((2000, 2000), (3000, 2000), (None, 2000), (1000, None)):
        assert not is_past(entry(new), entry(known), now_ms=5000)
    assert not is_past(entry(1000), None, now_ms=5000)
    assert not is_past(entry(1000), entry(9000), now_ms=5000), "known at a time that has not come: a clock was wrong"
