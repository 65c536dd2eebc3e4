"""Where a consumer stands in the archive of a Rack: what it is given, and what it is not given again."""

import asyncio

from archive_bench import Bench, correlator, gear, settings
from expect import raises_async
from probes import id_of, rig

from fluxrig.errors import TransientError
from fluxrig_ports.memory import MemoryVolume

ID, OTHER = b"cursor number 01", b"cursor number 02"
OUT = id_of("archive.out")


async def life(volume=None, cursors=(ID,), compiled=None, **changed):
    """A Rack whose archive has cursors on the port `out`, and those."""
    bench = Bench(volume, compiled=compiled, **changed)
    made = [bench.archive.cursor(each, OUT) for each in cursors]
    await bench.start()
    return [bench] + made


async def crash(bench):
    """What the next life finds when the power goes now."""
    volume = MemoryVolume({name: bytearray(data) for name, data in bench.volume.files.items()})
    await bench.rack.supervisor.end(1)
    return volume


async def taken(bench, cursor, limit=100):
    """What it gives at once."""
    task = asyncio.create_task(cursor.take(limit))
    await bench.wait(0)
    if task.done():
        return await task
    task.cancel()
    return []


async def rest(bench, cursor):
    """What it gives until there is no more."""
    all_of_it, msgs = [], await taken(bench, cursor)
    while msgs:
        all_of_it += msgs
        msgs = await taken(bench, cursor)
    return all_of_it


def ns(msgs):
    return [msg.data["n"] for msg in msgs]


async def test_a_new_consumer_gets_what_comes_from_now_on_in_order_and_no_more_than_it_asks_for():
    (bench,) = await life(cursors=())
    bench.send(5)
    await bench.stop()
    bench, cursor = await life(MemoryVolume(bench.volume.files))
    assert await taken(bench, cursor) == []
    bench.n = 5
    bench.send(5)
    assert await taken(bench, cursor) == [], "not durable yet"
    await bench.wait(1001)
    assert ns(await taken(bench, cursor, 2)) == [5, 6]
    assert ns(await taken(bench, cursor, 2)) == [7, 8]
    msgs = await taken(bench, cursor, 2)
    assert ns(msgs) == [9]
    assert (msgs[0].meta["archive.pos"], msgs[0].meta["archive.head"]) == ("10", bench.medium().head.hex())
    await bench.stop()


async def test_taking_waits_for_what_is_not_there_yet():
    bench, cursor = await life()
    task = asyncio.create_task(cursor.take(10))
    await bench.wait(5000)
    assert not task.done()
    bench.send(2)
    await bench.wait(1001)
    assert ns(await task) == [0, 1]
    await bench.stop()


async def test_what_was_not_acknowledged_comes_again():
    bench, cursor = await life()
    bench.send(6)
    await bench.wait(1001)
    msgs = await taken(bench, cursor, 4)
    cursor.done(msgs[1])
    cursor.rewind()
    assert ns(await taken(bench, cursor)) == [2, 3, 4, 5]
    cursor.done(msgs[0])  # an old one changes nothing
    cursor.rewind()
    assert ns(await taken(bench, cursor)) == [2, 3, 4, 5]
    await bench.stop()


async def test_an_acknowledgement_outlives_a_crash_once_it_is_written():
    bench, cursor = await life()
    bench.send(6)
    await bench.wait(1001)
    msgs = await taken(bench, cursor)
    cursor.done(msgs[2])
    await bench.wait(bench.archive.ALONE * 1000 + 1)  # nothing else is written that it could go with
    cursor.done(msgs[4])  # and this one is not written when the power goes
    volume = await crash(bench)
    bench, cursor = await life(volume)
    assert ns(await taken(bench, cursor)) == [3, 4, 5]
    cursor.done((await taken(bench, cursor) or msgs)[-1])
    await bench.stop()


async def test_an_acknowledgement_outlives_an_orderly_stop_at_once():
    bench, cursor = await life()
    bench.send(3)
    await bench.wait(1001)
    cursor.done((await taken(bench, cursor))[1])
    await bench.stop()
    bench, cursor = await life(MemoryVolume(bench.volume.files))
    assert ns(await taken(bench, cursor)) == [2]
    assert bench.archive.journal.cursors[ID] == 2
    await bench.stop()


async def test_a_consumer_that_is_behind_catches_up_over_segments_and_restarts():
    volume = MemoryVolume()
    for start in (0, 10):
        bench, cursor = await life(volume, segment_bytes=1000)
        bench.n = start
        for _ in range(5):
            bench.send(2)
            await bench.wait(1001)
        volume = await crash(bench)
    bench, cursor = await life(volume, segment_bytes=1000)
    got = []
    while True:
        msgs = await taken(bench, cursor, 3)
        if not msgs:
            break
        got += ns(msgs)
        cursor.done(msgs[-1])
    assert got == list(range(20)) and cursor.unreadable == 0
    assert len(bench.medium().segments) > 3
    await bench.stop()


async def test_two_consumers_stand_where_they_stand():
    bench, cursor, other = await life(cursors=(ID, OTHER))
    bench.send(4)
    await bench.wait(1001)
    cursor.done((await taken(bench, cursor))[3])
    other.done((await taken(bench, other))[0])
    await bench.stop()
    assert bench.medium().cursors == {ID: 4, OTHER: 1}
    bench, cursor, other = await life(MemoryVolume(bench.volume.files), (ID, OTHER))
    assert ns(await taken(bench, cursor)) == [] and ns(await taken(bench, other)) == [1, 2, 3]
    await bench.stop()


async def test_a_wire_that_left_the_rig_is_said_and_holds_back_nothing_any_more():
    bench, cursor, other = await life(cursors=(ID, OTHER))
    bench.send(3)
    await bench.wait(1001)
    cursor.done((await taken(bench, cursor))[2])
    await bench.stop()
    bench, cursor = await life(MemoryVolume(bench.volume.files))
    assert any(["not in the rig any more, 3 positions behind" in text for text in bench.said("warning")])
    bench.send(1)
    await bench.wait(1001)
    assert ID in bench.medium().cursors and OTHER not in bench.archive.journal.cursors
    await bench.stop()
    # It comes back: as a new one.
    bench, cursor, other = await life(MemoryVolume(bench.volume.files), (ID, OTHER))
    assert await taken(bench, other) == []
    await bench.stop()


async def test_messages_of_other_ports_are_passed_over_without_writing():
    wires = [("a", "out", "archive", "in"), ("a", "out", "other", "in"), ("other", "out", "s", "in")]
    compiled = rig([gear("a", "source"), correlator(), correlator("other"), gear("s", "sink")], wires, settings())
    bench, cursor = await life(compiled=compiled)
    bench.send(2)
    await bench.wait(1001)
    msgs = await taken(bench, cursor)
    assert [msg.meta["archive.pos"] for msg in msgs] == ["1", "3"]
    cursor.done(msgs[-1])
    assert await taken(bench, cursor) == []
    await bench.wait(1001)
    groups = bench.stats()["groups"]
    for _ in range(4):
        bench.rack.station("other").gear.on_in(msgs[0])
    await bench.wait(1001)
    assert bench.stats()["groups"] == groups + 1
    assert await taken(bench, cursor) == []
    await bench.wait(60_000)
    assert bench.stats()["groups"] == groups + 1, "nothing of its own, nothing to write"
    assert cursor.acknowledged == bench.archive.durable, "and yet it holds back no retention"
    await bench.stop()


async def test_what_was_delivered_while_the_disk_was_away_is_not_delivered_again():
    bench, cursor = await life()
    bench.send(1)
    await bench.wait(1001)
    cursor.done((await taken(bench, cursor))[0])
    bench.volume.fail = TransientError("no space left")
    bench.send(3)
    await bench.wait(1001)
    msgs = await taken(bench, cursor)
    assert ns(msgs) == [1, 2, 3] and all([msg.meta["archive.volatile"] == "1" for msg in msgs])
    cursor.done(msgs[1])  # 3 is not acknowledged
    bench.volume.fail = None
    await bench.wait(10_000)
    bench.send(1)
    await bench.wait(1001)
    cursor.rewind()
    msgs = await rest(bench, cursor)
    assert ns(msgs) == [3, 4] and "archive.pos" in msgs[0].meta
    cursor.done(msgs[-1])
    await bench.stop()
    bench, cursor = await life(MemoryVolume(bench.volume.files))
    assert await taken(bench, cursor) == []
    await bench.stop()


async def test_what_is_acknowledged_after_the_disk_has_come_back_is_not_delivered_again():
    bench, cursor = await life()
    bench.volume.fail = TransientError("no space left")
    bench.send(2)
    await bench.wait(1001)
    msgs = await taken(bench, cursor)
    assert ns(msgs) == [0, 1]
    bench.volume.fail = None
    await bench.wait(10_000)
    assert not bench.archive.volatile
    cursor.done(msgs[-1])
    assert await taken(bench, cursor) == []
    bench.send(1)
    await bench.wait(1001)
    assert ns(await taken(bench, cursor)) == [2]
    await bench.stop()


async def test_volatile_messages_are_taken_again_when_their_delivery_failed():
    bench, cursor = await life()
    bench.volume.fail = TransientError("no space left")
    bench.send(2)
    await bench.wait(1001)
    assert ns(await taken(bench, cursor)) == [0, 1]
    assert await taken(bench, cursor) == []
    cursor.rewind()
    assert ns(await taken(bench, cursor)) == [0, 1]
    await bench.stop()


async def test_while_the_disk_is_away_a_consumer_looks_at_each_message_once():
    (bench,) = await life(cursors=())
    cursor = bench.archive.cursor(ID, id_of("archive.joined"))
    bench.volume.fail = TransientError("no space left")
    bench.send(1)
    await bench.wait(1001)
    waiting = asyncio.create_task(cursor.take(10))
    looked_at = []
    message = bench.archive.outbox.message

    def counted(entry):
        looked_at.append(entry)
        return message(entry)

    await bench.wait(0)
    bench.archive.outbox.message = counted
    for _ in range(10):
        bench.send(1)
        await bench.wait(0)
    assert not waiting.done()
    assert len(looked_at) <= 2 * 10, "once to let it go on, once for the consumer"
    waiting.cancel()
    await bench.stop()


async def test_what_is_given_up_while_the_disk_is_away_does_not_hide_what_comes_after_it():
    bench, cursor = await life(ram_bytes=3000)
    bench.volume.fail = TransientError("no space left")
    got = []
    for _ in range(20):
        bench.send(2)
        await bench.wait(1001)
        msgs = await taken(bench, cursor)
        got += ns(msgs)
        cursor.done(msgs[-1])
        bench.sink.got.clear()
    assert bench.stats()["lost"] and got == list(range(40))
    bench.volume.fail = None
    await bench.wait(70_000)
    bench.send(1)
    await bench.wait(1001)
    assert ns(await rest(bench, cursor)) == [40]
    await bench.stop()


async def test_a_disk_that_was_away_at_the_start_does_not_make_a_consumer_begin_at_the_beginning():
    bench, cursor = await life()
    bench.send(4)
    await bench.wait(1001)
    cursor.done((await taken(bench, cursor))[3])
    await bench.stop()
    volume = MemoryVolume(bench.volume.files)
    volume.fail_reads = TransientError("input/output error")
    bench, cursor = await life(volume)
    waiting = asyncio.create_task(cursor.take(10))
    bench.n = 4
    bench.send(1)
    await bench.wait(10)
    msgs = await waiting
    assert ns(msgs) == [4]
    cursor.done(msgs[0])
    waiting = asyncio.create_task(cursor.take(10))
    await bench.wait(10)
    volume.fail_reads = None
    await bench.wait(60_000)
    assert not waiting.done(), "all of it was delivered before"
    bench.send(1)
    await bench.wait(1001)
    assert ns(await waiting) == [5]
    await bench.stop()


async def test_a_survey_sees_what_is_not_acknowledged_and_changes_nothing():
    bench, cursor = await life()
    bench.send(5)
    await bench.wait(1001)
    cursor.done((await taken(bench, cursor, 2))[1])
    seen: list = []
    await cursor.survey(seen.append)
    assert ns(seen) == [2, 3, 4] and "archive.pos" in seen[0].meta
    assert ns(await taken(bench, cursor)) == [2, 3, 4]
    assert bench.archive.durable - cursor.acknowledged == 3
    await bench.stop()


async def test_others_run_while_a_consumer_goes_through_the_archive():
    bench, cursor = await life()
    for _ in range(6):
        bench.send(1)
        await bench.wait(1001)
    turns = 0

    async def other():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(other())
    await cursor.survey(lambda msg: None)
    assert turns >= 6, "once a group"
    turns = 0
    waiting = asyncio.create_task(bench.archive.cursor(OTHER, id_of("archive.joined")).take(1))
    while bench.archive.journal.cursors.get(OTHER, 0) < 6:
        await asyncio.sleep(0)
    assert turns >= 6
    beside.cancel()
    waiting.cancel()
    await bench.stop()


async def test_a_record_that_the_medium_has_spoilt_is_counted_and_passed_over():
    bench, cursor = await life()
    for _ in range(4):
        bench.send(1)
        await bench.wait(1001)
    name = sorted(bench.volume.files)[0]
    data = bench.volume.files[name]
    data[bytes(data).find(b"\x61n\x01")] ^= 1
    cursor.rewind()
    assert ns(await rest(bench, cursor)) == [0, 2, 3]
    assert cursor.unreadable == 1
    await bench.stop()


async def test_a_disk_that_is_away_while_nothing_is_written_costs_nothing_that_is_on_it():
    bench, cursor = await life(segment_bytes=700)
    bench.send(8)
    await bench.wait(1001)
    bench.volume.fail_reads = bench.volume.fail = TransientError("the disk is unplugged")
    for _ in range(50):
        await raises_async(TransientError, cursor.take(10))
        cursor.rewind()
    assert not bench.archive.volatile, "nobody has noticed: nothing was to be written"
    bench.volume.fail_reads = bench.volume.fail = None
    assert ns(await rest(bench, cursor)) == list(range(8)) and cursor.unreadable == 0
    await bench.stop()


async def test_one_place_that_cannot_be_read_is_passed_over_once_more_was_written():
    class Worn(MemoryVolume):
        worn = ""

        async def read(self, name, offset, limit):
            if name == self.worn:
                raise TransientError("input/output error")
            return await super().read(name, offset, limit)

    bench, cursor = await life(Worn(), segment_bytes=700, commit_count=1)
    for _ in range(10):
        bench.send(1)
        await bench.wait(10)
    bench.volume.worn = sorted(bench.volume.files)[0]
    lost = bench.archive.journal.segments[1].first - 1
    for _ in range(cursor.PATIENCE - 1):
        await raises_async(TransientError, cursor.take(100))
    bench.send(1)
    await bench.wait(10)
    assert ns(await rest(bench, cursor)) == list(range(lost, 11)) and cursor.unreadable == lost
    await bench.stop()
