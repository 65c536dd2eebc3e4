"""The power goes at every byte that a journal writes, with blocks lost or out of order: nothing durable is lost."""

from journal_life import Life, survive

from fluxrig_ports.memory.recorded import RecordedVolume


def record(number: int) -> bytes:
    """Of 0 to 60 bytes; some of it zeros, which is what unwritten room holds."""
    return bytes([number, 0, 0, 0x4D, 0, 255])[: number % 7] * (number % 11)


async def written() -> Life:
    """Groups of one and of several records, cursors, segments that are full and one that is sealed, and removals."""
    volume = RecordedVolume()
    life = Life(volume)
    await life.open()
    number = 0
    for size in (1, 3, 1, 2, 4, 1, 3, 2, 2, 1):
        await life.group(*[record(number + index) for index in range(size)])
        number += size
        if size % 2:
            await life.acknowledge()
        if number == 7:
            await life.seal()
        await life.retain()
    assert len([write for write in volume.log if write.kind == "remove"]) > 1
    assert len(volume.files) > 1
    return life


async def test_between_any_two_operations():
    life = await written()
    for count in range(len(life.volume.log) + 1):
        for tail in (0, 40):
            await survive(life, life.volume.cut(count, tail=tail), life.known_at(count))


async def test_within_any_append_at_any_byte():
    life = await written()
    for count, write in enumerate(life.volume.log):
        for part in range(1, write.end - write.start):
            tail = part % 3 * 20
            await survive(life, life.volume.cut(count, part=part, tail=tail), life.known_at(count))


async def test_with_any_of_its_blocks():
    """Up to 4 blocks in each combination, more of them with one lost or one alone; found as zeros or as anything."""
    life = await written()
    for size in (32, 64):
        for count, write in enumerate(life.volume.log):
            blocks = list(write.blocks(size))
            for kept in subsets(blocks) if len(blocks) <= 4 else nearly(blocks):
                for fill in (0, 0x4D):
                    after = life.volume.cut(count, blocks=kept, size=size, fill=fill)
                    await survive(life, after, life.known_at(count))


async def test_again_while_it_recovers_and_writes_on():
    life = await written()
    for count in range(0, len(life.volume.log), 3):
        write = life.volume.log[count]
        first = life.volume.cut(count, part=(write.end - write.start) * 2 // 3, tail=30)
        first.record()
        again = await survive(life, first, life.known_at(count))
        for step, write in enumerate(first.log):
            for part in {0, 1, (write.end - write.start) // 2, max(0, write.end - write.start - 1)}:
                await survive(again, first.cut(step, part=part), again.known_at(step))


async def test_while_a_segment_with_nothing_but_cursors_is_replaced():
    volume = RecordedVolume()
    life = Life(volume)
    await life.open()
    await life.group(b"one")
    await life.seal()
    await life.acknowledge()
    await life.group()
    await life.journal.close()
    life = Life(volume, life.written, life.said[-1])
    await life.open()
    for _ in range(2):
        await life.acknowledge()
        await life.group()
    await life.group(b"two")
    await life.group(b"three")
    begun = life.said[1].count
    assert [write.kind for write in volume.log[begun:]].count("replace") == 3
    for count in range(begun, len(volume.log) + 1):
        await survive(life, volume.cut(count), life.known_at(count))


async def test_what_a_killed_process_left_is_forced_to_the_medium_before_it_counts():
    """It may be in the memory of the operating system only: what is reported durable must outlive a power cut then."""
    life = await written()
    kept = 0
    for count, write in enumerate(life.volume.log):
        for part in range(1, write.end - write.start + 1):
            after = life.volume.cut(count, part=part)
            after.record()
            again = Life(after)
            await again.open()
            if again.journal.durable > life.known_at(count).durable:
                kept += 1
                assert [(each.kind, each.name) for each in after.log] == [("settle", write.name)]
    assert kept


def subsets(blocks: list) -> list:
    found: list = [[]]
    for block in blocks:
        found += [each + [block] for each in found]
    return found


def nearly(blocks: list) -> list:
    return [[block] for block in blocks] + [[each for each in blocks if each != block] for block in blocks]
