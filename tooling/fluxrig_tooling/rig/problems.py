"""Where something is wrong in a file, what, and how to fix it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

ERROR = "error"
WARNING = "warning"


@dataclass(frozen=True, order=True, slots=True)
class Location:
    """A place in a file. Lines and columns count from 1, columns in characters; 0 and 0 is the file as a whole."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}"


WHOLE_FILE = Location(0, 0)


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding. As text it is `rig.yaml:12:7: error: unknown gear type 'io_modbsu'`, with the hint on a second line.

    `line` and `column` are those of a `Location`.
    """

    file: str
    line: int
    column: int
    severity: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        hint = f"\n    {self.hint}" if self.hint else ""
        return f"{place}: {self.severity}: {self.message}{hint}"

    def as_dict(self) -> dict[str, Any]:
        """For JSON: file, line, column, severity, message, hint."""
        return asdict(self)


class Problems:
    """Everything found in one file. Iterates in the order of the file; the same finding twice counts once."""

    def __init__(self, file: str = "rig.yaml"):
        self._file = file
        self._found: dict[Problem, None] = {}

    def error(self, location: Location, message: str, hint: str = "") -> None:
        """Something that keeps the rig from being compiled."""
        self._add(location, ERROR, message, hint)

    def warning(self, location: Location, message: str, hint: str = "") -> None:
        """Something that is probably not meant."""
        self._add(location, WARNING, message, hint)

    @property
    def errors(self) -> list[Problem]:
        return [problem for problem in self if problem.severity == ERROR]

    @property
    def warnings(self) -> list[Problem]:
        return [problem for problem in self if problem.severity == WARNING]

    def __iter__(self) -> Iterator[Problem]:
        return iter(sorted(self._found, key=lambda problem: (problem.line, problem.column)))

    def __len__(self) -> int:
        return len(self._found)

    def _add(self, location: Location, severity: str, message: str, hint: str) -> None:
        self._found[Problem(self._file, location.line, location.column, severity, message, hint)] = None
