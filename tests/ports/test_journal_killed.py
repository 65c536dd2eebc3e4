"""A process that keeps a journal and is killed at any moment, again and again, on both interpreters."""

import os
import random
import subprocess
from pathlib import Path

import pytest
from journal_reading import frame_at, read_journal

from tests.interpreter import ROOT, on_both

ROUNDS = 12

PROGRAM = """
import asyncio, sys
from fluxrig.journal.journal import Journal
from fluxrig.journal.retention import Limits, retain

host_module, folder = sys.argv[1:]
module = __import__(host_module, None, None, ("x",))
host = (getattr(module, "CPythonHost", None) or module.MicroPythonHost)(folder)

async def main():
    journal = Journal(host.volume("archive"), "press-1", host.clock.wall_ns, host.entropy, 4096)
    await journal.open()
    print(journal.durable)
    while True:
        position = journal.durable
        for each in range(position + 1, position + 2 + position % 7):
            journal.append(b"%d " % each * (each % 40))
        journal.set_cursor(b"cursor-0123456..", position)
        await journal.commit()
        print(journal.durable)
        await retain(journal, Limits(20000, 0, "drop_oldest"), host.clock.wall_ns(), 0, 0)

asyncio.run(main())
"""


def files_in(folder: Path) -> dict[str, bytes]:
    """The journal's files, without a last segment that was begun and not written."""
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "lock"}
    last = max((name for name in files if name.endswith(".seg")), default="")
    if last and frame_at(files[last], 0) is None:
        del files[last]
    return files


@pytest.mark.skipif(os.name != "posix", reason="kills processes without warning")
@pytest.mark.parametrize("interpreter", ["cpython", "micropython"])
def test_killed_journals_keep_what_they_reported(interpreter: str, tmp_path: Path):
    program = tmp_path / "writer.py"
    program.write_text(PROGRAM)
    command, environment = on_both(program)[interpreter]
    pick = random.Random(3)
    last, removed = 0, 0
    for _ in range(ROUNDS):
        process = subprocess.Popen(
            [*command, str(tmp_path / "state")], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout
        assert int(process.stdout.readline() or "-1") >= last, "it goes on where it was"
        for _ in range(pick.randrange(1, 60)):
            last = int(process.stdout.readline() or "-1")
            assert last > 0, "the writer ended by itself"
        process.kill()
        process.communicate()
        found = read_journal(files_in(tmp_path / "state" / "archive"))
        assert found.last >= last
        removed = found.stub[-1][1] if found.stub else 0
        expected = {each: b"%d " % each * (each % 40) for each in range(removed + 1, found.last + 1)}
        assert found.records == expected
        last = found.last
    assert removed, "segments were removed while it was killed"
