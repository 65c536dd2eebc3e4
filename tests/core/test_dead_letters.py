"""The journal of messages that were given up."""

import asyncio

from archive_bench import Bench, messages
from expect import raises_async
from journal_reading import read_journal

from fluxrig.errors import TransientError
from fluxrig_ports.memory import MemoryVolume


async def started(volume=None, **changed):
    bench = Bench(**changed)
    bench.dead = bench.host.volumes["dead-letter"] = volume or MemoryVolume()
    return await bench.start()


def letters(bench):
    return list(messages(read_journal(bench.dead.files)))


def message(bench, n, **data):
    data["n"] = n
    return bench.source.ctx.message(data, bench.source.meta)


async def test_a_message_is_kept_whole_with_the_reason_and_the_wire():
    bench = await started()
    assert bench.dead.files == {} and not bench.dead.is_open, "nothing is opened before it is needed"
    msg = message(bench, 7)
    await bench.archive.dead_letter(msg, "ValueError: no", "a.out -> b.in")
    (kept,) = letters(bench)
    assert (kept.id, kept.trace, kept.data, kept.ts, kept.path) == (msg.id, msg.trace, msg.data, msg.ts, msg.path)
    assert (kept.meta["error"], kept.meta["dead.wire"]) == ("ValueError: no", "a.out -> b.in")
    assert "error" not in msg.meta
    await bench.stop()
    assert read_journal(bench.dead.files).segments[-1][2] and not bench.dead.is_open


async def test_of_a_message_that_is_too_long_with_its_reason_what_identifies_it_is_kept():
    bench = await started()
    msg = message(bench, 7, text="x" * 2000)
    bench.archive.codec.max_size = len(bench.archive.codec.encode(msg)) + 10
    await bench.archive.dead_letter(msg, "ValueError: " + "no " * 1000, "a.out -> b.in")
    (kept,) = letters(bench)
    assert (kept.id, kept.trace, kept.path, kept.data) == (msg.id, msg.trace, msg.path, {})
    assert kept.meta["error"].startswith("ValueError: no no") and len(kept.meta["error"]) <= 1000
    assert kept.meta["dead.wire"] == "a.out -> b.in" and "data" in kept.meta["dead.left_out"]
    assert msg.data["n"] == 7, "the message itself is as it was"
    await bench.stop()


async def test_they_go_on_over_restarts():
    bench = await started()
    await bench.archive.dead_letter(message(bench, 1), "r", "w")
    await bench.stop()
    bench = await started(MemoryVolume(bench.dead.files))
    await bench.archive.dead_letter(message(bench, 2), "r", "w")
    assert [msg.data["n"] for msg in letters(bench)] == [1, 2]
    await bench.stop()


async def test_several_wires_give_up_at_the_same_time():
    bench = await started()
    bench.dead.hang = hang = asyncio.Event()
    burials = [asyncio.create_task(bench.archive.dead_letter(message(bench, n), "r", "w")) for n in range(5)]
    await bench.wait(10)
    assert not any([burial.done() for burial in burials])
    bench.dead.hang = None
    hang.set()
    await bench.wait(10)
    for burial in burials:
        await burial
    assert sorted([msg.data["n"] for msg in letters(bench)]) == [0, 1, 2, 3, 4]
    await bench.stop()


async def test_a_message_that_could_not_be_written_is_not_taken_for_another_one():
    bench = await started()
    await bench.archive.dead_letter(message(bench, 0), "r", "w")
    bench.dead.fail = TransientError("no space left")
    await raises_async(TransientError, bench.archive.dead_letter(message(bench, 1), "r", "w"))
    bench.dead.fail = None
    await bench.archive.dead_letter(message(bench, 2), "r", "w")
    await bench.archive.dead_letter(message(bench, 1), "r", "w")
    assert [msg.data["n"] for msg in letters(bench)] == [0, 2, 1]
    await bench.stop()


async def test_a_folder_that_fails_when_it_is_opened_is_opened_again():
    class NoRoom(MemoryVolume):
        broken = True

        async def room(self):
            if self.broken:
                raise TransientError("input/output error")
            return await super().room()

    bench = await started(NoRoom())
    await raises_async(TransientError, bench.archive.dead_letter(message(bench, 1), "r", "w"))
    bench.dead.broken = False
    await bench.archive.dead_letter(message(bench, 1), "r", "w")
    assert len(letters(bench)) == 1
    await bench.stop()


async def test_giving_up_that_is_interrupted_leaves_nothing_behind():
    bench = await started()
    bench.dead.hang = hang = asyncio.Event()
    burial = asyncio.create_task(bench.archive.dead_letter(message(bench, 1), "r", "w"))
    await bench.wait(10)
    burial.cancel()
    await bench.wait(10)
    bench.dead.hang = None
    hang.set()
    await bench.archive.dead_letter(message(bench, 2), "r", "w")
    assert [msg.data["n"] for msg in letters(bench)] == [2]
    await bench.stop()


async def test_they_have_a_small_part_of_the_disk_and_the_newest_stay():
    bench = await started(MemoryVolume(None, 1 << 20, 256 * 1024))  # 4 KiB for them
    for n in range(30):
        await bench.archive.dead_letter(message(bench, n, text="x" * 100), "r", "w")
    assert sum([len(data) for name, data in bench.dead.files.items() if name != "removed"]) < 5000
    kept = [msg.data["n"] for msg in letters(bench)]
    assert kept == list(range(kept[0], 30)) and kept[0] > 10
    await bench.stop()


async def test_a_disk_that_fails_while_it_is_closed_does_not_hold_up_the_stop():
    bench = await started()
    await bench.archive.dead_letter(message(bench, 1), "r", "w")
    bench.dead.fail = TransientError("input/output error")
    await bench.stop()
    assert not bench.dead.is_open and not bench.volume.is_open
    assert [msg.data["n"] for msg in letters(bench)] == [1]
