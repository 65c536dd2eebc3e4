import asyncio

from archive_bench import Bench, chain, check_marks, correlator, gear, gear_of, messages, notes, numbers, rig, settings
from expect import raises_async
from probes import Sink, id_of

from fluxrig import registry
from fluxrig.errors import LocalError, TransientError
from fluxrig.msg import ALARM
from fluxrig.rack import Rack
from fluxrig_ports.memory import MemoryHost, MemoryVolume

HOUR_MS = 3_600_000


class BrokenStart(Sink):
    def init(self, ctx):
        # So that something waits to be written.
        super().init(ctx)
        ctx.archive.cursor(bytes(16), bytes(16))

    async def start(self):
        raise LocalError("cannot")


registry.register("broken_start", "test_archive", "BrokenStart")


async def test_messages_leave_when_they_are_durable_in_order_and_say_where_they_are():
    bench = await Bench().start()
    bench.send(3)
    await bench.wait(999)
    assert bench.got == [] and bench.volume.files == {}
    await bench.wait(2)
    assert bench.values == [0, 1, 2]
    bench.send(2)
    await bench.wait(1001)
    assert [msg.meta["archive.pos"] for msg in bench.got] == ["1", "2", "3", "4", "5"]
    found = bench.medium()
    assert numbers(found) == [0, 1, 2, 3, 4]
    check_marks(found, bench.got)
    assert bench.stats()["durable"] == 5 and bench.stats()["groups"] == 2
    await bench.stop()


async def test_what_is_archived_keeps_the_identity_of_the_event_and_says_by_which_port_it_left():
    bench = await Bench().start()
    sent = bench.source.emit({"n": 1}, {"q.n": "bad:stuck"})
    await bench.wait(1001)
    (msg,) = bench.got
    stored = next(messages(bench.medium()))
    for each in (msg, stored):
        assert (each.id, each.trace, each.src_id, each.ts, each.data) == (
            sent.id,
            sent.trace,
            sent.src_id,
            sent.ts,
            sent.data,
        )
        assert each.meta["q.n"] == "bad:stuck" and each.meta["machine.id"] == "machine-1"
        assert each.path[:-1] == sent.path and each.path[-1][1] == id_of("archive.out")
    assert "archive.pos" not in stored.meta
    await bench.stop()


async def test_a_group_does_not_wait_when_there_are_enough_messages():
    bench = await Bench(commit_count=10).start()
    bench.send(9)
    await bench.wait(10)
    assert bench.got == []
    bench.send(1)
    await bench.wait(10)
    assert bench.values == list(range(10))
    await bench.stop()


async def test_a_group_does_not_wait_when_there_are_enough_bytes():
    bench = await Bench(commit_bytes=2000).start()
    bench.send(1, text="x" * 900)
    await bench.wait(10)
    assert bench.got == []
    bench.send(1, text="x" * 900)
    await bench.wait(10)
    assert bench.values == [0, 1]
    await bench.stop()


async def test_a_group_of_a_flash_is_a_block_unless_the_rig_says_otherwise():
    volume = MemoryVolume()
    volume.block = 1024
    bench = await Bench(volume, commit_bytes=0).start()
    bench.send(1, text="x" * 400)
    await bench.wait(10)
    assert bench.got == []
    bench.send(1, text="x" * 400)
    await bench.wait(10)
    assert bench.values == [0, 1]
    await bench.stop()


async def test_a_group_does_not_wait_for_more_than_there_is_ram_for():
    for commit_bytes, block in ((0, 1 << 15), (0, 0), (2000, 0)):
        volume = MemoryVolume()
        volume.block = block
        bench = await Bench(volume, commit_bytes=commit_bytes, ram_bytes=2000).start()
        for _ in range(12):
            bench.send(1, text="x" * 400)
            await bench.wait(10)
        assert len(bench.values) > 6, "the rest is less than a group"
        await bench.wait(1001)
        assert bench.values == list(range(12)) and all(["archive.pos" in msg.meta for msg in bench.got])
        assert bench.stats()["lost"] == 0
        await bench.stop()


async def test_a_message_that_cannot_go_on_does_not_hold_up_those_behind_it():
    bench = await Bench().start()

    def short_of_ram(msg):
        raise MemoryError("the test says so")

    bench.send(1)
    bench.archive.append(bench.source.ctx.message({"n": 1}, bench.source.meta), short_of_ram)
    bench.n = 2
    bench.send(2)
    await bench.wait(1001)
    assert bench.values == [0, 2, 3] and numbers(bench.medium()) == [0, 1, 2, 3]
    assert bench.stats()["held_back"] == 1 and any(["could not go on" in text for text in bench.said()])
    await bench.stop()


async def test_an_alarm_does_not_wait_and_takes_along_what_came_before_it():
    bench = await Bench().start()
    bench.send(2)
    alarm = bench.source.ctx.message({"n": 2}, bench.source.meta)
    alarm.flags = ALARM
    bench.source.out(alarm)
    bench.n += 1
    await bench.wait(10)
    assert bench.values == [0, 1, 2]
    bench.send(1)
    await bench.wait(10)
    assert bench.values == [0, 1, 2], "the next one waits again"
    await bench.stop()


async def test_nothing_leaves_while_the_medium_has_not_confirmed_it_and_then_all_in_order():
    bench = await Bench().start()
    bench.send(2)
    await bench.wait(1001)
    bench.volume.hang = asyncio.Event()
    for _ in range(3):
        bench.send(2)
        await bench.wait(1001)
    assert bench.values == [0, 1]
    assert not bench.archive.allows(bench.source.emit({"n": 99}))
    bench.volume.hang.set()
    bench.volume.hang = None
    await bench.wait(2000)
    assert bench.values == [0, 1, 2, 3, 4, 5, 6, 7, 99]
    assert [int(msg.meta["archive.pos"]) for msg in bench.got] == list(range(1, 10))
    check_marks(bench.medium(), bench.got)
    await bench.stop()


async def test_stopping_writes_what_is_left_and_it_still_leaves():
    bench = await Bench().start()
    bench.send(3)
    await bench.stop()
    assert bench.values == [0, 1, 2]
    found = bench.medium()
    assert numbers(found) == [0, 1, 2] and found.segments[-1][2], "sealed"
    assert not bench.volume.is_open


async def test_positions_go_on_over_restarts_and_crashes():
    volume = MemoryVolume()
    positions = []
    for life in range(4):
        bench = await Bench(volume).start()
        bench.n = 10 * life
        bench.send(3)
        await bench.wait(1001)
        bench.send(1)
        positions += [int(msg.meta["archive.pos"]) for msg in bench.got]
        if life % 2:
            await bench.stop()
            positions.append(positions[-1] + 1)
            volume = MemoryVolume(bench.volume.files)
        else:
            volume = bench.volume.cut()
            await bench.rack.supervisor.end(1)
    found = bench.medium()
    assert positions == sorted(set(positions)) and positions[-1] == found.last == 14
    assert numbers(found) == [0, 1, 2, 10, 11, 12, 13, 20, 21, 22, 30, 31, 32, 33]


async def test_a_message_that_cannot_be_encoded_fails_alone():
    compiled = rig(
        [gear("a", "source"), correlator(on_error="reject"), gear("s", "sink"), gear("e", "sink")],
        [("a", "out", "archive", "in"), ("archive", "out", "s", "in"), ("archive", "err", "e", "in")],
        settings(),
    )
    bench = await Bench(compiled=compiled).start()
    bench.send(1)
    bench.source.emit({"n": object()})
    bench.send(1)
    await bench.wait(1001)
    assert bench.values == [0, 1]
    assert len(gear_of(bench.rack, "e").got) == 1
    await bench.stop()


async def test_two_correlators_have_one_order():
    compiled = rig(
        [gear("a", "source"), correlator("c1"), correlator("c2"), gear("s", "sink")],
        [("a", "out", "c1", "in"), ("a", "out", "c2", "in"), ("c1", "out", "s", "in"), ("c2", "out", "s", "in")],
        settings(),
    )
    bench = await Bench(compiled=compiled).start()
    bench.send(3)
    await bench.wait(1001)
    assert bench.values == [0, 0, 1, 1, 2, 2]
    assert [int(msg.meta["archive.pos"]) for msg in bench.got] == [1, 2, 3, 4, 5, 6]
    await bench.stop()


async def test_one_correlator_behind_another_gives_the_message_a_position_of_its_own():
    compiled = chain(gear("a", "source"), correlator("c1"), correlator("c2"), gear("s", "sink"), archive=settings())
    bench = await Bench(compiled=compiled).start()
    bench.send(2)
    await bench.wait(3000)
    assert [(msg.data["n"], msg.meta["archive.pos"]) for msg in bench.got] == [(0, "3"), (1, "4")]
    await bench.stop()


async def test_an_idle_archive_writes_nothing():
    bench = await Bench().start()
    bench.send(1)
    await bench.wait(1001)
    before = {name: bytes(data) for name, data in bench.volume.files.items()}
    await bench.wait(24 * HOUR_MS)
    assert {name: bytes(data) for name, data in bench.volume.files.items()} == before
    assert bench.stats()["groups"] == 1
    await bench.stop()


async def test_a_folder_that_another_process_has_keeps_the_rack_from_starting():
    class Busy(MemoryVolume):
        async def open(self):
            raise TransientError("archive is in use", busy=True)

    bench = Bench(Busy())
    error = await raises_async(TransientError, bench.start())
    assert "in use" in str(error)


async def test_a_gear_that_does_not_start_releases_the_archive_without_waiting():
    compiled = chain(gear("a", "source"), correlator(), gear("s", "broken_start"), archive=settings())
    host = MemoryHost()
    rack = Rack(host, compiled)
    error = await raises_async(LocalError, rack.start())
    assert "did not start" in str(error)
    assert not host.volumes["archive"].is_open
    assert not any(["timed out" in text for _, _, text in host.logged])


async def test_what_a_crash_left_is_said_and_journalled():
    bench = await Bench().start()
    bench.send(3)
    await bench.wait(1001)
    volume = bench.volume.cut()
    name = sorted(volume.files)[0]
    volume.files[name] += b"Mtorn"
    again = await Bench(volume).start()
    assert any(["torn" in text for text in again.said("warning")])
    again.send(1)
    await again.wait(1001)
    assert notes(again.medium(), "recovered")[0][1]["dropped_bytes"] == 5
    assert again.medium().last == 5
    await again.stop()


async def test_a_rack_says_that_its_archive_is_of_a_machine_with_another_name():
    bench = await Bench().start()
    bench.send(2)
    await bench.stop()
    compiled = dict(
        chain(gear("a", "source"), correlator(), gear("s", "sink"), archive=settings()), machine="machine-2"
    )
    bench = await Bench(MemoryVolume(bench.volume.files), compiled=compiled).start()
    (said,) = [text for text in bench.said("warning") if "machine" in text]
    assert "'machine-1'" in said and "'machine-2'" in said and "position 3" in said
    await bench.stop()
    bench = await Bench(MemoryVolume(bench.volume.files)).start()
    assert not [text for text in bench.said("warning") if "machine" in text], "nothing was written under that name"
    await bench.stop()
