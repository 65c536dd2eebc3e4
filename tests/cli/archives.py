"""`fluxrig archive` as a user runs it, in a process of its own."""

from __future__ import annotations

import json
import os
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
