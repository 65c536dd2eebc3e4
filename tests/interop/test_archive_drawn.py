"""An archive through any sequence of messages, failures, hangs, crashes, restarts and time, beside a list."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "core"))

from archive_bench import Bench, chain, correlator, gear, settings
from faulty_volume import FaultyVolume

from fluxrig.codec import Codec
from fluxrig.errors import TransientError
from fluxrig_ports.memory import MemoryHost
from tests.peers.journal_format import begun, verify

CURSOR = b"0123456789abcdef"
QUIET_MS = 200_000
"""Longer than any back-off."""


class Lives(RuleBasedStateMachine):
    """`sent` is the oracle: every message that was accepted, in order. A message is known by its number."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.sent: list[int] = []
        self.position_of: dict[int, int] = {}
        self.last_position = 0
        self.consumed: set[int] = set()
        self.delivered: list[int] = []  # positions, in the order of delivery
        self.acknowledged: set[int] = set()
        self.batch: list[Any] = []
        self.hang: asyncio.Event | None = None
        self.n = 0
        self.may_remove = False
        self.maybe: set[int] = set()  # accepted in an earlier life, and not known to be durable when that ended

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    @initialize(
        max_bytes=st.sampled_from([3000, 6000, 1 << 20, 1 << 20]),
        segment_bytes=st.sampled_from([600, 2000, 1 << 16]),
        ram_bytes=st.sampled_from([1500, 4000, 1 << 16]),
        commit_count=st.sampled_from([1, 3, 1000]),
        policy=st.sampled_from(["block", "drop_oldest", "drop_oldest_sent"]),
        reserve=st.sampled_from([0, 50, 5000]),
    )
    def begin(self, reserve: int, **changed: Any) -> None:
        self.settings = settings(**changed)
        self.may_remove = changed["max_bytes"] < 1 << 20
        self.volume = FaultyVolume(reserve=reserve)
        self.live()

    def live(self) -> None:
        host = MemoryHost(seed=len(self.sent) + 1)
        compiled = chain(gear("a", "source"), correlator(), gear("s", "sink"), archive=self.settings)
        self.bench = Bench(self.volume, host, compiled)
        self.cursor = self.bench.archive.cursor(CURSOR, compiled["gears"][1]["outputs"]["out"])
        self.run(self.bench.rack.start())
        self.seen = 0
        self.accepted: list[int] = []
        self.batch = []

    def end_tasks(self) -> None:
        async def end() -> None:
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        self.run(end())

    @rule(count=st.integers(1, 6), size=st.sampled_from([0, 50, 700]))
    def send(self, count: int, size: int) -> None:
        for _ in range(count):
            refused = self.bench.archive.refused
            self.bench.n = self.n
            self.bench.send(1, text="x" * size)
            if self.bench.archive.refused == refused:
                self.sent.append(self.n)
                self.accepted.append(self.n)
            self.n += 1

    @rule(ms=st.sampled_from([0, 1, 1000, 6000, 61_000]))
    def wait(self, ms: int) -> None:
        self.run(self.bench.wait(ms))

    @rule(skip=st.integers(0, 3), fails=st.integers(1, 6), wrote=st.integers(0, 2))
    def fail(self, skip: int, fails: int, wrote: int) -> None:
        self.volume.fail_step = self.volume.steps + skip
        self.volume.fails, self.volume.wrote = fails, wrote

    @precondition(lambda self: self.hang is None)
    @rule()
    def hangs(self) -> None:
        self.volume.hang = self.hang = asyncio.Event()

    @precondition(lambda self: self.hang is not None)
    @rule()
    def answers(self) -> None:
        assert self.hang is not None
        self.volume.hang = None
        self.hang.set()
        self.hang = None
        self.run(self.bench.wait(0))

    @rule(part=st.integers(0, 100))
    def crash(self, part: int) -> None:
        self.check()
        self.volume, old = self.volume.again(part), self.volume
        old.hang = None
        self.hang = None
        self.end_tasks()
        self.maybe |= {n for n in self.accepted if n not in self.position_of}
        self.live()

    @rule()
    def restart(self) -> None:
        hung = self.hang is not None
        self.run(self.bench.stop())
        self.check()
        assert not self.volume.is_open
        left = [n for n in self.accepted if n not in self.emitted()]
        if not hung and not self.bench.archive.lost:
            assert left == []
        self.volume = self.volume.again(100)
        self.hang = None
        self.end_tasks()
        self.maybe |= {n for n in self.accepted if n not in self.position_of}
        self.live()

    @rule(limit=st.integers(1, 5))
    def take(self, limit: int) -> None:
        """The consumer takes what comes next, without acknowledging it."""

        async def take() -> list[Any]:
            task = asyncio.ensure_future(self.cursor.take(limit))
            await self.bench.wait(0)
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                return []
            try:
                return await task
            except TransientError:
                self.cursor.rewind()
                return []

        if self.batch:
            self.cursor.rewind()
        self.batch = self.run(take())
        for msg in self.batch:
            self.consumed.add(msg.data["n"])
            if "archive.pos" in msg.meta:
                position = int(msg.meta["archive.pos"])
                assert position not in self.acknowledged, "what was acknowledged came again in the same life"
                self.delivered.append(position)
                assert self.position_of.get(msg.data["n"], position) == position

    @precondition(lambda self: self.batch)
    @rule(count=st.integers(1, 5))
    def acknowledge(self, count: int) -> None:
        for msg in self.batch[:count]:
            self.cursor.done(msg)
        self.batch = self.batch[count:]

    @rule()
    def settle(self) -> None:
        """The disk is well again, and everything comes to rest."""
        if self.hang is not None:
            self.answers()
        self.volume.fail_step = -1
        for _ in range(400):
            self.run(self.bench.wait(3000))
            self.take(100)
            if not self.batch and not self.bench.archive.volatile:
                break
            if self.batch:
                self.acknowledge(100)
        archive = self.bench.archive
        blocked = self.settings["policy"] == "block" and self.may_remove
        if not blocked:
            self.run(self.bench.wait(QUIET_MS))
            assert not archive.volatile and archive.pending == 0
            assert set(self.emitted()) == set(self.accepted)
            assert self.volume.files == {} or archive.durable == self.last_on_medium()
            while True:
                self.take(100)
                if not self.batch:
                    break
                self.acknowledge(100)
        on_medium = self.numbers()
        if not self.may_remove:
            missing = [n for n in self.accepted if n not in on_medium.values()]
            assert len(missing) <= archive.lost
            undelivered = [n for n in on_medium.values() if n not in self.consumed]
            assert undelivered == [], "the consumer has everything that is on the medium"
            assert self.cursor.unreadable == 0

    def emitted(self) -> list[int]:
        return [msg.data["n"] for msg in self.bench.got]

    def last_on_medium(self) -> int:
        return max(verify(begun(self.files())).records, default=self.bench.archive.durable)

    def files(self) -> dict[str, bytes]:
        return {name: bytes(data) for name, data in self.volume.files.items()}

    def numbers(self) -> dict[int, int]:
        """{position: number} of what is on the medium, by the independent reader."""
        files = begun(self.files())
        found = verify(files).records if files else {}
        positions = sorted(found)
        assert positions == list(range(positions[0], positions[-1] + 1)) if positions else True, "gap-free"
        codec = Codec()
        messages = {position: codec.decode(data) for position, data in found.items()}
        return {position: msg.data["n"] for position, msg in messages.items() if "n" in msg.data}

    @invariant()
    def check(self) -> None:
        if not hasattr(self, "bench"):
            return
        archive = self.bench.archive
        for msg in self.bench.got[self.seen :]:
            if "archive.pos" not in msg.meta:
                assert msg.meta["archive.volatile"] == "1"
                continue
            position = int(msg.meta["archive.pos"])
            assert position > self.last_position, "positions strictly increase, over all lives"
            assert position <= archive.durable
            self.last_position = position
            self.position_of[msg.data["n"]] = position
        self.seen = len(self.bench.got)
        emitted = self.emitted()
        assert emitted == self.accepted[: len(emitted)], "in order, each once"
        assert archive.journal.pending_bytes <= max(self.settings["ram_bytes"], 1200) + 1200
        assert not self.bench.host.logged or not any("Traceback" in text for _, _, text in self.bench.host.logged)
        on_medium = self.numbers()
        assert len(set(on_medium.values())) == len(on_medium), "nothing is there twice"
        first = min(on_medium, default=0)
        for n, position in self.position_of.items():
            if position >= first or not self.may_remove:
                assert on_medium.get(position) == n, (n, position)

    def teardown(self) -> None:
        if hasattr(self, "bench"):
            self.end_tasks()
        self.loop.close()


Lives.TestCase.settings = hypothesis_settings(max_examples=30, stateful_step_count=30, deadline=None)
TestLives = Lives.TestCase
