"""A writer that is killed at any moment leaves the old content or the new one, whole, on both interpreters."""

import os
import random
import subprocess
from pathlib import Path

import pytest

from tests.interpreter import ROOT, on_both

ROUNDS = 25
SIZE = 20_000

PROGRAM = """
import sys
host_module, folder = sys.argv[1:]
module = __import__(host_module, None, None, ("x",))
host = (getattr(module, "CPythonHost", None) or module.MicroPythonHost)(folder)
number = 0
while True:
    host.store.write("state", b"%d " % (number % 10) * 10_000)
    print(number)
    number += 1
"""


@pytest.mark.skipif(os.name != "posix", reason="kills processes without warning")
@pytest.mark.parametrize("interpreter", ["cpython", "micropython"])
def test_killed_writers_leave_whole_files(interpreter: str, tmp_path: Path):
    program = tmp_path / "writer.py"
    program.write_text(PROGRAM)
    command, environment = on_both(program)[interpreter]
    pick = random.Random(1)
    seen = set()
    for _ in range(ROUNDS):
        state = tmp_path / "state-dir"
        process = subprocess.Popen([*command, str(state)], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        assert process.stdout
        for _ in range(pick.randrange(1, 30)):
            assert process.stdout.readline(), "the writer ended by itself"
        process.kill()
        process.communicate()
        content = (state / "store" / "state").read_bytes()
        assert len(content) == SIZE
        assert len(set(content.split())) == 1, "the file is a mixture of two writes"
        seen.add(content[:1])
    assert len(seen) > 1, "the writers were killed at different writes"
