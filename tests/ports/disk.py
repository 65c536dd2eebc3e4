"""A disk as a power cut finds it: what a program asked of the files in a folder, and what of that may be there later.

A write is there for certain once its file was forced (fsync), a name once its folder was. Before that any sectors of a
write may be there and others not, in any order, and the names that changed are there up to some moment.
"""

import os
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from fluxrig_ports.cpython import files, store

SECTOR = 512


class Recorder:
    """Notes what `fluxrig_ports.cpython.files` asks of the system about the files in `folder`, and does it.

    `log` has tuples: ("create", name), ("write", name, offset, data), ("truncate", name, size), ("force", name),
    ("unlink", name), ("force names"), and ("replace", name, data), which is all or nothing.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, killed: "tuple[Recorder, int] | None" = None):
        """`killed`: the recorder of a program that was killed after so many entries, and left `folder` as it is."""
        self.before: dict[str, bytes] = content(folder) if killed is None else killed[0].before
        self.log: list[tuple] = [] if killed is None else killed[0].log[: killed[1]]
        self._folder = folder
        self._names: dict[int, str] = {}  # {descriptor: name}
        monkeypatch.setattr(files, "os", self)
        monkeypatch.setattr(files, "_force", self.fsync)
        self._replaces = store.replace_file
        monkeypatch.setattr(files, "replace_file", self._replace)
        monkeypatch.setattr(files, "sync_folder", self._sync_folder)
        monkeypatch.setattr(Path, "unlink", self._unlinks(Path.unlink))

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def open(self, path: Path, flags: int, mode: int = 0o777) -> int:
        descriptor = os.open(path, flags, mode)
        if path.parent == self._folder and path.name != files.LOCK and flags & os.O_RDWR:
            self._names[descriptor] = path.name
            if flags & os.O_CREAT:
                self.log.append(("create", path.name))
        return descriptor

    def close(self, descriptor: int) -> None:
        self._names.pop(descriptor, None)
        os.close(descriptor)

    def pwrite(self, descriptor: int, data: Any, offset: int) -> int:
        written = os.pwrite(descriptor, data, offset)
        if descriptor in self._names:
            self.log.append(("write", self._names[descriptor], offset, bytes(data[:written])))
        return written

    def ftruncate(self, descriptor: int, size: int) -> None:
        os.ftruncate(descriptor, size)
        if descriptor in self._names:
            self.log.append(("truncate", self._names[descriptor], size))

    def fsync(self, descriptor: int) -> None:
        """Not done: only this disk's power goes."""
        if descriptor in self._names:
            self.log.append(("force", self._names[descriptor]))

    def _sync_folder(self, folder: Path) -> None:
        if folder == self._folder:
            self.log.append(("force names",))

    def _replace(self, path: Path, data: bytes) -> None:
        self._replaces(path, data)
        self.log.append(("replace", path.name, data))

    def _unlinks(self, unlink: Any) -> Any:
        def unlinks(path: Path, missing_ok: bool = False) -> None:
            there = path.exists()
            unlink(path, missing_ok)
            if there and path.parent == self._folder:
                self.log.append(("unlink", path.name))

        return unlinks


@dataclass
class _File:
    content: bytes = b""
    waiting: list[tuple] = field(default_factory=list)

    def force(self) -> None:
        self.left(lambda sectors: sectors)

    def left(self, choose: Any) -> bytes:
        """What there is when `choose(sectors of a write)` says which of them arrived."""
        for change in self.waiting:
            if change[0] == "truncate":
                if choose([0]):
                    self.content = self.content[: change[2]].ljust(change[2], b"\0")
                continue
            _, _, offset, data = change
            sectors = list(range(offset // SECTOR, (offset + len(data) - 1) // SECTOR + 1)) if data else []
            for sector in choose(sectors):
                start = max(offset, sector * SECTOR)
                end = min(offset + len(data), (sector + 1) * SECTOR)
                there = self.content.ljust(start, b"\0")
                self.content = there[:start] + data[start - offset : end - offset] + there[end:]
        self.waiting = []
        return self.content


def after_kill(recorder: Recorder, count: int) -> dict[str, bytes]:
    """The files that another program sees when this one is killed after the first `count` entries of the log."""
    seen = {name: _File(data) for name, data in recorder.before.items()}
    for entry in recorder.log[:count]:
        kind, name = entry[0], entry[-1] if len(entry) == 1 else entry[1]
        if kind in ("create", "replace"):
            seen[name] = _File(b"" if kind == "create" else entry[2])
        elif kind == "unlink":
            del seen[name]
        elif kind in ("write", "truncate"):
            seen[name].waiting.append(entry)
    return {name: file.left(lambda sectors: sectors) for name, file in seen.items()}


def after_cut(recorder: Recorder, count: int, pick: random.Random) -> dict[str, bytes]:
    """The files when the power goes after the first `count` entries of the log."""
    names = {name: _File(data) for name, data in recorder.before.items()}  # as the disk has them
    seen = dict(names)  # as the program sees them
    changes: list[tuple] = []  # of names: (name, file or None)
    for entry in recorder.log[:count]:
        kind, name = entry[0], entry[-1] if len(entry) == 1 else entry[1]
        if kind == "create":
            seen[name] = _File()
            changes.append((name, seen[name]))
        elif kind == "unlink":
            changes.append((name, None))
            del seen[name]
        elif kind == "force":
            seen[name].force()
        elif kind in ("write", "truncate"):
            seen[name].waiting.append(entry)
        else:
            if kind == "replace":
                seen[name] = _File(entry[2])
                changes.append((name, seen[name]))
            _apply(names, changes)
            changes = []
    _apply(names, changes[: pick.randint(0, len(changes))])

    def choose(sectors: list[int]) -> list[int]:
        way = pick.randrange(4)
        if way == 0:
            return []
        if way == 1:
            return sectors
        if way == 2:
            return sectors[: pick.randint(0, len(sectors))]
        return pick.sample(sectors, pick.randint(0, len(sectors)))

    return {name: file.left(choose) for name, file in names.items()}


def content(folder: Path) -> dict[str, bytes]:
    """The files of a volume in `folder`, without its lock."""
    if not folder.is_dir():
        return {}
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != files.LOCK}


def _apply(names: dict[str, _File], changes: list[tuple]) -> None:
    for name, file in changes:
        if file is None:
            names.pop(name, None)
        else:
            names[name] = file
