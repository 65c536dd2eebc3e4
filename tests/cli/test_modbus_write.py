"""`fluxrig modbus write` against pymodbus: what arrives there, what is asked before, and how the end is told."""

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
from tests.cli.modbus_peer import ADDRESS, RTU_OVER_TCP, TYPE, Peer, null_modem, running_peer

FLUXRIG = str(Path(sys.executable).parent / "fluxrig")
LIMIT_S = 60


@pytest.fixture
def peer() -> Iterator[Peer]:
    with running_peer() as running:
        yield running


def write(link: str, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["modbus", "write", link, *arguments, "--yes"], env={"COLUMNS": "80"})


def document(link: str, *arguments: str, exit_code: int = 0) -> Any:
    result = write(link, *arguments, "--json")
    assert result.exit_code == exit_code, result.output
    return json.loads(result.stdout)


def held(peer: Peer, address: int, count: int, unit: int = 1) -> list[int]:
    """The holding registers of the server, as pymodbus reads them."""
    with ModbusTcpClient(ADDRESS, port=peer.port) as client:
        return client.read_holding_registers(address, count=count, device_id=unit).registers


def decoded(peer: Peer, address: int, count: int, kind: Any, word_order: Any = "big") -> Any:
    registers = held(peer, address, count)
    return ModbusTcpClient.convert_from_registers(registers, kind, word_order=word_order)


def asked(address: str, answer: bytes, peer: Peer, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A write at a terminal, where `answer` is typed."""
    keyboard, terminal = pty.openpty()
    try:
        os.write(keyboard, answer)
        return subprocess.run(
            [FLUXRIG, "modbus", "write", peer.link, address, "42", "--unit", "3", *arguments],
            stdin=terminal,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
    finally:
        os.close(keyboard)
        os.close(terminal)


def test_each_type_arrives_as_pymodbus_reads_it(peer: Peer):
    for arguments in (
        ("hr:10", "42"),
        ("hr:2/int16/x0.1", "-12.7"),
        ("hr:3/uint32", "4000000000"),
        ("hr:0/float32/CDAB", "-2.5"),
        ("hr:6/string8", "hello"),
    ):
        result = write(peer.link, *arguments)
        assert result.exit_code == 0, result.output
        assert result.stdout.startswith("confirmed: hr:")
    assert decoded(peer, 10, 1, TYPE.UINT16) == 42
    assert decoded(peer, 2, 1, TYPE.INT16) == -127
    assert decoded(peer, 3, 2, TYPE.UINT32) == 4_000_000_000
    assert decoded(peer, 0, 2, TYPE.FLOAT32, "little") == -2.5
    assert decoded(peer, 6, 4, TYPE.STRING) == "hello"


def test_the_usual_function_is_taken_unless_another_one_is_named(peer: Peer):
    for arguments, function in (
        (("hr:10", "1"), 6),
        (("hr:10/uint32", "1"), 16),
        (("hr:10", "1", "2"), 16),
        (("hr:10", "1", "--function", "16"), 16),
        (("hr:10", "1", "--function", "23"), 23),
        (("hr:10/bit3", "on"), 22),
        (("co:9", "on"), 5),
        (("co:9", "on", "--function", "15"), 15),
        (("co:9", "on", "off", "on"), 15),
    ):
        del peer.asked[:]
        assert document(peer.link, *arguments)["function"] == function
        assert function in peer.functions()


def test_several_values_go_out_in_one_request(peer: Peer):
    del peer.asked[:]
    result = write(peer.link, "hr:10", "1", "0x10", "0b11")
    assert result.stdout == "confirmed: hr:10-12 is 1, 16, 3\n"
    assert peer.functions() == [16, 3]
    assert held(peer, 9, 5) == [0x2020, 1, 16, 3, 0]
    assert write(peer.link, "hr:200/float32/CDAB", "1.5", "2.5", "--function", "23").exit_code == 0
    assert decoded(peer, 202, 2, TYPE.FLOAT32, "little") == 2.5
    assert write(peer.link, "co:20", *["on", "off"] * 5).exit_code == 0
    with ModbusTcpClient(ADDRESS, port=peer.port) as client:
        assert client.read_coils(19, count=12, device_id=1).bits[:12] == [False, *[True, False] * 5, False]


def test_a_bit_leaves_its_neighbours_alone(peer: Peer):
    assert write(peer.link, "hr:5/bit0", "on").stdout == "confirmed: hr:5 bit 0 is on\n"
    assert write(peer.link, "hr:5/bit3", "off").exit_code == 0
    assert held(peer, 5, 1) == [0b0011]
    assert write(peer.link, "hr:5/uint8/high", "200").stdout == "confirmed: hr:5 high byte is 200\n"
    assert held(peer, 5, 1) == [200 << 8 | 0b0011]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("hr:10", "70000"), "70000 cannot be written, want a number from 0 to 65535"),
        (("hr:10", "-1"), "want a number from 0 to 65535"),
        (("hr:10", "9", "--max", "8"), "want a number from 0 to 8"),
        (("hr:10", "1", "--min", "2"), "want a number from 2 to 65535"),
        (("hr:10", "1.5"), "the nearest is 2"),
        (("hr:2/int16/x0.1", "20.55"), "the nearest is 20.6"),
        (("hr:10", "many"), "expected a number, got 'many'"),
        (("hr:10", "nan"), "expected a number, got 'nan'"),
        (("hr:10", "1", "--function", "5"), "written with function 6, not with 5"),
        (("hr:10/uint32", "1", "--function", "6"), "writes at most 1"),
        (("hr:10", "1", "2", "--function", "6"), "writes one value"),
        (("hr:10-12", "1", "2"), "3 items, and here are 2 values"),
        (("hr:10/bit3", "1", "0"), "one value at a time"),
        (("hr:10/bit3", "2"), "'2' is not on or off"),
        (("hr:6/string4", "hello"), "at most 4 bytes"),
        (("hr:6/raw2", "0102"), "want 4 bytes"),
        (("hr:6/raw2", "xx"), "not in hex"),
        (("ir:0", "1"), "ir:0 can only be read"),
        (("hr:0", *["1"] * 124), "1 to 123 items"),
        (("hr:10", "1", "--tpye", "int16"), "--tpye"),
    ],
)
def test_what_cannot_be_written_is_wrong_usage_and_never_sent(peer: Peer, arguments: tuple[str, ...], text: str):
    result = write(peer.link, *arguments)
    assert result.exit_code == 2, result.output
    assert text in result.stderr
    assert peer.asked == []


def test_without_a_terminal_it_does_not_write_unless_told_so(peer: Peer):
    result = CliRunner().invoke(main, ["modbus", "write", peer.link, "hr:10", "42"])
    assert result.exit_code == 2
    assert "add --yes" in result.stderr
    assert peer.asked == []


def test_it_shows_what_is_there_and_asks(peer: Peer):
    result = asked("hr:10", b"y\n", peer)
    assert f"write 42 to hr:10 of unit 3 at {peer.link} (now 17)? [y/N]:" in result.stdout
    assert "confirmed: hr:10 is 42" in result.stdout
    assert result.returncode == 0, result.stderr
    assert held(peer, 10, 1, unit=3) == [42]


@pytest.mark.parametrize("answer", [b"n\n", b"\n", b"\x04"])
def test_anything_but_yes_writes_nothing(peer: Peer, answer: bytes):
    result = asked("hr:10", answer, peer)
    assert result.returncode == 1
    assert set(peer.functions()) == {3}


def test_a_value_that_cannot_be_read_is_said_in_the_question(peer: Peer):
    result = asked("hr:100", b"n\n", peer)
    assert "(now unknown: illegal address: hr:100 does not exist on unit 3)" in result.stdout
    assert result.returncode == 1


def test_the_question_does_not_mix_with_the_document(peer: Peer):
    result = asked("hr:10", b"y\n", peer, "--json")
    answer = json.loads(result.stdout)
    assert (answer["before"], answer["written"], answer["after"]) == ([17], [42], [42])
    assert answer["ok"] is True and answer["result"] == "confirmed"


def test_a_refusal_says_what_it_means_and_what_to_try(peer: Peer):
    result = write(peer.link, "hr:100", "1")
    assert result.exit_code == 1
    assert result.stderr.startswith("refused: hr:100 was not written\nillegal address:")
    answer = document(peer.link, "hr:100", "1", exit_code=1)
    assert (answer["result"], answer["reason"], answer["before"]) == ("refused", "illegal_address", None)


def test_a_device_that_holds_something_else_does_not_confirm():
    async def clamps(function: int, start: int, address: int, _count: int, registers: list[int], _values: Any) -> None:
        if function == 3:
            registers[address - start] = min(registers[address - start], 50)

    with running_peer(action=clamps) as peer:
        result = write(peer.link, "hr:10", "60")
        assert result.exit_code == 1
        assert result.stderr == "not confirmed: hr:10 is not 60, it is 50 now\n"
        answer = document(peer.link, "hr:10", "60", exit_code=1)
        assert (answer["result"], answer["after"]) == ("not_confirmed", [50])


def test_a_write_without_an_answer_is_sent_once_and_looked_up():
    with running_peer(mute=(6,)) as peer:
        result = write(peer.link, "hr:10", "60", "--timeout", "200ms", "--retries", "3")
        assert result.exit_code == 0, result.output
        assert "confirmed: hr:10 is 60" in result.stdout
        assert "unit 1 is silent" in result.stderr
        assert peer.functions().count(6) == 1


def test_nobody_knows_when_the_device_falls_silent():
    with running_peer(mute=(3, 6)) as peer:
        result = write(peer.link, "hr:10", "60", "--timeout", "100ms")
        assert result.exit_code == 1
        assert result.stderr.startswith("unknown: whether hr:10 becomes 60\n")
        assert peer.functions().count(6) == 1


def test_it_is_not_read_back_if_not_wanted(peer: Peer):
    assert write(peer.link, "hr:10", "5", "--no-verify").stdout == "accepted: the device took 5 for hr:10\n"
    assert peer.functions() == [6]


def test_nobody_there_is_a_negative_answer():
    result = write("tcp://127.0.0.1:1", "hr:10", "5")
    assert result.exit_code == 1
    assert result.stderr.startswith("not sent: hr:10 was not written\nthere is no connection:")


def test_a_broadcast_goes_to_all_and_is_neither_read_before_nor_back():
    with running_peer(**RTU_OVER_TCP, broadcast_enable=True) as peer:
        result = write(f"rtu+{peer.link}", "hr:10", "33", "--unit", "0")
        assert result.exit_code == 0, result.output
        assert result.stdout.startswith("sent: 33 to hr:10 of all units")
        document_ = json.loads(
            CliRunner().invoke(main, ["modbus", "read", f"rtu+{peer.link}", "hr:10", "--unit", "3", "--json"]).stdout
        )
        assert [value["value"] for value in document_["values"]] == [33]
        assert peer.functions() == [6, 3]


def test_a_serial_line():
    with null_modem() as (ours, theirs), running_peer(path=theirs, baudrate=19200):
        result = write(f"serial://{ours}", "hr:0/float32/CDAB", "12.5", "--unit", "3")
        assert result.stdout == "confirmed: hr:0-1 is 12.5\n", result.output
