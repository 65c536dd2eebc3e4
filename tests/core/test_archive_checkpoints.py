"""Checkpoints: what they say, when they come, and that they end."""

from archive_bench import Bench, correlator, gear, gear_of, settings
from journal_reading import read_journal
from probes import rig

from fluxrig.errors import TransientError
from fluxrig_ports.memory import MemoryVolume

MINUTE_MS = 60_000
DAY_NS = 86_400 * 10**9


async def started(volume=None, **changed):
    compiled = rig(
        [gear("a", "source"), correlator(), gear("s", "sink"), gear("c", "sink")],
        [("a", "out", "archive", "in"), ("archive", "out", "s", "in"), ("archive", "checkpoint", "c", "in")],
        settings(**changed),
    )
    return await Bench(volume, compiled=compiled).start()


def checkpoints(bench):
    return [msg.data["checkpoint"] for msg in gear_of(bench.rack, "c").got]


def check(bench):
    """Whether each says what is on the medium, and was archived itself, later than that."""
    found = read_journal(bench.volume.files)
    links = [(position, head.hex(), time) for position, head, time in found.links]
    for msg in gear_of(bench.rack, "c").got:
        said = msg.data["checkpoint"]
        assert (said["machine"], said["journal"]) == ("machine-1", found.journal.hex())
        assert (said["position"], said["head"], said["time"]) in links
        assert int(msg.meta["archive.pos"]) > said["position"]
    return found


async def test_they_come_with_the_period_and_say_where_the_chain_stands():
    bench = await started(checkpoint_ms=MINUTE_MS)
    for _ in range(10):
        bench.send(1)
        await bench.wait(30_000)
    assert len(checkpoints(bench)) in (4, 5)
    check(bench)
    await bench.stop()


async def test_a_segment_that_ends_is_a_reason_for_one():
    bench = await started(segment_bytes=900)
    for _ in range(8):
        bench.send(1)
        await bench.wait(1001)
    found = check(bench)
    sealed = [first for first, _, is_sealed, _ in found.segments if is_sealed]
    assert len(sealed) > 1
    ends = [first - 1 for first, _, _, _ in found.segments[1:]]
    said = [checkpoint["position"] for checkpoint in checkpoints(bench)]
    assert said.pop(0) == 1, "the first write after the start"
    assert said == ends[: len(said)] and len(ends) - len(said) <= 1
    await bench.stop()


async def test_a_stop_leaves_nothing_but_its_checkpoint_without_one():
    bench = await started()
    bench.send(3)
    await bench.wait(1001)
    bench.send(2)
    await bench.stop()
    found = check(bench)
    assert checkpoints(bench)[-1]["position"] == found.last - 1
    again = await started(MemoryVolume(bench.volume.files))
    await again.wait(5000)
    await again.stop()
    assert checkpoints(again) == [] and again.medium().last == found.last, "a run in which nothing came adds nothing"


async def test_they_are_no_reason_for_more_of_them():
    # Each segment holds little more than one checkpoint.
    bench = await started(segment_bytes=400, checkpoint_ms=MINUTE_MS)
    bench.send(1)
    await bench.wait(1001)
    bench.send(1)
    await bench.wait(10 * MINUTE_MS)
    count, durable = len(checkpoints(bench)), bench.archive.durable
    assert 1 <= count <= 3
    await bench.wait(600 * MINUTE_MS)
    assert (len(checkpoints(bench)), bench.archive.durable) == (count, durable)
    check(bench)
    await bench.stop()


async def test_a_segment_with_cursors_alone_is_not_anchored_as_it_may_be_replaced():
    bench = await started(checkpoint_ms=1)
    bench.send(1)
    await bench.wait(5000)
    await bench.stop()
    count = len(checkpoints(bench))
    volume = MemoryVolume(bench.volume.files)
    for _ in range(3):
        bench = await started(volume, checkpoint_ms=1)
        bench.archive.journal.set_cursor(b"0123456789abcdef", 1)
        bench.archive.cursor_moved()
        await bench.wait(5000)
        assert checkpoints(bench) == []
        await bench.stop()
        volume = MemoryVolume(bench.volume.files)
    assert count
    bench = await started(volume, checkpoint_ms=1)
    bench.send(1)
    await bench.wait(5000)
    assert checkpoints(bench)
    check(bench)
    await bench.stop()


async def test_without_a_wire_there_are_none():
    bench = await Bench(checkpoint_ms=1000, segment_bytes=900).start()
    for _ in range(5):
        bench.send(1)
        await bench.wait(2000)
    assert read_journal(bench.volume.files).last == 5
    await bench.stop()


async def test_a_clock_that_was_set_back_a_day_changes_nothing_but_times():
    bench = await started(checkpoint_ms=MINUTE_MS, keep_ms=60 * MINUTE_MS, segment_bytes=1500)
    for day in (0, -1, -2):
        bench.clock.step_wall(day * DAY_NS)
        before = len(checkpoints(bench))
        for _ in range(3):
            bench.send(1)
            await bench.wait(50_000)
        assert 1 <= len(checkpoints(bench)) - before <= 3, "no flood, and no silence for a day"
    check(bench)
    assert bench.values == list(range(9)) and bench.stats()["removed"] == 0
    positions = [int(msg.meta["archive.pos"]) for msg in bench.got]
    assert positions == sorted(set(positions)) and not bench.stats()["volatile"]
    last = bench.archive.durable
    await bench.stop()
    volume = MemoryVolume(bench.volume.files)
    bench = await started(volume, checkpoint_ms=MINUTE_MS, keep_ms=60 * MINUTE_MS)
    bench.clock.step_wall(-10 * DAY_NS)
    bench.send(1)
    await bench.wait(1001)
    assert bench.values == [0] and int(bench.got[0].meta["archive.pos"]) > last
    read_journal(volume.files)
    await bench.stop()


async def test_a_checkpoint_while_the_disk_is_away_is_none():
    bench = await started(checkpoint_ms=1000)
    bench.send(1)
    await bench.wait(1001)
    bench.volume.fail = TransientError("no space left")
    before = len(checkpoints(bench))
    for _ in range(5):
        bench.send(1)
        await bench.wait(2000)
    durable = [each for each in checkpoints(bench)[before:] if each["position"] > bench.archive.durable]
    assert durable == []
    await bench.stop()
