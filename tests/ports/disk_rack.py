"""The Rack of test_archive_disks.py, on a disk of its own that it spoils: `python disk_rack.py SCENARIO STATE_DIR`.

To be run in a mount namespace of its own (`unshare -m`), so that what it mounts is gone with it. It prints as JSON what
happened, and leaves in STATE_DIR/copy what was on the disk in the end.
"""

import asyncio
import json
import resource
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import probes
from archive_bench import correlator

from fluxrig import flux
from fluxrig.rack import Rack
from fluxrig_ports.cpython.host import CPythonHost
from fluxrig_ports.cpython.loop import run

LIMIT_S = 40
LOGGED: list[tuple[str, str]] = []


class Host(CPythonHost):
    def log(self, level: str, who: str, text: str) -> None:
        LOGGED.append((level, text))


class Run:
    """A Rack with a source, a correlator and a sink, from a compiled rig as a file."""

    def __init__(self, state: Path, **changed: int):
        gears = [probes.gear("a", "source"), correlator(), probes.gear("s", "sink")]
        settings = probes.settings(commit_ms=10, max_bytes=1 << 30, segment_bytes=1 << 18, ram_bytes=1 << 20, **changed)
        compiled = probes.chain(*gears, archive=settings)
        compiled["wires"] = [list(wire) for wire in compiled["wires"]]
        self.rack = Rack(Host(state), flux.unpack(flux.pack(compiled)))
        self.got = probes.gear_of(self.rack, "s").got
        self.archive = self.rack.archive
        self.n = 0

    async def send(self, size: int = 2000) -> None:
        """One message, and until it has left."""
        probes.gear_of(self.rack, "a").emit({"n": self.n, "text": "x" * size})
        self.n += 1
        await until(lambda: len(self.got) == self.n)

    async def send_until(self, condition) -> None:
        for _ in range(5000):
            if condition():
                return
            await self.send()
        raise AssertionError("it never came to that")

    def is_volatile(self) -> bool:
        return self.archive.volatile

    async def recovered(self) -> None:
        await until(lambda: not self.archive.volatile)
        for _ in range(3):
            await self.send(10)

    async def send_some(self, number: int) -> None:
        for _ in range(number):
            await self.send()

    async def end(self) -> None:
        """Stop the Rack, and say what came of it."""
        await self.rack.stop()
        self.report()

    def report(self) -> None:
        got = [[msg.data["n"], int(msg.meta.get("archive.pos", 0))] for msg in self.got]
        volatile = [msg.data["n"] for msg in self.got if msg.meta.get("archive.volatile") == "1"]
        print(json.dumps({"got": got, "volatile": volatile, "logged": LOGGED, "stats": self.rack.stats()}))


async def until(condition) -> None:
    async def wait() -> None:
        while not condition():
            await asyncio.sleep(0.005)

    await asyncio.wait_for(wait(), LIMIT_S)


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def a_disk(state: Path, megabytes: int) -> Path:
    """A file system of that size."""
    disk = state / "disk"
    disk.mkdir(parents=True)
    mount("-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(disk))
    return disk


def fill(disk: Path) -> Path:
    """Something else takes all that is left."""
    ballast = disk / "ballast"
    with ballast.open("wb", 0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    return ballast


async def full(state: Path) -> None:
    """Something else fills the disk, and is removed again."""
    disk = a_disk(state, 2)
    run = Run(disk)
    await run.rack.start()
    await run.send_some(5)
    ballast = fill(disk)
    await run.send_until(run.is_volatile)
    await run.send_some(10)
    ballast.unlink()
    await run.recovered()
    await run.end()


async def read_only(state: Path) -> None:
    """The file system becomes read-only, as one does that has found an error in itself, and is repaired."""
    disk = a_disk(state, 8)
    run = Run(disk)
    await run.rack.start()
    await run.send_some(5)
    folder = str(disk / "archive")
    mount("--bind", folder, folder)
    mount("-o", "remount,bind,ro", folder)
    # What is open goes on until the segment ends.
    await run.send_until(run.is_volatile)
    await run.send_some(10)
    subprocess.run(["umount", folder], check=True)
    await run.recovered()
    await run.end()


async def read_only_at_the_start(state: Path) -> None:
    disk = a_disk(state, 8)
    mount("-o", "remount,ro", str(disk))
    run = Run(disk)
    await run.rack.start()
    await run.send_some(5)
    assert run.is_volatile()
    mount("-o", "remount,rw", str(disk))
    await run.recovered()
    await run.end()


async def full_at_the_stop(state: Path) -> None:
    disk = a_disk(state, 1)
    run = Run(disk)
    await run.rack.start()
    await run.send_some(20)
    fill(disk)
    await run.send_until(run.is_volatile)
    await run.end()


async def file_size(state: Path) -> None:
    """No file may have more than 100,000 bytes."""
    disk = state / "disk"
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    run = Run(disk)
    await run.rack.start()
    await run.send_some(80)
    await run.recovered()
    await run.end()


SCENARIOS = {call.__name__: call for call in (full, read_only, read_only_at_the_start, full_at_the_stop, file_size)}


def main() -> None:
    state = Path(sys.argv[2])
    run(SCENARIOS[sys.argv[1]](state))
    # Copied, because the disk is gone with this process.
    shutil.copytree(state / "disk" / "archive", state / "copy")


if __name__ == "__main__":
    main()
