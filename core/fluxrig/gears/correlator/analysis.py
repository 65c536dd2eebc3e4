"""What a correlator does beside archiving: it joins and it compares. Nothing that fails here reaches the archive."""

from fluxrig.compat import traceback_text
from fluxrig.errors import worth_logging
from fluxrig.ring import Ring


class Analysis:
    """Compiled: {"join": [rule, …] (see `join.Join`), "compare": {…} (see `compare.Compare`), "tick_ms"}.

    `compare` has besides: "queue" (how many messages may wait to be compared; the oldest are dropped), "report_ms" (the
    time between two reports), "max_diffs" (how many diff messages may leave between two reports).

    `stats` has the counters of what the rig asks for: those of `join.Join`, over all joins; those of `compare.Compare`,
    with diffs_withheld (beyond max_diffs) and compare_dropped (beyond queue); and failures of either.
    """

    def __init__(self, gear, ctx):
        config = ctx.config
        self._gear = gear
        self._ctx = ctx
        self._clock = ctx.clock
        self._failures = 0
        self._now_us = 0
        self._ticks = 0
        self._joins: list = []
        self._queue = None
        if "join" in config:
            from fluxrig.gears.correlator.join import Join

            self._joins = [Join(rule, self._joined) for rule in config["join"]]
        if "compare" in config:
            from fluxrig.gears.correlator.compare import LIVE, SHADOW, Compare

            compare = config["compare"]
            self._comparison = Compare(compare, self._differ)
            self._queue = Ring(compare["queue"])
            self._sides = {"live": LIVE, "shadow": SHADOW}
            self._diffs_withheld = 0
            self._max_diffs = self._diffs_left = compare["max_diffs"]
            self._report_us = self._report_due_us = compare["report_ms"] * 1000
            self._since = 0
            ctx.spawn("compare", self._compare_forever)
        self._ticker = ctx.ticker("time", config["tick_ms"])
        ctx.spawn("time", self._pass_time)

    def stats(self) -> dict:
        """The counters: {name: count}."""
        stats = {"failures": self._failures}
        for join in self._joins:
            for name, count in join.stats().items():
                stats[name] = stats.get(name, 0) + count
        if self._queue is not None:
            stats.update(self._comparison.stats())
            stats["diffs_withheld"] = self._diffs_withheld
            stats["compare_dropped"] = self._queue.dropped
        return stats

    def start(self) -> None:
        self._ticks = self._clock.ticks_us()
        self._since = self._clock.wall_ns()

    def join(self, msg) -> None:
        """A message was archived: is it a part of something?"""
        try:
            if self._joins:
                now_us = self._time()
                for join in self._joins:
                    join.add(msg, now_us)
        except Exception as exc:
            self._failed("joining", exc)

    def offer(self, path: str, msg) -> bool:
        """A message of one path, `live` or `shadow`: it waits to be compared. False when nothing is compared."""
        if self._queue is None:
            return False
        self._queue.put((self._sides[path], msg))
        return True

    def end(self) -> None:
        """The Rack stops: compare what waits, report, give up what is open."""
        try:
            if self._queue is not None:
                while self._queue:
                    self._compare(self._queue.get_nowait())
                self._report()
            for join in self._joins:
                join.close()
        except Exception as exc:
            self._failed("ending", exc)

    async def _compare_forever(self) -> None:
        queue = self._queue
        assert queue is not None
        while True:
            self._compare(await queue.get())
            await self._clock.sleep_ms(0)  # between two messages whoever is due goes first

    def _compare(self, item: tuple) -> None:
        try:
            self._comparison.add(item[0], item[1], self._time())
        except Exception as exc:
            self._failed("comparing", exc)

    async def _pass_time(self) -> None:
        while True:
            await self._ticker.tick()
            try:
                self._expire()
            except Exception as exc:
                self._failed("keeping time", exc)

    def _expire(self) -> None:
        now_us = self._time()
        for join in self._joins:
            join.expire(now_us)
        if self._queue is None:
            return
        self._comparison.expire(now_us)
        late_us = now_us - self._report_due_us
        if late_us >= 0:
            self._report_due_us += (late_us // self._report_us + 1) * self._report_us
            self._report()

    def _time(self) -> int:
        """Microseconds since the start, on the clock that nobody sets. Ticks wrap, so this is called at every tick."""
        ticks = self._clock.ticks_us()
        self._now_us += self._clock.ticks_diff(ticks, self._ticks)
        self._ticks = ticks
        return self._now_us

    def _joined(self, data: dict, meta: dict, ts: int, flags: int, cause) -> None:
        self._gear.send("joined", data, self._ctx.meta(meta), ts, flags, cause)

    def _differ(self, live, shadow, fields: dict) -> None:
        if not self._diffs_left:
            self._diffs_withheld += 1
            return
        self._diffs_left -= 1
        meta = {
            "live.id": live.id.hex(),
            "live.ts": str(live.ts),
            "shadow.id": shadow.id.hex(),
            "shadow.ts": str(shadow.ts),
        }
        # A difference is not the value: under another name it gets another topic.
        data = {"diff_" + name: fields[name] for name in fields}
        self._gear.send("diff", data, self._ctx.meta(meta), live.ts, 0, live)

    def _report(self) -> None:
        self._diffs_left = self._max_diffs
        parity, fields = self._comparison.report()
        meta = {"parity.since": str(self._since)}
        if parity is None:
            meta["q.parity"] = "bad:no_samples"
        self._gear.send("parity", {"parity": parity, "parity_fields": fields}, self._ctx.meta(meta))

    def _failed(self, doing: str, exc: Exception) -> None:
        """Count it, say so, and go on."""
        self._failures += 1
        if worth_logging(self._failures):
            self._ctx.log("error", f"{doing} failed ({self._failures} so far): {traceback_text(exc)}")
