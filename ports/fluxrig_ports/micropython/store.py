"""Small files in one folder, replaced whole: write beside, flush, close, rename.

On littlefs the flush commits the bytes and the rename is atomic; on the unix port flushing forces them to the disk.
"""

import os

from fluxrig.errors import LocalError
from fluxrig_ports.micropython.contract import Store
from fluxrig_ports.micropython.faults import file_error

_NAME = "abcdefghijklmnopqrstuvwxyz0123456789._-"
_UNFINISHED = "~"  # not a character of names: what a power cut leaves behind is never taken for a file
_ENOENT = 2
_FOLDER = 0x4000  # the type that ilistdir and stat give to folders


class FolderStore(Store):
    """One folder, made on the first write."""

    def __init__(self, folder: str):
        self._folder = folder

    def read(self, name: str) -> bytes | None:
        path = self._path(name)
        try:
            with open(path, "rb") as file:
                return file.read()
        except OSError as exc:
            if exc.args[0] == _ENOENT:
                return None
            raise file_error(exc, path, "read")

    def write(self, name: str, data: bytes) -> None:
        path = self._path(name)
        try:
            make_folder(self._folder)
            replace_file(path, data)
        except OSError as exc:
            raise file_error(exc, path, "write")

    def remove(self, name: str) -> None:
        path = self._path(name)
        try:
            os.remove(path)
        except OSError as exc:
            if exc.args[0] != _ENOENT:
                raise file_error(exc, path, "remove")

    def names(self) -> list[str]:
        try:
            return names_in(self._folder)
        except OSError as exc:
            if exc.args[0] == _ENOENT:
                return []
            raise file_error(exc, self._folder, "list")

    def _path(self, name: str) -> str:
        if not is_name(name):
            raise LocalError(f"not a store name: {name!r} (want only a-z, 0-9, '.', '_' and '-')", name=name)
        return self._folder + "/" + name


def is_name(text: str) -> bool:
    """Whether it names a file of a store or a volume."""
    return text not in ("", ".", "..") and all([char in _NAME for char in text])


def names_in(folder: str) -> list[str]:
    """The files there that are not left over from a write that was interrupted, sorted. OSError."""
    return sorted([entry for entry in os.listdir(folder) if is_name(entry)])


def replace_file(path: str, data: bytes) -> None:
    """Give `path` the content `data`, whole, or leave it as it is: after a power cut too. OSError."""
    try:
        with open(path + _UNFINISHED, "wb") as file:
            file.write(data)
            file.flush()
        os.rename(path + _UNFINISHED, path)
    except OSError:
        try:
            os.remove(path + _UNFINISHED)  # a full disk has no room for it
        except OSError:
            pass
        raise


def make_folder(path: str) -> None:
    """Make the folder `path` and its parents. OSError."""
    made = ""
    for part in path.split("/"):
        made += part
        if made and not _is_folder(made):
            os.mkdir(made)
        made += "/"


def _is_folder(path: str) -> bool:
    try:
        return bool(os.stat(path)[0] & _FOLDER)
    except OSError:
        return False
