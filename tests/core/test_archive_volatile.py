"""What an archive does while its disk is away."""

import asyncio

from archive_bench import Bench, chain, check_marks, correlator, gear, notes, numbers, settings

from fluxrig.errors import LocalError, TransientError
from fluxrig_ports.memory import MemoryVolume

FULL = TransientError("cannot write x.seg: no space left on the device")
READ_ONLY = LocalError("cannot write x.seg: the file system is read-only")
BROKEN = TransientError("cannot write x.seg: input/output error")
DAY_MS = 86_400_000


def marks(bench):
    """Of each message that left: its position, or "v"."""
    return [msg.meta.get("archive.pos", "v" * int(msg.meta.get("archive.volatile", "0"))) for msg in bench.got]


async def test_a_disk_that_fails_does_not_stop_the_messages_and_takes_up_all_of_them_later():
    for failure in (FULL, READ_ONLY, BROKEN):
        bench = await Bench().start()
        bench.send(2)
        await bench.wait(1001)
        bench.volume.fail = failure
        bench.send(2)
        await bench.wait(1001)
        bench.send(2)
        await bench.wait(1)
        assert bench.values == [0, 1, 2, 3, 4, 5]
        assert marks(bench) == ["1", "2", "v", "v", "v", "v"]
        assert bench.stats()["volatile"] and bench.stats()["failures"]
        (text,) = [text for text in bench.said() if "WITHOUT being archived" in text]
        assert str(failure) in text
        assert "archive.pos" not in bench.got[-1].meta and bench.archive.allows(bench.got[-1])
        bench.volume.fail = None
        await bench.wait(5000)
        assert not bench.stats()["volatile"]
        bench.send(1)
        await bench.wait(1001)
        assert bench.values == [0, 1, 2, 3, 4, 5, 6], "what went on is not sent again"
        found = bench.medium()
        assert numbers(found) == [0, 1, 2, 3, 4, 5, 6]
        check_marks(found, [msg for msg in bench.got if "archive.pos" in msg.meta])
        assert [event for event, _ in notes(found)] == ["volatile", "resumed"]
        assert notes(found)[1][1]["lost"] == 0 and str(failure) in notes(found)[0][1]["why"]
        await bench.stop()


async def test_a_disk_that_hangs_counts_as_failing_after_five_seconds():
    bench = await Bench().start()
    bench.send(1)
    await bench.wait(1001)
    bench.volume.hang = hang = asyncio.Event()
    bench.send(2)
    await bench.wait(5500)
    assert bench.values == [0], "not yet: it may only be slow"
    await bench.wait(2000)
    assert marks(bench) == ["1", "v", "v"]
    bench.send(1)
    await bench.wait(1)
    assert bench.values == [0, 1, 2, 3]
    await bench.wait(DAY_MS // 24)  # the ticks of the clock wrap meanwhile
    assert bench.stats()["volatile"]
    bench.volume.hang = None
    hang.set()
    await bench.wait(3000)
    assert not bench.stats()["volatile"]
    assert bench.values == [0, 1, 2, 3]
    assert numbers(bench.medium()) == [0, 1, 2, 3]
    await bench.stop()


async def test_ram_is_bounded_in_bytes_and_the_oldest_are_lost_and_counted():
    bench = await Bench(ram_bytes=3000).start()
    bench.send(1)
    await bench.wait(1001)
    bench.volume.fail = FULL
    for _ in range(10):
        bench.send(4)
        await bench.wait(2000)
        assert bench.archive.journal.pending_bytes <= 3000
        assert sum([len(bench.archive.outbox.message(entry).wire) for entry in bench.archive.entries]) <= 3000
    assert bench.values == list(range(41)), "the live path has all of them"
    bench.sink.got.clear()  # which would fill a small heap
    lost = bench.stats()["lost"]
    assert 20 < lost < 41
    bench.volume.fail = None
    await bench.wait(70_000)
    found = bench.medium()
    kept = numbers(found)
    assert kept == [0] + list(range(41 - len(kept) + 1, 41)), "the newest"
    ((_, resumed),) = notes(found, "resumed")
    assert resumed["lost"] == lost
    assert found.last + lost == 41 + 2, "each message, and each note, is there or counted"
    await bench.stop()


async def test_large_messages_do_not_hide_behind_many_small_ones():
    bench = await Bench(ram_bytes=4000).start()
    bench.volume.fail = FULL
    bench.send(12)
    await bench.wait(2000)
    for _ in range(8):
        bench.send(1, text="x" * 1000)
        assert bench.archive.journal.pending_bytes <= 4000
        bench.sink.got.clear()  # which would fill a small heap
    assert bench.n == 20
    await bench.stop()


async def test_one_message_larger_than_the_ram_for_it_is_taken_beside_what_waits():
    bench = await Bench(ram_bytes=1000).start()
    bench.send(2)
    bench.send(1, text="x" * 2000)
    await bench.wait(1001)
    assert marks(bench) == ["1", "2", "3"] and not bench.stats()["lost"]
    await bench.stop()


async def test_a_disk_that_is_slower_than_what_comes_does_not_fill_the_ram():
    bench = await Bench(ram_bytes=3000).start()
    bench.send(1)
    await bench.wait(1001)  # the segment is begun
    bench.volume.hang = hang = asyncio.Event()
    bench.send(1)
    await bench.wait(1001)
    for _ in range(20):
        bench.send(2)
        assert bench.archive.journal.pending_bytes <= 3000
    assert bench.values == list(range(42))
    bench.sink.got.clear()
    assert any(["slower than the messages" in text for text in bench.said()])
    bench.volume.hang = None
    hang.set()
    await bench.wait(3000)
    lost = bench.stats()["lost"]
    assert lost
    found = bench.medium()
    assert numbers(found)[:2] == [0, 1], "what was being written is kept"
    assert found.last + lost == 42 + 2
    await bench.stop()


async def test_retries_back_off_up_to_a_minute():
    class Counting(MemoryVolume):
        tries = 0

        async def create(self, name, reserve):
            self.tries += 1
            return await super().create(name, reserve)

    volume = Counting()
    bench = await Bench(volume).start()
    volume.fail = BROKEN
    bench.send(1)
    await bench.wait(1001)
    tries = []
    for _ in range(10):
        before = volume.tries
        await bench.wait(60_000)
        tries.append(volume.tries - before)
    assert 4 <= tries[0] <= 7 and tries[-1] == 1
    assert len([text for text in bench.said() if "WITHOUT" in text]) == 1, "said once"
    volume.fail = None
    await bench.wait(60_000)
    assert not bench.stats()["volatile"]
    volume.fail = BROKEN
    bench.send(1)
    before = volume.tries + 1
    await bench.wait(3_001)
    volume.fail = None
    await bench.wait(3_001)
    assert volume.tries > before and not bench.stats()["volatile"], "and begins anew"
    await bench.stop()


async def test_a_disk_that_is_broken_at_the_start_does_not_keep_the_rack_from_running():
    class NoFolder(MemoryVolume):
        broken: Exception | None = READ_ONLY

        async def open(self):
            if self.broken is not None:
                raise self.broken
            await super().open()

    volume = NoFolder()
    bench = await Bench(volume).start()
    bench.send(2)
    await bench.wait(1001)
    assert marks(bench) == ["v", "v"]
    volume.broken = None
    await bench.wait(60_000)
    bench.send(1)
    await bench.wait(1001)
    assert bench.values == [0, 1, 2] and marks(bench)[2].isdigit()
    assert numbers(bench.medium()) == [0, 1, 2]
    assert volume.is_open
    await bench.stop()
    assert not volume.is_open


async def test_an_archive_that_cannot_be_read_at_the_start_goes_on_where_it_ended():
    bench = await Bench().start()
    bench.send(3)
    await bench.stop()
    volume = bench.volume.cut()
    volume.fail_reads = BROKEN
    bench = await Bench(volume).start()
    bench.n = 3
    bench.send(2)
    await bench.wait(1001)
    assert marks(bench) == ["v", "v"]
    volume.fail_reads = None
    await bench.wait(60_000)
    bench.send(1)
    await bench.stop()
    assert numbers(bench.medium()) == [0, 1, 2, 3, 4, 5]


async def test_a_disk_that_hangs_at_the_start_delays_it_for_half_a_minute():
    volume = MemoryVolume()
    volume.hang = hang = asyncio.Event()
    bench = Bench(volume)
    starting = asyncio.create_task(bench.rack.start())
    await bench.wait(29_000)
    assert not starting.done()
    await bench.wait(2_000)
    assert starting.done()
    bench.send(2)
    await bench.wait(10)
    assert marks(bench) == ["v", "v"]
    volume.hang = None
    hang.set()
    await bench.wait(5000)
    bench.send(1)
    await bench.wait(1001)
    assert bench.values == [0, 1, 2] and numbers(bench.medium()) == [0, 1, 2]
    await bench.stop()


async def test_a_disk_that_is_broken_at_the_stop_is_said_with_what_it_did_not_take():
    bench = await Bench().start()
    bench.send(1)
    await bench.wait(1001)
    bench.volume.fail = BROKEN
    bench.send(3)
    await bench.stop()
    assert bench.values == [0, 1, 2, 3]
    assert any(["the disk did not take" in text for text in bench.said()])
    assert bench.stats()["lost"] >= 3
    assert not bench.volume.is_open


async def test_a_disk_that_hangs_at_the_stop_does_not_hold_it_up():
    bench = await Bench().start()
    bench.send(1)
    await bench.wait(1001)
    bench.volume.hang = asyncio.Event()
    bench.send(3)
    await bench.stop()
    assert bench.values == [0, 1, 2, 3]
    assert bench.stats()["lost"] >= 3 and any(["the disk did not take" in text for text in bench.said()])
    assert not bench.volume.is_open, "the next process can take the folder"


async def test_a_release_keeps_the_order_where_one_correlator_is_behind_another():
    compiled = chain(gear("a", "source"), correlator("c1"), correlator("c2"), gear("s", "sink"), archive=settings())
    bench = await Bench(compiled=compiled).start()
    bench.send(2)
    await bench.wait(1001)
    bench.send(2)
    await bench.wait(500)  # 0 and 1 wait in the second one, 2 and 3 in the first
    bench.volume.fail = BROKEN
    await bench.wait(3000)
    bench.send(1)
    assert bench.values == [0, 1, 2, 3, 4]
    await bench.stop()


async def test_a_crash_while_the_disk_is_away_loses_only_what_was_marked():
    bench = await Bench().start()
    bench.send(2)
    await bench.wait(1001)
    bench.volume.fail = BROKEN
    bench.send(2)
    await bench.wait(1001)
    volume = bench.volume.cut()
    again = await Bench(volume).start()
    again.n = 10
    again.send(1)
    await again.wait(1001)
    assert numbers(again.medium()) == [0, 1, 10]
    assert [msg.data["n"] for msg in bench.got if "archive.volatile" in msg.meta] == [2, 3]
    await again.stop()
