"""`fluxrig demo`: a press, a broker and a Rack, from registers to a namespace."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

FLUXRIG = str(Path(sys.executable).parent / "fluxrig")
LIMIT_S = 60
KEYS = {
    "polls", "values_read", "events_sent", "bytes_sent", "bytes_if_unfiltered", "missed_deadlines", "lateness_ms",
    "archive",
}  # fmt: skip


def last_line(output: str) -> dict[str, Any]:
    return json.loads(output.splitlines()[-1])


def test_it_ends_by_itself_and_its_last_line_is_the_summary():
    result = subprocess.run(
        [FLUXRIG, "demo", "--seconds", "4"], capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert result.returncode == 0, result.stderr
    summary = last_line(result.stdout)
    assert set(summary) == KEYS
    assert set(summary["lateness_ms"]) == {"p50", "p99", "max"}
    assert summary["polls"] > 10
    assert summary["values_read"] == 9 * summary["polls"]
    assert 9 < summary["events_sent"] < summary["values_read"]
    assert 0 < summary["bytes_sent"] < summary["bytes_if_unfiltered"]
    assert summary["archive"]["messages"] >= summary["polls"]
    assert summary["archive"]["verified"] is True
    assert "pressure" in result.stdout, "the table was shown"


def test_ctrl_c_drains_and_reports():
    process = subprocess.Popen(
        [FLUXRIG, "demo"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stderr
    for line in process.stderr:
        if "running" in line:
            break
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0, errors
    assert set(last_line(output)) == KEYS
    assert "Traceback" not in errors
