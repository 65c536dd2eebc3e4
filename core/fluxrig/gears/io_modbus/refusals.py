"""What becomes of requests that a device refuses: the tags to blame are found and rest, the others go on.

A request for many tags is refused as a whole when the device has no register for one of them (exceptions 2 and 3). It
is cut in halves, those that are refused again are halved again, and so on: of n tags one is found with about 2 log2 n
requests, within the same poll. What is left on either side is then tried in one piece again; if the device refuses
that, because it dislikes the span and not a register, the pieces stay.

A refused tag rests for a time and is asked for again, by itself. Nothing of this is imported or done while nothing is
refused.
"""

from fluxrig.gears.io_modbus.read import Read
from fluxrig.modbus.pdu import ExceptionResponse
from fluxrig.modbus.split import split

ILLEGAL_FUNCTION = 1
_NO_SUCH_ITEM = (2, 3)  # illegal data address, illegal data value (MB section 7)


class Refusals:
    """The refused reads of one `poll`; `tags` counts their tags."""

    MAX_SEARCH = 32
    """Requests that one poll may spend on finding whom to blame. The next poll goes on."""

    def __init__(self, poll, ctx):
        self.tags = 0
        self._poll = poll
        self._ctx = ctx
        self._rest_ns = ctx.config["retry_refused_ms"] * 1_000_000
        self._resting: list = []  # [whole request, first slot, end, reason, since (Unix ns)]: small, there may be many
        self._refused_spans: list = []  # (whole request, first, end, since when (Unix ns)) that are refused

    def report(self, data: dict, bad: dict) -> None:
        """Put the tags that rest into a poll's result."""
        for whole, first, end, reason, _ in self._resting:
            for slot in whole[5][first:end]:
                data[slot[0]] = None
                bad[slot[0]] = reason

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
                    self._tell(read, None)
                kept.append(read)
            elif code == ILLEGAL_FUNCTION or (code in _NO_SUCH_ITEM and len(read.plan.tags) == 1):
                self._lay_to_rest(read)
                changed = True
            elif code in _NO_SUCH_ITEM and budget > 0:
                pieces, spent = await self._search(read, line, deadline, budget)
                budget -= spent
                kept += pieces
                changed = True
            else:
                self._tell(read, _reason(read))
                kept.append(read)
        if changed:
            poll.reads = kept
            poll.describe()

    async def retry(self, line, deadline: int) -> None:
        """Ask for one read that has rested long enough, if there is one."""
        poll = self._poll
        now_ns = self._ctx.clock.wall_ns()
        if self._refused_spans and self._is_rested(self._refused_spans[0][3], now_ns):
            # What was cut is tried in one piece again: its parts stand by.
            self._refused_spans = [span for span in self._refused_spans if not self._is_rested(span[3], now_ns)]
            poll.reads = self._joined(poll.reads)
            poll.describe()
        for entry in self._resting:
            if self._is_rested(entry[4], now_ns):
                break
        else:
            return
        read = self._part(*entry[:3])
        await self._ask(line, [read], deadline)
        code = _code(read)
        if code is not None:
            entry[3] = _reason(read)
            if code == ILLEGAL_FUNCTION or code in _NO_SUCH_ITEM:
                entry[4] = now_ns
            else:  # that may pass: it is asked for again soon, after the others whose time has come
                self._resting.remove(entry)
                self._resting.append(entry)
        elif read.error is None:
            self._resting.remove(entry)
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
                self._lay_to_rest(suspect)
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
                (suspects if _code(part) in _NO_SUCH_ITEM else pieces).append(part)
        pieces.sort(key=_place)
        return self._joined(pieces), spent

    async def _ask(self, line, reads: list, deadline: int) -> None:
        """Ask again for tags that are bad in this poll already."""
        for read in reads:
            for tag in read.plan.tags:
                self._poll.bad.pop(tag, None)
        await line.ask(reads, deadline)

    def _is_rested(self, since_ns: int, now_ns: int) -> bool:
        return not 0 <= now_ns - since_ns < self._rest_ns

    def _halves(self, read: Read) -> list:
        middle = (read.first + read.end) // 2
        return [self._part(read.whole, read.first, middle), self._part(read.whole, middle, read.end)]

    def _part(self, whole: list, first: int, end: int, parts=()) -> Read:
        return Read(self._poll, self._poll.unit_id, split(whole, first, end), whole, first, parts)

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
                self._refused_spans.append((refused.whole, first, end, now_ns))

    def _is_known_refused(self, whole: list, first: int, end: int) -> bool:
        """Whether a span is refused, or holds one that is."""
        for refused, refused_first, refused_end, _ in self._refused_spans:
            if refused is whole and first <= refused_first and refused_end <= end:
                return True
        return False

    def _lay_to_rest(self, read: Read) -> None:
        reason = _reason(read)
        self.tags += len(read.plan.tags)
        self._resting.append([read.whole, read.first, read.end, reason, self._ctx.clock.wall_ns()])
        minutes = self._rest_ns / 60e9
        text = f"{_called(read)} is refused: {reason}; bad until it is answered, asked again every {minutes:g} min"
        self._ctx.log("warning", text)

    def _tell(self, read: Read, reason: str | None) -> None:
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
    return read.request[0], read.request[1], read.first


def _called(read: Read) -> str:
    tags = read.plan.tags
    return f"{read.span} ({tags[0]})" if len(tags) == 1 else f"{read.span} ({len(tags)} tags)"
