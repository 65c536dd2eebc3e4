import asyncio

from expect import raises

from fluxrig.errors import LocalError
from fluxrig.ring import DROP_NEWEST, Ring


def test_first_in_first_out_over_many_laps():
    ring = Ring(3)
    out = []
    for n in range(20):
        assert ring.put(n)
        assert ring.put(-n)
        out += [ring.get_nowait(), ring.get_nowait()]
    assert out == [x for n in range(20) for x in (n, -n)]
    assert ring.dropped == 0
    assert ring.get_nowait() is None


def test_a_full_ring_drops_the_oldest_and_counts_it():
    ring = Ring(2)
    assert ring.put("a") and ring.put("b")
    assert not ring.put("c")
    assert (len(ring), ring.dropped) == (2, 1)
    assert [ring.get_nowait(), ring.get_nowait()] == ["b", "c"]


def test_a_full_ring_may_refuse_the_newest_instead():
    ring = Ring(2, DROP_NEWEST)
    ring.put("a")
    ring.put("b")
    assert not ring.put("c")
    assert ring.dropped == 1
    assert [ring.get_nowait(), ring.get_nowait(), ring.get_nowait()] == ["a", "b", None]


async def test_get_waits_for_an_item():
    ring = Ring(2)
    waiting = asyncio.create_task(ring.get())
    await asyncio.sleep(0)
    assert not waiting.done()
    ring.put("late")
    assert await waiting == "late"


async def test_a_wait_that_is_given_up_loses_nothing():
    ring = Ring(2)
    waiting = asyncio.create_task(ring.filled())
    await asyncio.sleep(0)
    assert not waiting.done()
    ring.put("kept")
    waiting.cancel()
    try:
        await waiting
    except asyncio.CancelledError:
        pass
    assert ring.get_nowait() == "kept"


def test_impossible_rings_are_refused():
    assert "at least one" in str(raises(LocalError, Ring, 0))
    assert "drop_oldest" in str(raises(LocalError, Ring, 1, "drop_some"))
