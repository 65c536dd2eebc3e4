"""`fluxrig modbus scan` as a user runs it: on a network, on a serial line with one right baud rate, and ended early.

What it makes of each kind of answer, and how often it asks, is in test_modbus_scanning.py, under the virtual clock.
"""

import json
import os
import pty
import signal
import subprocess
import sys
import termios
import threading
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from select import select
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from pymodbus.framer.rtu import FramerRTU

from fluxrig_tooling.cli.main import main
from fluxrig_tooling.rig import load_text
from tests.cli.modbus_peer import Peer, running_peer

FLUXRIG = str(Path(sys.executable).parent / "fluxrig")
LIMIT_S = 60
READS = {3, 43}


@pytest.fixture
def peer() -> Iterator[Peer]:
    with running_peer() as running:
        yield running


def scan(link: str, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["modbus", "scan", link, "--timeout", "60ms", *arguments], env={"COLUMNS": "80"})


def document(link: str, *arguments: str, exit_code: int = 0) -> Any:
    result = scan(link, *arguments, "--json")
    assert result.exit_code == exit_code, result.output
    return json.loads(result.stdout)


@contextmanager
def line_of_one_device(unit: int, speed: int) -> Iterator[str]:
    """A serial line with one device, which has a register and no identification, and hears one baud rate only."""
    device, line = pty.openpty()
    tty.setraw(line)
    woken, wake = os.pipe()

    def serve() -> None:
        while True:
            if woken in select([device, woken], [], [])[0]:
                return
            frame = os.read(device, 512)
            if termios.tcgetattr(line)[4] != speed or frame[0] != unit:
                continue
            body = bytes([unit, 3, 2, 0, 99]) if frame[1] == 3 else bytes([unit, frame[1] | 0x80, 1])
            os.write(device, body + FramerRTU.compute_CRC(body).to_bytes(2, "big"))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield os.ttyname(line)
    finally:
        os.write(wake, b".")
        thread.join(LIMIT_S)
        for descriptor in (woken, wake, device, line):
            os.close(descriptor)


def test_the_units_of_a_network_are_found_with_what_they_are(peer: Peer):
    result = scan(peer.link, "--units", "1-4")
    assert result.exit_code == 0, result.output
    table = [line.split() for line in result.stdout.splitlines()]
    assert ["1", "hr:0", "is", "32768", "Acme", "PM-200", "V1.7"] in table
    assert [line[0] for line in table if line and line[0].isdecimal()] == ["2", "1", "3"]  # 2 is how many
    assert f"fluxrig modbus read {peer.link} hr:0-9 --unit 1" in result.stdout
    assert set(peer.functions()) <= READS
    assert [line for line in result.stdout.splitlines() if len(line) > 80] == []


def test_the_document_says_what_was_found_and_what_was_not(peer: Peer):
    answer = document(peer.link, "--units", "3,2")
    assert answer["ok"] is True and answer["complete"] is True
    assert [(found["unit"], found["how"], found["detail"]) for found in answer["found"]] == [
        (3, "answer", "hr:0 is 32768")
    ]
    assert answer["found"][0]["identity"]["vendor name"] == "Acme"
    assert answer["silent"] == 1
    assert answer["requests"] == len(peer.asked)


def test_a_register_of_choice_is_asked_for_and_an_exception_is_a_unit_too(peer: Peer):
    answer = document(peer.link, "--units", "1", "--probe", "ir:100")
    assert [(found["how"], found["detail"]) for found in answer["found"]] == [
        ("exception", "exception 2 (illegal_address)")
    ]


def test_the_snippet_is_a_rig(peer: Peer):
    output = scan(peer.link, "--units", "1").stdout
    gear = output.partition("or in a rig:\n")[2]
    rig = "fluxrig: 1\nmeta: {name: found, version: 1.0.0}\ngears:\n" + gear + "  - {name: show, type: console}\n"
    model, problems = load_text(rig + "wires: [{from: unit-1, to: show}]\n")
    assert model, list(map(str, problems))
    assert yaml.safe_load(rig)["gears"][0]["config"]["link"] == peer.link


def test_a_serial_line_tells_its_settings():
    with line_of_one_device(2, termios.B19200) as path:
        result = scan(f"serial://{path}", "--units", "1-3", "--bauds", "9600,19200", "--parities", "none")
        assert result.exit_code == 0, result.output
        assert ["2", "19200", "8N1", "hr:0", "is", "99", "-"] in [line.split() for line in result.stdout.splitlines()]
        assert f"read serial://{path} hr:0-9 --unit 2 --baud 19200 --parity none" in result.stdout
        answer = document(f"serial://{path}", "--units", "2", "--bauds", "9600,19200", "--parities", "none")
        found = answer["found"][0]
        assert (found["baud"], found["parity"], found["stop_bits"], found["unit"]) == (19200, "none", 1, 2)


def test_nobody_is_a_negative_answer_that_says_what_to_look_at(peer: Peer):
    result = scan(peer.link, "--units", "7-8")
    assert result.exit_code == 1
    assert "nobody answered 2 requests" in result.stderr
    assert "--timeout" in result.stderr
    result = scan("tcp://127.0.0.1:1", "--units", "1-3")
    assert result.exit_code == 1
    assert "connection refused" in result.stderr


def test_many_units_that_answer_alike_are_doubted():
    with running_peer(tuple(range(1, 10))) as peer:
        assert "9 of them answer alike" in scan(peer.link, "--units", "1-9").stdout


def test_ctrl_c_shows_what_was_found_so_far(peer: Peer):
    process = subprocess.Popen(
        [FLUXRIG, "modbus", "scan", peer.link, "--units", "1-247", "--timeout", "60ms"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    limit = time.monotonic() + LIMIT_S
    while len(peer.asked) < 6 and time.monotonic() < limit:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0, errors
    assert "of 247 attempts" in errors
    assert "2 units on" in output
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("link", "arguments"),
    [
        ("tcp://127.0.0.1:1", ("--units", "0-300")),
        ("tcp://127.0.0.1:1", ("--units", "5-1")),
        ("tcp://127.0.0.1:1", ("--units", "a")),
        ("tcp://127.0.0.1:1", ("--probe", "100")),
        ("serial:///dev/ttyUSB0", ("--units", "0-5")),
        ("serial:///dev/ttyUSB0", ("--parities", "mark")),
        ("serial:///dev/ttyUSB0", ("--bauds", "fast")),
        ("tpc://127.0.0.1", ()),
    ],
)
def test_wrong_usage(link: str, arguments: tuple[str, ...]):
    result = scan(link, *arguments)
    assert result.exit_code == 2, result.output
