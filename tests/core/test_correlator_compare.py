"""The correlator in a Rack with a real archive: comparing two paths, and that it costs the live path nothing."""

import asyncio

from correlator_bench import Plant, comparing
from expect import raises
from relating import MS

from fluxrig.errors import LocalError

BOTH = ("live", "shadow")


async def test_differences_are_events_of_their_own():
    async with Plant(comparing(), BOTH, ("out", "diff")) as plant:
        live = plant.emit("live", {"x": 1}, ms=5)
        shadow = plant.emit("shadow", {"x": 3}, ms=5)
        await plant.advance(2000)
        (diff,) = plant.got("diff")
        assert diff.data == {"diff_x": {"live": 1, "shadow": 3, "delta": 2}}
        assert (diff.trace, diff.ref_id, diff.ts) == (live.trace, live.id, 5 * MS)
        assert (diff.meta["live.id"], diff.meta["shadow.id"]) == (live.id.hex(), shadow.id.hex())
        assert diff.meta["live.ts"] == diff.meta["shadow.ts"] == str(5 * MS)
        assert diff.meta["archive.pos"] == "1", "what is compared is not archived"
        assert plant.got() == []


async def test_only_so_many_differences_leave_between_two_reports():
    async with Plant(comparing(queue=64), BOTH, ("diff", "parity"), commit_count=1) as plant:
        for period in range(2):
            for n in range(5):
                plant.emit("live", {"x": 1}, ms=period * 100 + n)
                plant.emit("shadow", {"x": 2}, ms=period * 100 + n)
            await plant.advance(5100)
        assert len(plant.got("diff")) == 6
        assert plant.stats()["diffs_withheld"] == 4
        assert [msg.data["parity_fields"]["x"]["differing"] for msg in plant.got("parity")] == [5, 10]


async def test_the_parity_is_reported_in_its_time():
    async with Plant(comparing(), BOTH, ("parity",), commit_count=1) as plant:
        began = plant.host.clock.wall_ns()
        await plant.advance(5050)
        (empty,) = plant.got("parity")
        assert empty.data["parity"] is None
        assert empty.meta["q.parity"] == "bad:no_samples"
        for n in range(4):
            plant.emit("live", {"x": n}, ms=n)
            plant.emit("shadow", {"x": min(n, 2)}, ms=n)
        await plant.advance(5000)
        report = plant.got("parity")[1]
        assert str(report.data["parity"]) == "75.00"
        assert report.data["parity_fields"]["x"]["worst"] == 1
        assert report.meta["parity.since"] == str(began)
        await plant.advance(15_000)
        assert len(plant.got("parity")) == 5


async def test_what_is_not_compared_is_said():
    async with Plant(None, BOTH) as plant:
        plant.emit("live", {"x": 1})
        assert plant.stats()["errors"] == 1
        assert "compares nothing" in plant.got("err")[0].meta["error"]
        assert "compares nothing" in str(raises(LocalError, plant.correlator.on_shadow, plant.got("err")[0]))


class Broken(Exception):
    pass


class Unlike:
    """A value that cannot be compared."""

    def __eq__(self, other):
        raise Broken

    __hash__ = None  # type: ignore[assignment]


async def in_goes_on(plant):
    """What comes in leaves within the second that a group takes, while live and shadow bring more than is compared."""
    sent = []
    for n in range(12):
        plant.emit("live", {"x": Unlike()}, ms=n)
        plant.emit("shadow", {"x": Unlike()}, ms=n)
        sent.append(plant.emit("a", {"n": n}))
        await plant.advance(100)
    await plant.advance(1000)
    return [msg.id for msg in plant.got()] == [msg.id for msg in sent]


async def test_comparing_that_raises_costs_the_live_path_nothing():
    async with Plant(comparing(), ("a", "live", "shadow"), ("out", "diff")) as plant:
        assert await in_goes_on(plant)
        assert plant.stats()["failures"] == 12
        assert plant.rack.stats()["restarts"] == 0
        plant.emit("live", {"x": 1}, ms=1000)
        plant.emit("shadow", {"x": 2}, ms=1000)
        await plant.advance(1000)
        assert len(plant.got("diff")) == 1, "and comparing goes on"


async def comparing_hangs(on_error):
    async def hang():
        await asyncio.Event().wait()

    plant = Plant(comparing(), ("a", "live", "shadow"), ("out",))
    plant.rack.stations[3].on_error = on_error
    work = plant.rack.supervisor._work
    work[:] = [(station, name, hang if name == "compare" else work) for station, name, work in work]
    async with plant:
        assert await in_goes_on(plant)
        assert plant.stats()["compare_dropped"] == 24 - 8, "the queue is bounded"


async def test_comparing_that_hangs_costs_the_live_path_nothing():
    await comparing_hangs("drop")


async def test_comparing_that_hangs_costs_the_live_path_nothing_where_errors_kill():
    await comparing_hangs("kill")
