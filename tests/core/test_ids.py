from expect import raises

from fluxrig.errors import LocalError
from fluxrig.ids import NIL_ID, IdSource, id_bytes, id_text


class Wall:
    """A settable clock and countable entropy."""

    def __init__(self, ms):
        self.ms = ms
        self.draws = 0
        self.fill = 0xFF

    def now_ns(self):
        return self.ms * 1_000_000

    def entropy(self, count):
        self.draws += 1
        return bytes([self.fill]) * count


def source(wall):
    return IdSource(wall.now_ns, wall.entropy)


def test_layout_is_that_of_rfc_9562():
    value = source(Wall(0x0123456789AB)).mint()
    assert len(value) == 16
    assert value[:6] == bytes([0x01, 0x23, 0x45, 0x67, 0x89, 0xAB])
    assert value[6] >> 4 == 7, "version"
    assert value[8] >> 6 == 0b10, "variant"


def test_ids_grow_within_one_millisecond_without_new_entropy():
    wall = Wall(1_000)
    ids = source(wall)
    minted = [ids.mint() for _ in range(500)]
    assert minted == sorted(minted)
    assert len(set(minted)) == 500
    assert wall.draws == 1


def test_ids_grow_when_the_clock_runs_backward():
    wall = Wall(5_000)
    ids = source(wall)
    before = ids.mint()
    wall.ms = 1
    assert ids.mint() > before
    wall.ms = 5_001
    assert ids.mint()[:6] == (5_001).to_bytes(6, "big")


def test_ids_grow_over_a_change_of_millisecond_whatever_the_entropy():
    wall = Wall(7)
    ids = source(wall)
    high = ids.mint()
    wall.fill = 0
    wall.ms = 8
    assert ids.mint() > high


def test_a_full_counter_borrows_the_next_millisecond():
    wall = Wall(7)
    ids = source(wall)
    first = ids.mint()
    ids._counter = (1 << 30) - 1  # 2**29 more calls would get here too
    borrowed = ids.mint()
    assert borrowed > first
    assert borrowed[:6] == (8).to_bytes(6, "big")
    assert ids.mint() > borrowed


def test_text_form_round_trips():
    text = "0190163d-8694-739b-aea5-966c26f8ad91"
    assert id_text(id_bytes(text)) == text
    assert id_text(NIL_ID) == "00000000-0000-0000-0000-000000000000"


def test_text_that_is_no_uuid_is_refused():
    for text in ("", "0190163d8694739baea5966c26f8ad91", "0190163d-8694-739b-aea5-966c26f8adXX", "-".join("abcde")):
        assert "not a UUID" in str(raises(LocalError, id_bytes, text))
