"""The dependency rule: core -> itself and an allow-list; ports -> core; tooling -> core and two of the ports.

Within tooling each package imports only what stands below it.

Read from the syntax trees, so an import inside a function counts like any other.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORE = sorted((ROOT / "core").rglob("*.py"))
PORTS = sorted((ROOT / "ports").rglob("*.py"))
TOOLING = sorted((ROOT / "tooling").rglob("*.py"))

ON_BOTH_INTERPRETERS = {
    "array", "asyncio", "binascii", "collections", "errno", "gc", "hashlib", "io", "json", "math", "micropython", "os",
    "random", "re", "select", "socket", "ssl", "struct", "sys", "time",
}  # fmt: skip
"""Modules of the standard library that MicroPython has too."""

CPYTHON_ONLY_IN_CORE = {("core/fluxrig/compat.py", "traceback")}
"""Imports under `if not MICROPYTHON`, in the only module that may ask."""

POSIX_ONLY = {
    "crypt", "fcntl", "grp", "posix", "pty", "pwd", "resource", "spwd", "syslog", "termios", "tty",
}  # fmt: skip
TTYS = "ports/fluxrig_ports/micropython/tty.py"
"""Serial lines of the unix port, which has `termios`; imported only where a path is that of a tty."""
DECLARES_POSIX = {"ports/fluxrig_ports/cpython", TTYS}
"""Where POSIX-only imports may stand; everything else also runs on an engineer's Windows or macOS laptop."""


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of every module that `path` imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{relative(path)}:{node.lineno}: relative import"
            assert node.module
            yield node.lineno, node.module


def offences(paths: list[Path], allowed) -> list[str]:
    return [
        f"{relative(path)}:{line}: imports {name}"
        for path in paths
        for line, name in imports(path)
        if not allowed(relative(path), name)
    ]


def package(name: str) -> str:
    return name.partition(".")[0]


def test_core_imports_itself_and_what_both_interpreters_have():
    def allowed(path: str, name: str) -> bool:
        return (
            package(name) == "fluxrig" or package(name) in ON_BOTH_INTERPRETERS or (path, name) in CPYTHON_ONLY_IN_CORE
        )

    assert CORE
    assert offences(CORE, allowed) == []


def test_ports_do_not_import_tooling():
    assert PORTS
    assert offences(PORTS, lambda path, name: package(name) != "fluxrig_tooling") == []


def test_the_ports_for_devices_import_what_devices_have():
    device = [path for path in PORTS if "cpython" not in path.parts]
    ours = {"fluxrig", "fluxrig_ports", "umqtt", "machine", "network", "esp32", "rp2"}
    allowed = ON_BOTH_INTERPRETERS | ours
    assert offences(device, lambda path, name: package(name) in allowed or (path, name) == (TTYS, "termios")) == []


def test_tooling_imports_only_the_ports_that_run_on_cpython():
    def allowed(path: str, name: str) -> bool:
        return package(name) != "fluxrig_ports" or name.startswith(("fluxrig_ports.cpython", "fluxrig_ports.memory"))

    assert TOOLING
    assert offences(TOOLING, allowed) == []


FLOORS = ("wording", "modbus", "device", "rig", "sim", "archive", "cli")
"""The packages of tooling, from the ground up."""


@pytest.mark.parametrize("floor", FLOORS)
def test_a_package_of_tooling_imports_only_those_below_it(floor: str):
    home = ROOT / "tooling/fluxrig_tooling"
    files = sorted((home / floor).rglob("*.py"))
    allowed = {f"fluxrig_tooling.{name}" for name in FLOORS[: FLOORS.index(floor) + 1]}

    def is_allowed(path: str, name: str) -> bool:
        return package(name) != "fluxrig_tooling" or ".".join(name.split(".")[:2]) in allowed

    assert {path.parent.name for path in home.glob("*/__init__.py")} == set(FLOORS)
    assert offences(files, is_allowed) == []


def test_posix_only_modules_stay_where_they_are_declared():
    def allowed(path: str, name: str) -> bool:
        return package(name) not in POSIX_ONLY or path.startswith(tuple(DECLARES_POSIX))

    assert offences(CORE + PORTS + TOOLING, allowed) == []


def test_a_gear_never_opens_a_socket_or_a_file_itself():
    gears = [path for path in CORE if "gears" in path.parts]
    forbidden = {"os", "select", "socket", "ssl", "time"}
    assert gears
    assert offences(gears, lambda path, name: package(name) not in forbidden) == []
    for path in gears:
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        opened = [node.lineno for node in calls if isinstance(node.func, ast.Name) and node.func.id == "open"]
        assert opened == [], f"{relative(path)} opens a file at lines {opened}"


def test_core_has_no_cycle_of_imports():
    names = {path: ".".join(path.relative_to(ROOT / "core").with_suffix("").parts) for path in CORE}
    graph = {
        names[path]: {name for _, name in imports(path) if name in names.values() and not name.endswith("__init__")}
        for path in CORE
    }
    finished: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join((*trail, name))
        if name not in finished:
            for target in graph[name]:
                visit(target, (*trail, name))
            finished.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize("path", CORE, ids=relative)
def test_only_compat_knows_the_interpreter(path: Path):
    if path.name == "compat.py":
        return
    attributes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)]
    asks = [node.lineno for node in attributes if node.attr == "implementation"]
    assert asks == [], f"asks for the interpreter at lines {asks}"


def test_no_module_runs_work_at_import_in_core():
    """Top level of core: definitions, constants and docstrings; no loops, no calls for their effect."""
    for path in CORE:
        for node in ast.parse(path.read_text()).body:
            effect = isinstance(node, ast.For | ast.While | ast.With) or (
                isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
            )
            assert not effect, f"{relative(path)}:{node.lineno} runs at import"
