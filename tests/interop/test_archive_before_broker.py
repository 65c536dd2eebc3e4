"""At every moment, and so at whatever moment the power goes: what a broker has is in the archive on the medium.

Except what left while the disk was away, and says so.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "core"))

from archive_bench import correlator, gear, gear_of, settings
from faulty_volume import FaultyVolume
from probes import rig
from uns_bench import GUARANTEED, HOT, config

from fluxrig.codec import Codec
from fluxrig.rack import Rack
from fluxrig_ports.memory import MemoryHost
from fluxrig_ports.memory.broker import Broker
from tests.peers.journal_format import begun, verify

TOPIC = "acme/site/p"

STEPS = st.one_of(
    st.tuples(st.just("send"), st.integers(1, 5)),
    st.tuples(st.just("send"), st.integers(1, 5)),
    st.tuples(st.just("wait"), st.sampled_from([0, 1, 300, 1000, 6000, 61_000])),
    st.tuples(st.just("fail"), st.integers(1, 6)),
    st.tuples(st.just("hang"), st.just(0)),
    st.tuples(st.just("answer"), st.just(0)),
    st.tuples(st.just("broker down"), st.just(0)),
    st.tuples(st.just("broker up"), st.just(0)),
    st.tuples(st.just("power cut"), st.integers(0, 100)),
)


class Watched(Broker):
    """Asks about each value in the moment in which it arrives."""

    def __init__(self, plant: Plant):
        super().__init__()
        self.plant = plant
        self.values: list[int] = []

    def take(self, topic: str, payload: bytes, retain: bool) -> None:
        if topic == TOPIC:
            n = json.loads(payload).get("v")
            if n is not None:
                self.values.append(n)
                self.plant.left(n)
        super().take(topic, payload, retain)


class Plant:
    """A Rack whose source counts, behind whose correlator a sink stands first, and then uns."""

    def __init__(self, lane: tuple[Any, ...], reserve: int):
        self.lane = lane
        self.volume = FaultyVolume(reserve=reserve)
        self.broker = Watched(self)
        self.hang: asyncio.Event | None = None
        self.n = 0
        self.checked = 0
        self.volatile: set[int] = set()

    async def live(self) -> None:
        self.host = MemoryHost(seed=self.n + 1)
        self.host.network.broker = self.broker
        self.host.volumes["archive"] = self.volume
        gears = [
            gear("a", "source"),
            correlator("c"),
            gear("s", "sink"),
            gear("uns", "uns", config(), outputs=("err",)),
        ]
        wires = [("a", "out", "c", "in"), ("c", "out", "s", "in"), ("c", "out", "uns", "in", *self.lane)]
        archive = settings(commit_ms=300, segment_bytes=3000, ram_bytes=5000)
        self.rack = Rack(self.host, rig(gears, wires, archive))
        await self.rack.start()

    def left(self, n: int) -> None:
        """A value has left the plant: is it on the medium, now, by what the medium has confirmed?"""
        self.checked += 1
        self.volatile |= {
            msg.data["p"] for msg in gear_of(self.rack, "s").got if msg.meta.get("archive.volatile") == "1"
        }
        if n not in self.volatile:
            assert n in self.on_medium(), f"{n} was published and is not archived"

    def on_medium(self) -> set[int]:
        files = begun({name: bytes(data) for name, data in self.volume.again(0).files.items()})
        codec = Codec()
        records = verify(files).records.values() if files else ()
        return {msg.data["p"] for msg in map(codec.decode, records) if "p" in msg.data}

    async def do(self, step: str, value: int) -> None:
        if step == "send":
            for _ in range(value):
                gear_of(self.rack, "a").emit({"p": self.n})
                self.n += 1
        elif step == "wait":
            await self.host.clock.advance(value)
        elif step == "fail":
            self.volume.fail_step, self.volume.fails, self.volume.wrote = (
                self.volume.steps + value % 3,
                value,
                value % 3,
            )
        elif step == "hang" and self.hang is None:
            self.volume.hang = self.hang = asyncio.Event()
        elif step == "answer" and self.hang is not None:
            self.volume.hang = None
            self.hang.set()
            self.hang = None
        elif step == "broker down":
            self.broker.go_down()
        elif step == "broker up":
            self.broker.up = True
        elif step == "power cut":
            await self.cut(value)

    async def cut(self, part: int) -> None:
        self.volume = self.volume.again(part)
        self.hang = None
        await end_tasks()
        published = set(self.broker.values)
        assert published - self.volatile <= self.on_medium()
        await self.live()


async def end_tasks() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@given(
    steps=st.lists(STEPS, min_size=5, max_size=40),
    lane=st.sampled_from([HOT, GUARANTEED]),
    reserve=st.sampled_from([0, 4000]),
)
@hypothesis_settings(max_examples=25)
def test_what_the_broker_has_is_in_the_archive(steps: list[tuple[str, int]], lane: tuple[Any, ...], reserve: int):
    async def live() -> None:
        plant = Plant(lane, reserve)
        await plant.live()
        for step, value in steps:
            await plant.do(step, value)
        # Whatever is left of it comes out when all is well.
        await plant.do("answer", 0)
        await plant.do("broker up", 0)
        plant.volume.fail_step = -1
        plant.n += 1000
        await plant.do("send", 1)
        await plant.do("wait", 200_000)
        assert plant.n - 1 in plant.broker.values
        assert set(plant.broker.values) - plant.volatile <= plant.on_medium()
        await end_tasks()

    asyncio.run(live())
