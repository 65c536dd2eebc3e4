"""Where something is wrong in a file, what, and how to fix it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

ERROR = "error"
WARNING = "warning"
INFO = "info"


@dataclass(frozen=True, order=True, slots=True)
class Location:
    """A place in a file. Lines and columns count from 1, columns in characters; 0 and 0 is the file as a whole.

    `file` is empty for the file that is being read. `instance`: a place in a gear with `for_each` is that of all its
    instances, and this is the name of the one that is meant.
    """

    line: int
    column: int
    file: str = ""
    instance: str = ""

    def __str__(self) -> str:
        place = f"line {self.line}, column {self.column}"
        return f"{place} of {self.file}" if self.file else place


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
    """Everything found in one file, and after it in those that it refers to. Iterates in the order of the file.

    The same finding twice counts once; so does that of several instances of a gear, which then says how many they are.
    """

    def __init__(self, file: str = "rig.yaml"):
        self._file = self._main = file
        self._found: dict[Problem, list[str]] = {}

    def within(self, file: str) -> Problems:
        """These problems, to be added to by a reader of another file whose locations name none."""
        inner = Problems(file)
        inner._main, inner._found = self._main, self._found
        return inner

    def error(self, location: Location, message: str, hint: str = "") -> None:
        """Something that keeps the rig from being compiled."""
        self._add(location, ERROR, message, hint)

    def warning(self, location: Location, message: str, hint: str = "") -> None:
        """Something that is probably not meant."""
        self._add(location, WARNING, message, hint)

    def info(self, location: Location, message: str, hint: str = "") -> None:
        """Something to know about a rig that is in order."""
        self._add(location, INFO, message, hint)

    @property
    def errors(self) -> list[Problem]:
        return [problem for problem in self if problem.severity == ERROR]

    @property
    def warnings(self) -> list[Problem]:
        return [problem for problem in self if problem.severity == WARNING]

    @property
    def infos(self) -> list[Problem]:
        return [problem for problem in self if problem.severity == INFO]

    def __iter__(self) -> Iterator[Problem]:
        found = [_of_instances(problem, names) for problem, names in self._found.items()]
        return iter(sorted(found, key=lambda each: (each.file != self._main, each.file, each.line, each.column)))

    def __len__(self) -> int:
        return len(self._found)

    def _add(self, at: Location, severity: str, message: str, hint: str) -> None:
        if at.instance:
            # Instances differ in their names; apart from that they usually have the same mistake.
            message, hint = (text.replace(at.instance, _INSTANCE) for text in (message, hint))
        problem = Problem(at.file or self._file, at.line, at.column, severity, message, hint)
        names = self._found.setdefault(problem, [])
        if at.instance and at.instance not in names:
            names.append(at.instance)


_INSTANCE = "\0"
"""Stands for the name of an instance, which holds no such character."""


def _of_instances(problem: Problem, names: list[str]) -> Problem:
    """The finding that was made for the instances `names`, in the words for the first of them."""
    if not names:
        return problem
    others = f" and {len(names) - 1} more" if len(names) > 1 else ""
    is_named = _INSTANCE in problem.message
    message = problem.message.replace(_INSTANCE, names[0])
    if others or not is_named:
        message += f" (in {names[0]}{others})"
    return replace(problem, message=message, hint=problem.hint.replace(_INSTANCE, names[0]))
