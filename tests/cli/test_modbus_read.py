"""`fluxrig modbus read` and `identify` against pymodbus, over TCP, RTU over TCP, and a serial line."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pymodbus.client import ModbusTcpClient

from fluxrig_tooling.cli.main import main
from tests.cli.modbus_peer import ADDRESS, IDENTITY, RTU_OVER_TCP, Peer, null_modem, running_peer

FLUXRIG = str(Path(sys.executable).parent / "fluxrig")
LIMIT_S = 60

RIG = """
fluxrig: 1
meta: {{name: bench, version: 1.0.0}}
gears:
  - name: plc
    type: io_modbus
    config:
      link: {link}
      unit_id: 3
      tags:
        pressure: {{address: hr:0, type: float32, order: CDAB, unit: bar}}
        temp: {{address: hr:2, type: int16, scale: 0.1}}
        missing: {{address: hr:100}}
  - {{name: show, type: console}}
wires: [{{from: plc, to: show}}]
"""


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    with running_peer() as running:
        yield running


def modbus(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["modbus", *arguments], env={"COLUMNS": "80"})


def read(*arguments: str, exit_code: int = 0) -> Any:
    """The document of a read."""
    result = modbus("read", *arguments, "--json")
    assert result.exit_code == exit_code, result.output
    return json.loads(result.stdout)


def values(document: Any) -> dict[str, Any]:
    return {value["name"]: value["value"] for value in document["values"]}


def rows(output: str) -> list[list[str]]:
    return [line.split() for line in output.splitlines()]


def test_registers_without_a_type_are_shown_in_every_usual_way(peer: Peer):
    result = modbus("read", peer.link, "hr:0-2")
    assert result.exit_code == 0
    table = rows(result.stdout)
    assert ["hr:1", "40002", "4276", "17014", "17014", "0100", "0010", "0111", "0110", "Bv"] in table
    assert ["hr:2", "40003", "ff83", "65411", "-125", "1111", "1111", "1000", "0011", ".."] in table
    assert ["hr:0", "-2147466634", "1115062272", "-2.384169e-41", "61.625"] in table
    assert [line for line in result.stdout.splitlines() if len(line) > 80] == []


def test_values_are_read_as_their_addresses_say(peer: Peer):
    document = read(
        peer.link, "p=hr:0/float32/CDAB", "hr:2/int16/x0.1", "40004/uint32", "hr:5/bit3", "hr:5/bit2", "hr:6/string8",
        "hr:10/uint8", "co:2", "di:1", "ir:8/float32",
    )  # fmt: skip
    assert {name: value for name, value in values(document).items() if name != "ir:8"} == {
        "p": 61.625, "hr:2": -12.5, "hr:3": 123456, "hr:5": False, "hr:6": "FLUX-1", "hr:10": 17,
        "co:2": True, "di:1": False,
    }  # fmt: skip
    assert [value["value"] for value in document["values"] if value["address"] == "hr:5"] == [True, False]
    assert values(document)["ir:8"] == pytest.approx(49.98, abs=1e-5)
    assert document["ok"] is True and document["errors"] == []


def test_options_say_it_for_all_addresses_and_count_goes_on(peer: Peer):
    assert values(read(peer.link, "hr:0", "--type", "float32", "--order", "CDAB")) == {"hr:0": 61.625}
    assert values(read(peer.link, "hr:200", "--type", "uint32", "--count", "3")) == {
        "hr:200": 1, "hr:202": 2 << 16 | 3, "hr:204": 4 << 16 | 5,
    }  # fmt: skip
    assert values(read(peer.link, "hr:200-203/int16", "--scale", "0.5")) == {
        "hr:200": 0, "hr:201": 0.5, "hr:202": 1.0, "hr:203": 1.5,
    }  # fmt: skip


def test_scaled_integers_are_exact_whatever_their_size(peer: Peer):
    raw = str(200 << 48 | 201 << 32 | 202 << 16 | 203)  # 56 bits, where a float has 53
    with running_peer() as other, ModbusTcpClient(ADDRESS, port=other.port) as client:
        client.write_registers(300, [200, 201, 202, 203], device_id=1)
        result = modbus("read", other.link, "hr:300/uint64/x0.001", "--json")
    assert f'"value": {raw[:-3]}.{raw[-3:]}' in result.stdout


def test_what_is_more_than_a_request_can_carry_is_read_with_several(peer: Peer):
    del peer.asked[:]
    document = read(peer.link, "hr:200-449")
    assert list(values(document).values()) == list(range(250))
    assert [(pdu.address, pdu.count) for pdu in peer.asked] == [(200, 125), (325, 125)]


def test_hex_is_the_registers_as_they_are(peer: Peer):
    result = modbus("read", peer.link, "hr:200-209", "--hex")
    assert result.stdout == "hr:200    0000 0001 0002 0003 0004 0005 0006 0007\nhr:208    0008 0009\n"


def test_coils_are_on_or_off_and_many_of_them_a_grid(peer: Peer):
    assert modbus("read", peer.link, "co:0-2").stdout == "co:0      on\nco:1      off\nco:2      on\n"
    grid = modbus("read", peer.link, "co:0-19").stdout
    assert grid == "co:0      1 0 1 1 0 0 0 0 0 0\nco:10     0 0 0 0 0 0 0 0 0 0\n"


def test_a_bare_number_is_refused_with_both_readings(peer: Peer):
    result = modbus("read", peer.link, "100")
    assert result.exit_code == 2
    assert "hr:99 (counted from 1) or hr:100 (counted from 0)" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("hr:0/float23",), "did you mean 'float32'?"),
        (("hr:0-2/float32",), "expected a multiple of the 2 items that a value takes, got 3"),
        (("hr:9-5",), "goes from high to low"),
        (("hr:0-ir:5",), "expected a range of addresses such as hr:0-9, got 'hr:0-ir:5'"),
        (("hr:70000",), "beyond the last address"),
        (("hr:0/int16/CDAB",), "has no order"),
        (("hr:0/int16/xa",), "expected a number, got 'a'"),
        (("hr:0", "--watch", "--json"), "exclude each other"),
        (("hr:0/int16", "--hex"), "without a type"),
        (("hr:0-3", "--count", "2"), "--count does too"),
        ((), "which addresses?"),
        (("hr:0", "--every", "5"), "without a unit"),
        (("hr:0", "--baud", "9600"), "baud is for serial:// links"),
    ],
)
def test_wrong_usage_says_what_would_be_right(peer: Peer, arguments: tuple[str, ...], text: str):
    result = modbus("read", peer.link, *arguments)
    assert result.exit_code == 2, result.output
    assert text in result.stderr


def test_a_link_that_is_none_is_wrong_usage():
    result = modbus("read", "tpc://10.0.0.5", "hr:0")
    assert result.exit_code == 2
    assert "did you mean tcp://?" in result.stderr


def test_an_exception_says_what_it_means_and_what_to_try(peer: Peer):
    result = modbus("read", peer.link, "hr:100")
    assert result.exit_code == 1
    assert "hr:100 does not exist on unit 1" in result.stderr
    assert "try hr:99" in result.stderr
    document = read(peer.link, "hr:100", exit_code=1)
    assert document["values"][0]["quality"] == "bad:illegal_address"
    assert document["errors"][0]["address"] == "hr:100"


def test_what_is_missing_does_not_hide_its_neighbours(peer: Peer):
    document = read(peer.link, "hr:13/uint16", "hr:14/uint16", "hr:12/uint16", exit_code=1)
    assert values(document) == {"hr:13": 0, "hr:14": None, "hr:12": 0}
    assert [value["quality"] for value in document["values"]] == ["good", "bad:illegal_address", "good"]


def test_nobody_there_is_a_negative_answer_with_its_reason():
    result = modbus("read", "tcp://127.0.0.1:1", "hr:0")
    assert result.exit_code == 1
    assert "connection refused" in result.stderr
    assert "Traceback" not in result.output


def test_a_silent_unit_is_asked_again_as_often_as_wanted():
    with running_peer() as peer:
        arguments = (peer.link, "hr:0", "--unit", "9", "--timeout", "100ms", "--retries", "2")
        document = read(*arguments, exit_code=1)
        assert document["errors"][0]["reason"] == "timeout"
        assert "unit 9 is silent" in document["errors"][0]["error"]
        assert [pdu.dev_id for pdu in peer.asked] == [9, 9, 9]


def test_tags_of_a_rig_are_read_by_name(peer: Peer, tmp_path: Path):
    rig = tmp_path / "rig.yaml"
    rig.write_text(RIG.format(link=peer.link))
    del peer.asked[:]
    assert values(read("plc", "temp", "pressure", "--rig", str(rig))) == {"temp": -12.5, "pressure": 61.625}
    assert {pdu.dev_id for pdu in peer.asked} == {3}
    document = read("plc", "--rig", str(rig), exit_code=1)
    assert values(document) == {"pressure": 61.625, "temp": -12.5, "missing": None}
    result = modbus("read", "plc", "presure", "--rig", str(rig))
    assert result.exit_code == 2 and "did you mean 'pressure'?" in result.stderr
    result = modbus("read", "pcl", "--rig", str(rig))
    assert result.exit_code == 2 and "did you mean 'plc'?" in result.stderr


def test_tags_of_a_profile_are_read_by_pattern(peer: Peer):
    result = modbus("read", peer.link, "--profile", "eastron/sdm630", "voltage_l1*")
    assert "voltage_l1" in result.stdout
    result = modbus("read", peer.link, "--profile", "eastrn/sdm630")
    assert result.exit_code == 2 and "eastron/sdm630" in result.stderr


def test_rtu_over_tcp():
    with running_peer(**RTU_OVER_TCP) as peer:
        assert values(read(f"rtu+{peer.link}", "hr:0/float32/CDAB", "--unit", "3")) == {"hr:0": 61.625}


def test_a_serial_line():
    with null_modem() as (ours, theirs), running_peer(path=theirs, baudrate=9600):
        link = f"serial://{ours}"
        arguments = ("--baud", "9600", "--parity", "none", "--unit", "3")
        assert values(read(link, "hr:0/float32/CDAB", "hr:2/int16/x0.1", *arguments)) == {"hr:0": 61.625, "hr:2": -12.5}
        assert "PM-200" in modbus("identify", link, *arguments).stdout


def test_a_serial_line_that_is_not_there():
    result = modbus("read", "serial:///dev/ttyNONE", "hr:0")
    assert result.exit_code == 1
    assert "/dev/ttyNONE: no such serial line" in result.stderr


def test_watch_goes_on_until_ctrl_c_and_ends_in_order(peer: Peer):
    process = subprocess.Popen(
        [FLUXRIG, "modbus", "read", peer.link, "p=hr:0/float32/CDAB", "hr:10", "--watch", "--every", "50ms"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    lines = [process.stdout.readline() for _ in range(3)]
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0, errors
    assert errors == ""
    assert all("p=61.625  hr:10=" in line for line in lines)


def test_identify_shows_what_the_device_says(peer: Peer):
    output = modbus("identify", peer.link, "--unit", "3").stdout
    for value in IDENTITY.values():
        assert value in output
    document = json.loads(modbus("identify", peer.link, "--most", "basic", "--json").stdout)
    assert document["objects"] == {"vendor name": "Acme", "product code": "PM-200", "revision": "V1.7"}


def test_identify_says_it_when_nobody_is_there():
    document = modbus("identify", "tcp://127.0.0.1:1", "--json")
    assert document.exit_code == 1
    assert json.loads(document.stdout)["reason"] == "not_connected"
