"""Helper processes of the demo: each prints one line of JSON and ends when its standard input closes.

A pipe ends a child on every operating system, also when the parent is killed, and leaves it the time to drain.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

END_MS = 10_000
"""How long a child may take to end, once it was told to."""


def ignore_interrupts() -> None:
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

    def __init__(self, process: asyncio.subprocess.Process, first: dict[str, Any]):
        self._process = process
        self.first = first

    async def end(self) -> dict[str, Any] | None:
        """Close its input and wait for it; the last document it printed, None when it printed none more."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        try:
            async with asyncio.timeout(END_MS / 1000):
                lines = (await self._process.stdout.read()).splitlines()
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
            return None
        return json.loads(lines[-1]) if lines else None


@asynccontextmanager
async def running(module: str, *arguments: str, start_s: float = 30) -> AsyncIterator[Child]:
    """`python -m module arguments` as a child that has printed its first line. Ends it on the way out.

    Raises RuntimeError when it ends, or says nothing for `start_s`, instead of starting.
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
        async with asyncio.timeout(start_s):
            line = await process.stdout.readline()
        if not line:
            raise RuntimeError(f"{module} ended before it was ready, see its messages above")
        child = Child(process, json.loads(line))
        yield child
    finally:
        process.stdin.close()
        if process.returncode is None:
            try:
                async with asyncio.timeout(END_MS / 1000):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
