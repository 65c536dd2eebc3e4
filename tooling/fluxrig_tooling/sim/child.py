"""Helper processes of the demo: each prints one line of JSON and ends when its standard input closes.

What keeps one from starting, or from going on, is the last line that it prints: {"error": why}.

A pipe ends a child on every operating system, also when the parent is killed, and leaves it the time to drain.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

END_MS = 10_000
"""How long a child may take to end, once it was told to."""


class ChildError(Exception):
    """A helper process did not start, or did not go on. The text says which one, and why."""


def serve(main: Coroutine[Any, Any, None], run: Callable[[Coroutine[Any, Any, None]], None] = asyncio.run) -> None:
    """Be a helper process: `main`, on the loop that `run` makes."""
    _ignore_interrupts()
    try:
        run(main)
    except Exception as exc:
        say({"error": str(exc) or type(exc).__name__})
        raise SystemExit(1) from exc


def _ignore_interrupts() -> None:
    """Signals reach every process of the terminal; the parent decides in which order the children end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def say(document: dict[str, Any]) -> None:
    """Tell the parent, in one line."""
    print(json.dumps(document), flush=True)  # noqa: T201 - the pipe is the interface


def stdin_closed() -> asyncio.Event:
    """An event of the running loop that is set when standard input ends."""
    closed = asyncio.Event()
    loop = asyncio.get_running_loop()

    def wait() -> None:
        while sys.stdin.read(4096):
            pass
        with suppress(RuntimeError):  # the loop has ended already, and nobody waits any more
            loop.call_soon_threadsafe(closed.set)

    threading.Thread(target=wait, daemon=True).start()
    return closed


class Child:
    """A running helper process. `first` is the document it began with."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, first: dict[str, Any]):
        self._name = name
        self._process = process
        self.first = first

    @property
    def has_ended(self) -> bool:
        return self._process.returncode is not None

    async def end(self) -> dict[str, Any]:
        """Close its input and wait for it; the last document it printed. ChildError when it printed none more."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        try:
            async with asyncio.timeout(END_MS / 1000):
                lines = (await self._process.stdout.read()).splitlines()
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
            raise ChildError(f"{self._name} did not end within {END_MS // 1000} s") from None
        if not lines:
            raise ChildError(f"{self._name} did not report, see its messages above")
        last: dict[str, Any] = json.loads(lines[-1])
        if "error" in last:
            raise ChildError(f"{self._name} ended: {last['error']}")
        return last


@asynccontextmanager
async def running(name: str, module: str, *arguments: str, start_s: float = 30) -> AsyncIterator[Child]:
    """`python -m module arguments` as a child that has printed its first line. Ends it on the way out.

    `name` is what a person calls it. ChildError when it ends, or says nothing for `start_s`, instead of starting.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin and process.stdout
    try:
        yield Child(name, process, await _first(name, process.stdout, start_s))
    finally:
        process.stdin.close()
        if process.returncode is None:
            try:
                async with asyncio.timeout(END_MS / 1000):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()


async def _first(name: str, output: asyncio.StreamReader, start_s: float) -> dict[str, Any]:
    try:
        async with asyncio.timeout(start_s):
            line = await output.readline()
    except TimeoutError:
        raise ChildError(f"{name} did not start within {start_s:g} s") from None
    if not line:
        raise ChildError(f"{name} did not start, see its messages above")
    first: dict[str, Any] = json.loads(line)
    if "error" in first:
        raise ChildError(f"{name} did not start: {first['error']}")
    return first
