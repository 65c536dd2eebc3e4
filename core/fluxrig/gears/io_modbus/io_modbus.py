"""Polls a Modbus server: one message a poll, with every tag of a group.

A poll always ends in a message. Where there is no value, the tag is None and its quality says why, so that whoever
listens learns of it; a filter lets only the change of quality pass.
"""

from fluxrig.gear import Gear
from fluxrig.gears.io_modbus.link import Link, LinkError
from fluxrig.modbus.pdu import ExceptionResponse, read_request, read_size
from fluxrig.modbus.values import ReadPlan

_TABLES = ("", "co", "di", "hr", "ir")  # by the function that reads it


class IoModbus(Gear):
    """Outputs: out.

    Config (compiled): that of `Link`, and {"groups": [{"name", "every_ms", "phase_ms", "requests": [[function,
    address, count, order, layout, slots], …]}, …]}; the last three are those of `ReadPlan`.

    Meta of each message: `machine.id`, `group`, `unit_id`, `function` ("3" or "1,3") and `registers` (what was read,
    such as "co:0 hr:0-12"). It is one and the same dict for as long as no quality changes. `ts` is when the last answer
    of the poll arrived.
    """

    counters = (
        "polls",
        "values_read",
        "values_bad",
        "timeouts",
        "connect_failures",
        "reconnects",
        "disconnects",
        "protocol_errors",
        "exceptions",
    )
    polls = values_read = values_bad = 0
    timeouts = connect_failures = reconnects = disconnects = protocol_errors = exceptions = 0
    polling = True

    def init(self, ctx):
        self._link = Link(ctx.host, ctx.config, self, ctx.log)
        self._groups = [Group(self, ctx, self._link, group) for group in ctx.config["groups"]]
        for group in self._groups:
            ctx.spawn(group.name, group.run)

    def killed(self):
        for group in self._groups:
            group.give_up("killed")

    async def drain(self):
        self.polling = False

    async def stop(self):
        await self._link.close()


class Group:
    """Tags that are polled together."""

    def __init__(self, gear: IoModbus, ctx, link: Link, config: dict):
        self.name = config["name"]
        self._gear = gear
        self._ctx = ctx
        self._link = link
        self._ticker = ctx.ticker(config["name"], config["every_ms"], config["phase_ms"])
        self._reads = [Read(link, *request) for request in config["requests"]]
        self._good = ctx.meta(
            {
                "group": config["name"],
                "unit_id": str(ctx.config["unit_id"]),
                "function": ",".join(sorted({str(read.function) for read in self._reads})),
                "registers": " ".join([read.span for read in self._reads]),
            }
        )
        self._meta = self._good
        self._bad: dict = {}  # {tag: reason}, what `_meta` says

    async def run(self):
        """Poll at every deadline, until the Gear drains."""
        while self._gear.polling:
            await self._ticker.tick()
            await self._poll()

    def give_up(self, reason: str) -> None:
        """Tell the receivers that there will be no values any more, and why."""
        data: dict = {}
        bad: dict = {}
        for read in self._reads:
            read.plan.fail(reason, data, bad)
        self._note_quality(bad)
        self._gear.out(self._ctx.message(data, self._meta))

    async def _poll(self) -> None:
        gear = self._gear
        data: dict = {}
        bad: dict = {}
        ts = None
        for read in self._reads:
            try:
                payload = await self._link.read(read.prepared, read.function, read.size)
            except LinkError as exc:
                read.plan.fail(exc.reason, data, bad)
                continue
            except ExceptionResponse as exc:
                gear.exceptions += 1
                reason = exc.reason
                read.plan.fail(reason, data, bad)
            else:
                reason = None
                read.plan.read(payload, data, bad)
            ts = self._ctx.clock.wall_ns()
            if reason != read.refusal:
                self._note_refusal(read, reason)
        if not gear.polling:
            return  # receivers may have drained while the answer was under way
        gear.polls += 1
        gear.values_read += len(data) - len(bad)
        gear.values_bad += len(bad)
        if bad != self._bad:
            self._note_quality(bad)
        gear.out(self._ctx.message(data, self._meta, ts=ts))

    def _note_refusal(self, read: "Read", reason: str | None) -> None:
        read.refusal = reason
        if reason is not None:
            read.refusals += 1
        # A device that refuses now and then would fill the log: the 1st, 2nd, 4th, 8th … refusal is told.
        if read.refusals & (read.refusals - 1):
            return
        if reason is None:
            self._ctx.log("info", f"{read.span} is answered again")
        else:
            self._ctx.log("warning", f"{read.span} is refused: {reason}; its values are bad until it is answered")

    def _note_quality(self, bad: dict) -> None:
        self._bad = bad
        meta = self._good
        if bad:
            meta = dict(meta)
            for tag, reason in bad.items():
                meta["q." + tag] = "bad:" + reason
        self._meta = meta


class Read:
    """One request, as prepared for the link, and the plan for its answers. `refusal` is why it is refused, if it is."""

    def __init__(self, link: Link, function: int, address: int, count: int, order: bytes, layout: str, slots: list):
        self.function = function
        self.size = read_size(function, count)
        self.prepared = link.prepare(read_request(function, address, count))
        self.span = f"{_TABLES[function]}:{address}" + (f"-{address + count - 1}" if count > 1 else "")
        self.plan = ReadPlan(order, layout, slots)
        self.refusal: str | None = None
        self.refusals = 0
