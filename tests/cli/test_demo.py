"""`fluxrig demo`: a press, a broker and a Rack, from registers to a namespace."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from fluxrig_tooling.cli.main import main

FLUXRIG = str(Path(sys.executable).parent / "fluxrig")
LIMIT_S = 60
KEYS = {
    "polls", "values_read", "events_sent", "bytes_sent", "bytes_if_unfiltered", "missed_deadlines", "lateness_ms",
    "archive",
}  # fmt: skip


def demo(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [FLUXRIG, "demo", *arguments],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
        env={**os.environ, **environment},
    )


def test_it_ends_by_itself_and_reports():
    result = demo("--seconds", "4", "--json")
    assert result.returncode == 0, result.stderr
    summary: dict[str, Any] = json.loads(result.stdout)
    assert set(summary) == KEYS
    assert set(summary["lateness_ms"]) == {"p50", "p99", "max"}
    assert summary["polls"] > 10
    assert summary["values_read"] == 9 * summary["polls"]
    assert 9 < summary["events_sent"] < summary["values_read"]
    assert 0 < summary["bytes_sent"] < summary["bytes_if_unfiltered"]
    assert summary["archive"]["messages"] >= summary["polls"]
    assert summary["archive"]["verified"] is True


def test_the_table_fits_80_columns_and_the_archive_is_kept_where_told(tmp_path: Path):
    result = demo("--seconds", "4", "--state", str(tmp_path / "kept"), COLUMNS="80")
    assert result.returncode == 0, result.stderr
    assert "mosquitto_sub -p " in result.stderr
    lines = result.stdout.splitlines()
    assert [line for line in lines[:-1] if len(line) > 80] == []
    rows = [line.split() for line in lines if line.startswith("│")]
    assert [row[1] for row in rows] == sorted(row[1] for row in rows), "each is one line"
    (checkpoint,) = [row for row in rows if row[1].endswith("/checkpoint")]
    assert checkpoint[3] == "position" and checkpoint[4].isdecimal()
    assert "┃ acme/montevideo/press-shop/line-1/… ┃" in lines[2]
    assert "{" not in result.stdout, "the document is printed with --json"
    archive = tmp_path / "kept" / "archive"
    assert lines[-1] == f"The archive is kept in {archive}"
    verified = subprocess.run([FLUXRIG, "archive", "verify", archive], timeout=LIMIT_S, check=False)
    assert verified.returncode == 0


def test_ctrl_c_drains_and_reports():
    process = subprocess.Popen(
        [FLUXRIG, "demo", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stderr
    for line in process.stderr:
        if "running" in line:
            break
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0, errors
    assert set(json.loads(output)) == KEYS
    assert "Traceback" not in errors


def test_what_is_not_installed_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("fluxrig_tooling.cli.demo.find_spec", lambda _name: None)
    result = CliRunner().invoke(main, ["demo"])
    assert result.exit_code == 1
    assert result.output == "Error: the demo needs pymodbus and amqtt: pip install 'fluxrig[demo]'\n"


def test_a_broker_that_cannot_start_is_an_error_of_one_line(tmp_path: Path):
    (tmp_path / "amqtt.py").write_text("raise ImportError('this amqtt is broken')")
    result = demo("--seconds", "1", PYTHONPATH=str(tmp_path))
    assert result.returncode == 1
    assert result.stderr.splitlines()[1:] == ["Error: the press or the broker did not start: this amqtt is broken"]


@pytest.mark.parametrize("state", ["file", "file/in", "/dev/null"])
def test_a_state_folder_that_cannot_be_one_is_wrong_usage(state: str, tmp_path: Path):
    (tmp_path / "file").touch()
    result = CliRunner().invoke(main, ["demo", "--state", str(tmp_path / state)])
    assert result.exit_code == 2
    assert "file" in result.output or "not a folder" in result.output
