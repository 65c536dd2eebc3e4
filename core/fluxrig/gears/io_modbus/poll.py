"""One group of tags of one unit, polled together.

A poll always ends in a message. Where there is no value, the tag is None and its quality says why, so that whoever
listens learns of it; a filter lets only the change of quality pass.
"""

from fluxrig.compat import TYPE_CHECKING
from fluxrig.gears.io_modbus.read import Read
from fluxrig.msg import QUALITY
from fluxrig.schedule import LONGEST_WAIT_US

if TYPE_CHECKING:
    from fluxrig.gears.io_modbus.refusals import Refusals


class Poll:
    """Config (compiled): {"name", "group", "unit_id", "every_ms", "phase_ms", "requests": [[function, address, count,
    order, layout, slots], …]}.

    Meta of each message: `machine.id`, `group`, `unit_id`, `function` ("3" or "1,3") and `registers` (what is read,
    such as "co:0 hr:0-12"). It is one and the same dict for as long as neither a quality nor that changes. `ts` is when
    the last answer of the poll arrived. `raw`, if wanted, has the answers as they came (see `fluxrig.modbus.raw`).
    """

    def __init__(self, gear, ctx, line, config: dict):
        self.name = config["name"]
        self.data: dict = {}
        self.bad: dict = {}
        self.arrived_ns: int | None = None
        self.raw: list | None = None
        self.unit_id = config["unit_id"]
        self.reads = [Read(self, request) for request in config["requests"]]
        self._gear = gear
        self._ctx = ctx
        self._line = line
        self._group = config["group"]
        self._wants_raw = ctx.config["raw"]
        self._ticker = ctx.ticker(config["name"], config["every_ms"], config["phase_ms"])
        self._refusals: Refusals | None = None  # as soon as something is refused
        self._told: dict = {}  # {tag: reason}, what `_meta` says
        line.expect_unit(self.unit_id)
        self.describe()

    def describe(self) -> None:
        """Say in the meta what is read from now on."""
        reads = self.reads
        # To grow a dict costs more than to fill one that has its keys: three times as much on MicroPython.
        self._blank = dict.fromkeys([tag for read in reads for tag in read.plan.tags])
        self._meta = self._good = self._ctx.meta(
            {
                "group": self._group,
                "unit_id": str(self.unit_id),
                "function": ",".join(sorted({str(read.function) for read in reads})),
                "registers": " ".join([read.span for read in reads]),
            }
        )
        self._told = {}

    @property
    def refused_tags(self) -> int:
        return 0 if self._refusals is None else self._refusals.tags

    async def run(self):
        """Poll at every deadline, until the Gear drains."""
        ticker = self._ticker
        clock = self._ctx.clock
        step_us = min(ticker.period_us, LONGEST_WAIT_US)  # deadlines farther away are all as urgent
        while self._gear.polling:
            await ticker.tick()
            await self.once(clock.ticks_add(ticker.deadline, step_us))

    def give_up(self, reason: str) -> None:
        """Tell the receivers that there will be no values any more, and why."""
        data: dict = {}
        bad: dict = {}
        for read in self.reads:
            read.plan.fail(reason, data, bad)
        if self._refusals is not None:
            self._refusals.report(data, bad)
        self._note_quality(bad)
        self._gear.out(self._ctx.message(data, self._meta))

    async def once(self, deadline: int) -> None:
        """Ask, and send the message. `deadline` (ticks), when the next poll is due, says how urgent this one is."""
        gear = self._gear
        self.data = self._blank.copy()
        self.bad = {}
        self.arrived_ns = None
        if self._wants_raw:
            self.raw = []
        if self._refusals is not None:
            self._refusals.report(self.data, self.bad)
        if self.reads:
            await self._line.ask(self.reads, deadline)
            for read in self.reads:
                if read.error is not None or read.is_refused:
                    await self._look_into_refusals(deadline)
                    break
        if self._refusals is not None:
            await self._refusals.retry(self._line, deadline)
        if not gear.polling:
            return  # receivers may have drained while the answers were under way
        data, bad = self.data, self.bad
        gear.polls += 1
        gear.values_read += len(data) - len(bad)
        gear.values_bad += len(bad)
        if bad != self._told:
            self._note_quality(bad)
        raw = b"".join(self.raw) if self.raw else None
        gear.out(self._ctx.message(data, self._meta, raw, self.arrived_ns))

    async def _look_into_refusals(self, deadline: int) -> None:
        if self._refusals is None:
            from fluxrig.gears.io_modbus.refusals import Refusals

            self._refusals = Refusals(self, self._ctx)
        await self._refusals.look_into(self._line, deadline)

    def _note_quality(self, bad: dict) -> None:
        self._told = bad
        meta = self._good
        if bad:
            meta = dict(meta)
            for tag, reason in bad.items():
                meta[QUALITY + tag] = "bad:" + reason
        self._meta = meta
