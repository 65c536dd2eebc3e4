"""How much is kept, what gives way to what, and what stays known of it."""

from journal_reading import read_journal

from fluxrig.errors import TransientError
from fluxrig.journal.journal import Journal
from fluxrig.journal.removal import MAX_ENTRIES
from fluxrig.journal.retention import BLOCK, DROP_OLDEST, DROP_OLDEST_SENT, Limits, retain
from fluxrig_ports.memory import MemoryHost, MemoryVolume

HOUR_MS = 3_600_000


def on_disk(volume):
    return sum([len(data) for name, data in volume.files.items() if name.endswith(".seg")])


async def filled(count, segment_bytes=500, block=0, size=100):
    volume = MemoryVolume()
    volume.block = block
    host = MemoryHost()
    journal = Journal(volume, "press-1", host.clock.wall_ns, host.entropy, segment_bytes)
    await journal.open()
    for number in range(count):
        journal.append(bytes([number]) * size)
        await journal.commit()
    return volume, journal


async def removed(journal, limits, now_ns=0, coming=0, needed_from=1 << 60):
    gone: list = []
    while True:
        each = await retain(journal, limits, now_ns, coming, needed_from)
        if each is None:
            return gone
        gone.append(each)


async def test_size_is_kept_and_the_stub_says_what_went():
    volume, journal = await filled(40)
    before = read_journal(volume.files)
    sizes = {segment.first: segment.end for segment in journal.segments}
    gone = await removed(journal, Limits(3000, 0, DROP_OLDEST), 0, 500)
    assert on_disk(volume) + 500 <= 3000
    found = read_journal(volume.files)
    last = gone[-1].last
    assert sorted(found.records) == list(range(last + 1, 41)) and found.head == before.head
    assert [(first, through) for first, through, _, _, _ in found.stub] == [(each.first, each.last) for each in gone]
    for _, through, head, _, _ in found.stub:
        assert (through, head) in [(position, head) for position, head, _ in before.links]
    assert [size for _, _, _, size, _ in found.stub] == [sizes[first] for first, _, _, _, _ in found.stub]


async def test_a_disk_that_others_fill_gives_way_before_it_is_full_to_the_last_block():
    _, journal = await filled(40)
    limits = Limits(1 << 30, 0, DROP_OLDEST_SENT)
    assert not await removed(journal, limits, 0, 500)
    limits.free = 500 + limits.RESERVE
    assert not await removed(journal, limits, 0, 500)
    limits.free -= 1
    gone = await removed(journal, limits, 0, 500, needed_from=20)
    assert gone and gone[-1].last < 20, "and what is still wanted stays"


async def test_a_place_that_cannot_be_read_keeps_neither_opening_nor_retention_from_going_on():
    class Worn(MemoryVolume):
        worn = ""

        async def read(self, name, offset, limit):
            if name == self.worn and offset < 100:
                raise TransientError("input/output error")
            return await super().read(name, offset, limit)

    volume, journal = await filled(40)
    before = read_journal(volume.files)
    await journal.close()
    for which in (1, 2, 5):
        worn = Worn({name: bytearray(data) for name, data in volume.files.items()})
        worn.worn = sorted(worn.files)[which]
        host = MemoryHost()
        journal = Journal(worn, "press-1", host.clock.wall_ns, host.entropy, 500)
        recovery = await journal.open()
        assert [note for note in recovery.notes if worn.worn in note] == recovery.notes != []
        assert (journal.durable, journal.head) == (40, before.head)
        gone = await removed(journal, Limits(2000, 0, DROP_OLDEST), 0, 500)
        assert len(gone) > 3
        found = read_journal(worn.files)
        assert sorted(found.records) == list(range(gone[-1].last + 1, 41)) and found.head == before.head
        for _, through, head, _, _ in found.stub:
            assert (through, head) in [(position, head) for position, head, _ in before.links]
        await journal.close()
    worn.worn = sorted(worn.files)[-2]  # the last segment, beside the stub
    try:
        await Journal(worn, "press-1", host.clock.wall_ns, host.entropy, 500).open()
    except TransientError:
        return
    raise AssertionError("nobody knows where a journal ends whose end cannot be read")


async def test_a_disk_of_blocks_is_full_when_its_blocks_are():
    for block in (0, 4096):
        volume, journal = await filled(40, 500, block)
        volume.allocation_unit = 4096
        gone = await removed(journal, Limits(8 * 4096, 0, DROP_OLDEST), 0, 4096)
        assert len(gone) and len(journal.segments) == 7


async def test_the_last_segment_stays_whatever_the_limits_say():
    volume, journal = await filled(10)
    await removed(journal, Limits(1, 1, DROP_OLDEST), 1 << 62, 500)
    found = read_journal(volume.files)
    assert len(journal.segments) == 1 and found.last == 10 and found.records


async def test_what_is_not_delivered_stays_unless_the_rig_says_otherwise():
    for policy in (DROP_OLDEST_SENT, DROP_OLDEST):
        volume, journal = await filled(40)
        gone = await removed(journal, Limits(1000, 0, policy), 0, 0, 10)
        kept = sorted(read_journal(volume.files).records)
        assert (kept[0] <= 10) == (policy == DROP_OLDEST_SENT)
        assert sum([each.undelivered for each in gone]) == (0 if policy == DROP_OLDEST_SENT else kept[0] - 10)
        assert kept[0] > 1


async def test_blocking_removes_nothing_for_room():
    _, journal = await filled(40)
    assert await removed(journal, Limits(1000, 0, BLOCK)) == []


async def test_age_counts_from_the_newest_message_of_a_segment_and_spares_what_is_not_delivered():
    hour = HOUR_MS * 1_000_000
    for policy in (BLOCK, DROP_OLDEST_SENT, DROP_OLDEST):
        for needed_from in (1 << 60, 1):
            volume = MemoryVolume()
            host = MemoryHost()
            start = host.clock.wall_ns()
            journal = Journal(volume, "press-1", host.clock.wall_ns, host.entropy, 500)
            await journal.open()
            for number in range(10):
                journal.append(bytes([number]) * 100)
                await journal.commit()
                await host.clock.advance(HOUR_MS)
            firsts = [segment.first for segment in journal.segments]
            limits = Limits(1 << 30, 5 * hour, policy)
            gone = await removed(journal, limits, start + 10 * hour, 0, needed_from)
            if needed_from == 1 and policy != DROP_OLDEST:
                assert gone == []
                continue
            # The segment after it began more than five hours ago, so all of it is older than that.
            expected = [first for first, following in zip(firsts, firsts[1:]) if following - 1 < 5]
            assert [each.first for each in gone] == expected and expected
            assert "older" in gone[0].why


async def test_a_clock_that_was_set_back_removes_nothing():
    _, journal = await filled(20)
    assert await removed(journal, Limits(1 << 30, HOUR_MS * 1_000_000, DROP_OLDEST), 1) == []


async def test_the_stub_stays_small_and_merges_the_oldest():
    volume, journal = await filled(140, 100, 0, 1)
    heads = {position: head for position, head, _ in read_journal(volume.files).links}
    sizes = {segment.first: segment.end for segment in journal.segments}
    gone = await removed(journal, Limits(500, 0, DROP_OLDEST))
    assert len(gone) > MAX_ENTRIES + 2
    found = read_journal(volume.files)
    assert len(found.stub) == MAX_ENTRIES and len(volume.files["removed"]) < 8192
    first, through, head, size, _ = found.stub[0]
    merged = len(gone) - MAX_ENTRIES + 1
    assert (first, through, head) == (1, gone[merged - 1].last, heads[through])
    assert size == sum([sizes[each.first] for each in gone[:merged]])
    assert [entry[0] for entry in found.stub[1:]] == [each.first for each in gone[merged:]]


async def test_a_stub_that_cannot_be_read_keeps_neither_opening_nor_retention_from_going_on():
    class Worn(MemoryVolume):
        async def read(self, name, offset, limit):
            if name == "removed":
                raise TransientError("input/output error")
            return await super().read(name, offset, limit)

    volume, journal = await filled(40)
    first = await removed(journal, Limits(4000, 0, DROP_OLDEST), 0, 500)
    before = read_journal(volume.files)
    await journal.close()
    worn = Worn(volume.files)
    host = MemoryHost()
    journal = Journal(worn, "press-1", host.clock.wall_ns, host.entropy, 500)
    recovery = await journal.open()
    assert ["removed" in note for note in recovery.notes] == [True]
    assert (journal.durable, journal.head) == (40, before.head)
    for _ in range(2):
        gone = await removed(journal, Limits(3000 - 500 * len(first), 0, DROP_OLDEST), 0, 500)
    assert gone == [] and journal.segments[0].first > first[-1].last + 1
    assert read_journal(worn.files).head == before.head
