"""Requests that a device refuses: the tags to blame are found and suspended, the others go on.

A request for many tags is refused as a whole when the device has no register for one of them (exceptions 2 and 3). It
is cut in halves, those that are refused again are halved again, and so on: of n tags one is found with about 2 log2 n
requests, within the same poll. What is left on either side is then tried in one piece again; if the device refuses
that, because it dislikes the span and not a register, the pieces stay.

A suspended tag is asked for again after a time, by itself. Nothing of this is imported or done while nothing is
refused.
"""

from collections import namedtuple

from fluxrig.gears.io_modbus.read import Read
from fluxrig.modbus.exceptions import ILLEGAL_FUNCTION, NO_SUCH_ITEM
from fluxrig.modbus.pdu import ExceptionResponse
from fluxrig.modbus.split import split, tags_of

# Slots `first` to `end - 1` of the request `whole`. Tuples, which take the least room: there may be many.
Suspension = namedtuple("Suspension", ("whole", "first", "end", "reason", "since_ns"))
RefusedSpan = namedtuple("RefusedSpan", ("whole", "first", "end", "since_ns"))


class Refusals:
    """The refused reads of one `poll`; `tags` counts the tags that are suspended."""

    MAX_SEARCH = 32
    """Requests that one poll may spend on finding whom to blame. The next poll goes on."""

    def __init__(self, poll, ctx):
        self.tags = 0
        self._poll = poll
        self._ctx = ctx
        self._retry_ns = ctx.config["retry_refused_ms"] * 1_000_000
        self._suspended: list[Suspension] = []
        self._refused_spans: list[RefusedSpan] = []  # in the order of `since_ns`

    def report(self, data: dict, bad: dict) -> None:
        """Put the suspended tags into a poll's result."""
        for whole, first, end, reason, _ in self._suspended:
            for tag in tags_of(whole, first, end):
                data[tag] = None
                bad[tag] = reason

    async def look_into(self, line, deadline: int) -> None:
        """Some reads of the poll have failed: find out about those that were refused."""
        poll = self._poll
        budget = self.MAX_SEARCH
        kept: list = []
        changed = False
        for read in poll.reads:
            code = _code(read)
            if code is None:
                if read.error is None:
                    self._log_change(read, None)
                kept.append(read)
            elif code == ILLEGAL_FUNCTION or (code in NO_SUCH_ITEM and len(read.plan.tags) == 1):
                self._suspend(read)
                changed = True
            elif code in NO_SUCH_ITEM and budget > 0:
                pieces, spent = await self._search(read, line, deadline, budget)
                budget -= spent
                kept += pieces
                changed = True
            else:
                self._log_change(read, _reason(read))
                kept.append(read)
        if changed:
            poll.reads = kept
            poll.describe()

    async def retry(self, line, deadline: int) -> None:
        """Ask for one read that has been suspended long enough, if there is one."""
        poll = self._poll
        now_ns = self._ctx.clock.wall_ns()
        if self._refused_spans and self._is_due(self._refused_spans[0].since_ns, now_ns):
            # What was cut is tried in one piece again: its parts stand by.
            self._refused_spans = [span for span in self._refused_spans if not self._is_due(span.since_ns, now_ns)]
            poll.reads = self._joined(poll.reads)
            poll.describe()
        for suspension in self._suspended:
            if self._is_due(suspension.since_ns, now_ns):
                break
        else:
            return
        whole, first, end, _, since_ns = suspension
        read = self._part(whole, first, end)
        await self._ask(line, [read], deadline)
        code = _code(read)
        if code is not None:
            if code == ILLEGAL_FUNCTION or code in NO_SUCH_ITEM:
                since_ns = now_ns  # else that may pass: asked for again soon, after the others whose time has come
            self._suspended.remove(suspension)
            self._suspended.append(Suspension(whole, first, end, reason=_reason(read), since_ns=since_ns))
        elif read.error is None:
            self._suspended.remove(suspension)
            self.tags -= len(read.plan.tags)
            self._ctx.log("info", f"{_called(read)} is answered again")
            poll.reads = self._joined(sorted(poll.reads + [read], key=_place))
            poll.describe()

    async def _search(self, refused: Read, line, deadline: int, budget: int) -> tuple:
        """(the reads that take the place of `refused`, how many requests it took to find them)."""
        spent = 0
        suspects = [refused]
        pieces: list = []
        while suspects:
            suspect = suspects.pop(0)
            self._note_span(suspect)
            if len(suspect.plan.tags) == 1:
                self._suspend(suspect)
                continue
            parts = suspect.parts or self._halves(suspect)
            left = budget - spent
            if left < len(parts) and not suspect.parts:
                pieces.append(suspect)
                continue
            # Parts that are known to work take its place also where they are too many to be asked in this poll.
            pieces += parts[left:]
            parts = parts[:left]
            if not parts:
                continue
            spent += len(parts)
            await self._ask(line, parts, deadline)
            for part in parts:
                (suspects if _code(part) in NO_SUCH_ITEM else pieces).append(part)
        pieces.sort(key=_place)
        return self._joined(pieces), spent

    async def _ask(self, line, reads: list, deadline: int) -> None:
        """Ask again for tags that are bad in this poll already."""
        for read in reads:
            for tag in read.plan.tags:
                self._poll.bad.pop(tag, None)
        await line.ask(reads, deadline)

    def _is_due(self, since_ns: int, now_ns: int) -> bool:
        """Whether what is refused since `since_ns` is to be asked for again."""
        return not 0 <= now_ns - since_ns < self._retry_ns

    def _halves(self, read: Read) -> list:
        middle = (read.first + read.end) // 2
        return [self._part(read.whole, read.first, middle), self._part(read.whole, middle, read.end)]

    def _part(self, whole: list, first: int, end: int, parts=()) -> Read:
        return Read(self._poll, split(whole, first, end), whole=whole, first=first, parts=parts)

    def _joined(self, pieces: list) -> list:
        """`pieces`, in the order of their places, with neighbours made one where that is not known to be refused."""
        joined: list = []
        for piece in pieces:
            before = joined[-1] if joined else None
            if (
                before is not None
                and before.whole is piece.whole
                and before.end == piece.first
                and not self._is_known_refused(piece.whole, before.first, piece.end)
            ):
                parts = list(before.parts or (before,)) + list(piece.parts or (piece,))
                joined[-1] = self._part(piece.whole, before.first, piece.end, parts)
            else:
                joined.append(piece)
        return joined

    def _note_span(self, refused: Read) -> None:
        """Remember what is refused. Parts that were joined stay apart, each from the next, as they did before."""
        spans = [(refused.first, refused.end)]
        if refused.parts:
            spans = [(part.first, after.end) for part, after in zip(refused.parts, refused.parts[1:])]
        now_ns = self._ctx.clock.wall_ns()
        for first, end in spans:
            if not self._is_known_refused(refused.whole, first, end):
                self._refused_spans.append(RefusedSpan(refused.whole, first, end, now_ns))

    def _is_known_refused(self, whole: list, first: int, end: int) -> bool:
        """Whether a span is refused, or holds one that is."""
        spans = [span for span in self._refused_spans if span.whole is whole]
        return any([first <= span.first and span.end <= end for span in spans])

    def _suspend(self, read: Read) -> None:
        reason = _reason(read)
        self.tags += len(read.plan.tags)
        now_ns = self._ctx.clock.wall_ns()
        self._suspended.append(Suspension(read.whole, read.first, read.end, reason=reason, since_ns=now_ns))
        minutes = self._retry_ns / 60e9
        text = f"{_called(read)} is refused: {reason}; bad until it is answered, asked again every {minutes:g} min"
        self._ctx.log("warning", text)

    def _log_change(self, read: Read, reason: str | None) -> None:
        """Log that the device refuses a read for now, or answers it again."""
        is_refused = reason is not None
        if is_refused == read.is_refused:
            return
        read.is_refused = is_refused
        read.refusals += is_refused
        # A device that refuses now and then would fill the log: the 1st, 2nd, 4th, 8th … time is told.
        if read.refusals & (read.refusals - 1):
            return
        if is_refused:
            self._ctx.log("warning", f"{read.span} is refused: {reason}; its values are bad until it is answered")
        else:
            self._ctx.log("info", f"{read.span} is answered again")


def _code(read: Read) -> int | None:
    """The exception code that the read was refused with."""
    return read.error.exception_code if isinstance(read.error, ExceptionResponse) else None


def _reason(read: Read) -> str:
    return read.error.reason if read.error else ""


def _place(read: Read) -> tuple:
    return read.function, read.address, read.first


def _called(read: Read) -> str:
    tags = read.plan.tags
    return f"{read.span} ({tags[0]})" if len(tags) == 1 else f"{read.span} ({len(tags)} tags)"
