"""Pauses for what does not answer."""

from fluxrig.modbus.retry_pause import RetryPause

START = 1_800_000_000_000_000_000


def ns(ms):
    return START + ms * 1_000_000


def test_nothing_pauses_before_it_failed():
    pause = RetryPause(100, 1000)
    assert not pause.is_on(START)
    assert (pause.reason, pause.why, pause.known) == (None, "", False)


def test_pauses_double_up_to_the_longest():
    pause = RetryPause(100, 1000)
    now = 0
    pauses = []
    for _ in range(6):
        pause.failed("timeout", "no answer", ns(now))
        length = 0
        while pause.is_on(ns(now + length)):
            length += 50
        pauses.append(length)
        now += length
    assert pauses == [100, 200, 400, 800, 1000, 1000]
    pause.worked()
    assert not pause.is_on(ns(now))
    pause.failed("timeout", "no answer", ns(now))
    assert pause.is_on(ns(now + 99))
    assert not pause.is_on(ns(now + 100))


def test_only_changes_are_news():
    pause = RetryPause(100, 1000)
    assert pause.failed("timeout", "first", ns(0))
    assert not pause.failed("timeout", "second", ns(1))
    assert pause.failed("protocol_error", "third", ns(2))
    assert pause.reason == "protocol_error"
    assert pause.worked()
    assert not pause.worked()
    assert pause.known
    assert pause.reason is None


def test_the_first_success_is_news():
    pause = RetryPause(100, 1000)
    assert pause.worked()
    assert not pause.worked()


def test_a_step_of_the_wall_clock_ends_a_pause_early_and_never_prolongs_it():
    for step_ms in (-1, -3_600_000, 101, 3_600_000):
        pause = RetryPause(100, 1000)
        pause.failed("timeout", "no answer", ns(0))
        assert pause.is_on(ns(0))
        assert not pause.is_on(ns(step_ms)), step_ms
