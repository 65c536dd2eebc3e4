"""Hooks for the whole suite: plain `async def test_*` functions, and MicroPython runs of the files that want both.

A file in `MICROPYTHON_FOLDERS` runs twice: under pytest, function by function, and as a whole under
`micropython -X heapsize=128wk`, reported as `test_x.py::micropython`.
"""

import asyncio
import inspect
from pathlib import Path

import pytest
from hypothesis import settings

from tests.interpreter import HEAP, run_micropython

ROOT = Path(__file__).resolve().parent.parent
MICROPYTHON_FOLDERS = (ROOT / "tests" / "core",)

settings.register_profile("suite", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("suite")

ASYNC_TEST_LIMIT_S = 60


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--heap", default=HEAP, help="what the files of tests/core get under MicroPython [%(default)s]")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in wanted}

    async def bounded() -> None:
        await asyncio.wait_for(pyfuncitem.obj(**arguments), ASYNC_TEST_LIMIT_S)

    asyncio.run(bounded())
    return True


class OnMicroPython(pytest.Item):
    """One whole file under MicroPython, with the heap of a 128 KiB 32-bit device."""

    def runtest(self) -> None:
        result = run_micropython("tests/core/run_file.py", str(self.path), heap=self.config.getoption("--heap"))
        if result.returncode:
            raise AssertionError(f"{self.path.name} under MicroPython:\n{result.stdout}{result.stderr}")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        return str(excinfo.value)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, f"{self.path.name}::micropython"


@pytest.hookimpl(wrapper=True)
def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector):
    module = yield
    if module_path.parent in MICROPYTHON_FOLDERS:
        collect = module.collect
        module.collect = lambda: [*collect(), OnMicroPython.from_parent(module, name="micropython")]
    return module
