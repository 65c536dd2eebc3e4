"""Each step of writing fails once, in each way, and the journal goes on: nothing lost, nothing twice, no position used
again for something else."""

import asyncio

from expect import raises_async
from faulty_volume import ALL, HALF, NOTHING, FaultyVolume
from journal_reading import read_journal

from fluxrig.errors import TransientError
from fluxrig.host import Appender
from fluxrig.journal.journal import Journal
from fluxrig.journal.retention import DROP_OLDEST, Limits, retain
from fluxrig_ports.memory import MemoryHost, MemoryVolume

ID = b"0123456789abcdef"
LIMITS = Limits(1200, 0, DROP_OLDEST)


async def opened(volume):
    host = MemoryHost()
    journal = Journal(volume, "press-1", host.clock.wall_ns, host.entropy, 600)
    await journal.open()
    return journal


async def commit(journal, durable):
    """Commit until it works. `durable` is what it said became durable so far."""
    for _ in range(10):
        before = (journal.durable, journal.pending)
        try:
            first, last = await journal.commit()
        except TransientError:
            assert (journal.durable, journal.pending) == before, "a commit that fails changes nothing"
            continue
        assert first == len(durable) + 1
        return last
    raise AssertionError("it never worked again")


async def live(volume, durable):
    """Two lives of a journal: groups, cursors, seals, and segments with cursors alone."""
    for life in range(2):
        journal = await opened(volume)
        assert journal.durable == len(durable)
        journal.set_cursor(ID, len(durable))
        await commit(journal, durable)
        for number in range(4):
            records = [b"%d %d %d" % (life, number, each) + bytes(60) for each in range(1 + number % 3)]
            for record in records:
                journal.append(record)
            last = await commit(journal, durable)
            durable += records
            assert last == len(durable) == journal.durable
            if number == 1:
                journal.set_cursor(ID, last)
        try:
            await journal.seal()
        except TransientError:
            pass
        journal.set_cursor(ID, len(durable))
        await commit(journal, durable)
        assert journal.head == read_journal(volume.again().files).head
        await journal.close()


def check(volume, durable, why):
    found = read_journal(volume.files)
    assert [found.records[position] for position in range(1, found.last + 1)] == durable, why
    assert found.cursors[ID] == len(durable), why


async def steps_of_a_run():
    volume = FaultyVolume()
    durable: list = []
    await live(volume, durable)
    check(volume, durable, "nothing failed")
    return volume.kinds


async def with_failures(wrote, fails, reserve=0):
    kinds = await steps_of_a_run()
    assert {"create", "append", "replace", "remove"} >= set(kinds) >= {"create", "append", "replace"}
    for step in range(len(kinds)):
        volume = FaultyVolume(None, step, wrote, fails, reserve)
        durable: list = []
        await live(volume, durable)
        check(volume, durable, (step, wrote, fails))


async def test_an_append_that_fails_before_it_wrote_anything():
    await with_failures(NOTHING, 1)


async def test_an_append_that_fails_half_way():
    await with_failures(HALF, 1, 100)


async def test_an_append_that_fails_when_everything_is_written():
    await with_failures(ALL, 1)


async def test_several_steps_in_a_row_fail():
    for fails in (2, 3, 5):
        await with_failures(HALF, fails, 64)


async def test_a_crash_after_a_failure_loses_nothing_that_was_durable():
    kinds = await steps_of_a_run()
    for wrote in (NOTHING, HALF, ALL):
        for step in range(len(kinds)):
            volume = FaultyVolume(None, step, wrote, 1000)
            durable: list = []
            try:
                await live(volume, durable)
            except AssertionError as exc:
                assert "never worked" in str(exc)
            again = volume.again()
            journal = await opened(again)
            assert journal.durable >= len(durable)
            journal.append(b"after")
            await journal.commit()
            found = read_journal(again.files)
            records = [found.records[position] for position in range(1, found.last + 1)]
            assert records[: len(durable)] == durable
            assert records[-1] == b"after"
            # What was being written when it failed may be there, once.
            assert len(records) == len(set(records))


async def test_a_seal_that_fails_leaves_the_journal_as_it_was():
    volume = FaultyVolume()
    journal = await opened(volume)
    journal.append(b"one")
    await journal.commit()
    volume.fail_step, volume.wrote = volume.steps, HALF
    await raises_async(TransientError, journal.seal())
    journal.append(b"two")
    assert await journal.commit() == (2, 2)
    assert [read_journal(volume.files).records[position] for position in (1, 2)] == [b"one", b"two"]


async def remove_all(journal):
    while await retain(journal, LIMITS, 0, 0, 1):
        pass


async def removing(fail_step):
    volume = FaultyVolume()
    journal = await opened(volume)
    for number in range(12):
        journal.append(bytes([number]) * 200)
        await journal.commit()
    before = read_journal(volume.files)
    volume.fail_step = volume.steps + fail_step if fail_step >= 0 else -1
    gone = []
    while True:
        try:
            each = await retain(journal, LIMITS, 0, 0, 1)
        except TransientError:
            continue
        if each is None:
            break
        gone.append(each)
    return volume, journal, before, gone


async def test_a_removal_that_fails_is_taken_up_where_it_stood_and_told_once():
    _, _, before, expected = await removing(-1)
    told = [(each.first, each.last) for each in expected]
    assert len(told) > 2 and told[0][0] == 1
    for step in range(2 * len(told)):
        volume, journal, before, gone = await removing(step)
        assert [(each.first, each.last) for each in gone] == told, step
        found = read_journal(volume.files)
        assert found.stub[-1][1] == told[-1][1]
        assert sorted(found.records) == list(range(told[-1][1] + 1, 13))
        assert found.head == before.head
        names = [name for name in volume.files if name.endswith(".seg")]
        assert len(names) == len(journal.segments), "no file is forgotten"


async def test_a_crash_at_each_step_of_a_removal_keeps_the_chain():
    _, _, _, expected = await removing(-1)
    last = expected[-1].last
    for step in range(2 * len(expected)):
        volume = FaultyVolume()
        journal = await opened(volume)
        for number in range(12):
            journal.append(bytes([number]) * 200)
            await journal.commit()
        volume.fail_step, volume.fails = volume.steps + step, 1000
        await raises_async(TransientError, remove_all(journal))
        again = volume.again()
        read_journal(again.files)
        journal = await opened(again)
        await remove_all(journal)
        found = read_journal(again.files)
        assert sorted(found.records) == list(range(last + 1, 13)), step
        names = [name for name in again.files if name.endswith(".seg")]
        assert len(names) == len(journal.segments), step


async def test_a_group_that_is_durable_is_not_written_again_when_the_commit_after_it_is_cancelled():
    may_close = asyncio.Event()

    class SlowToClose(MemoryVolume):
        async def create(self, name, reserve):
            return SlowAppender(await super().create(name, reserve))

    class SlowAppender(Appender):
        def __init__(self, appender):
            self.appender = appender

        async def append(self, pieces):
            await self.appender.append(pieces)

        async def close(self):
            await may_close.wait()
            await self.appender.close()

    volume = SlowToClose()
    journal = await opened(volume)
    records = [bytes([number]) * 300 for number in range(4)]
    for record in records[:2]:
        journal.append(record)
        await journal.commit()
    assert journal.durable == 2 and journal.begins_segment
    journal.append(records[2])
    commit = asyncio.create_task(journal.commit())
    await asyncio.sleep(0)
    assert not commit.done(), "it waits for the segment before to be closed"
    commit.cancel()
    try:
        await commit
    except asyncio.CancelledError:
        pass
    assert (journal.durable, journal.pending) == (2, 1)
    may_close.set()
    journal.append(records[3])
    await journal.commit()
    found = read_journal(volume.files)
    assert [found.records[position] for position in sorted(found.records)] == records
