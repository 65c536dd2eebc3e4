"""What an archive says to checkpoints that were kept elsewhere, once it was verified."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from fluxrig.journal.removal import Stub
from fluxrig_tooling.archive.anchor import (
    CONFIRMED,
    CONTRADICTED,
    MISSING,
    PASSED_OVER,
    UNKNOWN,
    Anchor,
    Answer,
)
from fluxrig_tooling.archive.findings import ChainLink
from fluxrig_tooling.wording.suggest import listed
from fluxrig_tooling.wording.text import quoted

_WITHOUT_END = 1 << 64


@dataclass
class Gap:
    """Positions `first` to `last` whose links are not known, and what that makes of an anchor there."""

    first: int
    last: int
    result: str
    reason: str


@dataclass
class Known:
    """What was found, as far as anchors are concerned.

    first, last   positions of the segments; first is 0 without any
    machines      from which position on the machine is called so, in order
    found         the links of anchors that are there
    missing       gaps where a segment should be; doubtful: those in segments that are there. Both in order
    """

    journal: bytes = b""
    first: int = 0
    last: int = 0
    machines: list[tuple[int, str]] = field(default_factory=list)
    found: set[ChainLink] = field(default_factory=set)
    missing: list[Gap] = field(default_factory=list)
    doubtful: list[Gap] = field(default_factory=list)
    stub: Stub | None = None
    is_stub_known: bool = True

    def machine_at(self, position: int) -> str:
        """What the segment with this position says the machine is called; what the first one says, before that."""
        index = bisect_right(self.machines, position, key=lambda each: each[0])
        return self.machines[max(index - 1, 0)][1] if self.machines else ""

    def begin_gap(self, first: int, result: str, reason: str) -> None:
        """The segment from this position on is not known."""
        self.doubtful.append(Gap(first, _WITHOUT_END, result, reason))

    def end_gap(self, following: int) -> None:
        """The next segment begins with the position `following`."""
        if self.doubtful and self.doubtful[-1].last == _WITHOUT_END:
            self.doubtful[-1].last = following - 1

    def answers(self, anchors: Sequence[Anchor]) -> list[Answer]:
        """One for each, in order."""
        names = {name for _, name in self.machines}
        if self.stub:
            names.add(self.stub.machine)
        ours = any(each.journal == self.journal or each.machine in names for each in anchors)
        return [self._answer(each, names, ours) for each in anchors]

    def _answer(self, anchor: Anchor, names: set[str], ours: bool) -> Answer:
        if self.journal and anchor.journal != self.journal:
            return _of_another(anchor, names, ours)
        machine = self.machine_at(anchor.position)
        if anchor.link in self.found:
            if anchor.machine == machine:
                return Answer(anchor, CONFIRMED)
            reason = f"of machine {quoted(anchor.machine)}, and what the archive has there is of {quoted(machine)}"
            return Answer(anchor, CONTRADICTED, reason)
        for gaps in (self.missing, self.doubtful):
            index = bisect_right(gaps, anchor.position, key=lambda each: each.first) - 1
            if index >= 0 and anchor.position <= gaps[index].last:
                return Answer(anchor, gaps[index].result, gaps[index].reason)
        if anchor.position < self.first or (not self.first and self.stub and anchor.position <= self.stub.last):
            return self._answer_removed(anchor)
        if anchor.position > self.last:
            reason = f"the archive ends at position {self.last}: what came after it was cut off"
            return Answer(anchor, CONTRADICTED, reason)
        reason = "no such link in the chain: what is up to there was rewritten"
        return Answer(anchor, CONTRADICTED, reason)

    def _answer_removed(self, anchor: Anchor) -> Answer:
        for each in self.stub.ranges if self.stub else ():
            if each.last == anchor.position and each.head == anchor.head:
                return Answer(anchor, CONFIRMED, "at the end of a segment that was removed")
        known = "only the ends of removed segments are known" if self.is_stub_known else "the stub cannot be read"
        return Answer(anchor, UNKNOWN, f"that part was removed, and {known}")


def _of_another(anchor: Anchor, names: set[str], ours: bool) -> Answer:
    """An anchor of another journal. Of this machine it contradicts; of others only where none is of this one."""
    if anchor.machine in names:
        whose = f"of journal {anchor.journal.hex()} of this machine"
        return Answer(anchor, CONTRADICTED, f"{whose}: this is another archive, or it was made anew")
    if ours:
        return Answer(anchor, PASSED_OVER, f"of machine {quoted(anchor.machine)}")
    named = listed(map(quoted, sorted(names)), limit=3)
    reason = f"of machine {quoted(anchor.machine)}, and this archive is of {named}"
    return Answer(anchor, CONTRADICTED, reason)


def missing(first: int, last: int) -> Gap:
    """Positions whose segments are not there."""
    return Gap(first, last, MISSING, f"{positions(first, last)} missing")


def positions(first: int, last: int) -> str:
    """`position 7 is`, `positions 7 to 9 are`."""
    return f"position {first} is" if first == last else f"positions {first} to {last} are"
