from expect import raises, raises_async
from journal_reading import read_journal

from fluxrig.errors import LocalError, TransientError
from fluxrig.journal.journal import Journal
from fluxrig_ports.memory import MemoryHost, MemoryVolume

MACHINE = "press-1"
ID = b"cursor-0123456.."


async def opened(volume, segment_bytes=1 << 16, host=None):
    host = host or MemoryHost()
    journal = Journal(volume, MACHINE, host.clock.wall_ns, host.entropy, segment_bytes)
    await journal.open()
    return journal


async def group(journal, *records):
    for record in records:
        journal.append(record)
    return await journal.commit()


def held(volume):
    found = read_journal(volume.files)
    return [found.records[position] for position in range(1, found.last + 1)]


async def test_a_new_folder_is_an_empty_journal():
    volume = MemoryVolume()
    journal = await opened(volume)
    assert (journal.durable, journal.pending, journal.segments) == (0, 0, [])
    assert await journal.commit() == (1, 0)
    await journal.seal()
    await journal.close()
    assert volume.files == {}, "nothing to write, nothing written"


async def test_groups_are_on_the_medium_with_positions_and_a_chain():
    volume = MemoryVolume()
    journal = await opened(volume)
    assert await group(journal, b"one") == (1, 1)
    assert await group(journal, b"two", b"", b"three") == (2, 4)
    found = read_journal(volume.files)
    assert found.records == {1: b"one", 2: b"two", 3: b"", 4: b"three"}
    assert (journal.durable, journal.head) == (4, found.head)
    assert [position for position, _, _ in found.links] == [1, 4]
    assert found.segments[0][3] == "HMLMMML"


async def test_nothing_counts_as_durable_before_the_medium_has_it():
    import asyncio

    volume = MemoryVolume()
    journal = await opened(volume)
    await group(journal, b"one")
    volume.hang = asyncio.Event()
    journal.append(b"two")
    writing = asyncio.create_task(journal.commit())
    for _ in range(10):
        await asyncio.sleep(0)
    assert (journal.durable, journal.in_flight, journal.pending) == (1, 1, 0)
    journal.append(b"three")  # comes meanwhile: waits for the next group
    volume.hang.set()
    assert await writing == (2, 2)
    assert (journal.durable, journal.in_flight, journal.pending) == (2, 0, 1)
    assert await journal.commit() == (3, 3)
    assert held(volume) == [b"one", b"two", b"three"]


async def test_a_segment_ends_with_a_seal_before_it_outgrows_its_size():
    volume = MemoryVolume()
    journal = await opened(volume, 1000)
    for number in range(20):
        await group(journal, bytes([number]) * 150)
    found = read_journal(volume.files)
    assert held(volume) == [bytes([number]) * 150 for number in range(20)]
    assert len(found.segments) > 3
    assert all([sealed for _, _, sealed, _ in found.segments[:-1]])
    assert all([len(data) <= 1000 for data in volume.files.values()])


async def test_closing_in_order_seals_and_the_next_life_goes_on_in_a_new_segment():
    volume = MemoryVolume()
    for life in range(3):
        journal = await opened(volume)
        assert journal.durable == 2 * life
        assert await group(journal, b"a", b"b") == (2 * life + 1, 2 * life + 2)
        await journal.seal()
        await journal.close()
    found = read_journal(volume.files)
    assert [(first, sealed) for first, _, sealed, _ in found.segments] == [(1, True), (3, True), (5, True)]
    assert len({segment[:16] for segment in [found.journal]}) == 1


async def test_a_sealed_segment_is_not_sealed_again():
    volume = MemoryVolume()
    journal = await opened(volume)
    await group(journal, b"one")
    await journal.seal()
    before = {name: bytes(data) for name, data in volume.files.items()}
    await journal.seal()
    await journal.close()
    assert volume.files == before


async def test_cursors_are_written_with_a_group_and_repeated_in_each_segment():
    volume = MemoryVolume()
    journal = await opened(volume)
    await group(journal, b"one", b"two")
    journal.set_cursor(ID, 1)
    assert journal.cursors_moved
    assert await group(journal) == (3, 2)
    assert not journal.cursors_moved
    await journal.seal()
    await group(journal, b"three")
    found = read_journal(volume.files)
    assert found.cursors == {ID: 1}
    assert [kinds for _, _, _, kinds in found.segments] == ["HMMLCLS", "HCML"]
    journal.set_cursor(ID, 3, False)
    assert not journal.cursors_moved, "passing over others' messages is no reason to write"


async def test_a_dropped_cursor_is_not_carried_on():
    volume = MemoryVolume()
    journal = await opened(volume)
    journal.set_cursor(ID, 0)
    await group(journal, b"one")
    await journal.seal()
    journal.drop_cursor(ID)
    await group(journal, b"two")
    assert [kinds for _, _, _, kinds in read_journal(volume.files).segments] == ["HCMLS", "HML"]


async def test_a_segment_without_messages_is_replaced_and_leaves_no_trace_in_the_chain():
    volume = MemoryVolume()
    journal = await opened(volume)
    await group(journal, b"one")
    await journal.seal()
    journal.set_cursor(ID, 1)
    await group(journal)
    assert sorted(volume.files) == ["0000000000000001.seg", "0000000000000002.seg"]
    await journal.close()
    for _ in range(3):  # each start writes its cursors
        journal = await opened(volume)
        assert (journal.durable, journal.cursors) == (1, {ID: 1})
        journal.set_cursor(ID, 1)
        await group(journal)
        await journal.close()
    journal = await opened(volume)
    assert await group(journal, b"two") == (2, 2)
    found = read_journal(volume.files)
    assert held(volume) == [b"one", b"two"]
    assert [kinds for _, _, _, kinds in found.segments] == ["HMLS", "HCML"]
    assert found.cursors == {ID: 1}


async def test_a_long_wait_is_written_in_groups_of_a_bounded_size():
    volume = MemoryVolume()
    journal = await opened(volume)
    journal.MAX_GROUP = 1000
    records = [bytes([n]) * 300 for n in range(10)] + [b"x" * 3000, b"y"]
    for record in records:
        journal.append(record)
    groups = []
    while journal.pending:
        groups.append(await journal.commit())
    assert groups == [(1, 3), (4, 6), (7, 9), (10, 10), (11, 11), (12, 12)]
    assert held(volume) == records
    assert journal.pending_bytes == 0


async def test_what_is_forgotten_gets_no_position():
    volume = MemoryVolume()
    journal = await opened(volume)
    for record in (b"a", b"bb", b"ccc"):
        journal.append(record)
    assert journal.forget(10) == 2, "whole messages, so a little more"
    assert (journal.pending, journal.pending_bytes) == (1, 8 + 3)
    assert journal.forget(0) == 0
    await journal.commit()
    assert held(volume) == [b"ccc"]


async def test_a_message_longer_than_a_frame_can_say_is_refused():
    class Long(bytes):
        def __len__(self):
            return 1 << 24

    journal = await opened(MemoryVolume())
    if len(Long()) == 1 << 24:  # MicroPython's len does not ask a subclass
        assert "longer" in str(raises(LocalError, journal.append, Long()))
        assert journal.pending == 0


async def test_a_folder_that_is_in_use_is_not_taken():
    volume = MemoryVolume()
    await opened(volume)
    await raises_async(TransientError, opened(volume))


async def test_an_acknowledgement_is_durable_with_the_last_message_that_came_before_it():
    """It may be what that message is: the consumer has made it of what it acknowledged."""
    for is_open in (False, True):
        volume = MemoryVolume()
        journal = await opened(volume)
        journal.set_cursor(ID, 0)
        if is_open:
            await group(journal, b"first")
        before = journal.durable
        journal.MAX_GROUP = 300
        for _ in range(10):
            journal.append(bytes(100))
        journal.set_cursor(ID, 7)
        while journal.pending or journal.cursors_moved:
            assert read_journal(volume.files).cursors.get(ID, 0) == 0
            assert journal.durable < before + 10
            await journal.commit()
        assert journal.durable == before + 10
        assert read_journal(volume.files).cursors[ID] == 7
        assert (await opened(volume.cut())).cursors[ID] == 7


async def test_a_segment_is_not_dated_before_the_one_that_it_follows():
    host = MemoryHost()
    now = host.clock.wall_ns()
    journal = await opened(MemoryVolume(), 300, host)
    host.clock.step_wall(-(20 * 365 * 86_400 * 10**9))
    for _ in range(9):
        await group(journal, bytes(100))
    assert len(journal.segments) > 2
    first = journal.segments[0].created
    host.clock.step_wall(now - host.clock.wall_ns())
    for _ in range(9):
        await group(journal, bytes(100))
    later = journal.segments[-1].created
    await journal.close()
    journal = await opened(journal.volume, 300, host)
    host.clock.step_wall(-(20 * 365 * 86_400 * 10**9))
    for _ in range(9):
        await group(journal, bytes(100))
    assert first < now <= later
    assert [segment.created >= later for segment in journal.segments[-4:]] == [True] * 4
