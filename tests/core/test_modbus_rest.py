"""Pauses for what does not answer."""

from fluxrig.modbus.rest import Rest

START = 1_800_000_000_000_000_000


def ns(ms):
    return START + ms * 1_000_000


def test_nothing_rests_before_it_failed():
    rest = Rest(100, 1000)
    assert not rest.is_on(START)
    assert (rest.reason, rest.why, rest.known) == (None, "", False)


def test_pauses_double_up_to_the_longest():
    rest = Rest(100, 1000)
    now = 0
    pauses = []
    for _ in range(6):
        rest.failed("timeout", "no answer", ns(now))
        pause = 0
        while rest.is_on(ns(now + pause)):
            pause += 50
        pauses.append(pause)
        now += pause
    assert pauses == [100, 200, 400, 800, 1000, 1000]
    rest.worked()
    assert not rest.is_on(ns(now))
    rest.failed("timeout", "no answer", ns(now))
    assert rest.is_on(ns(now + 99))
    assert not rest.is_on(ns(now + 100))


def test_only_changes_are_news():
    rest = Rest(100, 1000)
    assert rest.failed("timeout", "first", ns(0))
    assert not rest.failed("timeout", "second", ns(1))
    assert rest.failed("protocol_error", "third", ns(2))
    assert rest.reason == "protocol_error"
    assert rest.worked()
    assert not rest.worked()
    assert rest.known
    assert rest.reason is None


def test_the_first_success_is_news():
    rest = Rest(100, 1000)
    assert rest.worked()
    assert not rest.worked()


def test_a_step_of_the_wall_clock_ends_a_rest_early_and_never_prolongs_it():
    for step_ms in (-1, -3_600_000, 101, 3_600_000):
        rest = Rest(100, 1000)
        rest.failed("timeout", "no answer", ns(0))
        assert rest.is_on(ns(0))
        assert not rest.is_on(ns(step_ms)), step_ms
