"""UARTs of a device, run by test_on_micropython.py: a stand-in takes the place of the `machine` module.

There is no hardware here. The stand-in keeps the time of its wire, so that it can tell whether the pin that switches
the transceiver is high as long as bits are on it; as on an RP2040, `txdone` is true a character too early.
"""

# mypy: disable-error-code="attr-defined, assignment"
import asyncio
import errno
import io
import sys
import time

from expect import raises_async

from fluxrig.errors import LocalError, TransientError
from fluxrig_ports.micropython.host import MicroPythonHost

POLL = 3  # requests of the stream protocol
READABLE = 1
CHARACTER_US = 1042  # 8 data bits, none of parity, 1 stop bit at 9600 baud


class Pin:
    OUT = 1
    made: list = []  # noqa: RUF012

    def __init__(self, number, mode, value):
        self.number = number
        self.events = ["low"] if value == 0 and mode == Pin.OUT else ["?"]
        Pin.made.append(self)

    def __call__(self, value):
        self.events.append("high" if value else "low")
        if not value and UART.made:
            self.events.append("cut" if UART.made[-1].is_sending() else "clear")


class UART(io.IOBase):
    made: list = []  # noqa: RUF012

    def __init__(self, number, **settings):
        if number > 1:
            raise ValueError(f"UART({number}) doesn't exist")
        self.settings = dict(settings, number=number)
        self.sent = b""
        self.input = b"stale"
        self.ends = time.ticks_us()
        self.is_on = True
        self.pin_at_write: list = []
        UART.made.append(self)

    def is_sending(self):
        return time.ticks_diff(self.ends, time.ticks_us()) > 0

    def any(self):
        return len(self.input)

    def read(self, count):
        assert count <= len(self.input), "an RP2040 would wait for the rest"
        data, self.input = self.input[:count], self.input[count:]
        return data

    def readinto(self, room):
        assert len(room) == 0
        return 0

    def write(self, data):
        if Pin.made:
            self.pin_at_write.append(Pin.made[-1].events[-1])
        room = self.settings["txbuf"]
        self.sent += bytes(data[:room])
        self.ends = time.ticks_add(time.ticks_us(), len(data[:room]) * CHARACTER_US)
        return len(data[:room])

    def txdone(self):
        return time.ticks_diff(self.ends, time.ticks_us()) <= CHARACTER_US

    def ioctl(self, request, argument):
        if request != POLL:
            return -errno.EINVAL
        return argument & READABLE if self.input else 0

    def deinit(self):
        self.is_on = False


class Machine:
    pass


machine = Machine()
machine.UART, machine.Pin = UART, Pin
sys.modules["machine"] = machine


async def opened(**changed):
    """A host, and the line to UART 1 of it."""
    UART.made.clear()
    Pin.made.clear()
    host = MicroPythonHost("")
    return host, await host.serial(options(**changed))


def options(**changed):
    result = {
        "path": "uart1",
        "baud": 9600,
        "parity": "none",
        "stop_bits": 1,
        "rs485": False,
        "direction_pin": None,
        "tx_pin": None,
        "rx_pin": None,
    }
    result.update(changed)
    return result


async def test_the_uart_is_set_as_asked_and_its_old_input_is_discarded():
    _, line = await opened(baud=19_200, parity="odd", stop_bits=2, tx_pin=4, rx_pin=5)
    settings = UART.made[0].settings
    wanted = {"number": 1, "baudrate": 19_200, "bits": 8, "parity": 1, "stop": 2, "tx": 4, "rx": 5, "timeout": 0}
    assert {name: settings[name] for name in wanted} == wanted
    assert settings["txbuf"] >= 256 and settings["rxbuf"] >= 256
    assert await line.read(10, 5) is None
    assert not Pin.made
    await line.close()


async def test_parity_none_and_even_and_the_boards_own_pins():
    for parity, value in (("none", None), ("even", 0)):
        _, line = await opened(parity=parity)
        assert UART.made[0].settings["parity"] == value
        assert "tx" not in UART.made[0].settings and "rx" not in UART.made[0].settings
        await line.close()


async def test_bytes_come_and_go():
    _, line = await opened()
    uart = UART.made[0]
    await line.write(b"ask")
    assert uart.sent == b"ask"
    uart.input = b"answer"
    assert await line.read(4, 100) == b"answ"
    assert await line.read(100) == b"er"
    reading = asyncio.create_task(line.read(100, 1000))
    await asyncio.sleep_ms(2)
    uart.input = b"late"
    assert await reading == b"late"
    uart.input = b"noise"
    assert (line.discard(), line.discard()) == (5, 0)
    await line.close()


async def test_the_direction_pin_is_high_until_the_last_bit_has_left():
    _, line = await opened(direction_pin=7)
    pin, uart = Pin.made[0], UART.made[0]
    assert pin.number == 7 and pin.events == ["low"], "the line is free while nobody sends"
    for question in (b"12345678", b"x", bytes(30)):
        pin.events.clear()
        uart.pin_at_write.clear()
        await line.write(question)
        assert uart.pin_at_write == ["high"]
        assert pin.events == ["high", "low", "clear"]
    assert uart.sent == b"12345678x" + bytes(30)
    await line.close()


async def test_others_run_while_a_long_frame_is_sent():
    _, line = await opened(direction_pin=7)
    turns = 0

    async def other():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep_ms(1)

    task = asyncio.create_task(other())
    await line.write(bytes(40))
    task.cancel()
    assert turns > 10
    await line.close()


async def test_the_pin_goes_low_whatever_ends_a_write():
    _, line = await opened(direction_pin=7)
    pin = Pin.made[0]
    writing = asyncio.create_task(line.write(bytes(40)))
    await asyncio.sleep_ms(2)
    assert pin.events[-1] == "high"
    writing.cancel()
    await raises_async(asyncio.CancelledError, writing)
    assert pin.events[1:] == ["high", "low", "cut"]
    await line.close()
    assert "closed" in str(await raises_async(TransientError, line.write(b"x")))
    assert pin.events[-2] == "low"


async def test_more_than_the_buffer_of_the_driver_is_sent_whole():
    _, line = await opened(direction_pin=7)
    await line.write(bytes(600))
    assert UART.made[0].sent == bytes(600)
    assert Pin.made[0].events[-2:] == ["low", "clear"]
    await line.close()


async def test_a_uart_has_one_user_and_close_frees_it():
    host, line = await opened()
    error = await raises_async(TransientError, host.serial(options()))
    assert error.path == "uart1" and "busy" in str(error)
    await line.close()
    assert not UART.made[0].is_on
    assert await line.read(10) == b""
    line = await host.serial(options())
    assert len(UART.made) == 2 and UART.made[1].is_on
    await line.close()


async def test_what_cannot_be_is_a_mistake_of_this_side():
    host, line = await opened()
    await line.close()
    for impossible in ({"path": "uart9"}, {"path": "uart"}, {"path": "uartx"}, {"rs485": True}):
        error = await raises_async(LocalError, host.serial(options(**impossible)))
        assert error.path == impossible.get("path", "uart1")
