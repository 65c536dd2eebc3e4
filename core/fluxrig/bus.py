"""The bus binds each output port straight to the receiving method, through one thin delivery: count, guard.

A hot wire is a function call: run to completion, in order, no queue. When a receiver fails, its Gear's `on_error` says
what happens to the message, and nothing is lost without a count and a log line.
"""

from fluxrig.errors import LocalError, failure_text, worth_logging
from fluxrig.gear import DROP, KILL, REJECT


class Wire:
    """One delivery: from an output port to an input method.

    `deliver(msg)` is the hot path. It is a closure because variables of a closure are the cheapest ones Python has:
    a method with attributes took a third longer.
    """

    def __init__(self, receive, failed):
        count = 0

        def deliver(msg):
            nonlocal count
            count += 1
            try:
                return receive(msg)  # its None, handed on: cheaper than a None of our own
            except Exception as exc:
                failed(msg, exc)

        def counted() -> int:
            return count

        def divert(to) -> None:
            nonlocal receive
            receive = to

        self.deliver = deliver
        self.divert = divert
        self._counted = counted

    @property
    def count(self) -> int:
        """The messages this wire carried."""
        return self._counted()


def _guarded(receive, allows):
    """`receive`, for what `allows` only. A function round it, so that a wire without a guard costs what it did."""

    def checked(msg):
        if not allows(msg):
            raise LocalError(
                "not archived: this Gear sends outside, and the Rack's archive does not hold the message (yet): it has "
                "to come by a correlator, and to keep the archive.pos in its meta"
            )
        return receive(msg)

    return checked


class FanOut:
    """One output port with several wires, served in the order of the rig file."""

    def __init__(self, wires: list[Wire]):
        self.wires = wires

    def deliver(self, msg) -> None:
        for wire in self.wires:
            wire.deliver(msg)


class Unconnected:
    """An output port without a wire. `count`: the messages that left it for nowhere."""

    def __init__(self):
        self.count = 0

    def deliver(self, msg) -> None:
        self.count += 1


class Station:
    """A Gear's place on the bus: its inbound wires, what it does with failures, and the counts of both.

    `errors` counts failed inputs; each of them is also in `rejected` (sent to `err`), `dropped`, or ended the Gear
    (`alive` False). `refused` counts messages that came to a killed Gear.
    """

    # Of the class, so that a Station takes room for them from when they change on.
    alive = True
    errors = 0
    rejected = 0
    dropped = 0
    refused = 0

    def __init__(self, name: str, gear, on_error: str, log, on_kill=None):
        if on_error not in (REJECT, DROP, KILL):
            raise LocalError(f"gear {name!r}: expected on_error {REJECT}, {DROP} or {KILL}, got {on_error!r}")
        self.name = name
        self.gear = gear
        self.on_error = on_error
        self.inbound: list = []  # Wires, hot and guaranteed
        self.outputs: dict = {}
        self._log = log
        self._on_kill = on_kill

    def wire(self, port: str, allows=None) -> Wire:
        """A new delivery to input `port`. Raises LocalError when the Gear has no such input.

        With `allows`, a message for which `allows(msg)` is false does not reach the input, which fails for it.
        """
        receive = getattr(self.gear, "on_" + port, None)
        if receive is None:
            raise LocalError(f"gear {self.name!r}: there is no input port {port!r}")
        wire = Wire(receive if allows is None else _guarded(receive, allows), self.failed)
        self.inbound.append(wire)
        return wire

    def failed(self, msg, exc: Exception) -> None:
        """An input raised `exc` for `msg`: act on `on_error`."""
        self.record_failure("input failed", exc)
        if self.on_error == KILL:
            self.kill()
        elif self.on_error == REJECT:
            self._reject(msg, exc)
        else:
            self.dropped += 1

    def record_failure(self, what: str, exc: Exception) -> None:
        """Count a failure, and log it: "`what` (…): `exc`"."""
        self.errors += 1
        if worth_logging(self.errors):  # a failing Gear fails for every message
            why = failure_text(exc)
            self._log("error", self.name, f"{what} ({self.errors} so far, on_error: {self.on_error}): {why}")

    def kill(self) -> None:
        """Take the Gear off the bus. The Rack, told through `on_kill`, ends its tasks; the other Gears go on."""
        if not self.alive:
            return
        self.alive = False
        for wire in self.inbound:
            wire.divert(self._refuse)
        self._log("error", self.name, "killed: it receives nothing from now on")
        try:
            self.gear.killed()
        except Exception as exc:
            self._log("error", self.name, f"while it was killed: {failure_text(exc)}")
        if self._on_kill:
            self._on_kill(self)

    def is_wired(self, port: str) -> bool:
        """Whether a wire leaves the output `port`."""
        return isinstance(self.outputs.get(port), (Wire, FanOut))

    def unwired(self) -> int:
        """The messages that left through output ports without a wire."""
        return sum([output.count for output in self.outputs.values() if isinstance(output, Unconnected)])

    def _reject(self, msg, exc: Exception) -> None:
        meta = dict(msg.meta)
        meta["error"] = f"{type(exc).__name__}: {exc}"
        try:
            rejected = msg.derive(meta=meta, raw=msg.raw)
        except LocalError as reason:
            self.dropped += 1
            self._log("error", self.name, f"a message could not be rejected, so it was dropped: {reason}")
            return
        self.rejected += 1
        self.gear.err(rejected)

    def _refuse(self, msg) -> None:
        self.refused += 1
