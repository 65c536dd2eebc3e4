"""Journals that hypothesis thinks of, whose power goes where it likes, and again while they recover.

The files are read by tests/core/journal_reading.py, which knows the format and nothing of fluxrig.
"""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st
from journal_life import Known, Life, survive

from fluxrig_ports.memory.recorded import RecordedVolume, Write

# Zeros and the letters of frames, beside anything else: what torn frames could be mistaken for.
records = st.one_of(
    st.binary(max_size=40),
    st.binary(min_size=200, max_size=700),
    st.lists(st.sampled_from([b"\0", b"M\0\0\0", b"L\0\0\x30", b"S\0\0\x30", b"C\0\0\x18"]), max_size=20).map(b"".join),
)
steps = st.one_of(
    st.lists(records, min_size=1, max_size=6),
    st.lists(records, min_size=1, max_size=2),
    st.sampled_from(["acknowledge", "seal", "retain", "acknowledge and commit", "stop"]),
)
lives = st.lists(steps, min_size=1, max_size=12)


class RoomierLife(Life):
    SEGMENT_BYTES = 1500
    MAX_BYTES = 4000


async def do(life: Life, step: object) -> Life:
    """One step of it. After "stop" it is another one, on the same volume."""
    if isinstance(step, list):
        await life.group(*step)
    elif step == "acknowledge":
        await life.acknowledge()
    elif step == "seal":
        await life.seal()
    elif step == "retain":
        await life.retain()
    elif step == "acknowledge and commit":
        await life.acknowledge()
        await life.group()
    else:
        await life.journal.close()
        following = type(life)(life.volume, life.written, life.said[-1])
        following.said = life.said
        await following.open()
        return following
    return life


def cut(draw: st.DrawFn, volume: RecordedVolume, at: int) -> RecordedVolume:
    """What the power left of the operation number `at` of the log, and of all before it."""
    tail = draw(st.sampled_from([0, 1, 8, 100, 4096]))
    write: Write | None = volume.log[at] if at < len(volume.log) else None
    if write is None or write.kind != "append":
        return volume.cut(at, tail=tail)
    if draw(st.booleans()):
        return volume.cut(at, part=draw(st.integers(0, write.end - write.start)), tail=tail)
    size = draw(st.sampled_from([8, 16, 64, 512]))
    kept = draw(st.sets(st.sampled_from(list(write.blocks(size)))))
    fill = draw(st.sampled_from([0, 0, 0xFF, 0x4D]))
    return volume.cut(at, blocks=kept, size=size, tail=tail, fill=fill)


@settings(max_examples=300)
@given(st.data(), st.sampled_from([Life, RoomierLife]), lives, lives)
def test_nothing_durable_is_lost(data: st.DataObject, kind: type[Life], before: list, between: list):
    async def live() -> None:
        volume = RecordedVolume()
        life = kind(volume)
        await life.open()
        for step in before:
            life = await do(life, step)
        for following in (between, []):
            at = data.draw(st.integers(0, len(volume.log)))
            known: Known = life.known_at(at)
            volume = data.draw(st.composite(cut)(volume, at))
            volume.record()
            life = await survive(life, volume, known)
            for step in following:
                life = await do(life, step)

    asyncio.run(live())
