"""The commands as a user runs them, each a process of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.plant import EXAMPLES, Plant, running_plant

FLUXRIG = str(Path(sys.executable).parent / "fluxrig")
LIMIT_S = 60

BAD = """
fluxrig: 1
meta: {name: bad, version: 1.0.0}
gears:
  - name: plc
    type: io_modbsu
    config: {}
"""


@pytest.fixture(scope="module")
def plant() -> Iterator[Plant]:
    with running_plant() as running:
        yield running


def fluxrig(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [FLUXRIG, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
        env={**os.environ, **environment},
    )


def document(*arguments: str | Path, exit_code: int = 0, **environment: str) -> Any:
    """The one JSON document that a command prints on standard output."""
    result = fluxrig(*arguments, "--json", **environment)
    assert result.returncode == exit_code, result.stderr
    return json.loads(result.stdout)


def test_check_accepts_the_examples():
    for example in sorted(EXAMPLES.glob("*.yaml")):
        result = fluxrig("rig", "check", example)
        assert result.returncode == 0, result.stdout
        assert "ok" in result.stdout


def test_check_reports_place_problem_and_fix_and_exits_1(tmp_path: Path):
    rig = tmp_path / "bad.yaml"
    rig.write_text(BAD)
    result = fluxrig("rig", "check", rig)
    assert result.returncode == 1
    assert f"{rig}:6:11: error: unknown gear type 'io_modbsu'" in result.stdout
    assert "did you mean 'io_modbus'?" in result.stdout
    report = document("rig", "check", rig, exit_code=1)
    assert report["ok"] is False
    assert [(each["line"], each["column"]) for each in report["problems"]] == [(6, 11)]


@pytest.mark.parametrize("command", [("rig", "check"), ("rig", "run"), ("rig", "compile"), ("doctor",)])
def test_a_file_that_is_not_there_is_wrong_usage(command: tuple[str, ...]):
    result = fluxrig(*command, "nowhere.yaml")
    assert result.returncode == 2
    assert "nowhere.yaml" in result.stderr


def test_compile_gives_the_same_bytes_each_time_and_never_a_secret(tmp_path: Path):
    rig = tmp_path / "rig.yaml"
    text = (EXAMPLES / "press.yaml").read_text()
    broker = 'broker: "mqtt://127.0.0.1:1883"'
    assert broker in text
    rig.write_text(text.replace(broker, broker + ", user: rig, password: 'secret:broker-pw'"))
    for output in ("a.flux", "b.flux"):
        answer = document("rig", "compile", rig, "-o", tmp_path / output, FLUXRIG_SECRET_BROKER_PW="hunter2")
        assert answer["bytes"] == (tmp_path / output).stat().st_size
    compiled = (tmp_path / "a.flux").read_bytes()
    assert compiled == (tmp_path / "b.flux").read_bytes()
    assert b"broker-pw" in compiled
    assert b"hunter2" not in compiled


def test_compile_refuses_a_rack_that_is_not_there(tmp_path: Path):
    result = fluxrig("rig", "compile", EXAMPLES / "press.yaml", "--rack", "line-2", "-o", tmp_path / "x.flux")
    assert result.returncode == 2
    assert "did you mean 'line-1'?" in result.stderr
    assert not (tmp_path / "x.flux").exists()


@pytest.fixture
def unarchived(tmp_path: Path) -> Path:
    """The example rig without its archive."""
    text = (EXAMPLES / "press.yaml").read_text()
    lines = [line for line in text.splitlines(keepends=True) if "archive" not in line and "correlator" not in line]
    text = "".join(lines).replace("    config: {keep: 30d, max_size: 1GiB}\n", "")
    rig = tmp_path / "rig.yaml"
    rig.write_text(text.replace("wires:\n", "wires:\n  - {from: plc, to: edge}\n"))
    return rig


INSERTED = "correlator 'archive' is inserted behind plc.out: uns sends outside"


def test_check_shows_what_the_compiler_inserts_and_counts_it_as_no_warning(unarchived: Path):
    result = fluxrig("rig", "check", unarchived)
    assert result.returncode == 0
    *_, info, wires, last = result.stdout.splitlines()
    assert info.startswith(f"{unarchived}:") and f": info: {INSERTED}" in info
    for wire in ("plc.out -> archive.in", "archive.out -> edge.in", "archive.checkpoint -> uns.in"):
        assert wire in wires
    assert last == f"{unarchived}: ok: 1 rack, 4 gears (1 inserted), 4 wires"
    report = document("rig", "check", unarchived)
    assert report["ok"] is True
    assert [each["severity"] for each in report["problems"]] == ["info"]
    assert report["inserted"] == [
        {
            "gear": "archive",
            "type": "correlator",
            "rack": "line-1",
            "behind": ["plc.out"],
            "senders": ["uns"],
            "wires": ["plc.out -> archive.in", "archive.out -> edge.in", "archive.checkpoint -> uns.in"],
        }
    ]


def test_compile_graph_and_run_show_it_too(unarchived: Path, tmp_path: Path):
    flux = tmp_path / "a.flux"
    result = fluxrig("rig", "compile", unarchived, "-o", flux)
    assert INSERTED in result.stdout and result.stderr == ""
    assert document("rig", "compile", unarchived, "-o", flux)["inserted"][0]["gear"] == "archive"
    assert document("rig", "compile", EXAMPLES / "press.yaml", "-o", flux)["inserted"] == []
    assert "archive<br/>correlator<br/>inserted" in fluxrig("rig", "graph", unarchived).stdout
    running = fluxrig("rig", "run", unarchived, "--seconds", "0.2", "--state", tmp_path / "state")
    assert running.returncode == 0 and INSERTED in running.stderr


def test_plan_is_about_lines_and_says_nothing_of_it(unarchived: Path):
    result = fluxrig("rig", "plan", unarchived)
    assert result.returncode == 0 and result.stderr == ""
    assert document("rig", "plan", unarchived)["problems"] == []


def test_run_reads_real_registers_and_reports(plant: Plant, tmp_path: Path):
    stats = document("rig", "run", plant.rig(tmp_path), "--seconds", "3", "--state", tmp_path / "state")
    plc, uns = stats["gears"]["plc"], stats["gears"]["uns"]
    assert plc["polls"] > 5
    assert plc["values_read"] == 9 * plc["polls"]
    assert plc["values_bad"] == 0
    assert uns["published"] > 9
    assert stats["gears"]["edge"]["held_back"] > 0


@pytest.mark.parametrize("as_json", [False, True])
def test_what_the_archive_did_not_take_is_a_negative_answer(as_json: bool, plant: Plant, tmp_path: Path):
    state = tmp_path / "state"
    state.mkdir()
    (state / "archive").touch()  # where the folder of the archive is to be
    options = ["--json"] * as_json
    result = fluxrig("rig", "run", plant.rig(tmp_path), "--seconds", "2", "--state", state, *options)
    assert result.returncode == 1
    last = result.stderr.splitlines()[-1]
    assert last.startswith("Error: ") and last.endswith(" lost for good: not archived, see above for why")
    count = int(last.split()[1])
    assert count > 5
    if as_json:
        assert json.loads(result.stdout)["archive"]["lost"] == count


def test_watch_shows_nothing_of_a_rig_that_does_not_start(plant: Plant, tmp_path: Path):
    rig = plant.rig(tmp_path)
    rig.write_text(rig.read_text().replace("config: {broker:", "config: {user: rig, password: 'secret:pw', broker:"))
    result = fluxrig("rig", "run", rig, "--seconds", "1", "--watch", "--state", tmp_path / "state")
    assert (result.returncode, result.stdout) == (1, "")


def test_watch_shows_every_tag(plant: Plant, tmp_path: Path):
    result = fluxrig(
        "rig", "run", plant.rig(tmp_path), "--seconds", "2", "--watch", "--state", tmp_path / "state", COLUMNS="80"
    )
    assert result.returncode == 0, result.stderr
    for tag in ("pressure", "oil_temp", "motor_running", "state"):
        assert f" {tag} " in result.stdout
    assert "good" in result.stdout
    assert result.stdout.endswith("┘\n")
    assert ": running\n" in result.stderr
    assert [line for line in result.stdout.splitlines() if len(line) > 80] == []


def test_run_takes_what_compile_made(plant: Plant, tmp_path: Path):
    flux = tmp_path / "line-1.flux"
    assert fluxrig("rig", "compile", plant.rig(tmp_path), "-o", flux).returncode == 0
    stats = document("rig", "run", flux, "--seconds", "1", "--state", tmp_path / "state")
    assert stats["gears"]["plc"]["polls"] > 2


@pytest.mark.parametrize("command", [("rig", "compile"), ("rig", "run"), ("doctor",)])
def test_a_negative_answer_is_one_document_too(command: tuple[str, ...], tmp_path: Path):
    rig = tmp_path / "bad.yaml"
    rig.write_text(BAD)
    report = document(*command, rig, exit_code=1)
    assert report["ok"] is False
    assert [each["line"] for each in report["problems"]] == [6]


def test_what_a_rig_prints_does_not_mix_with_the_document(plant: Plant, tmp_path: Path):
    rig = plant.rig(tmp_path)
    text = rig.read_text()
    rig.write_text(text.replace("wires:", "  - {name: show, type: console}\nwires:\n  - {from: plc, to: show}"))
    stats = document("rig", "run", rig, "--seconds", "1", "--state", tmp_path / "state")
    assert stats["gears"]["show"]["lines"] > 2


@pytest.mark.parametrize("verb", ["check", "graph", "compile"])
def test_a_compiled_rig_is_no_rig_file(verb: str, tmp_path: Path):
    flux = tmp_path / "line-1.flux"
    flux.write_bytes(b"")
    result = fluxrig("rig", verb, flux)
    assert result.returncode == 2
    assert "compiled rig" in result.stderr


@pytest.mark.parametrize("seconds", ["nan", "inf", "0"])
def test_a_time_that_is_none_is_wrong_usage(seconds: str):
    assert fluxrig("rig", "run", EXAMPLES / "press.yaml", "--seconds", seconds).returncode == 2


def test_run_refuses_a_broken_flux_file(tmp_path: Path):
    flux = tmp_path / "line-1.flux"
    flux.write_bytes(b"\xa1\x64flux\x01")
    result = fluxrig("rig", "run", flux)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert "line-1.flux" in result.stderr


def test_a_rack_goes_on_when_the_plc_refuses_and_says_so(tmp_path: Path):
    rig = Plant(modbus_port=1, mqtt_port=1).rig(tmp_path)
    result = fluxrig("rig", "run", rig, "--seconds", "1", "--json", "--state", tmp_path / "state")
    stats = json.loads(result.stdout)
    assert stats["gears"]["plc"]["polls"] > 2
    assert stats["gears"]["plc"]["values_read"] == 0
    assert stats["gears"]["uns"]["failures"] > 0
    assert "127.0.0.1:1" in result.stderr


def test_a_missing_secret_refuses_the_rig_and_says_where_to_put_it(plant: Plant, tmp_path: Path):
    rig = plant.rig(tmp_path)
    rig.write_text(rig.read_text().replace("config: {broker:", "config: {user: rig, password: 'secret:pw', broker:"))
    result = fluxrig("rig", "run", rig, "--seconds", "1", "--state", tmp_path / "state")
    assert result.returncode == 1
    assert "FLUXRIG_SECRET_PW" in result.stderr
    assert "Traceback" not in result.stderr


def test_sigterm_drains_and_exits_0(plant: Plant, tmp_path: Path):
    process = subprocess.Popen(
        [FLUXRIG, "rig", "run", str(plant.rig(tmp_path)), "--json", "--state", str(tmp_path / "state")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    for line in process.stderr:
        if "connected to" in line:
            break
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0, errors
    assert json.loads(output)["gears"]["uns"]["pending"] == 0


def test_graph_is_a_mermaid_flowchart():
    result = fluxrig("rig", "graph", EXAMPLES / "press.yaml")
    assert result.stdout.startswith("flowchart")
    for gear in ("plc", "edge", "uns"):
        assert gear in result.stdout


def test_a_graph_can_be_read_by_programs_too(unarchived: Path):
    drawn = document("rig", "graph", unarchived)
    assert drawn["racks"] == [{"name": "line-1", "board": "GENERIC"}]
    assert {"name": "archive", "type": "correlator", "rack": "line-1"} in drawn["gears"]
    assert {"from": "plc.out", "to": "archive.in", "lane": "hot"} in drawn["wires"]
    assert [each["gear"] for each in drawn["inserted"]] == ["archive"]
    assert len(fluxrig("rig", "graph", unarchived).stdout.splitlines()) > len(drawn["gears"]) + len(drawn["wires"])


def test_a_state_folder_that_cannot_be_one_is_wrong_usage(tmp_path: Path):
    for state in ("/dev/null", "/dev/null/in"):
        result = fluxrig("rig", "run", EXAMPLES / "press.yaml", "--state", state)
        assert result.returncode == 2
        assert "/dev/null" in result.stderr and "folder" in result.stderr


def test_schema_is_a_json_schema_that_accepts_the_examples():
    import yaml
    from jsonschema import Draft202012Validator

    schema = json.loads(fluxrig("rig", "schema").stdout)
    Draft202012Validator.check_schema(schema)
    for example in sorted(EXAMPLES.glob("*.yaml")):
        # Through JSON, because the keys of an enum are text there, as an editor sees them.
        rig = json.loads(json.dumps(yaml.safe_load(example.read_text())))
        assert [error.message for error in Draft202012Validator(schema).iter_errors(rig)] == []


def test_gear_list_and_doc():
    types = [entry["type"] for entry in document("gear", "list")]
    assert types == ["console", "correlator", "filter", "io_modbus", "uns"]
    assert document("gear", "doc", "filter")["config"]["properties"]["deadband"]["description"]
    page = fluxrig("gear", "doc", "io_modbus").stdout
    assert "unit_id" in page and "Example" in page
    assert [line for line in page.splitlines() if len(line) > 80] == []


def test_an_unknown_gear_type_is_a_negative_answer_with_the_nearest():
    result = fluxrig("gear", "doc", "filtre")
    assert result.returncode == 1
    assert "did you mean 'filter'?" in result.stderr


def test_doctor_finds_a_healthy_machine_healthy(plant: Plant, tmp_path: Path):
    report = document("doctor", plant.rig(tmp_path), "--state", tmp_path / "state")
    results = {finding["check"]: finding["result"] for finding in report["findings"]}
    assert report["ok"] is True
    assert results["link of plc"] == "ok"
    assert results["broker of uns"] == "ok"
    assert results["state folder"] == "ok"


def test_doctor_names_what_is_wrong_and_the_fix(tmp_path: Path):
    rig = Plant(modbus_port=1, mqtt_port=1).rig(tmp_path)
    rig.write_text(rig.read_text().replace("config: {broker:", "config: {user: rig, password: 'secret:pw', broker:"))
    report = document("doctor", rig, "--state", tmp_path / "state", exit_code=1)
    failed = {finding["check"]: finding for finding in report["findings"] if finding["result"] == "failed"}
    assert set(failed) == {"link of plc", "secret pw"}, "the broker is not tried without its password"
    assert "refused" in failed["link of plc"]["detail"]
    assert "FLUXRIG_SECRET_PW" in failed["secret pw"]["fix"]
    assert all(finding["fix"] for finding in failed.values())


def test_doctor_refuses_a_secret_that_others_can_read(plant: Plant, tmp_path: Path):
    rig = plant.rig(tmp_path)
    rig.write_text(rig.read_text().replace("config: {broker:", "config: {user: rig, password: 'secret:pw', broker:"))
    secrets = tmp_path / "state" / "secrets"
    secrets.mkdir(parents=True)
    (secrets / "pw").write_text("hunter2")
    (secrets / "pw").chmod(0o644)
    report = document("doctor", rig, "--state", tmp_path / "state", exit_code=1)
    finding = next(each for each in report["findings"] if each["check"] == "secret pw")
    assert "chmod 600" in finding["fix"]
    assert "hunter2" not in json.dumps(report)
    (secrets / "pw").chmod(0o600)
    report = document("doctor", rig, "--state", tmp_path / "state")
    assert report["ok"] is True
