"""Messages in a terminal: whole words in each line, what goes on indented; in a pipe a message stays one line."""

import os
import pty
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from fluxrig_tooling.cli.terminal import fitted

FLUXRIG = str(Path(sys.executable).parent / "fluxrig")
LIMIT_S = 60
BAD = """
fluxrig: 1
meta: {name: bad, version: 1.0.0}
gears:
  - name: plc
    type: io_modbus
    config:
      link: tcp://127.0.0.1:1
      every: 100ms
      a-setting-that-nobody-knows-and-that-has-a-long-name: 1
      tags: {x: {address: "hr:0"}}
  - {name: show, type: console}
wires: [{from: plc, to: show}]
"""


class Terminal:
    def __init__(self, columns: int):
        self._ends = pty.openpty()
        termios.tcsetwinsize(self._ends[1], (24, columns))
        self.stream = os.fdopen(self._ends[1], "w")

    def close(self) -> None:
        self.stream.close()
        os.close(self._ends[0])


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    made = Terminal(40)
    yield made.stream
    made.close()


def test_a_terminal_gets_whole_words_and_what_goes_on_is_indented(terminal):
    text = (
        "rig.yaml:3:5: error: there is no gear of this name in the rig\n    did you mean one that has a name like it?"
    )
    assert fitted(text, terminal).splitlines() == [
        "rig.yaml:3:5: error: there is no gear of",
        "    this name in the rig",
        "    did you mean one that has a name",
        "        like it?",
    ]


def test_what_stands_before_it_counts(terminal):
    assert fitted("a" * 30 + " b", terminal, taken=10) == "a" * 30 + "\n    b"
    assert fitted("a" * 28 + " b", terminal, taken=10) == "a" * 28 + " b"
    assert fitted("a" * 36 + " b", terminal, is_indented=True) == "a" * 36 + "\nb"


def test_paths_and_options_stay_whole(terminal):
    path = "/a-folder/with-hyphens/" + "long-" * 10
    assert fitted(f"cannot read {path} at all", terminal).splitlines() == ["cannot read", f"    {path}", "    at all"]
    assert fitted("", terminal) == "" and fitted("\n\n", terminal) == "\n\n"


def test_a_pipe_gets_it_as_it_is(tmp_path: Path):
    with (tmp_path / "out").open("w") as file:
        assert fitted("word " * 50, file) == "word " * 50


@pytest.mark.parametrize("command", [("rig", "check"), ("rig", "run"), ("rig", "plan"), ("doctor",)])
def test_the_commands_do_so(command: tuple[str, ...], tmp_path: Path):
    rig = tmp_path / "bad.yaml"
    rig.write_text(BAD)
    environment = {key: value for key, value in os.environ.items() if key != "COLUMNS"}
    piped = subprocess.run(
        [FLUXRIG, *command, rig], capture_output=True, text=True, timeout=LIMIT_S, check=False, env=environment
    )
    assert any(len(line) > 80 for line in (piped.stdout + piped.stderr).splitlines())
    keyboard, terminal = pty.openpty()
    try:
        termios.tcsetwinsize(terminal, (24, 80))
        result = subprocess.run(
            [FLUXRIG, *command, rig], stdout=terminal, stderr=terminal, timeout=LIMIT_S, check=False, env=environment
        )
        shown = os.read(keyboard, 65_536).decode()
    finally:
        os.close(keyboard)
        os.close(terminal)
    assert result.returncode == piped.returncode == 1
    lines = shown.splitlines()
    assert [line for line in lines if len(line) > 80 and str(tmp_path) not in line] == []
    assert " ".join(shown.split()) == " ".join((piped.stdout + piped.stderr).split())
