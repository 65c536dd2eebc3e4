"""What `fluxrig modbus` advises where there is no answer: it fits the link."""

import os
import pty
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from click.testing import CliRunner, Result

from fluxrig_tooling.cli.main import main
from fluxrig_tooling.cli.modbus.scanning import Scan
from tests.cli.modbus_peer import RTU_OVER_TCP, running_peer

SILENT_UNIT = "9"
OF_A_SERIAL_LINE = ("baud", "parit", "wiring", "A and B")


def modbus(verb: str, link: str, *arguments: str) -> Result:
    options = ("--timeout", "60ms", *arguments)
    return CliRunner().invoke(main, ["modbus", verb, link, *options], env={"COLUMNS": "80"})


@contextmanager
def nobody(kind: str) -> Iterator[str]:
    """A link of this kind on which unit 9 does not answer."""
    if kind == "serial":
        device, line = pty.openpty()
        try:
            yield f"serial://{os.ttyname(line)}"
        finally:
            os.close(device)
            os.close(line)
        return
    options = RTU_OVER_TCP if kind == "rtu+tcp" else {}
    with running_peer(**options) as peer:
        yield peer.link.replace("tcp", kind)


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [
        ("read", ("hr:0",)),
        ("read", ("hr:0/float32",)),
        ("identify", ()),
        ("write", ("hr:0", "1", "--yes")),
        ("learn", ("--reading", "5", "--samples", "1", "--range", "0-1")),
    ],
)
@pytest.mark.parametrize("kind", ["tcp", "rtu+tcp", "serial"])
def test_what_to_check_fits_the_link(kind: str, verb: str, arguments: tuple[str, ...]):
    with nobody(kind) as link:
        result = modbus(verb, link, *arguments, "--unit", SILENT_UNIT)
    assert result.exit_code == 1, result.output
    assert "--unit" in result.stderr and "`fluxrig modbus scan` finds units" in result.stderr
    assert any(word in result.stderr for word in OF_A_SERIAL_LINE) == (kind != "tcp")
    assert ("behind the gateway" in result.stderr) == (kind == "rtu+tcp")


@pytest.mark.parametrize("kind", ["tcp", "rtu+tcp", "serial"])
def test_what_to_look_at_after_a_scan_fits_the_link(kind: str):
    with nobody(kind) as link:
        result = modbus("scan", link, "--units", SILENT_UNIT, "--bauds", "9600", "--parities", "none")
    assert result.exit_code == 1, result.output
    assert "--units" in result.stderr and "--timeout" in result.stderr
    assert ("--bauds" in result.stderr) == ("--parities" in result.stderr) == (kind == "serial")
    assert any(word in result.stderr for word in OF_A_SERIAL_LINE) == (kind != "tcp")


def test_a_scan_that_was_ended_before_its_first_request_says_nothing_of_answers(monkeypatch: pytest.MonkeyPatch):
    async def interrupted(_scan: Scan, _progress: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Scan, "run", interrupted)
    result = modbus("scan", "tcp://127.0.0.1:1", "--units", "1-3")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "ended after 0 of 3 attempts\n")
