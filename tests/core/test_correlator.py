"""The correlator in a Rack with a real archive: what comes in, what it joins, checkpoints."""

from correlator_bench import Plant, comparing
from probes import gear_of, id_of
from relating import MS, join_rule

from fluxrig.errors import TransientError


async def test_what_comes_in_leaves_once_it_is_durable_and_in_order():
    async with Plant() as plant:
        sent = [plant.emit("a", {"n": n}) for n in range(5)]
        await plant.advance(999)
        assert plant.got() == []
        await plant.advance(1)
        got = plant.got()
        assert [msg.id for msg in got] == [msg.id for msg in sent], "it is the same event"
        assert [msg.meta["archive.pos"] for msg in got] == ["1", "2", "3", "4", "5"]
        assert len({msg.meta["archive.head"] for msg in got}) == 1
        assert plant.rack.archive.durable == 5
        first, archived = sent[0], got[0]
        assert (archived.trace, archived.src_id, archived.data, archived.ts) == (
            first.trace,
            first.src_id,
            first.data,
            first.ts,
        )
        assert archived.path == first.path + ((id_of("c"), id_of("c.out"), first.ts),)
        assert "archive.pos" not in first.meta, "receivers do not change what they share"


async def test_a_message_without_a_trace_gets_its_own_and_no_marks_of_another_archive_stay():
    async with Plant() as plant:
        msg = gear_of(plant.rack, "a").ctx.message({"n": 1}, {"machine.id": "m", "archive.pos": "77"})
        msg.trace = ""
        gear_of(plant.rack, "a").out(msg)
        await plant.advance(1000)
        assert plant.got()[0].trace == msg.id.hex()
        assert plant.got()[0].meta["archive.pos"] == "1"


async def test_what_the_archive_does_not_take_is_rejected():
    async with Plant() as plant:
        plant.emit("a", {"n": object()})  # no message can hold that
        plant.emit("a", {"n": 1})
        await plant.advance(1000)
        assert [msg.data for msg in plant.got()] == [{"n": 1}]
        assert plant.stats()["rejected"] == 1
        assert "LocalError" in plant.got("err")[0].meta["error"]


async def test_a_joined_event_is_archived_behind_its_parts():
    async with Plant({"join": [join_rule()], "tick_ms": 100}, ports=("out", "joined")) as plant:
        b = plant.emit("b", {"k": 7, "y": 2}, ms=50)
        a = plant.emit("a", {"k": 7, "x": 1}, ms=20)
        assert plant.got("joined") == []
        await plant.advance(1000)
        (joined,) = plant.got("joined")
        assert joined.data == {"k": 7, "x": 1, "y": 2}
        assert (joined.trace, joined.ref_id) == (a.trace, a.id)
        assert joined.id not in (a.id, b.id)
        assert joined.src_id == id_of("c")
        assert joined.meta["join.ids"] == a.id.hex() + "," + b.id.hex()
        assert joined.meta["machine.id"] == "machine-1"
        assert joined.ts == 50 * MS
        assert joined.path[-1][:2] == (id_of("c"), id_of("c.joined"))
        assert joined.meta["archive.pos"] == "3"
        assert len(plant.got()) == 2


async def test_a_join_is_given_up_by_the_time_of_the_rack_whoever_sets_its_clock():
    async with Plant(
        {"join": [join_rule(partial="emit", wait_ms=5000)], "tick_ms": 100}, ports=("joined",), commit_count=1
    ) as plant:
        plant.emit("a", {"k": 1})
        plant.host.clock.step_wall(3_600_000 * MS)
        await plant.advance(4900)
        plant.host.clock.step_wall(-7_200_000 * MS)
        await plant.advance(50)
        assert plant.got("joined") == []
        await plant.advance(150)
        assert [msg.meta["join.missing"] for msg in plant.got("joined")] == ["b"]


async def test_a_join_may_wait_longer_than_ticks_reach():
    config = {"join": [join_rule(partial="emit", wait_ms=1_500_000)], "tick_ms": 200_000}
    async with Plant(config, ports=("joined",)) as plant:
        plant.emit("a", {"k": 1})
        await plant.advance(1_500_000)
        assert plant.got("joined") == []
        await plant.advance(200_000)
        assert len(plant.got("joined")) == 1


async def test_at_the_end_open_joins_and_a_last_report_are_archived():
    config = comparing()
    config["join"] = [join_rule(partial="emit", wait_ms=60_000)]
    plant = Plant(config, ("a", "live", "shadow"), ("joined", "diff", "parity"))
    async with plant:
        plant.emit("a", {"k": 1})
        plant.emit("live", {"x": 1}, ms=0)
        plant.emit("shadow", {"x": 2}, ms=0)
    assert [msg.meta["join.missing"] for msg in plant.got("joined")] == ["b"]
    assert [msg.data["parity_fields"]["x"]["differing"] for msg in plant.got("parity")] == [1]
    assert len(plant.got("diff")) == 1


async def test_joining_that_raises_costs_the_live_path_nothing():
    async with Plant({"join": [join_rule()], "tick_ms": 100}, ports=("out", "joined")) as plant:
        plant.correlator.send = None
        for n in range(3):
            plant.emit("a", {"k": n})
            plant.emit("b", {"k": n})
        await plant.advance(1000)
        assert len(plant.got()) == 6
        assert plant.stats()["failures"] == 3
        assert "errors" not in plant.stats()


async def test_an_archive_that_takes_no_event_of_the_correlator_keeps_nothing_else():
    async with Plant({"join": [join_rule()], "tick_ms": 100}, ports=("out", "joined")) as plant:
        append = plant.rack.archive.append

        def refuse(msg, emit):
            if msg.src_id == id_of("c"):
                raise TransientError("full")
            append(msg, emit)

        plant.rack.archive.append = refuse
        plant.emit("a", {"k": 1})
        plant.emit("b", {"k": 1})
        await plant.advance(1000)
        assert len(plant.got()) == 2
        assert plant.stats()["not_archived"] == 1
        assert "errors" not in plant.stats()


async def test_checkpoints_leave_as_messages_and_are_archived_too():
    async with Plant(ports=("out", "checkpoint"), checkpoint_ms=5000) as plant:
        plant.emit("a", {"n": 1})
        await plant.advance(120_000)
        assert plant.got("checkpoint")
        checkpoint = plant.got("checkpoint")[0]
        entry = checkpoint.data["checkpoint"]
        assert entry["machine"] == "machine-1"
        assert entry["position"] == 1
        assert entry["head"] == plant.got()[0].meta["archive.head"]
        assert len(entry["journal"]) == 32
        assert int(checkpoint.meta["archive.pos"]) > 1
        assert checkpoint.path[-1][:2] == (id_of("c"), id_of("c.checkpoint"))
