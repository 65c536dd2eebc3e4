"""Checkpoints that were kept elsewhere. Each must be a link of the journal that it is of.

A checkpoint is `{"machine", "journal", "position", "head", "time"}`: the bare object, within a message's data, or
within what the `uns` Gear publishes. It may stand anywhere in any text: a file that a subscriber to the broker has
appended to, a log, the output of `fluxrig archive checkpoint`. It is a flat object, so it is looked for in one pass:
the text around it need not be JSON, and how that is nested costs nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fluxrig.errors import LocalError
from fluxrig.journal.frames import DIGEST
from fluxrig_tooling.archive.findings import ChainLink

MAX_FILE = 64 << 20
"""Bytes of a file with checkpoints; each is about 250 long."""

MAX_POSITION = (1 << 64) - 1
MAX_MEMBERS = 16
"""Of an object that is looked at."""

# The quantifiers give nothing back. A string ends at the first quotation mark, so an object that might begin within it
# ends it: no character is looked at by more than twice `MAX_MEMBERS` candidates.
_SPACE = r"[ \t\r\n]*+"
_STRING = r'"(?:[^"\\\x00-\x1f]|\\.){0,8192}+"'
_VALUE = rf"(?:{_STRING}|[-+.0-9eE]{{1,32}}+|true|false|null)"
_MEMBER = f"{_STRING}{_SPACE}:{_SPACE}{_VALUE}{_SPACE}"
_FLAT_OBJECT = re.compile(rf"\{{{_SPACE}{_MEMBER}(?:,{_SPACE}{_MEMBER}){{4,{MAX_MEMBERS - 1}}}+\}}")

CONFIRMED, CONTRADICTED, UNKNOWN = "confirmed", "contradicted", "unknown"
MISSING, PASSED_OVER = "missing", "passed over"


@dataclass(frozen=True)
class Anchor:
    """A checkpoint: the chain's head after `position`, and the Unix ns of that link."""

    machine: str
    journal: bytes
    position: int
    head: bytes
    time: int

    @property
    def link(self) -> ChainLink:
        """The link that it says is there."""
        return ChainLink(self.position, self.head, self.time)

    def as_dict(self) -> dict[str, Any]:
        return {
            "machine": self.machine,
            "journal": self.journal.hex(),
            "position": self.position,
            "head": self.head.hex(),
            "time": self.time,
        }


@dataclass(frozen=True)
class Answer:
    """What an archive says to an anchor.

    `result` is CONFIRMED, CONTRADICTED, UNKNOWN where that part was removed or cannot be read, MISSING where it should
    be there, or PASSED_OVER when it is of another machine. `reason` says why, alike for all anchors of which the same
    is to be said.
    """

    anchor: Anchor
    result: str
    reason: str = ""


def read_anchors(path: Path) -> list[Anchor]:
    """The checkpoints in the file, in order of position, each once. LocalError when there is none."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as exc:
        raise LocalError(f"{path} cannot be read: {exc.strerror}") from exc
    if len(data) > MAX_FILE:
        raise LocalError(f"{path} has more than {MAX_FILE >> 20} MiB: give only the newest checkpoints")
    found = set(anchors_in(data.decode(errors="replace")))
    if not found:
        wanted = '{"machine": …, "journal": …, "position": …, "head": …, "time": …}'
        raise LocalError(f"there is no checkpoint in {path}: one looks like {wanted}")
    return sorted(found, key=lambda anchor: (anchor.position, anchor.time))


def anchors_in(text: str) -> Iterator[Anchor]:
    """The checkpoints in `text`, in time that grows with its length alone."""
    for match in _FLAT_OBJECT.finditer(text):
        try:
            anchor = _anchor(json.loads(match[0]))
        except ValueError:
            continue
        if anchor:
            yield anchor


def _anchor(value: dict[str, Any]) -> Anchor | None:
    machine, position, time = value.get("machine"), value.get("position"), value.get("time")
    journal, head = _octets(value.get("journal"), 16), _octets(value.get("head"), DIGEST)
    if not isinstance(machine, str) or journal is None or head is None:
        return None
    if not all(type(number) is int and 0 <= number <= MAX_POSITION for number in (position, time)):
        return None
    assert isinstance(position, int) and isinstance(time, int)
    return Anchor(machine, journal, position, head, time)


def _octets(value: Any, size: int) -> bytes | None:
    if not isinstance(value, str) or not re.fullmatch(f"[0-9a-f]{{{2 * size}}}", value, re.ASCII):
        return None
    return bytes.fromhex(value)
