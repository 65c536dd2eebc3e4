"""Makes a rig of a tag list, as spreadsheets, Kepware and Telegraf have them: one module a format.

    imported = import_tags(data, "tags.csv", "press-line", Options(link="tcp://10.0.0.5"))
    for problem in imported.problems:
        print(problem)
    if imported.text:
        Path("rig.yaml").write_text(imported.text)

Nothing is lost silently. What cannot be taken over is an error at its line: that tag is left out, and the others are
not. What is taken over with a change is a warning. The rig has been checked: it has no errors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fluxrig.errors import LocalError
from fluxrig_tooling.rig.importing.kepware import looks_like_kepware, read_kepware, without_comments
from fluxrig_tooling.rig.importing.model import ListedDevice, Options
from fluxrig_tooling.rig.importing.names import settle_names
from fluxrig_tooling.rig.importing.plain import looks_plain, read_plain
from fluxrig_tooling.rig.importing.telegraf import looks_like_telegraf, read_telegraf
from fluxrig_tooling.rig.importing.write import decimal_text, is_decimal, rig_text
from fluxrig_tooling.rig.loader import load_text
from fluxrig_tooling.rig.problems import WHOLE_FILE, Location, Problem, Problems
from fluxrig_tooling.rig.table import read_rows
from fluxrig_tooling.wording.text import quoted

__all__ = ["FORMATS", "Imported", "Options", "import_tags"]

FORMATS: dict[str, Callable[[bytes, Options, Problems], list[ListedDevice]]] = {
    "plain": read_plain,
    "kepware": read_kepware,
    "telegraf": read_telegraf,
}
"""What reads each format."""


@dataclass(frozen=True)
class Imported:
    """The text of a rig, empty when no tag could be taken over. `format` is the one that was read."""

    text: str
    format: str
    devices: list[ListedDevice]
    problems: Problems

    @property
    def tags(self) -> int:
        return sum(len(device.tags) for device in self.devices)


def import_tags(data: bytes, source: str, name: str, options: Options, format_name: str = "auto") -> Imported:
    """The rig called `name` of the list `data`, which comes from the file `source`. Raises nothing for what that holds.

    `format_name` is one of `FORMATS`, or auto: then the list says which it is.
    """
    problems = Problems(source)
    try:
        format_name = detected(data) if format_name == "auto" else format_name
    except LocalError as exc:
        problems.error(exc.fields["at"], str(exc), exc.fields.get("hint", ""))
        return Imported("", "", [], problems)
    devices = FORMATS[format_name](data, options, problems)
    for device in devices:
        settle_names(device, problems)
        _round_scales(device, problems)
    devices, text = _checked([device for device in devices if device.tags], source, name, problems)
    return Imported(text, format_name, devices, problems)


def detected(data: bytes) -> str:
    """The format of a list. LocalError, with the place `at` and a `hint`, for a file that is none."""
    if looks_like_telegraf(data):
        return "telegraf"
    problems = Problems()
    rows = read_rows(without_comments(data) or data, problems)
    if not rows:
        problem = next(iter(problems), None)
        message = problem.message if problem else "the file is empty"
        raise LocalError(message, at=_at(problem), hint=problem.hint if problem else "")
    if looks_like_kepware(rows[0]):
        return "kepware"
    if looks_plain(rows[0]):
        return "plain"
    hint = "the first line of a spreadsheet has headings, among them name and address; --format says what it is"
    raise LocalError("this is not a tag list that is known", at=rows[0][0].at, hint=hint)


def _round_scales(device: ListedDevice, problems: Problems) -> None:
    """Tell of scales that are no decimal numbers, such as 100/65535."""
    for tag in device.tags:
        for key, number in (("scale", tag.scale), ("offset", tag.offset)):
            if not is_decimal(number):
                message = f"the {key} of {quoted(tag.name)}, {number}, is rounded to {decimal_text(number)}"
                problems.warning(tag.at, message)


def _checked(devices: list[ListedDevice], source: str, name: str, problems: Problems) -> tuple[list[ListedDevice], str]:
    """Those of `devices` that a rig can hold, without the tags that it refuses, and its text."""
    while devices:
        text, lines = rig_text(devices, name, source)
        _, found = load_text(text)
        if not found.errors:
            return devices, text
        refused = {id(lines[error.line]) for error in found.errors if error.line in lines}
        for error in found.errors:
            tag = lines.get(error.line)
            if tag:
                problems.error(tag.at, f"{quoted(tag.name)} is left out: {error.message}", error.hint)
            elif not refused:
                problems.error(WHOLE_FILE, f"no rig can be made: {error.message}", error.hint)
        if not refused:
            break
        for device in devices:
            device.tags = [tag for tag in device.tags if id(tag) not in refused]
        devices = [device for device in devices if device.tags]
    return [], ""


def _at(problem: Problem | None) -> Location:
    return Location(problem.line, problem.column) if problem else WHOLE_FILE
