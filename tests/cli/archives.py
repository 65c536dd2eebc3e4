"""`fluxrig archive` as a user runs it, in a process of its own."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

FLUXRIG = str(Path(sys.executable).parent / "fluxrig")
LIMIT_S = 60
COLUMNS = 80


def archive(
    verb: str, *arguments: str | Path, exit_code: int = 0, text: bool = True
) -> subprocess.CompletedProcess[Any]:
    """Run the verb at 80 columns."""
    result = subprocess.run(
        [FLUXRIG, "archive", verb, *map(str, arguments)],
        capture_output=True,
        text=text,
        timeout=LIMIT_S,
        check=False,
        env={**os.environ, "COLUMNS": str(COLUMNS)},
    )
    assert result.returncode == exit_code, (result.stdout, result.stderr)
    assert "Traceback" not in str(result.stderr)
    return result


def on_terminal(verb: str, *arguments: str | Path) -> list[str]:
    """The lines that a verb prints where standard output is a terminal of 80 columns."""
    ours, terminal = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(COLUMNS)}
    command = [FLUXRIG, "archive", verb, *map(str, arguments)]
    printed = b""
    try:
        with subprocess.Popen(command, stdout=terminal, env=environment) as process:
            os.close(terminal)
            try:
                while piece := os.read(ours, 65536):
                    printed += piece
            except OSError:
                pass  # so Linux says that nobody has it open any more
        assert process.returncode == 0
    finally:
        os.close(ours)
    return re.sub(r"\x1b\[[0-9;]*m", "", printed.decode()).splitlines()


def page(verb: str, *arguments: str | Path, exit_code: int = 0) -> list[str]:
    """The lines of a page that a person reads."""
    lines: list[str] = archive(verb, *arguments, exit_code=exit_code).stdout.splitlines()
    assert [line for line in lines if len(line) > COLUMNS] == []
    return lines


def document(verb: str, *arguments: str | Path, exit_code: int = 0) -> Any:
    """The one JSON document that a verb prints."""
    return json.loads(archive(verb, *arguments, "--json", exit_code=exit_code).stdout)


def documents(verb: str, *arguments: str | Path, exit_code: int = 0) -> list[dict[str, Any]]:
    """One JSON document a line."""
    output = archive(verb, *arguments, "--json", exit_code=exit_code).stdout
    return [json.loads(line) for line in output.splitlines()]
