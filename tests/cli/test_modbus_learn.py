"""`fluxrig modbus learn` against pymodbus: readings in, registers out, and a rig that reads them."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pymodbus.client import ModbusTcpClient

from fluxrig_tooling.cli.main import main
from fluxrig_tooling.rig import compile_rig, load_text
from tests.cli.modbus_peer import ADDRESS, Peer, running_peer

FLUXRIG = str(Path(sys.executable).parent / "fluxrig")
LIMIT_S = 60


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    with running_peer() as running:
        yield running


def learn(link: str, *arguments: str) -> Result:
    arguments = ("modbus", "learn", link, "--samples", "2", "--every", "20ms", *arguments)
    return CliRunner().invoke(main, arguments, env={"COLUMNS": "80"})


def best(link: str, *readings: str, options: tuple[str, ...] = (), exit_code: int = 0) -> list[dict[str, Any]]:
    """The first candidate of each reading."""
    result = learn(link, *(part for reading in readings for part in ("--reading", reading)), "--json", *options)
    assert result.exit_code == exit_code, result.output
    return [each["candidates"][0] for each in json.loads(result.stdout)["readings"]]


def test_it_finds_what_is_behind_readings(peer: Peer):
    found = best(peer.link, "p=61.6 bar", "-12.5", "123456", "49.98 Hz")
    assert [(each["address"], each["type"], each["order"], each.get("scale")) for each in found] == [
        ("hr:0", "float32", "CDAB", None),
        ("hr:2", "int16", "", 0.1),
        ("hr:3", "uint32", "ABCD", None),
        ("ir:8", "float32", "ABCD", None),
    ]
    assert found[0]["reasons"][0] == "rounded to 61.6" and found[0]["value"] == "61.625"
    assert found[2]["also"] == "int32"


def test_it_only_reads_and_only_where_it_was_told(peer: Peer):
    del peer.asked[:]
    best(peer.link, "17", options=("--table", "hr", "--range", "8-20", "--unit", "3"))
    assert {(pdu.function_code, pdu.dev_id) for pdu in peer.asked} == {(3, 3)}
    assert all(pdu.address >= 8 and pdu.address + pdu.count <= 21 for pdu in peer.asked)


def test_the_table_gives_reasons_within_80_columns(peer: Peer):
    result = learn(peer.link, "--reading", "61.6 bar", "--reading", "17")
    assert result.exit_code == 0
    table = [line.split() for line in result.stdout.splitlines()]
    assert ["1", "hr:0", "float32", "CDAB", "61.625", "rounded", "to", "61.6"] in table
    assert "found hr:0-13, ir:0-2, ir:8-9" in result.stderr
    commands = [line for line in result.stdout.splitlines() if "fluxrig modbus read" in line]
    assert [line for line in result.stdout.splitlines() if len(line) > 80 and line not in commands] == []


def test_it_says_when_it_may_be_chance(peer: Peer):
    assert "this may be chance" in learn(peer.link, "--reading", "8").stdout
    assert "this may be chance" not in learn(peer.link, "--reading", "61.625").stdout


def test_the_snippet_is_a_rig_that_reads_the_same(peer: Peer):
    output = learn(peer.link, "--reading", "p=61.6 bar", "--reading", "-12.5", "--unit", "3").stdout
    gear = output.partition("in a rig:\n")[2]
    rig = "fluxrig: 1\nmeta: {name: found, version: 1.0.0}\ngears:\n" + gear + "  - {name: show, type: console}\n"
    model, problems = load_text(rig + "wires: [{from: device, to: show}]\n")
    assert model, list(map(str, problems))
    assert {tag.name: tag.unit for tag in model.gears[0].tags or ()} == {"p": "bar", "value_2": ""}
    assert compile_rig(model)["gears"][0]["config"]["polls"][0]["unit_id"] == 3


def test_the_next_command_reads_the_same(peer: Peer):
    output = learn(peer.link, "--reading", "61.6", "--reading", "-12.5").stdout
    command = next(line for line in output.splitlines() if "fluxrig modbus read" in line).split()
    command.remove("--watch")
    values = json.loads(CliRunner().invoke(main, [*command[1:], "--json"]).stdout)["values"]
    assert [value["value"] for value in values] == [61.625, -12.5]


def test_a_reading_that_fits_nowhere_is_a_negative_answer(peer: Peer):
    result = learn(peer.link, "--reading", "98765432.1", "--table", "ir")
    assert result.exit_code == 1
    assert "fits nowhere" in result.stdout


def test_tables_that_hold_the_same_are_looked_at_once(peer: Peer):
    result = learn(peer.link, "--reading", "8", "--range", "0-1")
    assert "hold the same" not in result.stderr
    with ModbusTcpClient(ADDRESS, port=peer.port) as client:
        inputs = client.read_input_registers(0, count=2, device_id=1).registers
        before = client.read_holding_registers(0, count=2, device_id=1).registers
        client.write_registers(0, inputs, device_id=1)
        result = learn(peer.link, "--reading", "8", "--range", "0-1")
        client.write_registers(0, before, device_id=1)
    assert "hold the same" in result.stderr
    assert "ir:" not in result.stdout


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), "give each reading with --reading"),
        (("--json",), "give each reading with --reading"),
        (("--reading", "high"), "expected a reading"),
        (("--reading", "1,234"), "write 1234 or 1.234"),
        (("--reading", "5", "--range", "9-5"), "expected a range such as 0-99"),
        (("--reading", "5", "--range", "0-70000"), "expected a range such as 0-99"),
        (("--reading", "5", "--table", "co"), "'co' is not one of"),
    ],
)
def test_wrong_usage(peer: Peer, arguments: tuple[str, ...], text: str):
    result = learn(peer.link, *arguments)
    assert result.exit_code == 2, result.output
    assert text in result.stderr


def test_nothing_to_read_is_a_negative_answer(peer: Peer):
    result = learn(peer.link, "--reading", "5", "--range", "1000-1001")
    assert result.exit_code == 1
    assert "there is nothing to read there" in result.stderr
    result = learn("tcp://127.0.0.1:1", "--reading", "5")
    assert result.exit_code == 1
    assert "connection refused" in result.stderr


def test_at_a_terminal_it_asks_and_asks_again(peer: Peer):
    keyboard, terminal = pty.openpty()
    try:
        os.write(keyboard, b"nonsense\n61.6 bar\n-12.5\n\n61.6\n\n\n\n")
        result = subprocess.run(
            [FLUXRIG, "modbus", "learn", peer.link],
            stdin=terminal,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
    finally:
        os.close(keyboard)
        os.close(terminal)
    assert result.returncode == 0, result.stderr
    assert "expected a reading" in result.stderr
    assert "reading 3:" in result.stdout
    assert result.stdout.count("rounded to 61.6") == 2
    assert "value_1: {address: hr:0, type: float32, order: CDAB, unit: bar}" in result.stdout
