import asyncio

from expect import raises

from fluxrig.errors import LocalError
from fluxrig.schedule import Schedule
from fluxrig_ports.memory import VirtualClock


async def collect(clock, ticker, busy_ms, into):
    """Tick for ever; each piece of work takes the next of `busy_ms`, then none."""
    while True:
        late = await ticker.tick()
        into.append((clock.wall_ns() // 1_000_000, late))
        if busy_ms:
            await clock.sleep_ms(busy_ms.pop(0))


async def run(period_ms, phase_ms, total_ms, busy_ms=(), wait_before_ms=0):
    """Times (ms after the epoch) and lateness (us) of the ticks, and the ticker."""
    clock = VirtualClock()
    schedule = Schedule(clock)
    ticker = schedule.ticker("t", period_ms, phase_ms)
    schedule.start()
    start = clock.wall_ns() // 1_000_000
    await clock.advance(wait_before_ms)
    seen: list = []
    task = asyncio.create_task(collect(clock, ticker, list(busy_ms), seen))
    await clock.advance(total_ms)
    task.cancel()
    return [(ms - start, late) for ms, late in seen], ticker


async def test_ticks_stand_on_the_grid_from_the_epoch():
    seen, ticker = await run(100, 0, 450)
    assert seen == [(0, 0), (100, 0), (200, 0), (300, 0), (400, 0)]
    assert ticker.missed == 0


async def test_a_phase_shifts_the_grid():
    seen, _ = await run(100, 30, 250)
    assert [ms for ms, _ in seen] == [30, 130, 230]


async def test_the_grid_does_not_drift_when_work_takes_time():
    seen, ticker = await run(100, 0, 420, busy_ms=[40, 90, 10, 99])
    assert [ms for ms, _ in seen] == [0, 100, 200, 300, 400]
    assert ticker.missed == 0


async def test_an_overrun_is_late_but_served_and_a_missed_deadline_is_skipped_and_counted():
    seen, ticker = await run(100, 0, 620, busy_ms=[120, 0, 250])
    # Work from 0 to 120: the deadline at 100 is served 20 ms late. Work from 200 to 450: 300 is served at 450,
    # 150 ms late, so 400 was missed.
    assert seen == [(0, 0), (120, 20_000), (200, 0), (450, 150_000), (500, 0), (600, 0)]
    assert ticker.missed == 1
    assert ticker.lateness.max == 150_000


async def test_a_late_joiner_is_served_at_once_then_on_the_grid_and_nothing_counts_as_late():
    seen, ticker = await run(100, 30, 200, wait_before_ms=250)
    assert seen == [(250, 0), (330, 0), (430, 0)]
    assert (ticker.missed, ticker.lateness.max) == (0, 0)


async def test_periods_longer_than_the_wrap_of_the_clock():
    hour = 3_600_000
    seen, ticker = await run(hour, 0, 3 * hour)
    assert [ms for ms, _ in seen] == [0, hour, 2 * hour, 3 * hour]
    assert ticker.missed == 0


async def test_garbage_is_collected_in_slack_only():
    clock = VirtualClock()
    schedule = Schedule(clock)
    ticker = schedule.ticker("t", 100)
    schedule.start()
    await clock.advance(5_000)
    ticker.waiting = True
    ticker.deadline = clock.ticks_add(clock.ticks_us(), 500)
    schedule.use_slack()
    assert schedule.collections == 0, "500 us are not enough"
    ticker.deadline = clock.ticks_add(clock.ticks_us(), 90_000)
    schedule.use_slack()
    schedule.use_slack()
    assert schedule.collections == 1, "once in its interval"


async def test_a_task_that_ended_does_not_keep_garbage_from_being_collected():
    clock = VirtualClock()
    schedule = Schedule(clock)
    schedule.start()
    tasks = [asyncio.create_task(collect(clock, schedule.ticker("t", 100), [], [])) for _ in range(2)]
    await clock.advance(1_000)
    tasks[0].cancel()
    before = schedule.collections
    await clock.advance(10_000)
    tasks[1].cancel()
    assert schedule.collections >= before + 9


def test_a_period_below_a_millisecond_is_refused():
    assert "at least 1 ms" in str(raises(LocalError, Schedule(VirtualClock()).ticker, "t", 0))
