"""The world around a platform, in a thread of pytest's process, steered by one-line commands over TCP.

Over TCP, because the test may run in another process, under another interpreter. See `tests.ports.peer` for that end.
"""

import asyncio
import json
import shutil
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

from tests.ports.behaviours import PINGREQ, Behaviours
from tests.ports.brokers import Brokers
from tests.ports.lines import Lines

ANSWER_S = 30.0
SETTLED_S = 10.0


class Peers:
    """`with Peers() as port:` commands are taken at `port`."""

    def __enter__(self) -> int:
        self._temporary = tempfile.TemporaryDirectory()
        self._folder = Path(self._temporary.name)
        self._behaviours = Behaviours()
        self._brokers = Brokers(self._folder)
        self._lines = Lines(self._folder)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        return asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(ANSWER_S)

    def __exit__(self, *_exc: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(ANSWER_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(ANSWER_S)
        self._loop.close()
        self._temporary.cleanup()

    async def _end(self) -> None:
        self._behaviours.close()
        self._brokers.close()
        self._lines.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _listen(self) -> int:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        command, arguments = json.loads(await reader.readline())
        failure, answer = "", None
        try:
            answer = await asyncio.wait_for(getattr(self, "do_" + command)(*arguments), ANSWER_S)
        except BaseException as exc:  # whatever it is, the test must hear of it
            failure = f"{type(exc).__name__}: {exc}"
        writer.write(json.dumps([failure, answer]).encode() + b"\n")
        await writer.drain()
        writer.close()

    async def do_now(self) -> int:
        """Unix time in ns."""
        return time.time_ns()

    async def do_folder(self) -> str:
        """A new empty folder."""
        return tempfile.mkdtemp(dir=self._folder)

    async def do_file(self, path: str, mode: str, text: str, times: int = 1) -> str:
        """Write `text` that many times, with that octal mode."""
        file = Path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text * times)
        file.chmod(int(mode, 8))
        return path

    async def do_remove(self, path: str) -> None:
        """Delete a file."""
        Path(path).unlink()

    async def do_disk(self, path: str) -> int:
        """Bytes of the file system there."""
        return shutil.disk_usage(path).total

    async def do_tcp(self, behaviour: str) -> int:
        return await self._behaviours.open(behaviour)

    async def do_received(self, port: int, count: int) -> int:
        """How much clients have sent to `port`, once it is `count` bytes or more."""
        return len(await self._behaviours.at_least(port, count))

    async def do_heard(self, port: int, text: str) -> bool:
        """Whether clients have sent `text` to `port`, once it is as long."""
        return text.encode() in await self._behaviours.at_least(port, len(text))

    async def do_go_on(self, port: int) -> None:
        self._behaviours.told[port].set()

    async def do_pings(self, port: int) -> int:
        """How many MQTT pings clients have sent to `port`."""
        return self._behaviours.received[port].count(PINGREQ)

    async def do_was_reset(self, port: int) -> bool:
        """Whether the client that left `port` last reset its connection, as soon as one has left."""
        while port not in self._behaviours.was_reset:
            await asyncio.sleep(0.005)
        return self._behaviours.was_reset[port]

    async def do_stalled(self, port: int) -> int:
        return await self._behaviours.stalled(port)

    async def do_line(self, behaviour: str) -> str:
        """A new serial line with a device of that behaviour. Its path."""
        return self._lines.open(behaviour)

    async def do_line_received(self, path: str, count: int) -> str:
        """What has been sent to the device, in hexadecimal digits, once it is `count` bytes or more."""
        return (await self._lines.at_least(path, count)).hex()

    async def do_line_sends(self, path: str, digits: str) -> None:
        """The device sends by itself."""
        self._lines[path].send(bytes.fromhex(digits))

    async def do_line_has_sent(self, path: str, text: str) -> None:
        """The device sends by itself, while nobody has the line open; it has arrived and waits there."""
        await self._lines.stale(path, text.encode())

    async def do_line_settings(self, path: str) -> dict[str, int]:
        return self._lines[path].settings()

    async def do_unplug(self, path: str) -> None:
        self._lines[path].unplug()

    async def do_plug_in(self, path: str) -> None:
        self._lines[path].plug_in()

    async def do_broker(self, kind: str, port: int = 0, with_passwords: bool = False) -> int:
        return await self._brokers.start(kind, port, with_passwords)

    async def do_kill(self, port: int) -> None:
        self._brokers.kill(port)

    async def do_gate(self, port: int) -> int:
        return await self._brokers.gate(port)

    async def do_cut(self, port: int) -> None:
        self._brokers.cut(port)

    async def do_freeze(self, port: int) -> None:
        self._brokers.freeze(port)

    async def do_retained(self, port: int, topics: str, expected: dict[str, str]) -> dict[str, str]:
        """What the broker retains under the filter `topics`, as soon as it is as expected, or what it was at last.

        A broker may acknowledge a message before it has stored it.
        """
        texts: dict[str, str] = {}
        deadline = time.monotonic() + SETTLED_S
        while time.monotonic() < deadline:
            with suppress(TimeoutError):
                found = await self._brokers.retained(port, topics)
                texts = {topic: payload.decode() for topic, payload in found.items()}
                if texts == expected:
                    break
            await asyncio.sleep(0.02)
        return texts
