"""Messages on their way out of the archive: each leaves once, in the order in which they came."""

from fluxrig.archive.marks import at_position, marked_volatile
from fluxrig.compat import SCARCE_RAM, traceback_text
from fluxrig.errors import worth_logging
from fluxrig.msg import FluxMsg


class Entry:
    """A message that waits to be emitted: `Outbox.message` has it. `position` and `head` are set once it is durable;
    `emit` is None once it was emitted, or where it is not to be. `taken`: cursors whose consumers have had it while it
    was volatile."""

    __slots__ = ("emit", "head", "held", "position", "taken")

    def __init__(self, held, emit):
        self.held = held
        self.emit = emit
        self.head = ""
        self.position = 0
        self.taken: tuple = ()


class Outbox:
    """`log(level, text)` writes to the operator's log. `held_back` counts messages that could not go on."""

    def __init__(self, codec, log):
        self.held_back = 0
        self._codec = codec
        self._log = log
        self._leaving: list[Entry] = []
        self._is_leaving = False

    def entry(self, msg: FluxMsg, wire: bytes, emit) -> Entry:
        """An entry for `msg`, whose encoded form is `wire`."""
        # Where RAM is scarce it holds the bytes, which the journal has anyway: with its values a message takes several
        # times as much.
        return Entry(wire if SCARCE_RAM else msg, emit)

    def message(self, entry: Entry) -> FluxMsg:
        """The message of an entry, without marks of the archive."""
        return self._codec.decode(entry.held) if SCARCE_RAM else entry.held

    def release(self, entries: list) -> None:
        """Emit what was not emitted yet, in order. What is released because of that leaves after it."""
        self._leaving += entries
        if self._is_leaving:
            return
        self._is_leaving = True
        try:
            for entry in self._leaving:  # which may become longer meanwhile
                emit, entry.emit = entry.emit, None
                if emit is not None:
                    try:
                        msg = self.message(entry)
                        emit(at_position(msg, entry.position, entry.head) if entry.position else marked_volatile(msg))
                    except Exception as exc:  # such as a heap that is full: those behind it leave all the same
                        self._hold_back(exc)
        finally:
            self._is_leaving = False
            self._leaving = []

    def _hold_back(self, exc: Exception) -> None:
        self.held_back += 1
        if worth_logging(self.held_back):
            self._log("error", f"a message could not go on ({self.held_back} so far): {traceback_text(exc)}")
