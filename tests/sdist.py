"""MicroPython packages from PyPI, for tests and benchmarks. pip cannot install them: their sdists have no setup.py."""

import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path, PurePosixPath


def fetch(requirement: str, sha256: str, package: str, folder: Path) -> None:
    """Put the modules of `package`, from the sdist of `requirement`, into `folder`, unless they are there.

    RuntimeError for a file with another digest, CalledProcessError without a package index.
    """
    if (folder / package).exists():
        return
    with tempfile.TemporaryDirectory() as download:
        command = [sys.executable, "-m", "unearth", requirement, "--download", download]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=120)
        archive = next(Path(download).glob("*.tar.gz"))
        if hashlib.sha256(archive.read_bytes()).hexdigest() != sha256:
            raise RuntimeError(f"{archive.name} is not the file that this was written against")
        with tarfile.open(archive) as members:
            modules = {}
            for member in members:
                path = PurePosixPath(member.name)
                if path.parent.name == package and path.suffix == ".py":
                    content = members.extractfile(member)
                    assert content is not None
                    modules[path.name] = content.read()
    (folder / package).mkdir(parents=True)
    for name, source in modules.items():
        (folder / package / name).write_bytes(source)
