"""One question to one unit: made once, asked as often as needed, by whatever line it goes over."""

from fluxrig.errors import FluxError
from fluxrig.modbus.pdu import answer_shape


class Request:
    """A request PDU for a unit, and what became of it when it was last asked.

    `prefix` and `size` are how its answer begins and how many bytes of data follow (see `pdu.answer_shape`). `frame`,
    `expected` and `expected_size` belong to the line, which makes them on first use: what is sent, how the answer
    begins there, and how many bytes it has.

    After it was asked either `data` holds the data of the answer, or `error` says why there is none: a LineError, or an
    ExceptionResponse. `sent` says whether it has ever left. Subclasses that want their answers as they arrive take over
    `take` and `fail`.
    """

    repeatable = True
    """Whether it may be sent again when the answer was lost. A write may not: it may have been carried out."""

    def __init__(self, unit_id: int, pdu: bytes):
        self.unit_id = unit_id
        self.pdu = pdu
        self.prefix, self.size = answer_shape(pdu)
        self.frame = b""
        self.expected = b""
        self.expected_size = 0
        self.sent = False
        self.data: bytes | None = None
        self.error: FluxError | None = None

    def take(self, data: bytes, arrived_ns: int) -> None:
        """The answer is there: its data, and when it arrived (Unix ns)."""
        self.data = data
        self.error = None

    def fail(self, error: FluxError) -> None:
        """There is no answer, or it is no."""
        self.data = None
        self.error = error
