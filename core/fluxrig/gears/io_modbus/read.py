"""One read request of a poll, and where its values go."""

from fluxrig.modbus.pdu import read_request, span_text
from fluxrig.modbus.request import Request
from fluxrig.modbus.values import ReadPlan


class Read(Request):
    """A request in its compiled form, [function, address, count, order, layout, slots] (see `ReadPlan`), for `poll`.

    Its answer goes into `poll.data` and `poll.bad` as it arrives. `refusals` counts how often it was refused so far.

    Where a device refuses a whole request for the sake of one tag, its reads become parts of that request: slots
    `first` to `end` of `whole`. `parts` are reads that are known to work in place of this one, if that is not known.
    """

    def __init__(self, poll, request: list, whole=None, first: int = 0, parts=()):
        function, address, count, order, layout, slots = request
        super().__init__(poll.unit_id, read_request(function, address, count))
        self.function = function
        self.span = span_text(function, address, count)
        self.address = address
        self.plan = ReadPlan(order, layout, slots)
        self.whole = request if whole is None else whole
        self.first = first
        self.end = first + len(slots)
        self.parts = parts
        self.refusals = 0
        self.is_refused = False
        self._poll = poll

    def take(self, data: bytes, arrived_ns: int) -> None:
        poll = self._poll
        self.error = None
        self.parts = ()
        poll.arrived_ns = arrived_ns
        self.plan.read(data, poll.data, poll.bad)
        if poll.raw is not None:
            poll.raw.append(self.pdu + self.prefix + bytes(data))

    def fail(self, error) -> None:
        self.error = error
        self.plan.fail(error.reason, self._poll.data, self._poll.bad)
