"""Files that survive a power cut: write beside, force to the disk, rename, force the folder."""

import os
import re
from contextlib import suppress
from pathlib import Path

from fluxrig.errors import LocalError
from fluxrig.host import Store
from fluxrig_ports.cpython.faults import file_error

_NAME = re.compile(r"[a-z0-9._-]+")
_UNFINISHED = "~"  # not a character of names: what a power cut leaves behind is never taken for a file


class FolderStore(Store):
    """One folder, made on the first write, readable by its owner only (0700, files 0600)."""

    def __init__(self, folder: Path):
        self._folder = folder

    def read(self, name: str) -> bytes | None:
        path = self._path(name)
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise file_error(exc, path, "read") from exc

    def write(self, name: str, data: bytes) -> None:
        path = self._path(name)
        try:
            make_folder(self._folder)
            replace_file(path, data)
        except OSError as exc:
            raise file_error(exc, path, "write") from exc

    def remove(self, name: str) -> None:
        path = self._path(name)
        try:
            path.unlink(missing_ok=True)
            sync_folder(self._folder)
        except FileNotFoundError:
            pass  # no folder yet, so no file either
        except OSError as exc:
            raise file_error(exc, path, "remove") from exc

    def names(self) -> list[str]:
        try:
            return names_in(self._folder)
        except FileNotFoundError:
            return []
        except OSError as exc:
            raise file_error(exc, self._folder, "list") from exc

    def _path(self, name: str) -> Path:
        if not is_name(name):
            raise LocalError(f"not a store name: {name!r} (want only a-z, 0-9, '.', '_' and '-')", name=name)
        return self._folder / name


def is_name(text: str) -> bool:
    """Whether it names a file of a store or a volume."""
    return _NAME.fullmatch(text) is not None and text not in (".", "..")


def names_in(folder: Path) -> list[str]:
    """The files there that are not left over from a write that was interrupted, sorted. OSError."""
    return sorted(path.name for path in folder.iterdir() if is_name(path.name))


def make_folder(folder: Path, mode: int = 0o700) -> None:
    """Make `folder`, for this user only, and its parents, so that a power cut takes none of them. OSError."""
    if not folder.is_dir():
        make_folder(folder.parent, 0o777)
        folder.mkdir(mode=mode, exist_ok=True)
        sync_folder(folder.parent)


def replace_file(path: Path, data: bytes) -> None:
    """Give `path` the content `data`, whole, or leave it as it is: after a power cut too. OSError."""
    unfinished = path.with_name(path.name + _UNFINISHED)
    try:
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError:
        with suppress(OSError):
            unfinished.unlink()  # a full disk has no room for it
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Force the names in `folder` to the disk: a rename is durable only then. Windows has no such call."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
