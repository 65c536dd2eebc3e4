import asyncio

from expect import raises_async

from fluxrig.errors import LocalError, TransientError
from fluxrig_ports.memory import MemoryHost, MemoryVolume
from fluxrig_ports.memory.recorded import RecordedVolume


async def written() -> RecordedVolume:
    """A recorded volume: `a` = "abcdef" in two appends, `b` replaced once, `a` removed."""
    volume = RecordedVolume()
    a = await volume.create("a", 100)
    await a.append([b"ab", b"c"])
    await a.append([bytearray(b"de"), memoryview(b"f")])
    await volume.replace("b", b"old")
    await volume.replace("b", b"new")
    await a.close()
    await volume.remove("a")
    return volume


def content(volume: MemoryVolume) -> dict:
    return {name: bytes(data) for name, data in volume.files.items()}


async def test_what_was_appended_is_read_back():
    volume = MemoryVolume()
    await volume.open()
    file = await volume.create("a", 0)
    await file.append([b"hello ", b"", b"there"])
    assert await volume.size("a") == 11
    assert await volume.read("a", 6, 3) == b"the"
    assert await volume.read("a", 6, 100) == b"there"
    assert await volume.read("a", 11, 5) == b""
    assert await volume.read("a", 50, 5) == b""
    await file.close()
    await volume.replace("0", b"x")
    assert await volume.names() == ["0", "a"]
    await volume.remove("a")
    await volume.remove("a")
    assert await volume.names() == ["0"]


async def test_what_is_not_there_and_what_is_there_already():
    volume = MemoryVolume()
    await volume.create("a", 0)
    await raises_async(LocalError, volume.create("a", 0))
    await raises_async(LocalError, volume.size("b"))
    await raises_async(LocalError, volume.read("b", 0, 1))
    for name in ("", ".", "..", "a/b", "A", "a~"):
        assert (await raises_async(LocalError, volume.create(name, 0))).name == name


async def test_a_volume_belongs_to_one_who_opens_it_and_outlives_him():
    host = MemoryHost()
    volume = host.volume("archive")
    await volume.open()
    await raises_async(TransientError, host.volume("archive").open())
    await volume.replace("a", b"1")
    await host.volume("other").open()
    assert await host.volume("other").names() == []
    await volume.close()
    await volume.close()
    again = host.volume("archive")
    await again.open()
    assert await again.read("a", 0, 9) == b"1"


async def test_a_cut_after_each_operation():
    volume = await written()
    states = [content(volume.cut(count)) for count in range(len(volume.log) + 1)]
    both = {"a": b"abcdef", "b": b"old"}
    assert states == [
        {},
        {"a": b""},
        {"a": b"abc"},
        {"a": b"abcdef"},
        both,
        {"a": b"abcdef", "b": b"new"},
        {"b": b"new"},
    ]
    assert content(volume.cut()) == {"b": b"new"}
    assert [write.synced for write in volume.log] == [True] * 6


async def test_a_cut_within_an_append():
    volume = await written()
    assert [content(volume.cut(2, part=part))["a"] for part in range(4)] == [b"abc", b"abcd", b"abcde", b"abcdef"]
    assert content(volume.cut(3, part=1)) == {"a": b"abcdef"}, "a file is replaced whole, or not"
    assert content(volume.cut(1, part=2, tail=3)) == {"a": b"ab\0\0\0"}


async def test_blocks_of_an_append_arrive_in_any_order():
    volume = await written()
    assert list(volume.log[2].blocks(2)) == [1, 2]
    assert content(volume.cut(2, blocks=(), size=2))["a"] == b"abc\0\0\0"
    assert content(volume.cut(2, blocks=(2,), size=2))["a"] == b"abc\0ef"
    assert content(volume.cut(2, blocks=(1,), size=2, fill=0xFF))["a"] == b"abcd\xff\xff"
    assert content(volume.cut(2, blocks=(1, 2), size=2))["a"] == b"abcdef"


async def test_after_a_cut_writing_goes_on_and_does_not_touch_the_original():
    volume = await written()
    after = volume.cut(3)
    after.record()
    await after.replace("a", b"x")
    assert content(after.cut(0)) == {"a": b"abcdef"}
    assert content(volume.cut(3)) == {"a": b"abcdef"}


async def test_a_cut_without_a_log_is_one_at_this_moment():
    volume = MemoryVolume()
    await volume.replace("a", b"1")
    after = volume.cut()
    await volume.replace("a", b"2")
    assert content(after) == {"a": b"1"}


async def test_a_full_volume_takes_a_part_and_fails():
    volume = RecordedVolume(free=10, total=20)
    file = await volume.create("a", 0)
    await file.append([b"123456"])
    assert await volume.room() == (4, 20)
    error = await raises_async(TransientError, file.append([b"ab", b"cdef"]))
    assert "no space" in str(error)
    assert await volume.read("a", 0, 99) == b"123456abcd"
    await raises_async(LocalError, file.append([b""]))
    assert [write.synced for write in volume.log] == [True, True, False]
    await raises_async(TransientError, volume.replace("b", b"x"))
    await volume.remove("a")
    assert await volume.room() == (10, 20)
    await volume.replace("b", b"xyz")
    await volume.replace("b", b"x")
    assert await volume.room() == (9, 20)
    assert await volume.cut(2).room() == (4, 20)


async def test_a_volume_that_fails():
    volume = MemoryVolume()
    file = await volume.create("a", 0)
    await file.append([b"x"])
    volume.fail = LocalError("read-only")
    for doing in (file.append([b"y"]), volume.create("b", 0), volume.replace("b", b""), volume.remove("a")):
        assert str(await raises_async(LocalError, doing)) == "read-only"
    assert await volume.read("a", 0, 9) == b"x"
    volume.fail_reads = TransientError("input/output error")
    await raises_async(TransientError, volume.read("a", 0, 9))
    volume.fail = volume.fail_reads = None
    assert "append failed" in str(await raises_async(LocalError, file.append([b"y"])))
    await (await volume.create("b", 0)).append([b"y"])


async def test_a_volume_that_hangs():
    volume = RecordedVolume()
    file = await volume.create("a", 0)
    volume.hang = asyncio.Event()
    appending = asyncio.create_task(file.append([b"xyz"]))
    naming = asyncio.create_task(volume.names())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not appending.done() and not naming.done()
    assert [write.synced for write in volume.log] == [True, False]
    assert content(volume.cut(1, part=2)) == {"a": b"xy"}
    volume.hang.set()
    await appending
    assert [write.synced for write in volume.log] == [True, True] and await naming == ["a"]


async def test_a_cancelled_append_ends_the_file():
    volume = MemoryVolume()
    file = await volume.create("a", 0)
    volume.hang = asyncio.Event()
    appending = asyncio.create_task(file.append([b"xyz"]))
    await asyncio.sleep(0)
    appending.cancel()
    await raises_async(asyncio.CancelledError, appending)
    volume.hang.set()
    await raises_async(LocalError, file.append([b"more"]))


async def test_zeros_stand_behind_a_file_that_grows():
    volume = MemoryVolume()
    volume.ahead = 4
    file = await volume.create("a", 0)
    await file.append([b"abc"])
    assert await volume.size("a") == 7
    assert await volume.read("a", 0, 5) == b"abc\0\0"
    assert await volume.read("a", 5, 9) == b"\0\0"
    assert await volume.read("a", 8, 9) == b""
    await file.append([b"d"])
    assert await volume.read("a", 0, 5) == b"abcd\0"
    await file.close()
    assert (await volume.size("a"), await volume.read("a", 0, 9)) == (4, b"abcd")


async def test_a_file_is_settled():
    volume = RecordedVolume({"a": bytearray(b"content" + bytes(9))}, free=10)
    await volume.settle("a", 7)
    await volume.settle("a", 7)
    assert (content(volume), await volume.room()) == ({"a": b"content"}, (19, 1 << 30))
    assert content(volume.cut(0)) == {"a": b"content" + bytes(9)}
    assert content(volume.cut(1)) == content(volume.cut()) == {"a": b"content"}
    assert [write.kind for write in volume.log] == ["settle", "settle"]
    await raises_async(LocalError, volume.settle("b", 0))
