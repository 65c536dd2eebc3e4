import asyncio

from faulty_volume import FaultyVolume
from journal_reading import read_journal

from fluxrig.errors import TransientError
from fluxrig.journal.frames import segment_name
from fluxrig.journal.journal import Journal
from fluxrig.journal.reader import Reader
from fluxrig.journal.retention import DROP_OLDEST, Limits, retain
from fluxrig_ports.memory import MemoryHost

ID = b"0123456789abcdef"


async def opened(volume, segment_bytes=700):
    host = MemoryHost()
    journal = Journal(volume, "press-1", host.clock.wall_ns, host.entropy, segment_bytes)
    await journal.open()
    return journal


async def write(journal, *numbers):
    for number in numbers:
        journal.append(record(number))
    await journal.commit()


def record(number):
    return b"%04d" % number + bytes([number % 256]) * 56


async def rest(reader):
    """{position: record} of everything that is there, and the heads of the groups."""
    records: dict = {}
    heads: list = []
    while True:
        group = await reader.next()
        if group is None:
            return records, heads
        heads.append(group.head)
        for index in range(len(group.records)):
            position = group.first + index
            assert position not in records
            records[position] = group.records[index]


async def test_it_reads_what_is_durable_with_the_heads_of_the_chain():
    volume = FaultyVolume(reserve=300)
    journal = await opened(volume)
    for start in range(1, 31, 3):
        await write(journal, start, start + 1, start + 2)
    journal.append(b"not yet")
    records, heads = await rest(Reader(journal, 1))
    assert records == {number: record(number) for number in range(1, 31)}
    assert heads == [head for _, head, _ in read_journal(volume.files).links]
    assert len(journal.segments) > 2


async def test_it_begins_anywhere_and_may_go_back():
    journal = await opened(FaultyVolume())
    for start in range(1, 31, 3):
        await write(journal, start, start + 1, start + 2)
    reader = Reader(journal, 1)
    for start in (1, 2, 3, 17, 30, 31, 5):
        reader.seek(start)
        records, _ = await rest(reader)
        assert records == {number: record(number) for number in range(start, 31)}
    assert reader.unreadable == 0


async def test_it_follows_a_journal_that_is_written_into_room_made_before():
    # A file that is open ends in zeros. What was read of them must not be taken for what is there later.
    journal = await opened(FaultyVolume(reserve=4000), 1 << 16)
    reader = Reader(journal, 1)
    got = {}
    for number in range(1, 40):
        await write(journal, number)
        records, _ = await rest(reader)
        got.update(records)
    assert got == {number: record(number) for number in range(1, 40)}
    assert reader.unreadable == 0


async def test_it_gives_nothing_that_is_still_being_written():
    volume = FaultyVolume()
    journal = await opened(volume)
    await write(journal, 1)
    reader = Reader(journal, 1)
    assert len((await rest(reader))[0]) == 1
    journal.append(record(2))
    # The bytes are in the file, and the medium has not confirmed them.
    name = sorted(volume.files)[-1]
    before = bytes(volume.files[name])
    await journal.commit()
    whole = bytes(volume.files[name])
    journal.durable, journal.segments[-1].end = 1, len(before)
    assert await reader.next() is None
    journal.durable, journal.segments[-1].end = 2, len(whole)
    assert (await rest(reader))[0] == {2: record(2)}


async def test_it_passes_segments_without_messages_and_cursors_between_messages():
    volume = FaultyVolume()
    journal = await opened(volume)
    for number in range(1, 6):
        await write(journal, number)
        journal.set_cursor(ID, number)
        await journal.commit()
        await journal.seal()
        journal.set_cursor(ID, number)
        await journal.commit()
    assert (await rest(Reader(journal, 1)))[0] == {number: record(number) for number in range(1, 6)}


async def test_a_segment_that_a_failure_ended_is_read_up_to_where_it_counts():
    volume = FaultyVolume(reserve=100)
    journal = await opened(volume, 1 << 16)
    await write(journal, 1, 2)
    volume.fail_step, volume.wrote = volume.steps, 1
    journal.append(record(3))
    try:
        await journal.commit()
    except TransientError:
        pass
    await write(journal, 4)
    assert (await rest(Reader(journal, 1)))[0] == {1: record(1), 2: record(2), 3: record(3), 4: record(4)}


async def test_what_was_removed_is_counted_and_passed_over():
    journal = await opened(FaultyVolume())
    for number in range(1, 31):
        await write(journal, number)
    reader = Reader(journal, 1)
    await reader.next()  # it stands in a segment that goes
    while await retain(journal, Limits(1500, 0, DROP_OLDEST), 0, 0, 1):
        pass
    first = journal.segments[0].first
    assert first > 5
    records, _ = await rest(reader)
    assert records == {number: record(number) for number in range(first, 31)}
    assert reader.unreadable == first - 2


async def test_a_segment_that_is_being_removed_meanwhile_is_passed_over_as_well():
    class Slow(FaultyVolume):
        async def remove(self, name):
            await super().remove(name)
            await asyncio.sleep(0)

    journal = await opened(Slow())
    for number in range(1, 31):
        await write(journal, number)
    removing = asyncio.create_task(retain(journal, Limits(1500, 0, DROP_OLDEST), 0, 0, 1))
    gone = journal.segments[0]
    while segment_name(gone.first) in journal.volume.files:
        await asyncio.sleep(0)
    assert journal.segments[0] is gone, "its file is not there any more, and it is not forgotten yet"
    reader = Reader(journal, 1)
    records, _ = await rest(reader)
    await removing
    assert records == {number: record(number) for number in range(journal.segments[0].first, 31)}
    assert reader.unreadable == journal.segments[0].first - 1


async def spoilt(which, part):
    """A journal of 30 single groups with a byte flipped in segment `which`, at `part` of its length."""
    volume = FaultyVolume()
    journal = await opened(volume)
    for number in range(1, 31):
        await write(journal, number)
    segment = journal.segments[which]
    name = "%016d.seg" % segment.first
    volume.files[name][int(len(volume.files[name]) * part)] ^= 0x40
    return journal, which


async def test_damage_costs_its_group_or_two_where_a_link_is_hit_and_is_counted():
    for which in (0, 1, 2):
        for part in range(10):
            journal, _ = await spoilt(which, (part + 0.5) / 10)
            reader = Reader(journal, 1)
            records, _ = await rest(reader)
            missing = [number for number in range(1, 31) if number not in records]
            assert all([records[position] == record(position) for position in records]), (which, part)
            assert reader.unreadable == len(missing), (which, part)
            assert len(missing) <= 2, (which, part, missing)


async def test_a_segment_that_somebody_took_away_is_counted_and_passed_over():
    volume = FaultyVolume()
    journal = await opened(volume)
    for number in range(1, 31):
        await write(journal, number)
    await journal.close()
    names = sorted(volume.files)
    gone = names[1:3]
    first, after = int(gone[0][:-4]), int(names[3][:-4])
    for name in gone:
        del volume.files[name]
    journal = await opened(volume)
    reader = Reader(journal, 1)
    records, _ = await asyncio.wait_for(rest(reader), 10)
    assert sorted(records) == [number for number in range(1, 31) if not first <= number < after]
    assert reader.unreadable == after - first


async def test_positions_that_were_acknowledged_and_are_gone_are_not_waited_for():
    volume = FaultyVolume()
    journal = await opened(volume, 1 << 16)
    for number in range(1, 6):
        await write(journal, number)
    journal.set_cursor(ID, 5)
    await write(journal, 6)
    await journal.close()
    # Rot in the last two groups: only the cursor of the segment after it tells that there were more positions.
    journal = await opened(volume, 1 << 16)
    journal.set_cursor(ID, 6)
    await journal.commit()
    await journal.close()
    name = sorted(volume.files)[0]
    volume.files[name] = volume.files[name][:-150]
    journal = await opened(volume, 1 << 16)
    assert journal.durable == 6
    reader = Reader(journal, 1)
    records, _ = await rest(reader)
    assert sorted(records) == [1, 2, 3, 4, 5][: len(records)] and reader.position == 7
    await write(journal, 7)
    assert (await rest(reader))[0] == {7: record(7)}
    assert (await rest(Reader(journal, 1)))[0][7] == record(7)


async def test_a_read_that_fails_in_the_middle_of_a_group_loses_nothing():
    class Failing(FaultyVolume):
        chunk = 100

        def __init__(self):
            super().__init__()
            self.reads = 0
            self.fail_read = -1

        async def read(self, name, offset, limit):
            self.reads += 1
            if self.reads == self.fail_read:
                raise TransientError("cannot read: the test says so")
            return await super().read(name, offset, limit)

    volume = Failing()
    journal = await opened(volume, 1 << 16)
    for start in range(1, 31, 6):
        await write(journal, *range(start, start + 6))
    await rest(Reader(journal, 1))
    reads = volume.reads
    for fail in range(1, reads + 1):
        volume.reads, volume.fail_read = 0, fail
        reader = Reader(journal, 1)
        records = {}
        for _ in range(2):
            try:
                while True:
                    group = await reader.next()
                    if group is None:
                        break
                    for index in range(len(group.records)):
                        records[group.first + index] = group.records[index]
            except TransientError:
                reader.seek(reader.position)  # as a cursor does that goes back to what was not acknowledged
        assert sorted(records) == list(range(1, 31)), fail
        assert reader.unreadable == 0
