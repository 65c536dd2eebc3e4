"""Guaranteed wires: at least once, in order, and after a crash from where the consumer last acknowledged.

Such a wire holds no messages. They are in the Rack's archive, and the wire is a cursor in it: what its consumer has not
acknowledged is delivered, again if need be. Behind a correlator that costs the archive nothing more. What another Gear
sends is archived for the wire, with the hop that it takes there.

A consumer's input `x` gets messages by

    async def deliver_x(self, msgs)   # returns once all of them, oldest first, are where they belong
    def on_x(self, msg)               # without it: one by one, and acknowledged by returning
    def preview_x(self, msg)          # optional: as soon as a message is durable, however far behind the delivery is
    async def recall_x(self, survey)  # optional: once, after the start. `await survey(see)` calls see(msg) for all that
                                      # waited in the archive then, oldest first; preview_x gets it where this lacks

`deliver_batch` of the Gear, 32 where it has none, bounds `msgs`. A TransientError means later: it is tried again for as
long as it takes. Another error counts as an attempt. A batch that fails so is delivered again one by one, which finds
the message at fault; it goes to the dead-letter journal after `max_attempts`, and the wire goes on with the next. That
takes the place of `on_error` reject and drop. Under kill the first error that is not transient ends the Gear and the
wire; what it has not got stays in the archive, for the next start. Attempts are counted in memory: a restart of the
Rack starts over.
"""

import asyncio
from hashlib import sha256

from fluxrig.archive.marks import position_of, with_hop
from fluxrig.bus import Wire
from fluxrig.errors import FluxError, LocalError, TransientError
from fluxrig.gear import KILL, Context
from fluxrig.msg import FluxMsg


class GuaranteedWire:
    """One wire from output `output` of `source` to input `port` of `target`. It counts among the target's inbound ones.

    `options`: {"max_attempts", "retry_min_ms", "retry_max_ms"}: the pause after a failure doubles from the one to the
    other, and starts over with a success. LocalError when the source has no such output or the target no such input.

    target       the station of the consumer
    inlet        what takes the messages of the source, in place of a hot delivery
    count        messages that the consumer acknowledged
    redelivered  messages that were handed over again
    attempts     deliveries that failed, transient failures not counted
    deferred     deliveries that were put off by a transient failure
    dead_letters messages that were given up
    unreadable   positions that the medium has spoilt, or that were removed before they were delivered
    refused      messages of the source that the archive did not take; its `on_error` says what was done with them

    `first` is the wire of the same output that was made before this one, if there is one. What a Gear sends that does
    not archive is archived once for all of them, by the first: `inlet` of the others is None then.
    """

    BATCH = 32
    DRAIN_MS = 2000
    """How long `drain` waits for a consumer that goes on acknowledging. What is left then stays in the archive."""

    def __init__(self, source: Context, output: str, target: Context, port: str, options: dict, first=None):
        archive = source.archive
        gear = target.station.gear
        self.name = f"{source.name}.{output} -> {target.name}.{port}"
        self.count = 0
        self.redelivered = 0
        self.attempts = 0
        self.deferred = 0
        self.dead_letters = 0
        self.refused = 0
        self._archive = archive
        self._clock = target.clock
        self._log = target.log
        self._source = source.station
        self._output = output
        self.target = target.station
        self._gear_id = source.gear_id
        self._port_id = source.port_id(output)
        self._max_attempts = options["max_attempts"]
        self._retry_min_ms = self._pause_ms = options["retry_min_ms"]
        self._retry_max_ms = options["retry_max_ms"]
        self._deliver = getattr(gear, "deliver_" + port, None)
        self._receive = getattr(gear, "on_" + port, _nowhere)
        if self._deliver is None and self._receive is _nowhere:
            raise LocalError(f"gear {target.name!r}: there is no input port {port!r}")
        self._preview = getattr(gear, "preview_" + port, _nowhere)
        self._recall = getattr(gear, "recall_" + port, None)
        self._batch = getattr(gear, "deliver_batch", self.BATCH)
        self._cursor = archive.cursor(cursor_id(self._port_id, target.gear_id, port), self._port_id)
        self._again = 0  # messages from the first unacknowledged on that were handed over before
        self._singly = 0  # messages to deliver one by one, because one of them fails
        self._suspect: FluxMsg | None = None  # what is being delivered by itself
        self._failed_id = b""  # of the message that failed last, and how often it did
        self._failures = 0
        self._looked_back = self._preview is _nowhere and self._recall is None
        self._counts_pending = not self._looked_back
        self._waiting = 0  # durable messages that were not acknowledged, as far as was seen
        self._first = 0  # position of the first and of the last message that became durable here since the start
        self._last = 0
        self._acknowledged = 0  # the last position that was
        self._missed = 0  # positions of the cursor that were said to be unreadable
        self._resting = False
        self._logged = ""
        self._moved = asyncio.Event()
        self._sharing = [self]
        # A correlator's `err` has what the archive did not take.
        if source.station.gear.archives and output != "err":
            self.inlet: Wire | None = Wire(self._durable, self._not_taken)
        elif first is None:
            self.inlet = Wire(self._put, self._not_taken)
        else:
            self.inlet = None
            first._sharing.append(self)
        self.target.inbound.append(self)

    @property
    def pending(self) -> int | None:
        """Durable messages that the consumer has not acknowledged; None where nothing sees them before their turn."""
        return self._waiting if self._counts_pending else None

    def divert(self, to) -> None:
        """The target was killed. `run` notices; what comes from now on is archived for the next start."""

    def stats(self) -> dict:
        stats = {
            "delivered": self.count,
            "redelivered": self.redelivered,
            "attempts": self.attempts,
            "deferred": self.deferred,
            "dead_letters": self.dead_letters,
            "refused": self.refused,
            "unreadable": self._cursor.unreadable,
        }
        if self._counts_pending:
            stats["pending"] = self._waiting
        return stats

    async def run(self) -> None:
        """The pump: a task of the target. It ends when the target is killed."""
        self._cursor.rewind()
        while self.target.alive:
            if await self._look_back() and await self._turn():
                await asyncio.sleep(0)  # a consumer that never waits has a day to catch up with: others run too
            elif self.target.alive:
                await self._rest()

    async def drain(self) -> None:
        """Deliver what is durable by now, if the consumer takes it. Before this, the source and the archive drain."""
        try:
            await self._clock.wait_for(self._quiet(), self.DRAIN_MS)
        except TransientError:
            self._log("info", f"{self.name}: stopped while it was behind, and will go on from there")

    async def _quiet(self) -> None:
        while self.target.alive and not self._resting and self._acknowledged < self._last:
            self._moved.clear()
            await self._moved.wait()

    def _put(self, msg) -> None:
        """Take a message of a Gear that does not archive."""
        self._archive.append(with_hop(msg, self._gear_id, self._port_id, self._clock.wall_ns()), self._durable_for_all)

    def _durable_for_all(self, msg) -> None:
        for wire in self._sharing:
            wire._durable(msg)

    def _not_taken(self, msg, exc: Exception) -> None:
        """The archive refused `msg`: that is a failure of the source. One that may pass is no reason to kill it."""
        self.refused += 1
        source = self._source
        # What cannot leave by `err` cannot be rejected to it.
        if self._output == "err" or (source.on_error == KILL and isinstance(exc, TransientError)):
            source.record_failure(f"output {self._output!r} failed, a message was dropped", exc)
            source.dropped += 1
        else:
            source.failed(msg, exc)

    def _durable(self, msg) -> None:
        """`msg` has left the source and is in the archive: the cursor will come to it."""
        position = position_of(msg)
        if position:
            self._first = self._first or position
            self._last = position
        if not position or position > self._acknowledged:  # else the cursor was quicker
            self._waiting += 1
        if self._preview is not _nowhere and self.target.alive:
            self._show(msg)

    def _show(self, msg) -> None:
        try:
            self._preview(msg)
        except Exception as exc:
            self.target.record_failure(f"{self.name}: preview failed", exc)
            if self.target.on_error == KILL:
                self.target.kill()

    async def _look_back(self) -> bool:
        """Show the consumer what waits since before the start. False when that has to be tried again."""
        if self._looked_back or not self._archive.is_open:
            return True  # `_turn` comes back here once the disk is there
        try:
            if self._recall is not None:
                await self._recall(self._survey)
            else:
                await self._survey(self._show)
        except TransientError as exc:
            self._log_once(f"cannot look back: {exc}")
            return False
        except Exception as exc:
            self.target.record_failure(f"{self.name}: looking back failed", exc)
            if self.target.on_error == KILL:
                self.target.kill()
                return False
        self._looked_back = True
        return True

    async def _survey(self, see) -> None:
        older = 0

        def counted(msg):
            nonlocal older
            # From the first that became durable since the start on, `_durable` has counted them.
            if not self._first or position_of(msg) < self._first:
                older += 1
            see(msg)

        await self._cursor.survey(counted)
        self._waiting += older

    async def _turn(self) -> bool:
        """Deliver what comes next. False when the next turn has to wait; then nothing is held in memory for it."""
        while self._archive.is_behind:
            await self._archive.changed()
        try:
            msgs = await self._cursor.take(1 if self._singly else self._batch)
        except FluxError as exc:
            self._log_once(f"cannot read the archive: {exc}")
            self._cursor.rewind()
            return False
        if not self._looked_back and self._archive.is_open:
            self._cursor.rewind()
            return True
        if self._cursor.unreadable != self._missed:
            self._missed = self._cursor.unreadable
            self._log("error", f"{self.name}: {self._missed} positions so far could not be read")
        try:
            await self._give(msgs)
        except (TransientError, MemoryError) as exc:
            # A heap that is full for the moment is no fault of the message.
            self.deferred += 1
            self._log_once(f"put off: {exc}")
            self._cursor.rewind()
            return False
        except Exception as exc:
            on = await self._fail(len(msgs), exc)
            self._cursor.rewind()
            return on
        return True

    async def _give(self, msgs: list) -> None:
        if self._deliver is not None:
            self._suspect = msgs[0] if len(msgs) == 1 else None
            self._hand_over(len(msgs))
            await self._deliver(msgs)
            self._acknowledge(msgs[-1], len(msgs))
            return
        taken = 0
        try:
            for msg in msgs:
                self._suspect = msg
                self._receive(msg)
                taken += 1
                if not self.target.alive or self._archive.is_behind:
                    self._suspect = None
                    break
        finally:
            suspect = self._suspect
            self._hand_over(taken if suspect is None or taken == len(msgs) else taken + 1)
            if taken:
                self._acknowledge(msgs[taken - 1], taken)
            self._suspect = suspect
        if taken < len(msgs):
            self._cursor.rewind()

    def _hand_over(self, number: int) -> None:
        self.redelivered += min(number, self._again)
        self._again = max(number, self._again)

    def _acknowledge(self, msg, number: int) -> None:
        """`number` messages up to and including `msg` are where they belong."""
        self.count += number
        self._pass(msg, number)
        self._logged = ""

    def _pass(self, msg, number: int) -> None:
        self._cursor.done(msg)
        self._again = max(self._again - number, 0)
        self._singly = max(self._singly - number, 0)
        self._pause_ms = self._retry_min_ms
        self._suspect = None
        self._failures = 0
        self._acknowledged = position_of(msg) or self._acknowledged
        # Nothing is beyond the last one, whatever was removed from the archive meanwhile.
        self._waiting = 0 if self._acknowledged == self._last else max(self._waiting - number, 0)
        self._moved.set()

    async def _fail(self, number: int, exc: Exception) -> bool:
        """A delivery of `number` messages failed, and not transiently. Whether to go on without a pause."""
        target, msg = self.target, self._suspect
        self.attempts += 1
        target.record_failure(f"{self.name}: delivery failed", exc)
        if target.on_error == KILL:
            target.kill()
            self._moved.set()
            return False
        if msg is None:
            self._singly = number
            return True
        if msg.id != self._failed_id:
            self._failed_id = msg.id
            self._failures = 0
        self._failures += 1
        if self._failures < self._max_attempts:
            return False
        try:
            await self._archive.dead_letter(msg, f"{type(exc).__name__}: {exc}", self.name)
        except FluxError as why:
            self._log_once(f"cannot write to the dead-letter journal: {why}")
            return False
        self.dead_letters += 1
        self._log("error", f"{self.name}: gave up a message after {self._failures} attempts: {exc}")
        self._pass(msg, 1)
        return True

    async def _rest(self) -> None:
        self._resting = True
        self._moved.set()
        try:
            await self._clock.sleep_ms(self._pause_ms)
        finally:
            self._resting = False
        self._pause_ms = min(self._pause_ms * 2, self._retry_max_ms)

    def _log_once(self, text: str) -> None:
        """Log why the next turn has to wait, unless that was logged last."""
        if text != self._logged:
            self._logged = text
            self._log("warning", f"{self.name}: {text}; again in {self._pause_ms} ms or more")


def cursor_id(port_id: bytes, gear_id: bytes, port: str) -> bytes:
    """The name of a wire's cursor in the archive, 16 bytes: the same for the same ends, in every version of a rig."""
    return sha256(port_id + gear_id + port.encode()).digest()[:16]


def _nowhere(msg) -> None:
    """Stands for a method that a Gear does not have."""
