"""The same tests against the MicroPython Host: each file as a whole, in the heap of a 128 KiB device."""

import json
import subprocess
from pathlib import Path

import pytest
from probes import chain, gear

from fluxrig import flux
from tests.interpreter import ROOT, micropython_command, micropython_environment, run_micropython
from tests.umqtt import MODULE, require_umqtt

SHARED = sorted(path.name for path in Path(__file__).parent.glob("test_host_*.py"))

THROUGH_USSL = """            import ussl
            self.sock = ussl.wrap_socket(self.sock, **self.ssl_params)
"""
THROUGH_SSL = """            self.sock = self.ssl.wrap_socket(self.sock, server_hostname=self.server)
"""
"""How umqtt.simple 1.3.4 wraps its socket, and how it does since it takes an SSLContext (1.4 to 1.8)."""


def micropython(
    *arguments: str, path: tuple[str, ...] = (), code: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        micropython_command(*arguments),
        cwd=ROOT,
        env=micropython_environment(".", *path, code=code),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("name", [*SHARED, "uart_cases.py", "umqtt_cases.py"])
def test_file(name: str):
    path = (str(require_umqtt()),) if "mqtt" in name else ()
    result = micropython("tests/core/run_file.py", f"tests/ports/{name}", path=path)
    assert result.returncode == 0, result.stdout + result.stderr


def test_volumes_on_littlefs():
    """In a larger heap: the flash is in it, and what was written to it."""
    result = run_micropython(
        "tests/core/run_file.py", "tests/ports/lfs_cases.py", extra_path=(".",), heap="heapsize=400wk"
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_session_on_a_later_umqtt_simple(tmp_path: Path):
    text = (require_umqtt() / MODULE).read_text()
    assert THROUGH_USSL in text
    (tmp_path / "umqtt").mkdir()
    (tmp_path / MODULE).write_text(text.replace(THROUGH_USSL, THROUGH_SSL))
    result = micropython("tests/core/run_file.py", "tests/ports/umqtt_cases.py", path=(str(tmp_path),))
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_runner_as_a_command(tmp_path: Path):
    console = gear("show", "console", {"format": "text"}, outputs=("err",))
    (tmp_path / "rig.flux").write_bytes(flux.pack(chain(console)))
    # From the checkout as it is: everywhere else the code is compiled, as on a device.
    result = micropython("-m", "fluxrig_ports.micropython.run", str(tmp_path / "rig.flux"), "0", code=ROOT)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout.splitlines()[-1])["gears"]["show"]["alive"] is True


def test_the_runner_says_what_is_wrong(tmp_path: Path):
    module = "fluxrig_ports.micropython.run"
    (tmp_path / "rig.flux").write_bytes(b"not a rig")
    assert micropython("-m", module).returncode == 2
    for name, reason in (("missing.flux", "no such file"), ("rig.flux", "byte 0")):
        result = micropython("-m", module, str(tmp_path / name), "0")
        assert result.returncode == 1
        assert "error:" in result.stderr and reason in result.stderr, result.stderr
        assert "Traceback" not in result.stderr


def test_a_compiled_rig_runs_for_its_time_and_reports(tmp_path: Path):
    (tmp_path / "rig.flux").write_bytes(flux.pack(chain(gear("a", "source", {"every_ms": 20}), gear("b", "sink"))))
    # The Gears of this rig are in a module of the tests, which must be imported to be known.
    (tmp_path / "start.py").write_text(
        "import probes, sys\nfrom fluxrig_ports.micropython.run import main\nmain(sys.argv[1], 1, sys.argv[2])\n"
    )
    result = micropython(str(tmp_path / "start.py"), str(tmp_path / "rig.flux"), str(tmp_path / "state"))
    assert result.returncode == 0, result.stderr
    stats = json.loads(result.stdout.splitlines()[-1])
    assert stats["gears"]["b"]["in"] >= 40
    assert stats["tickers"]["a.count"]["ticks"] == stats["gears"]["b"]["in"]
    assert "info bench: running\n" in result.stderr


def test_without_umqtt_the_error_names_the_fix(tmp_path: Path):
    program = tmp_path / "program.py"
    program.write_text(
        "from fluxrig_ports.micropython.host import MicroPythonHost\n"
        f"try:\n    MicroPythonHost({str(tmp_path)!r}).mqtt({{}})\nexcept Exception as exc:\n    print(repr(exc))\n"
    )
    result = micropython(str(program))
    assert "LocalError" in result.stdout and "mip install umqtt.simple" in result.stdout
