"""Volumes and a journal on littlefs, on flash in RAM that loses power at any erasure or program, or within one.

Only MicroPython has littlefs: test_on_micropython.py runs this file there, with room for flash of that size.
"""

# mypy: disable-error-code="attr-defined"
import os

from expect import raises_async
from journal_life import Life, survive

from fluxrig.errors import LocalError, TransientError
from fluxrig_ports.micropython.host import MicroPythonHost
from fluxrig_ports.micropython.volume import FolderVolume

PLACE = "/flash"


class Flash:
    """A chip: erasing sets all bits of a block, programming gives them their values. `log` has every such operation."""

    def __init__(self, block: int, count: int, data: bytearray | None = None):
        self.block = block
        self.count = count
        self.data = bytearray(b"\xff" * block * count) if data is None else data
        self.log: list = []  # (byte, what is there afterwards, or None for an erased block)

    def readblocks(self, number, buffer, offset=0):
        start = number * self.block + offset
        buffer[:] = memoryview(self.data)[start : start + len(buffer)]

    def writeblocks(self, number, buffer, offset=0):
        start = number * self.block + offset
        there = memoryview(self.data)[start : start + len(buffer)]
        assert there == b"\xff" * len(buffer), "littlefs programs what it has erased"
        self.do((start, bytes(buffer)))

    def ioctl(self, operation, argument):
        if operation == 4:
            return self.count
        if operation == 5:
            return self.block
        if operation == 6:
            self.do((argument * self.block, None))
        return 0

    def do(self, change: tuple, part: int = -1) -> None:
        """An erasure or a program, or what is done of it when the power goes after `part` bytes."""
        start, content = change
        content = b"\xff" * self.block if content is None else content
        end = start + (len(content) if part < 0 else part)
        self.data[start:end] = content[: end - start]
        self.log.append(change)

    def format(self) -> None:
        os.VfsLfs2.mkfs(self, readsize=32, progsize=32, lookahead=32)
        self.log = []

    def __enter__(self):
        os.mount(os.VfsLfs2(self, readsize=32, progsize=32, lookahead=32), PLACE)
        return self

    def __exit__(self, *_exc):
        os.umount(PLACE)


def formatted(block=512, count=64) -> Flash:
    flash = Flash(block, count)
    flash.format()
    return flash


async def open_volume():
    volume = FolderVolume(PLACE + "/state/archive")
    await volume.open()
    return volume


def journal_files() -> dict:
    found = {}
    for name in os.listdir(PLACE + "/state/archive"):  # noqa: PTH208 # there is no pathlib
        with open(PLACE + "/state/archive/" + name, "rb") as file:  # noqa: PTH123
            found[name] = file.read()
    return found


async def test_the_block_is_that_of_the_flash_and_not_known_for_files_of_a_system():
    for block in (512, 4096):
        with formatted(block, 16):
            volume = MicroPythonHost(PLACE + "/state").volume("archive")
            await volume.open()
            assert volume.block == block
            await volume.close()
    volume = FolderVolume(os.getenv("TMPDIR") or "/tmp")
    await volume.open()
    assert volume.block == 0
    await volume.close()


async def test_the_room_is_that_of_the_flash():
    with formatted(512, 64):
        volume = await open_volume()
        free, total = await volume.room()
        assert total == 512 * 64 and 0 < free < total
        file = await volume.create("a", 0)
        await file.append([bytes(5000)])
        assert 5000 <= free - (await volume.room())[0] <= 5000 + 3 * 512
        await volume.close()


async def test_a_file_is_read_while_it_grows():
    """With each append its last block moves; a reader that was opened before would not see that."""
    with formatted(512, 24):
        volume = await open_volume()
        file, other = await volume.create("a", 0), await volume.create("b", 0)
        content = b""
        for number in range(12):
            assert await volume.read("a", 0, len(content)) == content
            before = len(content)
            for index in range(12):
                piece = bytes([number * 16 + index]) * (20 + number)
                await file.append([piece[:9], memoryview(piece)[9:]])
                content += piece
                await other.append([b"other"])
            assert await volume.read("a", 0, before) == content[:before]
            assert await volume.read("a", before, 9999) == content[before:]
        assert await volume.size("a") == len(content)
        await file.close()
        assert await volume.read("a", 0, 10_000) == content
        assert await volume.read("b", 0, 10_000) == b"other" * 144
        await volume.close()


async def test_a_full_flash_fails_and_takes_more_when_something_was_removed():
    with formatted():
        volume = await open_volume()
        first = await volume.create("first", 0)
        await first.append([bytes(8000)])
        await first.close()
        second = await volume.create("second", 0)
        taken = 0
        while True:
            try:
                await second.append([b"2" * 700])
            except TransientError as exc:
                assert "no space" in str(exc)
                break
            taken += 700
        assert taken > 15_000
        await raises_async(LocalError, second.append([b"x"]))
        await second.close()
        assert (await volume.read("second", 0, 99_999))[:taken] == b"2" * taken
        await raises_async(TransientError, volume.replace("third", bytes(6000)))
        await volume.remove("first")
        await volume.replace("third", b"3" * 5000)
        assert await volume.read("third", 4998, 9) == b"33"
        assert await volume.names() == ["second", "third"]
        await volume.close()


async def test_what_was_appended_outlives_a_power_cut_and_nothing_else_does():
    flash = formatted()
    with flash:
        volume = await open_volume()
        file = await volume.create("a", 0)
        await file.append([b"durable"])
        cut = Flash(flash.block, flash.count, bytearray(flash.data))
        await file.append([b" and more"])
        await volume.close()
    with cut:
        volume = await open_volume()
        assert await volume.read("a", 0, 99) == b"durable"
        await volume.close()


class FlashLife(Life):
    MAX_BYTES = 1200  # each segment takes whole blocks


async def written(flash: Flash) -> Life:
    """The life of a journal: groups, cursors, segments that are full and one that is sealed, removals."""
    volume = FolderVolume(PLACE + "/state/archive")
    volume.log = flash.log
    life = FlashLife(volume)
    await life.open()
    for size in (1, 3, 1, 5, 2, 1):
        position = life.journal.durable
        await life.group(*[bytes([position + index] * 20) for index in range(size)])
        await life.acknowledge()
        if position == 4:
            await life.seal()
        await life.retain()
    await volume.close()
    return life


async def power_goes(image: bytearray, flash: Flash, life: Life, every: int, check) -> None:
    """Call `check(flash as it was left, what was known)` for a cut after each operation of `flash`, which began as
    `image`, and for one within it."""
    now = Flash(flash.block, flash.count, image)
    for number, change in enumerate(flash.log):
        if number % every == 0:
            size = flash.block if change[1] is None else len(change[1])
            for part in (0, 1, size // 2, size - 1):
                torn = Flash(flash.block, flash.count, bytearray(now.data))
                torn.do(change, part)
                torn.log = []
                await check(torn, life.known_at(number))
        now.do(change)
    now.log = []
    await check(now, life.known_at(len(flash.log)))


async def test_a_journal_survives_a_cut_at_any_erasure_and_program():
    flash = formatted(512, 32)
    image = bytearray(flash.data)
    with flash:
        life = await written(flash)
    assert life.journal.removed and len(life.journal.segments) > 1

    async def check(torn, known):
        with torn:
            volume = FolderVolume(PLACE + "/state/archive")
            await survive(life, volume, known, journal_files)
            await volume.close()

    await power_goes(image, flash, life, 1, check)


async def test_a_journal_survives_a_cut_while_it_recovers_from_another():
    flash = formatted(512, 32)
    image = bytearray(flash.data)
    with flash:
        life = await written(flash)

    async def check_again(torn, known):
        with torn:
            volume = FolderVolume(PLACE + "/state/archive")
            await survive(again[0], volume, known, journal_files)
            await volume.close()

    async def check(torn, known):
        first = bytearray(torn.data)
        with torn:
            volume = FolderVolume(PLACE + "/state/archive")
            volume.log = torn.log
            again[0] = await survive(life, volume, known, journal_files)
            await volume.close()
        await power_goes(first, torn, again[0], 3, check_again)

    again: list = [None]
    await power_goes(image, flash, life, 7, check)
