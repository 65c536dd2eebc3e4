"""One question to one unit: made once, asked as often as needed, by whatever line it goes over."""

from fluxrig.modbus.pdu import answer_shape


class Request:
    """A request PDU for a unit, and what became of it when it was last asked.

    `prefix` and `size` are how its answer begins and how many bytes of data follow (see `pdu.answer_shape`); `frame` and
    `expected` are what the line sends for it and how the frame of the answer begins, which the line prepares on first
    use. After it was asked either `data` holds the data of the answer, or `error` says why there is none: a LineError,
    or an ExceptionResponse; `sent`, set for what is not `repeatable`, says whether it has left. Subclasses that want their answers as they arrive take over `take` and `fail`.
    """

    repeatable = True
    """Whether it may be sent again when the answer was lost. A write may not: it may have been carried out."""

    def __init__(self, unit_id: int, pdu: bytes):
        self.unit_id = unit_id
        self.pdu = pdu
        self.prefix, self.size = answer_shape(pdu)
        self.frame: bytes | None = None
        self.expected = b""
        self.sent = False
        self.data: bytes | None = None
        self.error: Exception | None = None

    def take(self, data: bytes, arrived_ns: int) -> None:
        """The answer is there: its data, and when it arrived (Unix ns)."""
        self.data = data
        self.error = None

    def fail(self, error: Exception) -> None:
        """There is no answer, or it is no."""
        self.data = None
        self.error = error
