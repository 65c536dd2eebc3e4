"""What is to be looked for in a segment, and what was found in it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from fluxrig.journal.removal import RemovedRange


@dataclass(frozen=True)
class Problem:
    """Where an archive is not what was written. `byte` counts from 0 in the file `segment`.

    None: a stub has no position, and a file that is missing no byte.
    """

    segment: str
    position: int | None
    byte: int | None
    reason: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        return ", ".join([self.segment, *([self.place] if self.place else [])]) + f": {self.reason}"

    @property
    def place(self) -> str:
        """The position and the byte, as far as there are any."""
        places = {"position": self.position, "byte": self.byte}
        return ", ".join(f"{what} {number}" for what, number in places.items() if number is not None)


@dataclass(frozen=True)
class Unread(Problem):
    """A file that cannot be read, from `byte` on: nothing is known of what it holds from `position` on.

    `reason` is what the system says, and what to do about it.
    """

    def as_dict(self) -> dict[str, Any]:
        return {**super().as_dict(), "reason": f"cannot be read {self.reason}"}

    def __str__(self) -> str:
        beginning = f" from byte {self.byte} on" if self.byte else ""
        return f"{self.segment} cannot be read{beginning} {self.reason}"


class ChainLink(NamedTuple):
    """A link of the chain: its head after `position`, and the Unix ns at which it was written."""

    position: int
    head: bytes
    time: int


@dataclass(frozen=True)
class CheckTask:
    """A segment to check.

    `end`: bytes of it that count, as the header after it says; None when that cannot be read, or there is none.
    `is_last`: no segment follows, so a Rack may be writing it. `anchors`: links to look for.
    """

    path: Path
    first: int
    end: int | None = None
    is_last: bool = True
    anchors: tuple[ChainLink, ...] = ()
    records: bool = False

    @property
    def name(self) -> str:
        return self.path.name


@dataclass(slots=True)
class Checked:
    """What a segment holds. `position`, `head` and `end` are where what counts of it ends.

    first         position of its first message, as its name has it
    time          of the last link, `first_time` of the first; 0 without one
    link          the last link at a message of this segment
    uncommitted   whole messages after it, in a last segment; torn: other bytes after them that are not zero
    ignored       bytes after `end` that count for nothing
    backwards     how often the time of a link is less than that of the one before, first_back: (position, from, to)
    found         the anchors that are there
    gone          the file is not there any more
    noted         up to which position the messages of the archive itself say that it was removed; 0 if they do not
    """

    first: int = 1
    position: int = 0
    head: bytes = b""
    end: int = 0
    links: int = 0
    sealed: bool = False
    first_time: int = 0
    time: int = 0
    link: ChainLink | None = None
    uncommitted: int = 0
    torn: int = 0
    ignored: int = 0
    backwards: int = 0
    first_back: tuple[int, int, int] | None = None
    found: list[ChainLink] = field(default_factory=list)
    gone: bool = False
    noted: int = 0
    problem: Problem | None = None

    @property
    def messages(self) -> int:
        """How many there are up to `position`."""
        return self.position - self.first + 1


@dataclass
class Extent:
    """What segments hold together. `head` and `time` are of the last link, `first_time` of the first, in Unix ns."""

    machine: str = ""
    journal: bytes = b""
    first: int = 0
    position: int = 0
    head: bytes = b""
    time: int = 0
    first_time: int = 0
    segments: int = 0
    sealed: int = 0
    groups: int = 0
    bytes: int = 0
    uncommitted: int = 0
    removed: list[RemovedRange] = field(default_factory=list)

    def add(self, checked: Checked) -> None:
        """Take the next segment."""
        self.segments += 1
        self.sealed += checked.sealed
        self.groups += checked.links
        self.bytes += checked.end
        self.first = self.first or checked.first
        self.first_time = self.first_time or checked.first_time
        self.uncommitted = checked.uncommitted
        if checked.link:
            self.head, self.time = checked.link.head, checked.link.time
