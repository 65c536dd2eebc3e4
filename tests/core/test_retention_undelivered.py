"""Retention in a Rack whose consumer is away: what it has not had is not dropped, unless the rig says so."""

from archive_bench import Bench, gear_of, notes, numbers, settings
from probes import gear, rig

PORTS = ("out", "checkpoint", "err")
SMALL = {"max_bytes": 3600, "segment_bytes": 900, "commit_count": 2, "ram_bytes": 4000}


def guaranteed(**changed):
    """A rig whose consumer is away: what it does not take stays undelivered."""
    gears = [
        gear("a", "source"),
        gear("archive", "correlator", None, "drop", PORTS),
        gear("s", "sink"),
        gear("b", "away"),
    ]
    options = {"max_attempts": 3, "retry_min_ms": 1000, "retry_max_ms": 60_000}
    wires = [
        ("a", "out", "archive", "in"),
        ("archive", "out", "s", "in"),
        ("archive", "out", "b", "in", "guaranteed", options),
    ]
    return rig(gears, wires, settings(**changed))


async def test_what_a_guaranteed_wire_has_not_delivered_is_not_dropped_and_the_archive_says_that_it_is_full():
    compiled = guaranteed(policy="drop_oldest_sent", **SMALL)
    bench = await Bench(compiled=compiled).start()
    for _ in range(8):
        bench.send(2)
        await bench.wait(100)
    assert bench.stats()["volatile"] and bench.values == list(range(16))
    assert any(["full" in text and "not delivered" in text for text in bench.said()])
    found = bench.medium()
    assert not found.stub and numbers(found)[:4] == list(range(4))
    gear_of(bench.rack, "b").away = False
    await bench.wait(300_000)
    assert not bench.stats()["volatile"], "what was delivered makes room"
    bench.send(1)
    await bench.wait(2000)
    assert gear_of(bench.rack, "b").got[-1] == 16
    await bench.stop()


async def test_a_full_archive_that_blocks_still_writes_what_was_acknowledged():
    bench = await Bench(compiled=guaranteed(policy="block", **dict(SMALL, max_bytes=6000))).start()
    while not bench.stats()["refused"]:
        bench.send(2)
        await bench.wait(100)
    consumer = gear_of(bench.rack, "b")
    consumer.away = False
    await bench.wait(120_000)
    assert consumer.got and consumer.got == list(range(len(consumer.got)))
    after = await Bench(bench.volume.cut(), compiled=guaranteed(policy="block", **dict(SMALL, max_bytes=6000))).start()
    again = gear_of(after.rack, "b")
    again.away = False
    await after.wait(120_000)
    assert again.got == [], "nothing comes again, though nothing new could be taken"
    await after.stop()


async def test_dropping_the_oldest_counts_and_says_what_was_not_delivered():
    bench = await Bench(compiled=guaranteed(policy="drop_oldest", **SMALL)).start()
    for _ in range(8):
        bench.send(2)
        await bench.wait(100)
    await bench.wait(2000)
    found = bench.medium()
    stats = bench.stats()
    assert not stats["volatile"] and stats["undelivered"] == stats["removed"] == found.stub[-1][1]
    assert any(["not delivered" in text for text in bench.said()])
    assert notes(found, "removed")[-1][1]["undelivered"] > 0
    await bench.stop()
