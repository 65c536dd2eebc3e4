"""What a crash leaves is opened, judged and said. Power cuts at every byte are in tests/ports."""

from faulty_volume import FaultyVolume
from journal_reading import frame_at, read_journal

from fluxrig.errors import TransientError
from fluxrig.journal.frames import LINK, pack_frame, pack_link
from fluxrig.journal.journal import Journal
from fluxrig.journal.reader import Reader
from fluxrig.journal.retention import DROP_OLDEST, Limits, retain
from fluxrig_ports.memory import MemoryHost

ID = b"0123456789abcdef"


def journal_on(volume, segment_bytes=1 << 16):
    host = MemoryHost()
    return Journal(volume, "press-1", host.clock.wall_ns, host.entropy, segment_bytes)


async def next_of(reader):
    """The next group, which has to be there."""
    group = await reader.next()
    assert group is not None
    return group


async def written(groups, reserve=0, segment_bytes=1 << 16):
    """A volume as a crash leaves it after groups of so many records each."""
    volume = FaultyVolume(reserve=reserve)
    journal = journal_on(volume, segment_bytes)
    await journal.open()
    number = 0
    for count in groups:
        for _ in range(count):
            number += 1
            journal.append(record(number))
        await journal.commit()
    return volume.again()


def record(number):
    return b"record %d" % number


async def reopened(volume):
    journal = journal_on(volume)
    return journal, await journal.open()


async def goes_on(volume, journal):
    """Whether what is appended now is in one chain with what was kept. Returns all that is there."""
    expected = journal.durable
    journal.append(b"after")
    assert await journal.commit() == (expected + 1, expected + 1)
    found = read_journal(volume.files)
    assert found.records[expected + 1] == b"after" and found.head == journal.head
    return found


def frames_of(data):
    offset = 0
    frames: list = []
    while True:
        frame = frame_at(bytes(data), offset)
        if frame is None:
            return frames
        frames.append((offset, frame[0]))
        offset += len(frame[2])


def only(volume):
    (name,) = [name for name in volume.files if name.endswith(".seg")]
    return name


async def test_a_crash_between_groups_loses_nothing_and_is_no_reason_to_say_anything():
    for reserve in (0, 10, 5000):
        volume = await written([1, 2, 3], reserve)
        journal, recovery = await reopened(volume)
        assert (journal.durable, recovery.notes, recovery.dropped, recovery.kept) == (6, [], 0, 0)
        found = await goes_on(volume, journal)
        assert [found.records[number] for number in range(1, 7)] == [record(number) for number in range(1, 7)]


async def test_a_torn_record_is_dropped_and_whole_ones_before_it_are_kept():
    volume = await written([2, 3])
    name = only(volume)
    frames = frames_of(volume.files[name])
    messages = [offset for offset, kind in frames if kind == "M"]
    volume.files[name] = volume.files[name][: messages[4] + 9]
    journal, recovery = await reopened(volume)
    assert (journal.durable, recovery.kept, recovery.dropped) == (4, 2, 9)
    (note,) = recovery.notes
    assert name in note and f"byte {messages[4]}" in note and "position 4" in note and "never reported durable" in note
    found = await goes_on(volume, journal)
    assert [found.records[number] for number in range(1, 5)] == [record(number) for number in range(1, 5)]
    assert (await next_of(Reader(journal, 3))).records == [record(3), record(4)]


async def test_a_first_group_that_was_torn_is_dropped_and_said_too():
    volume = await written([2])
    journal, _ = await reopened(volume)
    journal.append(record(3))
    await journal.commit()
    name = sorted(volume.files)[1]
    whole = len(volume.files[name])
    header = frames_of(volume.files[name])[1][0]
    for left in (header - 20, header, whole - 60):
        after = volume.again()
        after.files[name] = after.files[name][:left]
        journal, recovery = await reopened(after)
        torn = left - (header if left >= header else 0)
        assert (journal.durable, recovery.dropped) == (2, torn)
        said = [note for note in recovery.notes if name in note and f"{torn} bytes" in note]
        assert len(said) == len(recovery.notes) == (1 if torn else 0)


async def test_what_was_kept_stays_where_it_is_over_further_crashes():
    volume = await written([2, 3])
    name = only(volume)
    volume.files[name] = volume.files[name][:-30]  # into the link
    for _ in range(3):
        journal, _ = await reopened(volume)
        assert journal.durable == 5
        assert (await next_of(Reader(journal, 3))).first == 3
        volume = volume.again()
    found = await goes_on(volume, (await reopened(volume))[0])
    assert found.records[5] == record(5)


async def test_a_first_write_that_was_torn_leaves_an_empty_journal():
    whole = await written([1])
    name = only(whole)
    for size in (0, 5, 60, 110):
        volume = FaultyVolume({name: whole.files[name][:size]})
        journal, _ = await reopened(volume)
        assert journal.durable == 0
        found = await goes_on(volume, journal)
        assert sorted(found.records) == [1]


async def test_a_later_segment_that_was_torn_at_its_beginning_is_begun_again():
    volume = await written([1])
    journal, _ = await reopened(volume)
    journal.set_cursor(ID, 1)
    journal.append(record(2))
    await journal.commit()
    second = sorted(volume.files)[1]
    data = volume.files[second]
    for size in range(0, len(data), 7):
        after = volume.again()
        after.files[second] = data[:size]
        journal, _ = await reopened(after)
        assert journal.durable in (1, 2)
        found = await goes_on(after, journal)
        assert found.records[1] == record(1)
        assert found.records[2] == (record(2) if found.last == 3 else b"after")


async def test_the_newest_cursors_are_found_wherever_they_are():
    volume = await written([1, 1])
    for acknowledged in (1, 2):
        journal, _ = await reopened(volume)
        journal.set_cursor(ID, acknowledged)
        await journal.commit()
        await journal.close()
    journal, _ = await reopened(volume)
    assert journal.cursors == {ID: 2}
    journal.append(record(3))
    await journal.commit()
    journal.set_cursor(ID, 3)
    await journal.commit()
    assert (await reopened(volume.again()))[0].cursors == {ID: 3}


async def test_damage_in_what_was_durable_is_said_and_its_positions_are_not_used_again():
    volume = await written([1, 1, 1, 1])
    name = only(volume)
    frames = frames_of(volume.files[name])
    second = [offset for offset, kind in frames if kind == "M"][1]
    volume.files[name][second + 10] ^= 1
    journal, recovery = await reopened(volume)
    assert journal.durable == 4
    assert any([name in note and f"byte {second}" in note and "2 to 2" in note for note in recovery.notes]), (
        recovery.notes
    )
    journal.append(b"after")
    assert await journal.commit() == (5, 5)


async def test_acknowledged_positions_are_not_used_again_when_rot_took_them():
    volume = await written([1, 1, 1])
    journal, _ = await reopened(volume)
    journal.set_cursor(ID, 3)
    await journal.commit()
    await journal.close()
    name = sorted(volume.files)[0]
    volume.files[name] = volume.files[name][:-70]
    journal, recovery = await reopened(volume)
    assert journal.durable == 3 and any(["3 to 3" in note for note in recovery.notes])


async def test_a_torn_write_that_holds_bytes_of_a_journal_is_not_taken_for_more_than_it_is():
    # Somebody sends what looks like the end of a group, at a position far away, inside a message.
    forged = pack_link(LINK, 1 << 60, 1, bytes(32)) + pack_frame(0x4D, b"not a record of this journal")
    volume = FaultyVolume()
    journal = journal_on(volume)
    await journal.open()
    journal.append(record(1))
    await journal.commit()
    journal.append(b"x" * 50 + forged + b"y" * 50)
    await journal.commit()
    name = only(volume)
    volume.files[name] = volume.files[name][:-80]
    journal, _ = await reopened(volume.again())
    assert journal.durable < 10


async def test_a_spoilt_header_in_the_middle_does_not_stop_retention():
    volume = await written([1] * 30, 0, 400)
    names = sorted(volume.files)
    assert len(names) > 5
    volume.files[names[2]][20] ^= 1
    journal, _ = await reopened(volume)
    while await retain(journal, Limits(1500, 0, DROP_OLDEST), 0, 0, 1):
        pass
    assert sum([len(data) for name, data in volume.files.items() if name != "removed"]) <= 1500
    journal.append(b"after")
    await journal.commit()
    assert read_journal(volume.files).records[31] == b"after"


async def test_a_spoilt_header_does_not_make_a_segment_look_old():
    volume = await written([1] * 30, 0, 400)
    names = sorted(volume.files)
    volume.files[names[1]][20] ^= 1
    journal, _ = await reopened(volume)
    hour = 3600 * 10**9
    assert await retain(journal, Limits(1 << 20, hour, DROP_OLDEST), MemoryHost().clock.wall_ns(), 0, 1) is None


async def test_a_spoilt_stub_is_said_and_the_journal_goes_on():
    volume = await written([1] * 30, 0, 400)
    journal, _ = await reopened(volume)
    while await retain(journal, Limits(1500, 0, DROP_OLDEST), 0, 0, 1):
        pass
    for spoil in (lambda data: data[:-1], lambda data: b"", lambda data: b"\xff" + data[1:]):
        after = volume.again()
        after.files["removed"] = bytearray(spoil(bytes(after.files["removed"])))
        journal, recovery = await reopened(after)
        assert journal.durable == 30
        assert any(["removed" in note for note in recovery.notes])
        assert (await next_of(Reader(journal, 30))).records == [record(30)]
        journal.append(b"after")
        assert await journal.commit() == (31, 31)


async def test_files_of_others_in_the_folder_are_left_alone():
    volume = await written([1, 1])
    others = {"lock": b"", "notes.txt": b"mine", "1.seg": b"short", "0000000000000000.seg": b"zero"}
    for name in others:
        volume.files[name] = bytearray(others[name])
    journal, recovery = await reopened(volume)
    assert (journal.durable, recovery.notes) == (2, [])
    for name in others:
        assert volume.files[name] == others[name]


async def test_what_a_failed_write_left_behind_the_end_of_a_segment_is_not_read_after_a_restart():
    volume = FaultyVolume()
    journal = journal_on(volume)
    await journal.open()
    journal.append(record(1))
    await journal.commit()
    volume.fail_step, volume.wrote = volume.steps, 2
    journal.append(b"given up")
    try:
        await journal.commit()
    except TransientError:
        pass
    journal.forget(journal.pending_bytes)
    journal.append(record(2))
    await journal.commit()
    volume = volume.again()
    journal, recovery = await reopened(volume)
    reader = Reader(journal, 1)
    assert [(await next_of(reader)).records, (await next_of(reader)).records] == [[record(1)], [record(2)]]
    assert recovery.notes == [] and journal.durable == 2
