"""Ticks, deadlines and time limits, as `fluxrig.host.Clock` promises them."""

import asyncio

from expect import raises_async

from fluxrig.errors import RemoteError, TransientError
from tests.ports.peer import ask
from tests.ports.subject import new_host


def test_ticks_add_and_diff_agree_in_both_directions():
    clock = new_host().clock
    now = clock.ticks_us()
    for us in (0, 1, 999, 1_000_000, 500_000_000):
        assert clock.ticks_diff(clock.ticks_add(now, us), now) == us
        assert clock.ticks_diff(now, clock.ticks_add(now, us)) == -us
        assert clock.ticks_add(clock.ticks_add(now, us), -us) == now


def test_ticks_never_run_backward():
    clock = new_host().clock
    earlier = clock.ticks_us()
    for _ in range(1000):
        later = clock.ticks_us()
        assert clock.ticks_diff(later, earlier) >= 0
        earlier = later


def test_the_wall_clock_is_unix_time_in_nanoseconds():
    clock = new_host().clock
    before = int(ask("now"))
    assert before - 1_000_000_000 < clock.wall_ns() < int(ask("now")) + 1_000_000_000


async def test_sleep_until_never_returns_early():
    clock = new_host().clock
    for us in (1, 10, 250, 900, 1500, 2999, 3001, 7777, 12_345):
        deadline = clock.ticks_add(clock.ticks_us(), us)
        await clock.sleep_until(deadline)
        assert clock.ticks_diff(clock.ticks_us(), deadline) >= 0, us


async def test_a_deadline_in_the_past_returns_but_lets_others_run():
    clock = new_host().clock
    ran = []

    async def other():
        ran.append(True)

    task = asyncio.create_task(other())
    past = clock.ticks_add(clock.ticks_us(), -1_000_000)
    for _ in range(3):
        await clock.sleep_until(past)
    assert ran
    await task


async def test_sleepers_wake_in_the_order_of_their_deadlines():
    clock = new_host().clock
    start = clock.ticks_us()
    woken = []

    async def sleeper(us):
        await clock.sleep_until(clock.ticks_add(start, us))
        woken.append(us)

    tasks = [asyncio.create_task(sleeper(us)) for us in (30_000, 10_000, 25_000, 40_000, 5_000)]
    for task in tasks:
        await task
    assert woken == [5_000, 10_000, 25_000, 30_000, 40_000]


async def test_sleep_ms_lasts_at_least_that_long():
    clock = new_host().clock
    for ms in (0, 1, 12):
        start = clock.ticks_us()
        await clock.sleep_ms(ms)
        assert clock.ticks_diff(clock.ticks_us(), start) >= (ms - 1) * 1000  # to the resolution of the timer


async def test_wait_for_gives_the_result_or_the_error_of_what_it_waits_for():
    clock = new_host().clock

    async def work(error=None):
        await clock.sleep_ms(1)
        if error:
            raise error
        return "done"

    assert await clock.wait_for(work(), 5000) == "done"
    await raises_async(ValueError, clock.wait_for(work(ValueError("x")), 5000))
    inner = await raises_async(RemoteError, clock.wait_for(work(RemoteError("bad", unit_id=3)), 5000))
    assert inner.unit_id == 3


async def test_wait_for_cancels_what_takes_too_long():
    clock = new_host().clock
    ended = []

    async def work():
        try:
            await clock.sleep_ms(60_000)
        finally:
            ended.append(True)

    error = await raises_async(TransientError, clock.wait_for(work(), 20))
    assert error.timeout_ms == 20
    assert "20 ms" in str(error)
    assert ended


async def test_a_wait_that_is_cancelled_from_outside_stays_cancelled():
    clock = new_host().clock
    ended = []

    async def work():
        try:
            await clock.sleep_ms(60_000)
        finally:
            ended.append(True)

    task = asyncio.create_task(clock.wait_for(work(), 60_000))
    await clock.sleep_ms(5)
    task.cancel()
    await raises_async(asyncio.CancelledError, task)
    await clock.sleep_ms(5)
    assert ended
