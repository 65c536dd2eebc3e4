"""What only the CPython Host's serial lines have: rates without a name, locks, and errors in plain words."""

import errno
import fcntl
import os
import struct
import termios
from pathlib import Path

import pytest
import serial

from fluxrig.errors import FluxError, LocalError, TransientError
from fluxrig_ports.cpython import faults as cpython_faults
from fluxrig_ports.cpython.host import CPythonHost
from fluxrig_ports.micropython import faults as micropython_faults
from tests.ports.peer import ask
from tests.ports.test_host_serial import options

TIOCGEXCL = 0x80045440  # Linux; termios has no name for it


async def test_a_rate_that_has_no_name_is_set_too(tmp_path: Path):
    path = ask("line", "keeps")
    line = await CPythonHost(tmp_path).serial(options(path, baud=250_000, parity="odd"))
    settings = ask("line_settings", path)
    assert (settings["baud"], settings["odd"], settings["changes_input"]) == (250_000, 1, 0)
    await line.close()


async def test_a_line_that_another_program_has_open_is_busy(tmp_path: Path):
    path = ask("line", "keeps")
    host = CPythonHost(tmp_path)
    with serial.Serial(path, exclusive=True), pytest.raises(TransientError, match="busy: another program") as caught:
        await host.serial(options(path))
    assert caught.value.path == path
    await (await host.serial(options(path))).close()


async def test_other_programs_are_kept_out_while_a_line_is_open(tmp_path: Path):
    path = ask("line", "keeps")
    line = await CPythonHost(tmp_path).serial(options(path))
    with pytest.raises(serial.SerialException, match="exclusively lock"):
        serial.Serial(path, exclusive=True)
    assert is_exclusive(path)
    await line.close()
    assert not is_exclusive(path)


def is_exclusive(path: str) -> bool:
    """Whether only a superuser may open `path` besides whoever has it open."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError as exc:
        return exc.errno == errno.EBUSY
    try:
        return struct.unpack("i", fcntl.ioctl(fd, TIOCGEXCL, bytes(4)))[0] == 1
    finally:
        os.close(fd)


async def test_an_unknown_line_names_those_that_are_there(tmp_path: Path):
    with pytest.raises(LocalError, match=r"no such serial line \(there are: .+\)"):
        await CPythonHost(tmp_path).serial(options(str(tmp_path / "ttyNONE")))


async def test_settings_that_the_driver_refuses_are_not_kept(tmp_path: Path):
    """A pseudo terminal refuses RS-485, after the line has been opened."""
    path = ask("line", "keeps")
    host = CPythonHost(tmp_path)
    with pytest.raises(LocalError, match="RS485"):
        await host.serial(options(path, rs485=True))
    await (await host.serial(options(path))).close()


FAULTS: list[tuple[int, bool, type[FluxError], str]] = [
    (errno.ENOENT, False, LocalError, "no such serial line"),
    (errno.ENOENT, True, TransientError, "gone"),
    (errno.EIO, True, TransientError, "gone"),
    (errno.ENXIO, True, TransientError, "gone"),
    (errno.EBUSY, False, TransientError, "busy"),
    (errno.EBUSY, True, TransientError, "busy"),
    (errno.EACCES, False, LocalError, "usermod -aG dialout"),
    (errno.EACCES, True, LocalError, "usermod -aG dialout"),
    (errno.ENOTTY, False, LocalError, "not a serial line"),
    (errno.EINVAL, False, LocalError, "cannot be set"),
]


@pytest.mark.parametrize("module", [cpython_faults, micropython_faults], ids=["cpython", "micropython"])
@pytest.mark.parametrize(("number", "was_there", "kind", "words"), FAULTS)
def test_errors_say_whose_fault_it_is_and_what_to_do(
    module, number: int, was_there: bool, kind: type[FluxError], words: str
):
    error = module.line_error(OSError(number, os.strerror(number)), "/dev/ttyNONE", was_there)
    assert type(error) is kind
    assert words in str(error) and error.path == "/dev/ttyNONE"


def test_what_pyserial_and_termios_raise_is_a_mistake_of_this_side():
    for fault in (termios.error(errno.EINVAL, "Invalid argument"), ValueError("Invalid baud rate: 0")):
        error = cpython_faults.line_error(fault, "/dev/ttyUSB0", False)
        assert type(error) is LocalError and str(fault) in str(error)
