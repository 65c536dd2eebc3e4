"""`fluxrig rig plan`: the figures as JSON, the page at 80 columns."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from fluxrig_tooling.cli.main import main
from tests.plant import EXAMPLES

RIG = """\
fluxrig: 1
meta: {name: test, version: 1.0.0}
racks: [{name: north}, {name: south}]
gears:
  - name: meter
    type: io_modbus
    deploy: north
    config:
      link: serial:///dev/ttyUSB0
      baud: 9600
      every: 5s
      max_gap: 2
      groups:
        fast: {every: 1s}
      tags:
        power: {address: hr:0, type: float32, group: fast}
        voltage: {address: hr:4, type: float32, group: fast}
        running: {address: co:3}
  - name: a-pump-with-a-name-that-is-rather-long
    type: io_modbus
    deploy: north
    config:
      link: serial:///dev/ttyUSB0
      baud: 9600
      unit_id: 2
      every: 2s
      tags:
        speed: {address: ir:0}
        setpoint: {address: hr:1, writable: true, readable: false}
        limits: {address: hr:2, type: uint64, writable: true, group: rare}
      groups: {rare: {every: 1m}}
  - name: plc
    type: io_modbus
    deploy: south
    config: {link: tcp://10.0.0.5, every: 100ms, tags: {x: {address: hr:0}}}
  - {name: show, type: console, deploy: north}
  - {name: watch, type: console, deploy: south}
wires:
  - {from: [meter, a-pump-with-a-name-that-is-rather-long], to: show}
  - {from: meter, to: a-pump-with-a-name-that-is-rather-long}
  - {from: plc, to: watch}
"""


@pytest.fixture
def rig(tmp_path: Path) -> Path:
    path = tmp_path / "rig.yaml"
    path.write_text(RIG)
    return path


def plan(*arguments: str | Path, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["rig", "plan", *map(str, arguments)])
    assert result.exit_code == exit_code, result.output
    return result


def document(*arguments: str | Path, exit_code: int = 0) -> Any:
    return json.loads(plan(*arguments, "--json", exit_code=exit_code).stdout)


def test_the_requests_and_what_they_take(rig: Path):
    found = document(rig)
    assert found["ok"] is True
    serial, tcp = found["lines"]
    assert (serial["rack"], serial["line"], serial["units"]) == ("north", "serial:///dev/ttyUSB0", [1, 2])
    assert serial["gears"] == ["meter", "a-pump-with-a-name-that-is-rather-long"]
    assert (serial["max_dead"], serial["estimated"], serial["holds"]) == (1, False, True)
    fast = serial["polls"][0]
    assert (fast["gear"], fast["group"], fast["unit_id"], fast["every_ms"]) == ("meter", "fast", 1, 1000)
    (request,) = fast["requests"]
    # 8 and 17 characters of 11 bits at 9600 baud, two silences of 3.5 characters, 20 ms for the answer.
    time_us = pytest.approx(25 * 11 / 0.0096 + 2 * 38.5 / 0.0096 + 20_000, abs=5)
    assert request == {
        "function": 3,
        "span": "hr:0-5",
        "read": 6,
        "wanted": 4,
        "tags": 2,
        "bytes": 25,
        "time_us": time_us,
    }
    assert fast["time_us"] == request["time_us"]
    assert fast["spare_us"] == 1_000_000 - fast["needs_us"] > 0
    assert serial["utilisation"] == pytest.approx(sum(poll["utilisation"] for poll in serial["polls"]))
    assert serial["utilisation"] < serial["worst_utilisation"] < 1
    # Function 16 with 4 registers and its answer, then function 3.
    write_us = pytest.approx((17 + 8 + 8 + 13) * 11 / 0.0096 + 4 * 38.5 / 0.0096 + 40_000, abs=9)
    assert (serial["writable"], serial["write_us"]) == (2, write_us)
    assert (tcp["estimated"], tcp["writable"]) == (True, 0)
    assert (tcp["polls"][0]["needs_us"], tcp["polls"][0]["requests"][0]["bytes"]) == (None, 23)


def test_the_page_fits_80_columns_and_has_every_poll(rig: Path):
    lines = plan(rig).stdout.splitlines()
    assert [line for line in lines if len(line) > 80] == []
    page = "\n".join(lines)
    for text in (
        "serial:///dev/ttyUSB0 on north",
        "9600 baud 8E1, 2 gears, 2 units, 4 polls, 4 requests",
        "tcp://10.0.0.5:502 on south",
        "hr:0-5",
        "meter.fast",
        "a-pump-with-a-name-th…",
        "1 of 2 dead",
        "(an estimate)",
        "writes 2 tags: one write takes up to 108.8 ms",
    ):
        assert text in page
    picture = lines[next(index for index, line in enumerate(lines) if line.startswith("FROM THE START")) + 1]
    assert picture.startswith("meter.fast")
    assert set(picture.removeprefix("meter.fast")) & set("▁▂▃▄▅▆▇█")


def test_one_rack(rig: Path):
    assert [line["rack"] for line in document(rig, "--rack", "south")["lines"]] == ["south"]
    assert "did you mean 'south'?" in plan(rig, "--rack", "sooth", exit_code=2).output


def test_a_line_that_cannot_carry_its_polls_is_shown_and_is_a_negative_answer(rig: Path):
    rig.write_text(RIG.replace("fast: {every: 1s}", "fast: {every: 200ms}"))
    result = plan(rig, exit_code=1)
    assert f"{rig}:14:23: error: group 'fast' of gear 'meter' cannot be polled every 200ms" in result.stderr
    assert "meter.fast" in result.stdout
    found = document(rig, exit_code=1)
    assert (found["ok"], found["lines"][0]["holds"]) == (False, False)
    assert found["lines"][0]["polls"][0]["spare_us"] < 0
    assert "cannot be polled every 200ms" in found["problems"][0]["message"]


def test_what_is_no_rig_is_a_negative_answer(rig: Path):
    rig.write_text("fluxrig: 2")
    assert "has errors, see above" in plan(rig, exit_code=1).stderr
    assert document(rig, exit_code=1)["ok"] is False


def test_a_rig_without_modbus(tmp_path: Path):
    path = tmp_path / "rig.yaml"
    path.write_text("fluxrig: 1\nmeta: {name: test, version: 1.0.0}\ngears:\n  - {name: show, type: console}\n")
    assert document(path, exit_code=1)["lines"] == []
    assert "no gear polls Modbus units" in plan(path, exit_code=1).stdout


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_examples_have_a_plan(example: Path):
    assert [line for line in plan(example).stdout.splitlines() if len(line) > 80] == []
