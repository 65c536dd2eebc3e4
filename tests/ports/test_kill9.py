"""kill -9, again and again, of a Rack under load that publishes to a real broker with a real subscriber.

What must be there in the end is read from the archive by a reader that is not ours (`journal_format`, cbor2).
"""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cbor2
import pytest

from tests.interpreter import MICROPYTHON, ROOT, micropython_environment
from tests.peers import journal_format
from tests.ports.brokers import Brokers
from tests.services import require
from tests.umqtt import require_umqtt

ROUNDS = {"cpython": 200, "micropython": 12}
STRIDE = 1_000_000
"""A Rack counts from here times its round on, so that each value tells when it was made."""
SEEN_S = 20.0


class Subscriber:
    """mosquitto_sub, which says for each message whether it was published to be retained (MQTT 5)."""

    def __init__(self, port: int):
        command = [require("mosquitto_sub"), "-V", "mqttv5", "--retain-as-published", "-p", str(port), "-q", "1"]
        command += ["-t", "acme/site/#", "-F", "%r %t %p"]
        self.got: list[tuple[int, bool]] = []
        self.values: set[int] = set()
        self.rounds: Counter[int] = Counter()  # how much was made in each round
        self._changed = threading.Condition()
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, bufsize=1)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait(self, condition: Any) -> None:
        """Until `condition()`. Fails the test when that takes too long."""
        with self._changed:
            assert self._changed.wait_for(condition, SEEN_S), f"{len(self.got)} messages and no more"

    def close(self) -> None:
        self._process.terminate()
        self._reader.join()
        self._process.wait()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            retained, topic, payload = line.split(" ", 2)
            if topic == "acme/site/p":
                with self._changed:
                    value = json.loads(payload)["v"]
                    self.got.append((value, retained == "1"))
                    self.values.add(value)
                    self.rounds[value // STRIDE] += 1
                    self._changed.notify()


class ForkedRack:
    """Racks on CPython, from a process that has everything loaded."""

    def __init__(self, state: Path, port: int):
        environment = {**os.environ, "PYTHONPATH": "core:ports:tests/core:tests/ports"}
        command = [sys.executable, "-c", f"import kill9_rack; kill9_rack.serve({str(state)!r}, {port})"]
        self._runs = False
        self._server = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def start(self, base: int) -> None:
        self._ask(f"start {base}")
        self._runs = True

    def kill(self) -> None:
        self._ask("kill")
        self._runs = False

    def close(self) -> None:
        if self._runs:
            self.kill()
        assert self._server.stdin
        self._server.stdin.close()
        self._server.wait()

    def _ask(self, line: str) -> None:
        assert self._server.stdin and self._server.stdout
        self._server.stdin.write(line + "\n")
        assert self._server.stdout.readline() == "done\n"


class MicroPythonRack:
    def __init__(self, state: Path, port: int):
        self._ends = f"{str(state)!r}, {port}"
        self._environment = micropython_environment("tests/ports", str(require_umqtt()))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, base: int) -> None:
        program = f"import kill9_rack; kill9_rack.main({self._ends}, {base})"
        # Twice the heap of the other tests: archive, uns and MQTT all compiled on the spot, and not frozen in flash.
        command = [str(MICROPYTHON), "-X", "heapsize=256wk", "-c", program]
        self._process = subprocess.Popen(command, cwd=ROOT, env=self._environment)

    def kill(self) -> None:
        assert self._process
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        if self._process and self._process.poll() is None:
            self.kill()


def archived(state: Path) -> list[int]:
    """What the source sent, in the order of the archive. Fails where a position is missing or something was changed."""
    found = journal_format.verify(journal_format.load(state / "archive"))
    assert list(found.records) == list(range(1, len(found.records) + 1)), "no gap"
    messages = [cbor2.loads(found.records[position]) for position in sorted(found.records)]
    return [msg["data"]["p"] for msg in messages if "p" in msg["data"]]


def first_times(values: list[Any]) -> Iterator[Any]:
    return iter(dict.fromkeys(values))


@pytest.mark.timeout(600)  # it takes a tenth of that, where nothing else keeps the machine busy
@pytest.mark.parametrize("interpreter", ["cpython", "micropython"])
def test_nothing_is_lost_invented_or_out_of_order(interpreter: str, tmp_path: Path) -> None:
    require("mosquitto")
    state = tmp_path / "state"
    state.mkdir()
    brokers = Brokers(tmp_path)
    port = asyncio.run(brokers.start("mosquitto"))
    subscriber = Subscriber(port)
    rack: Any = (ForkedRack if interpreter == "cpython" else MicroPythonRack)(state, port)
    try:
        draw = random.Random(9)
        for number in range(1, ROUNDS[interpreter] + 1):
            rack.start(number * STRIDE)
            # Some are killed while they deliver what an earlier one has left, some when they deliver their own.
            more = draw.choice([1, 2, 5, 20, 60])
            if draw.random() < 0.6:
                subscriber.wait(lambda number=number, more=more: subscriber.rounds[number] >= more)
            else:
                wanted = len(subscriber.got) + more
                subscriber.wait(lambda wanted=wanted: len(subscriber.got) >= wanted)
            rack.kill()
        rack.start(-1)
        everything = archived(state)
        subscriber.wait(lambda: len(subscriber.values) >= len(everything))
    finally:
        rack.close()
        subscriber.close()
        brokers.close()
    check(subscriber.got, everything)
    book = [int(line) for line in (state / "book").read_text().splitlines()]
    assert list(first_times(book)) == everything
    assert len({value // STRIDE for value in everything}) > ROUNDS[interpreter] // 2, "most have archived something"


def check(got: list[tuple[int, bool]], everything: list[int]) -> None:
    """All of the archive arrived and nothing else; what is retained never goes back; what came late came in order."""
    assert {value for value, _ in got} == set(everything)
    live = [value for value, retained in got if retained]
    assert live == sorted(live)
    seen: set[int] = set()
    late = []
    for value, retained in got:
        if value not in seen and not retained:
            late.append(value)
        seen.add(value)
    assert late == sorted(late)
