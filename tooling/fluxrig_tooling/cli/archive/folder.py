"""The argument DIR of verbs that say what to do about a folder that is not readable."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


class ArchiveFolder(click.Path):
    """A folder. One that may not be looked at is passed on: reading it is refused with what to do about that."""

    def __init__(self) -> None:
        super().__init__(exists=True, file_okay=False, readable=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            Path(value).stat()
        except PermissionError:  # of a folder above: click takes that for one that is not there
            return Path(value)
        except OSError:
            pass
        return super().convert(value, param, ctx)


folder_argument = click.argument("folder", metavar="DIR", type=ArchiveFolder())
