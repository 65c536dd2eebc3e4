"""The checks behind `fluxrig doctor`. Each looks at one thing and says what it found."""

from __future__ import annotations

import ctypes
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fluxrig.errors import FluxError, LocalError
from fluxrig.host import Host
from fluxrig.rack import Rack
from fluxrig_tooling.archive.last import last_problem
from fluxrig_tooling.rig.probe import FAILED, OK, WARNING, Finding, probe
from fluxrig_tooling.wording.text import counted
from fluxrig_tooling.wording.values import rounded_size

DISK_WARNING = 1 << 30
DISK_FAILED = 100 << 20
"""Free bytes below which a disk gets tight, and below which a Rack has no room at all."""

RUNS_ALREADY = "the rig runs already"
"""The fix of a finding that is none."""

FORGETTING = ("tmpfs", "ramfs")
"""File systems whose content is gone after a restart of the machine."""

BUILT_AFTER_S = 1_767_225_600  # 2026-01-01: no clock that is right shows less
TIME_ERROR = 5  # adjtimex(2): the clock is not synchronized


async def diagnose(rig: dict[str, Any], host: Host, state_dir: Path) -> list[Finding]:
    """Every finding about running the compiled `rig` here, with its files in `state_dir`."""
    findings = [state_folder(state_dir), free_disk(state_dir), clock(), *secrets(rig, host)]
    if all(finding.result != FAILED for finding in findings):
        findings.append(loads(rig, host))
    if "archive" in rig:
        findings.append(await archive(rig["archive"], host, state_dir))
    findings += [finding async for finding in probe(rig, host)]
    return findings


def state_folder(folder: Path) -> Finding:
    check = "state folder"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as exc:
        fix = "give this user the folder, or choose another: --state DIR"
        return Finding(check, FAILED, f"{folder}: {exc.strerror}", fix)
    return Finding(check, OK, f"{folder} can be written")


def free_disk(folder: Path) -> Finding:
    check = "free disk"
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    detail = f"{rounded_size(free)} free at {existing}"
    fix = "free some space, or choose a folder on another disk: --state DIR"
    if free < DISK_FAILED:
        return Finding(check, FAILED, detail, fix)
    if free < DISK_WARNING:
        return Finding(check, WARNING, detail, fix)
    return Finding(check, OK, detail)


async def archive(settings: dict[str, Any], host: Host, folder: Path) -> Finding:
    """Whether the archive can be opened, has the room that the rig gives it, and lies on a disk that remembers."""
    volume = host.volume("archive")
    try:
        await volume.open()
        used = sum([await volume.size(name) for name in await volume.names()])
        free, total = await volume.room()
    except FluxError as exc:
        if exc.fields.get("busy"):
            return Finding("archive", WARNING, str(exc), RUNS_ALREADY)
        detail, _, fix = str(exc).partition(": not permitted: ")
        if fix:
            return Finding("archive", FAILED, f"{detail}: not permitted", fix)
        return Finding("archive", FAILED, detail, "repair or replace the disk, or choose another folder: --state DIR")
    finally:
        await volume.close()
    try:
        problem = last_problem(folder / "archive") if used else None
    except FluxError as exc:
        return Finding("archive", FAILED, str(exc))
    if problem is not None:
        return Finding("archive", WARNING, str(problem), f"fluxrig archive verify {folder / 'archive'}")
    most = settings["max_bytes"] or total // 4
    detail = f"holds {rounded_size(used)} of {rounded_size(most)} at most; {rounded_size(free)} are free"
    if free + used < most:
        fix = f"free some space, or give the archive less: max_size: {max((free + used) >> 21, 1)}MiB"
        return Finding("archive", WARNING, detail, fix)
    if (kind := _file_system(folder)) in FORGETTING:
        fix = "choose a folder on a disk: --state DIR"
        return Finding("archive", WARNING, f"{detail}; on {kind}, which forgets everything when it is restarted", fix)
    return Finding("archive", OK, detail)


def _file_system(folder: Path) -> str:
    """The type of the file system that `folder` is on, where the system says; else nothing."""
    try:
        mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return ""
    held = [(Path(mount[1]), mount[2]) for mount in mounts if folder.resolve().is_relative_to(mount[1])]
    # The mount of the longest path is the one; of two at the same place the later one covers the other.
    return max(enumerate(held), key=lambda each: (len(each[1][0].parts), each[0]))[1][1] if held else ""


def clock() -> Finding:
    now = time.time()
    shown = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now))
    fix = "set the time and start a time service: timedatectl set-ntp true"
    if now < BUILT_AFTER_S:
        return Finding("clock", FAILED, f"{shown} is in the past: timestamps would be wrong", fix)
    if sys.platform == "linux" and _kernel_says_unsynchronized():
        return Finding("clock", WARNING, f"{shown}; no time service keeps it right", fix)
    return Finding("clock", OK, shown)


def _kernel_says_unsynchronized() -> bool:
    buffer = ctypes.create_string_buffer(512)  # larger than struct timex; all zero asks and sets nothing
    return ctypes.CDLL(None).adjtimex(buffer) == TIME_ERROR


def secrets(rig: dict[str, Any], host: Host) -> Iterator[Finding]:
    for name in sorted(set(_secret_names(rig["gears"]))):
        try:
            host.secret(name)
        except LocalError as exc:
            # The text names the places where it was looked for, never the secret.
            yield Finding(f"secret {name}", FAILED, *_split_fix(str(exc)))
        else:
            yield Finding(f"secret {name}", OK, "is set")


def _secret_names(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if set(value) == {"secret"}:
            yield value["secret"]
            return
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from _secret_names(item)


def _split_fix(text: str) -> tuple[str, str]:
    detail, _, fix = text.partition(": ")
    return detail, fix


def loads(rig: dict[str, Any], host: Host) -> Finding:
    """Whether a Rack takes the rig: every gear's code is there and accepts its configuration."""
    try:
        Rack(host, rig)
    except LocalError as exc:
        fix = "compile the rig again with this release, and bring the gears it uses"
        return Finding("rig", FAILED, str(exc), fix)
    return Finding("rig", OK, f"takes {counted(len(rig['gears']), 'gear')}")
