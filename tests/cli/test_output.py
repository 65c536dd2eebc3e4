"""Standard output that cannot be written, and exit codes: of every command alike."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plant import EXAMPLES

FLUXRIG = str(Path(sys.executable).parent / "fluxrig")
LIMIT_S = 60
COMMANDS = [
    ("--help",),
    ("gear", "list"),
    ("rig", "schema"),
    ("rig", "new", "--help"),
    ("rig", "check", str(EXAMPLES / "press.yaml")),
    ("profile", "list", "--json"),
    ("modbus", "scan", "tcp://127.0.0.1:1", "--json"),
]


def environment(unbuffered: bool) -> dict[str, str]:
    return os.environ | {"PYTHONUNBUFFERED": "1" if unbuffered else ""}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("unbuffered", [False, True])
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_full_disk_is_an_error_and_no_traceback(command: tuple[str, ...], unbuffered: bool):
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [FLUXRIG, *command],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=LIMIT_S,
            check=False,
            env=environment(unbuffered),
        )
    assert result.returncode == 1
    assert result.stderr == "Error: standard output cannot be written: No space left on device\n"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_reader_that_has_gone_ends_it_in_silence(command: tuple[str, ...]):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        result = subprocess.run(
            [FLUXRIG, *command],
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            timeout=LIMIT_S,
            check=False,
            env=environment(False),
        )
    finally:
        os.close(writing)
    assert (result.returncode, result.stderr) == (1, "")


def test_a_closed_standard_output_is_none_to_write_to():
    command = f"exec '{FLUXRIG}' gear list >&-"
    result = subprocess.run(command, shell=True, stderr=subprocess.PIPE, text=True, timeout=LIMIT_S, check=False)
    assert (result.returncode, result.stderr) == (0, "")


RIG = """
fluxrig: 1
meta: {name: unread, version: 1.0.0}
gears:
  - {name: plc, type: io_modbus, config: {link: "tcp://127.0.0.1:1", every: 100ms, tags: {x: {address: "hr:0"}}}}
  - {name: show, type: console}
wires: [{from: plc, to: show}]
"""


@pytest.mark.parametrize("unbuffered", [False, True])
def test_a_rig_goes_on_when_nobody_reads_what_it_prints(unbuffered: bool, tmp_path: Path):
    (tmp_path / "rig.yaml").write_text(RIG)
    reading, writing = os.pipe()
    os.close(reading)
    try:
        result = subprocess.run(
            [FLUXRIG, "rig", "run", tmp_path / "rig.yaml", "--seconds", "1", "--state", tmp_path / "state"],
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            timeout=LIMIT_S,
            check=False,
            env=environment(unbuffered),
        )
    finally:
        os.close(writing)
    assert "error   show: input failed (1 so far, on_error: drop): cannot write to <stdout>: " in result.stderr
    assert result.stderr.splitlines()[-1].endswith(" unread: stopped")
