"""What only the CPython volume has: a lock, modes, a thread of its own, and disks that fail."""

import asyncio
import errno
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fluxrig.errors import FluxError, LocalError, TransientError
from fluxrig_ports.cpython import files
from fluxrig_ports.cpython.files import PAGE, ROOM
from fluxrig_ports.cpython.volume import FolderVolume
from tests.interpreter import ROOT

HOLDER = """
import asyncio, sys
from pathlib import Path
from fluxrig_ports.cpython.volume import FolderVolume

async def main():
    volume = FolderVolume(Path(sys.argv[1]))
    await volume.open()
    file = await volume.create("a", 1 << 20)
    await file.append([b"held"])
    print("open", flush=True)
    %s

asyncio.run(main())
"""
"""A program that opens a volume, and what it does then."""


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[FolderVolume]:
    volume = FolderVolume(folder)
    await volume.open()
    try:
        yield volume
    finally:
        await volume.close()


def start(folder: Path, then: str) -> subprocess.Popen[str]:
    """A `HOLDER` that has opened the volume."""
    environment = {**os.environ, "PYTHONPATH": "core:ports"}
    command = [sys.executable, "-c", HOLDER % then, str(folder)]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    assert process.stdout and process.stdout.readline() == "open\n"
    return process


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a file system of some size in RAM, and again with other options."""
    mounted = tmp_path / "disk"
    mounted.mkdir()

    def mount(options: str) -> Path:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(mounted)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"cannot mount a file system here: {done.stderr.strip()}")
        return mounted

    yield mount
    while subprocess.run(["umount", str(mounted)], capture_output=True, check=False).returncode == 0:
        pass


async def failure(awaitable) -> FluxError:
    with pytest.raises(FluxError) as caught:
        await awaitable
    return caught.value


async def test_files_are_for_their_owner_only(tmp_path: Path):
    folder = tmp_path / "state" / "archive"
    async with opened(folder) as volume:
        await (await volume.create("a", 0)).append([b"x"])
        await volume.replace("b", b"x")
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


async def test_another_process_is_kept_out_until_this_one_ends(tmp_path: Path):
    process = start(tmp_path / "archive", "sys.stdin.read()")
    volume = FolderVolume(tmp_path / "archive")
    error = await failure(volume.open())
    assert isinstance(error, TransientError) and error.busy
    assert str(tmp_path / "archive") in str(error) and f"process {process.pid}" in str(error)
    process.kill()
    process.communicate()
    await volume.open()
    assert await volume.names() == ["a"]
    assert await volume.read("a", 0, 4) == b"held"
    await volume.close()


async def test_another_volume_of_this_process_is_kept_out(tmp_path: Path):
    async with opened(tmp_path):
        assert f"process {os.getpid()}" in str(await failure(FolderVolume(tmp_path).open()))
    async with opened(tmp_path):
        pass


async def test_nothing_is_left_open(tmp_path: Path):
    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before, threads = descriptors(), set(threading.enumerate())
    for _ in range(3):
        async with opened(tmp_path / "archive") as volume:
            for name in "abcdefghijklmnop":
                file = await volume.create(name, 0)
                await file.append([b"x"])
                assert await volume.read(name, 0, 1) == b"x"
            for name in "abcdefghijklmnop":
                await volume.remove(name)
    await failure(FolderVolume(Path("/dev/null/archive")).open())
    for thread in set(threading.enumerate()) - threads:
        thread.join(10)
    assert set(threading.enumerate()) <= threads
    assert descriptors() <= before


@pytest.mark.parametrize("reserve", [0, 100_000, 1 << 30])
async def test_zeros_are_ahead_of_short_appends_and_cut_off_at_the_end(tmp_path: Path, reserve: int):
    async with opened(tmp_path) as volume:
        file = await volume.create("a", reserve)
        written = 0
        for size in (100, 5_000, 50, 17_000, 100_000, 1):
            await file.append([bytes([7]) * size])
            written += size
            ahead = (tmp_path / "a").stat().st_size - written
            assert 0 <= ahead <= max(PAGE, min(ROOM, reserve // 16))
        await file.close()
        assert (tmp_path / "a").read_bytes() == bytes([7]) * written


async def test_a_full_disk_takes_what_fits_and_goes_on_when_there_is_room(small_disk, tmp_path: Path):
    disk = small_disk("size=256k")
    async with opened(disk / "archive") as volume:
        first = await volume.create("first", 64_000)
        await first.append([b"1" * 60_000])
        await first.close()
        file = await volume.create("second", 1 << 20)
        taken = 0
        with pytest.raises(TransientError, match="no space left"):
            while True:
                await file.append([b"2" * 1000])
                taken += 1000
        assert taken > 120_000
        assert "append failed" in str(await failure(file.append([b"x"])))
        await file.close()
        assert (disk / "archive" / "second").read_bytes() == b"2" * taken
        free, total = await volume.room()
        assert free < 3 * PAGE and total == 256 * 1024
        for _ in range(9):
            await failure(volume.replace("third", b"3" * 20_000))
        await volume.remove("first")
        third = await volume.create("third", 1000)
        await third.append([b"3" * 20_000])
        await third.close()
        assert await volume.size("third") == 20_000
        await volume.replace("third", b"new")
        assert await volume.read("third", 0, 9) == b"new"


async def test_a_full_disk_can_be_opened_and_read(small_disk):
    disk = small_disk("size=64k")
    async with opened(disk) as volume:
        await (await volume.create("a", 0)).append([b"content"])
    (disk / "filler").write_bytes(bytes(PAGE))
    with pytest.raises(OSError, match="No space"), (disk / "filler").open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(PAGE))
    async with opened(disk) as volume:
        assert await volume.read("a", 0, 9) == b"content"


async def test_a_disk_that_becomes_read_only_is_for_a_person(small_disk):
    disk = small_disk("size=256k")
    async with opened(disk) as volume:
        file = await volume.create("a", 0)
        await file.append([b"x"])
        await file.close()
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    error = await failure(FolderVolume(disk).open())
    assert isinstance(error, LocalError) and str(disk) in str(error)


async def test_a_file_that_may_not_grow_keeps_what_it_had(tmp_path: Path):
    """The limit cuts the write in two, as a disk that fills up does; the rest of it fails."""
    then = """
    import os, resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))
    await file.append([b"h" * 5000])
    try:
        await file.append([b"x" * 5000])
    except Exception as exc:
        print(type(exc).__name__, flush=True)
    print((await volume.read("a", 0, 9999)).count(b"x"), flush=True)
    await file.close()
    print(await volume.size("a"), flush=True)
    os._exit(0)
    """
    out, err = start(tmp_path, then).communicate(timeout=60)
    assert out.splitlines() == ["LocalError", str(6000 - 5004), "5004"], err
    assert (tmp_path / "a").read_bytes() == b"held" + b"h" * 5000


async def test_a_write_in_pieces_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pwrite = os.pwrite
    content = bytes(range(256)) * 2
    async with opened(tmp_path) as volume:
        file = await volume.create("a", 0)
        monkeypatch.setattr(os, "pwrite", lambda descriptor, data, at: pwrite(descriptor, data[:100], at))
        await file.append([content[:300], content[300:]])
        await file.append([content])
        monkeypatch.undo()
        await file.close()
        assert await volume.read("a", 0, 9999) == content + content


async def test_what_could_not_be_forced_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def broken(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    async with opened(tmp_path) as volume:
        file = await volume.create("a", 0)
        await file.append([b"good"])
        monkeypatch.setattr(files, "_force", broken)
        error = await failure(file.append([b"bad"]))
        assert isinstance(error, TransientError) and str(tmp_path / "a") in str(error)
        monkeypatch.undo()
        await failure(file.append([b"more"]))
        await file.close()
        assert await volume.read("a", 0, 9) == b"good"


async def test_a_disk_that_hangs_does_not_stop_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    hangs, answers = threading.Event(), threading.Event()
    force = files._force

    def slow(descriptor: int) -> None:
        hangs.set()
        answers.wait(60)
        force(descriptor)

    async with opened(tmp_path) as volume:
        file = await volume.create("a", 0)
        monkeypatch.setattr(files, "_force", slow)
        appending = asyncio.create_task(file.append([b"slow"]))
        while not hangs.is_set():
            await asyncio.sleep(0)
        reading = asyncio.create_task(volume.read("a", 0, 4))
        for _ in range(100):
            await asyncio.sleep(0)
        assert not appending.done() and not reading.done()
        answers.set()
        await appending
        assert await reading == b"slow"


async def test_a_cancelled_append_is_written_as_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    hangs, answers = threading.Event(), threading.Event()
    pwrite = os.pwrite

    def slow(descriptor: int, data: bytes, offset: int) -> int:
        hangs.set()
        answers.wait(60)
        return pwrite(descriptor, data, offset)

    async with opened(tmp_path) as volume:
        file = await volume.create("a", 0)
        await file.append([b"before "])
        monkeypatch.setattr(os, "pwrite", slow)
        buffer = bytearray(b"cancelled")
        appending = asyncio.create_task(file.append([buffer]))
        while not hangs.is_set():
            await asyncio.sleep(0)
        appending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await appending
        buffer[:] = b"reused"
        assert isinstance(await failure(file.append([b"more"])), LocalError)
        closing = asyncio.create_task(file.close())
        answers.set()
        await closing
        assert await volume.read("a", 0, 99) == b"before cancelled"


async def test_a_process_without_descriptors_left_can_try_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made: list[int] = []
    pipe = os.pipe

    def limited() -> tuple[int, int]:
        if made:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        made.extend(pipe())
        return made[0], made[1]

    volume = FolderVolume(tmp_path / "volume")
    with monkeypatch.context() as patch:
        patch.setattr(os, "pipe", limited)
        with pytest.raises(TransientError, match=r"cannot open .*volume: too many open files"):
            await volume.open()
    for descriptor in made:
        with pytest.raises(OSError):
            os.fstat(descriptor)
    await volume.open()
    await volume.close()


async def test_closing_does_not_wait_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The disk that hangs is a pipe to which nobody writes: opening it takes until somebody does."""
    monkeypatch.setattr(FolderVolume, "CLOSE_LIMIT_S", 0.05)
    folder = tmp_path / "archive"
    volume = FolderVolume(folder)
    await volume.open()
    file = await volume.create("a", 1 << 20)
    await file.append([b"x"])
    os.mkfifo(folder / "pipe")
    reading = asyncio.create_task(volume.read("pipe", 0, 1))
    appending = asyncio.create_task(file.append([b"y"]))
    await asyncio.sleep(0)
    await file.close()
    await volume.close()
    assert (await failure(volume.open())).busy, "the disk may still write: nobody else has it before that has ended"
    threads = {thread for thread in threading.enumerate() if thread.name == "volume archive"}
    (folder / "pipe").write_bytes(b"")
    for thread in threads:
        thread.join(10)
    await volume.open()
    assert await volume.read("a", 0, 9) == b"xy", "what had been given to the disk was done, and the file closed"
    await volume.close()
    for task in (reading, appending):
        assert not task.done()
        task.cancel()


@pytest.mark.parametrize(
    "then",
    [
        "return",
        "task = asyncio.create_task(file.append([b'x' * 1000])); await asyncio.sleep(0)",
        "import os; os.mkfifo(sys.argv[1] + '/p');"
        "task = asyncio.create_task(volume.read('p', 0, 1)); await asyncio.sleep(0)",
        "raise SystemExit",
    ],
    ids=["not closed", "while it appends", "while the disk hangs", "by an exception"],
)
async def test_a_process_can_end_at_any_time(then: str, tmp_path: Path):
    process = start(tmp_path, then)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "", "")


async def test_what_a_killed_process_has_appended_is_there(tmp_path: Path):
    process = start(tmp_path, "for n in range(100_000): await file.append([b'%08d' % n]); print(n, flush=True)")
    assert process.stdout
    for _ in range(200):
        last = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    process.communicate()
    async with opened(tmp_path) as volume:
        content = await volume.read("a", 4, await volume.size("a"))
        assert content[: 8 * (last + 1)] == b"".join(b"%08d" % n for n in range(last + 1))
        end = content.rstrip(b"\0")
        await volume.settle("a", 4 + len(end))
        assert await volume.size("a") == 4 + len(end)
