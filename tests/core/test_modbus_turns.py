"""Whose turn it is on a line."""

import asyncio

from expect import raises_async

from fluxrig.modbus.turns import Turns
from fluxrig_ports.memory import VirtualClock


class Bench:
    """Users of one line, each of which notes its name when its turn comes, and holds it until told."""

    def __init__(self):
        self.clock = VirtualClock()
        self.turns = Turns(self.clock)
        self.order = []

    def at(self, ms):
        return self.clock.ticks_add(self.clock.ticks_us(), ms * 1000)

    async def use(self, name, deadline):
        await self.turns.acquire(deadline)
        self.order.append(name)
        self.turns.release()

    async def queue(self, *users):
        """Let `users`, (name, deadline) each, come while somebody has the turn, who then releases it."""
        await self.turns.acquire(None)
        tasks = []
        for name, deadline in users:
            tasks.append(asyncio.create_task(self.use(name, deadline)))
            await settle()
        assert self.order == []
        self.turns.release()
        for task in tasks:
            await task
        return self.order


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_free_turn_is_acquired_at_once_and_again():
    bench = Bench()
    for _ in range(3):
        await bench.use("a", None)
    assert bench.order == ["a"] * 3


async def test_the_nearest_deadline_is_first_whoever_came_first():
    bench = Bench()
    users = (("far", bench.at(500)), ("near", bench.at(100)), ("passed", bench.at(-10)), ("middle", bench.at(300)))
    assert await bench.queue(*users) == ["passed", "near", "middle", "far"]


async def test_deadlines_are_compared_over_the_wrap_of_the_ticks():
    bench = Bench()  # whose ticks wrap in one second
    users = (("after", bench.at(1500)), ("before", bench.at(900)))
    assert await bench.queue(*users) == ["before", "after"]


async def test_no_deadline_is_ahead_of_all_and_in_order():
    bench = Bench()
    users = (("read", bench.at(-1000)), ("write 1", None), ("write 2", None), ("write 3", None))
    assert await bench.queue(*users) == ["write 1", "write 2", "write 3", "read"]


async def test_equals_come_in_the_order_of_their_asking():
    bench = Bench()
    deadline = bench.at(100)
    assert await bench.queue(("a", deadline), ("b", deadline), ("c", deadline)) == ["a", "b", "c"]


async def test_the_holder_learns_whether_somebody_more_urgent_waits():
    bench = Bench()
    near, far = bench.at(100), bench.at(500)
    await bench.turns.acquire(near)
    assert not bench.turns.is_wanted(near)
    waiting = asyncio.create_task(bench.use("a", near))
    await settle()
    assert bench.turns.is_wanted(far)
    assert not bench.turns.is_wanted(near), "only whoever is more urgent"
    assert not bench.turns.is_wanted(None)
    writing = asyncio.create_task(bench.use("write", None))
    await settle()
    assert bench.turns.is_wanted(near)
    assert not bench.turns.is_wanted(None), "writes do not overtake writes"
    bench.turns.release()
    await waiting
    await writing
    assert bench.order == ["write", "a"]


async def test_whoever_gives_up_waiting_leaves_the_queue():
    bench = Bench()
    await bench.turns.acquire(None)
    gone = asyncio.create_task(bench.use("gone", None))
    stays = asyncio.create_task(bench.use("stays", bench.at(100)))
    await settle()
    gone.cancel()
    await raises_async(asyncio.CancelledError, gone)
    bench.turns.release()
    await stays
    assert bench.order == ["stays"]
    assert not bench.turns.is_wanted(bench.at(1000))


async def test_a_turn_handed_to_whoever_is_cancelled_goes_on_to_the_next():
    bench = Bench()
    await bench.turns.acquire(None)
    gone = asyncio.create_task(bench.use("gone", None))
    stays = asyncio.create_task(bench.use("stays", bench.at(100)))
    await settle()
    bench.turns.release()  # to the first, which is cancelled before it runs
    gone.cancel()
    await raises_async(asyncio.CancelledError, gone)
    await stays
    assert bench.order == ["stays"]
    await bench.use("again", None)
    assert bench.order == ["stays", "again"]
