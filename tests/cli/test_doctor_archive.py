"""What `fluxrig doctor` says of the disk that the archive is to lie on."""

import errno
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fluxrig_ports.cpython.faults import file_error
from tests.cli.test_commands import document, fluxrig
from tests.peers.archived import filled

RIG = """
fluxrig: 1
meta: {name: line, version: 1.0.0}
gears:
  - {name: plc, type: io_modbus, config: {link: "tcp://127.0.0.1:1", every: 1s, tags: {a: {address: hr:0}}}}
  - {name: archive, type: correlator, config: {max_size: SIZE}}
  - {name: screen, type: console}
wires:
  - {from: plc, to: archive}
  - {from: archive, to: screen}
"""


@pytest.fixture
def rig(tmp_path: Path) -> Path:
    path = tmp_path / "line.yaml"
    path.write_text(RIG.replace("SIZE", "1MiB"))
    return path


@pytest.fixture
def on_tmpfs() -> Iterator[Path]:
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    if ["/dev/shm", "tmpfs"] not in [mount[1:3] for mount in mounts]:
        pytest.skip("no tmpfs at /dev/shm here")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


def finding(rig: Path, state: Path) -> Any:
    # The device does not answer, which is another finding.
    report = document("doctor", rig, "--state", state, exit_code=1)
    return next(each for each in report["findings"] if each["check"] == "archive")


def test_an_archive_with_room_on_a_disk(rig: Path, tmp_path: Path):
    found = finding(rig, tmp_path / "state")
    assert found["result"] == "ok" or "tmpfs" in found["detail"], found
    assert "0 bytes of 1.0 MiB" in found["detail"]


def test_an_archive_that_is_larger_than_the_disk(rig: Path, tmp_path: Path):
    rig.write_text(rig.read_text().replace("1MiB", "900000GiB"))
    found = finding(rig, tmp_path / "state")
    assert found["result"] == "warning"
    assert "max_size:" in found["fix"]
    # The fix is one: with what it says there is enough room.
    size = found["fix"].split("max_size: ")[1]
    rig.write_text(rig.read_text().replace("900000GiB", size))
    assert "max_size" not in finding(rig, tmp_path / "state")["fix"]


def test_an_archive_in_ram(rig: Path, on_tmpfs: Path):
    found = finding(rig, on_tmpfs / "state")
    assert found["result"] == "warning"
    assert "tmpfs" in found["detail"] and "--state" in found["fix"]


def test_an_archive_that_a_running_rack_has(rig: Path, tmp_path: Path):
    folder = tmp_path / "state" / "archive"
    folder.mkdir(parents=True)
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        found = finding(rig, tmp_path / "state")
    finally:
        os.close(descriptor)
    assert found["result"] == "warning"
    assert "in use" in found["detail"]
    assert found["fix"] == "the rig runs already"


def test_an_archive_that_cannot_be_opened(rig: Path, tmp_path: Path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "archive").write_text("a file where the folder should be")
    assert finding(rig, tmp_path / "state")["result"] == "failed"
    # And the Rack itself goes on without it, and says so.
    result = fluxrig("rig", "run", rig, "--state", tmp_path / "state", "--seconds", "0.5")
    assert result.returncode == 1 and "lost for good" in result.stderr
    assert "WITHOUT being archived" in result.stderr


def test_an_archive_that_is_damaged_at_its_end(rig: Path, tmp_path: Path):
    folder = filled().write(tmp_path / "state" / "archive")
    assert finding(rig, tmp_path / "state")["result"] == "ok"
    newest = max(folder.glob("*.seg"))
    data = bytearray(newest.read_bytes())
    data[300] ^= 1
    newest.write_bytes(data)
    found = finding(rig, tmp_path / "state")
    assert found["result"] == "warning" and newest.name in found["detail"]
    assert found["fix"] == f"fluxrig archive verify {folder}"


def test_what_belongs_to_another_user(rig: Path, tmp_path: Path):
    error = file_error(PermissionError(errno.EACCES, "Permission denied"), tmp_path / "state" / "archive", "open")
    text = str(error)
    assert tmp_path.owner() in text and "chown" in text and "firewall" not in text
