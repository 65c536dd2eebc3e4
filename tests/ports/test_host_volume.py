"""Volumes, as `fluxrig.host.Volume` promises them. Power cuts are in test_volume_power_cut.py."""

from expect import raises_async

from fluxrig.errors import LocalError, TransientError
from tests.ports.peer import ask
from tests.ports.subject import new_host


async def new_volume():
    volume = new_host().volume("archive")
    await volume.open()
    return volume


async def test_a_volume_is_empty_before_the_first_file():
    volume = await new_volume()
    assert await volume.names() == []
    await volume.remove("a")
    await volume.close()


async def test_what_is_appended_is_read_back():
    volume = await new_volume()
    file = await volume.create("a", 1000)
    await file.append([b"hello ", bytearray(b"th"), memoryview(b"_ere_")[1:4], b""])
    assert await volume.read("a", 0, 11) == b"hello there"
    assert await volume.read("a", 6, 3) == b"the"
    await file.append([b"!" * 20_000])
    await file.append([])
    assert await volume.read("a", 9, 3) == b"re!"
    await file.close()
    await file.close()
    assert await volume.size("a") == 20_011
    assert await volume.read("a", 20_000, 1000) == b"!" * 11
    assert await volume.read("a", 20_011, 10) == b""
    assert await volume.read("a", 1 << 20, 10) == b""
    await volume.close()


async def test_an_open_file_is_followed_by_nothing_but_zeros():
    volume = await new_volume()
    file = await volume.create("a", 1 << 20)
    content = b""
    for number in range(60):
        piece = bytes([number + 1]) * 300
        await file.append([piece])
        content += piece
        size = await volume.size("a")
        assert size >= len(content)
        if number % 20 == 0:
            assert await volume.read("a", 0, size) == content + bytes(size - len(content))
    await file.close()
    assert await volume.size("a") == len(content)
    assert await volume.read("a", 0, len(content) + 1) == content
    await volume.close()


async def test_two_files_grow_side_by_side():
    volume = await new_volume()
    a, b = await volume.create("a", 0), await volume.create("b", 0)
    for number in range(5):
        await a.append([b"a%d" % number])
        await b.append([b"b%d" % number])
    assert await volume.read("a", 0, 10) == b"a0a1a2a3a4"
    assert await volume.read("b", 0, 10) == b"b0b1b2b3b4"
    await volume.close()


async def test_closing_the_volume_ends_its_files():
    host = new_host()
    volume = host.volume("archive")
    await volume.open()
    file = await volume.create("a", 1 << 20)
    await file.append([b"content"])
    await volume.close()
    await volume.close()
    await file.close()
    for _ in range(2):  # once more by another host, as after a restart; then by this one again
        again = type(host)(host.state_dir).volume("archive")
        await again.open()
        assert await again.size("a") == 7
        assert await again.read("a", 0, 9) == b"content"
        await again.close()
    await volume.open()
    assert await volume.read("a", 0, 9) == b"content"
    await volume.close()


async def test_a_file_is_made_once_and_a_missing_one_is_named():
    volume = await new_volume()
    file = await volume.create("a", 0)
    await file.append([b"x"])
    for doing in (volume.create("a", 0), volume.size("b"), volume.read("b", 0, 1), volume.settle("b", 0)):
        error = await raises_async(LocalError, doing)
        assert "/archive/" in str(error) and error.path in str(error)
    assert await volume.read("a", 0, 1) == b"x"
    await file.close()
    await raises_async(LocalError, volume.create("a", 0))
    await volume.close()


async def test_replace_writes_a_whole_file():
    volume = await new_volume()
    for content in (b"", b"a long content", b"short", bytes(range(256)) * 20):
        await volume.replace("file", content)
        assert await volume.size("file") == len(content)
        assert await volume.read("file", 0, 10_000) == content
    await volume.close()


async def test_names_are_sorted_and_only_the_names():
    volume = await new_volume()
    for name in ("b.1", "a", "z_9-x"):
        await (await volume.create(name, 0)).close()
    await volume.replace("m", b"1")
    assert await volume.names() == ["a", "b.1", "m", "z_9-x"]
    await volume.remove("b.1")
    await volume.remove("b.1")
    assert await volume.names() == ["a", "m", "z_9-x"]
    await volume.close()


async def test_a_name_can_be_used_again_after_it_was_removed():
    volume = await new_volume()
    for content in (b"first", b"second"):
        file = await volume.create("a", 0)
        await file.append([content])
        await file.close()
        assert await volume.read("a", 0, 9) == content
        await volume.remove("a")
        await raises_async(LocalError, volume.read("a", 0, 9))
    await volume.close()


async def test_names_cannot_leave_the_folder():
    volume = await new_volume()
    for name in ("", ".", "..", "a/b", "../a", "/etc/passwd", "A", "ä", "a b", "a\x00", "a~"):
        for doing in (volume.create(name, 0), volume.read(name, 0, 1), volume.replace(name, b""), volume.remove(name)):
            assert (await raises_async(LocalError, doing)).name == name
    assert await volume.names() == []
    await volume.close()


async def test_what_an_interrupted_replacement_left_behind_is_not_a_file():
    host = new_host()
    volume = host.volume("archive")
    await volume.open()
    await volume.replace("a", b"old")
    ask("file", f"{host.state_dir}/archive/a~", "600", "unfinished")
    assert await volume.names() == ["a"]
    await volume.replace("a", b"new")
    assert await volume.read("a", 0, 9) == b"new"
    await volume.close()


async def test_a_volume_has_one_user():
    host = new_host()
    volume = host.volume("archive")
    await volume.open()
    assert f"{host.state_dir}/archive" in str(await raises_async(TransientError, volume.open()))
    other = host.volume("other")
    await other.open()
    await other.close()
    await volume.close()
    await volume.open()
    await volume.close()


async def test_a_volume_that_is_not_open_says_so():
    volume = new_host().volume("archive")
    await volume.close()
    for doing in (volume.names(), volume.create("a", 0), volume.read("a", 0, 1), volume.replace("a", b"")):
        assert "not open" in str(await raises_async(LocalError, doing))
    await volume.open()
    file = await volume.create("a", 0)
    await volume.close()
    await raises_async(LocalError, volume.names())
    await raises_async(LocalError, file.append([b"x"]))


async def test_a_closed_file_takes_nothing_more():
    volume = await new_volume()
    file = await volume.create("a", 0)
    await file.append([b"x"])
    await file.close()
    await raises_async(LocalError, file.append([b"y"]))
    assert await volume.size("a") == 1
    await volume.close()


async def test_a_file_that_a_crash_left_is_settled():
    host = new_host()
    volume = host.volume("archive")
    await volume.open()
    ask("file", f"{host.state_dir}/archive/a", "600", "content" + "\0" * 100)
    await volume.settle("a", 7)
    assert await volume.read("a", 0, 7) == b"content"
    assert await volume.size("a") in (7, 107), "devices cannot shorten files, and reserve nothing"
    await volume.close()


async def test_the_room_of_the_file_system():
    host = new_host()
    volume = host.volume("archive")
    await volume.open()
    free, total = await volume.room()
    assert 0 < free < total == ask("disk", str(host.state_dir))
    await volume.close()


async def test_a_folder_that_cannot_be_made_is_a_mistake_of_this_side():
    host = new_host()
    path = ask("file", f"{host.state_dir}/archive", "600", "a file where the folder should be")
    volume = host.volume("archive")
    assert path in str(await raises_async(LocalError, volume.open()))
    await volume.close()
    ask("remove", path)
    await volume.open()
    await volume.close()
