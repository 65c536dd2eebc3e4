"""UARTs of a device, and the pin that switches the transceiver of an RS-485 line."""

# mypy: disable-error-code="attr-defined, arg-type"
import time

from machine import UART, Pin  # type: ignore[import-not-found]

from fluxrig.errors import FluxError, LocalError, TransientError
from fluxrig_ports.micropython.contract import Clock
from fluxrig_ports.micropython.polled import PolledStream

_PARITY = {"none": None, "even": 0, "odd": 1}


def open_uart(options: dict, clock: Clock) -> "UartStream":
    """The line of `options`, as `Host.serial`; its path is "uart" and the number of the UART."""
    path = options["path"]
    number = path[len("uart") :]
    if not number.isdigit():
        raise LocalError(f"{path}: not the name of a UART (want uart0, uart1, …)", path=path)
    if options["rs485"]:
        raise LocalError(f"{path}: no driver switches the transceiver here: give direction_pin, not rs485", path=path)
    pins = {name: options[name + "_pin"] for name in ("tx", "rx") if options[name + "_pin"] is not None}
    try:
        uart = UART(
            int(number),
            baudrate=options["baud"],
            bits=8,
            parity=_PARITY[options["parity"]],
            stop=options["stop_bits"],
            timeout=0,
            txbuf=UartStream.BUFFER,
            rxbuf=UartStream.BUFFER,
            **pins,
        )
        pin = options["direction_pin"]
        direction = None if pin is None else Pin(pin, Pin.OUT, value=0)
    except (ValueError, OSError) as exc:
        raise LocalError(f"{path}: {exc}: check the number of the UART, its pins and the baud rate", path=path)
    bits = 1 + 8 + (options["parity"] != "none") + options["stop_bits"]
    stream = UartStream(uart, path, clock, direction, -(-bits * 1_000_000 // options["baud"]))
    stream.discard()
    return stream


class UartStream(PolledStream):
    """One UART. `direction` is high from before the first bit of a write until after its last one."""

    BUFFER = 512
    """Bytes that the driver keeps each way: twice the longest Modbus frame, so that none is sent with gaps."""

    HELD_US = 2000
    """The end of a write, when no other task may run: who is asked may answer within a millisecond."""

    def __init__(self, uart: UART, path: str, clock: Clock, direction: Pin | None, byte_us: int):
        super().__init__(uart)
        self._path = path
        self._clock = clock
        self._direction = direction
        self._byte_us = byte_us
        self._ends: int | None = None  # when the last bit of what is being written has left, in ticks

    async def write(self, data: bytes) -> None:
        if self._direction is None:
            await super().write(data)
            return
        self._ends = None
        try:
            await super().write(data)
            await self._sent()
        finally:
            self._direction(0)

    def _receive(self, limit: int) -> bytes | None:
        # RP2040's `read` would wait for all that it is asked for.
        there = self._file.any()
        return self._file.read(min(there, limit)) if there else None

    def _send(self, data) -> int:
        if self._direction is not None:
            self._direction(1)
        begins = time.ticks_us()
        if self._ends is not None and time.ticks_diff(self._ends, begins) > 0:
            begins = self._ends
        sent = self._file.write(data) or 0
        self._ends = time.ticks_add(begins, sent * self._byte_us)
        return sent

    async def _sent(self) -> None:
        """Wait until the last bit has left."""
        ticks_diff, ticks_us = time.ticks_diff, time.ticks_us
        ends = time.ticks_add(self._ends, self._byte_us // 4)  # it began a little after `write` did
        await self._clock.sleep_until(time.ticks_add(ends, -self.HELD_US))
        while ticks_diff(ends, ticks_us()) > 0:
            pass
        # `txdone` alone would not do: on the RP2040 it is true while the last character is still on its way.
        txdone = getattr(self._file, "txdone", None)
        latest = time.ticks_add(ends, 2 * self._byte_us)
        while txdone is not None and not txdone() and ticks_diff(latest, ticks_us()) > 0:
            pass

    def _end(self) -> bytes:
        return b""  # only `close` ends a UART

    def _lost(self, fault: OSError | None) -> FluxError:
        return TransientError(f"{self._path}: {'the line is closed' if fault is None else fault}", path=self._path)

    def _release(self, file) -> None:
        file.deinit()
