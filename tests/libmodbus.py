"""Programs made of libmodbus (Debian: gcc, pkg-config, libmodbus-dev), compiled from `tests/peers` when needed."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services import missing, require

SOURCES = Path(__file__).with_name("peers")
END_S = 15


def compiled(program: str, folder: Path) -> Path:
    """`tests/peers/PROGRAM.c` as an executable in `folder`. Skips the test where libmodbus is not installed."""
    flags = subprocess.run([require("pkg-config"), "--cflags", "--libs", "libmodbus"], capture_output=True, text=True)
    if flags.returncode:
        missing("libmodbus is not installed (Debian: apt-get install libmodbus-dev)")
    target = folder / program
    command = [require("cc"), "-O2", "-o", str(target), str(SOURCES / f"{program}.c"), *flags.stdout.split()]
    subprocess.run(command, check=True, timeout=60)
    return target


@contextmanager
def running_server(listeners: int = 1) -> Iterator[list[int]]:
    """A libmodbus server in a process of its own: the ports of 127.0.0.1 on which it listens."""
    with tempfile.TemporaryDirectory() as folder:
        command = [str(compiled("libmodbus_server", Path(folder))), "-l", str(listeners), "tcp", "0"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdin and process.stdout
        try:
            yield [int(port) for port in process.stdout.readline().split()[1:]]
        finally:
            process.stdin.close()
            process.wait(END_S)
            process.stdout.close()
