"""Retention in a Rack: what it does and says when its archive is full, or too old."""

from archive_bench import Bench, notes, numbers

from fluxrig_ports.memory import MemoryVolume

HOUR_MS = 3_600_000
SMALL = {"max_bytes": 6000, "segment_bytes": 1200, "commit_count": 3}


def on_disk(volume):
    return sum([len(data) for name, data in volume.files.items() if name.endswith(".seg")])


async def test_a_rack_drops_what_was_sent_and_writes_down_that_it_did():
    bench = await Bench(**SMALL).start()
    got = []
    for _ in range(12):
        bench.send(3)
        await bench.wait(100)
        assert on_disk(bench.volume) <= 6000 + 1200, "the last segment may have a group more"
        got += bench.values
        bench.sink.got.clear()
    await bench.wait(2000)
    assert got + bench.values == list(range(36))
    found = bench.medium()
    told = notes(found, "removed")
    assert told and told[-1][1]["last"] == found.stub[-1][1] and told[-1][1]["undelivered"] == 0
    stats = bench.stats()
    assert stats["removed"] == found.stub[-1][1] and stats["undelivered"] == 0 and not stats["volatile"]
    kept = numbers(found)
    assert kept == list(range(kept[0], 36))
    await bench.stop()


async def test_an_archive_that_may_be_larger_than_its_disk_gives_way_before_that_is_full():
    volume = MemoryVolume(free=16_000, total=16_000)
    bench = await Bench(volume, max_bytes=1 << 30, segment_bytes=1200, commit_count=3).start()
    assert any(["16000" in text and "14000" in text for text in bench.said("warning")])
    for _ in range(30):
        bench.send(3)
        await bench.wait(100)
        bench.sink.got.clear()
    stats = bench.stats()
    assert stats["removed"] and not stats["failures"] and not stats["volatile"]
    await bench.stop()


async def test_a_rack_removes_what_is_too_old_also_when_nothing_happens():
    bench = await Bench(keep_ms=HOUR_MS, segment_bytes=1200, commit_count=3).start()
    for _ in range(8):
        bench.send(3)
        await bench.wait(100)
    before = len(bench.medium().segments)
    assert before > 3
    await bench.wait(HOUR_MS + 120_000)
    found = bench.medium()
    assert len(found.segments) <= 2 and found.stub
    assert notes(found, "removed")
    segments = len(found.segments)
    await bench.wait(3 * HOUR_MS)
    assert len(bench.medium().segments) <= segments, "the notes of it do not go on for ever"
    await bench.stop()


async def test_a_full_archive_that_blocks_refuses_what_comes_and_keeps_what_it_has():
    bench = await Bench(policy="block", **SMALL).start()
    for _ in range(15):
        bench.send(3)
        await bench.wait(100)
    stats = bench.stats()
    assert stats["refused"] and not stats["volatile"] and not stats["removed"]
    assert any(["full" in text and "block" in text for text in bench.said()])
    assert bench.rack.stats()["gears"]["archive"]["errors"] == stats["refused"]
    found = bench.medium()
    assert on_disk(bench.volume) <= 6000
    assert bench.values == numbers(found) == list(range(len(bench.values)))
    assert len(bench.values) + stats["pending"] + stats["refused"] == 45
    await bench.stop()
    assert numbers(bench.medium()) == list(range(45 - stats["refused"])), "what it has taken, it writes"
    assert on_disk(bench.volume) <= 6000 and bench.stats()["lost"] == 0


async def test_it_takes_again_when_age_has_made_room():
    bench = await Bench(policy="block", keep_ms=HOUR_MS, **SMALL).start()
    while not bench.stats()["refused"]:
        bench.send(3)
        await bench.wait(100)
    await bench.wait(HOUR_MS + 120_000)
    assert bench.stats()["pending"] == 0 and bench.stats()["removed"]
    taken = len(bench.values)
    assert bench.values == list(range(taken))
    bench.n = 1000
    bench.send(1)
    await bench.wait(1001)
    assert bench.values[-1] == 1000
    assert notes(bench.medium(), "removed")
    await bench.stop()


async def test_a_larger_limit_at_the_next_start_lets_it_go_on():
    bench = await Bench(policy="block", **SMALL).start()
    while not bench.stats()["refused"]:
        bench.send(3)
        await bench.wait(100)
    await bench.stop()
    bench = await Bench(MemoryVolume(bench.volume.files), policy="block", max_bytes=20_000, segment_bytes=1200).start()
    bench.n = 1000
    bench.send(1)
    await bench.wait(1001)
    assert bench.values == [1000]
    await bench.stop()
