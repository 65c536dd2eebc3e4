"""Messages to bytes and back: beside cbor2 in this process, and beside MicroPython's own `json` on a device.

`standard` messages have six tags, four metadata entries and two hops. On MicroPython `json` carries the same content
with ids as hex, and unlike ours accepts malformed input.
"""

import decimal
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cbor2

from fluxrig.codec import Codec
from fluxrig.decimal import Decimal
from fluxrig.fast_codec import FastCodec
from fluxrig.msg import FluxMsg
from tests.bench.codec_stream import changed, scaled, standard, walk, wide
from tests.bench.figure import Figure
from tests.bench.measure import alternately
from tests.interpreter import run_micropython

AREA = "codec"
COUNT = 100
WRITER = "cbor2.dumps(canonical=True)"
READER = "cbor2.loads"
SCRIPT = str(Path(__file__).with_name("codec_micropython.py"))


def figures() -> Iterator[Figure]:
    yield from _beside_cbor2("standard", standard(COUNT), FastCodec, 0.4, 2.0)
    yield from _beside_cbor2("6 tags changing width", walk(COUNT), FastCodec, 0.4, 2.0)
    yield from _beside_cbor2("a few of 40 tags", changed(COUNT), FastCodec, 0.4, 2.0)
    yield from _beside_cbor2("6 scaled registers", scaled(COUNT), FastCodec, 0.4, 2.0)
    yield from _beside_cbor2("40 float32 tags", wide(COUNT), FastCodec, None, None)
    yield from _beside_cbor2("standard, plain codec", standard(COUNT), Codec, 1.5, 5.0)
    yield from _beside_cbor2("standard, each of a new source", _of_new_sources(4000), FastCodec, None, None)
    yield from _on_micropython()


def _beside_cbor2(
    what: str,
    messages: Sequence[FluxMsg],
    make: Callable[[], Codec],
    encode_goal: float | None,
    decode_goal: float | None,
) -> Iterator[Figure]:
    maps = [_as_map(msg) for msg in messages]
    wires = [cbor2.dumps(content, canonical=True) for content in maps]
    codec = make()

    def encode() -> None:
        for msg in messages:
            msg.wire = None
            codec.encode(msg)

    def dumps() -> None:
        for content in maps:
            cbor2.dumps(content, canonical=True)

    def decode() -> None:
        for wire in wires:
            codec.decode(wire)

    def loads() -> None:
        for wire in wires:
            cbor2.loads(wire)

    times = [total / len(messages) for total in alternately(encode, dumps, decode, loads, rounds=25, round_s=0.02)]
    yield Figure(AREA, f"encode: {what}", "us", times[0], WRITER, times[1], goal=encode_goal)
    yield Figure(AREA, f"decode: {what}", "us", times[2], READER, times[3], goal=decode_goal)


def _of_new_sources(count: int) -> list[FluxMsg]:
    """More sources than are remembered, so that each is new every time."""
    messages = standard(count)
    for index, msg in enumerate(messages):
        msg.src_id = index.to_bytes(16, "big")
    return messages


def _as_map(msg: FluxMsg) -> dict[str, object]:
    names = ("id", "ref_id", "trace", "src_id", "meta", "data", "flags", "raw", "ts")
    hops = [{"g": gear, "p": port, "t": time} for gear, port, time in msg.path]
    data = {tag: _as_python(value) for tag, value in msg.data.items()}
    return {**{name: getattr(msg, name) for name in names}, "data": data, "path": hops}


def _as_python(value: object) -> object:
    return decimal.Decimal(str(value)) if isinstance(value, Decimal) else value


def _on_micropython() -> Iterator[Figure]:
    result = run_micropython(SCRIPT)
    if result.returncode:
        raise RuntimeError(f"{SCRIPT}: {result.stderr}")
    found = json.loads(result.stdout)
    writer, reader = "json.dumps in C", "json.loads in C"
    yield Figure(AREA, "encode: standard, MicroPython", "us", found["encode"], writer, found["dumps"], goal=1.5)
    yield Figure(AREA, "decode: standard, MicroPython", "us", found["decode"], reader, found["loads"], goal=1.5)
    yield Figure(AREA, "heap to encode, MicroPython", "B", found["encode_bytes"], writer, found["dumps_bytes"])
    yield Figure(AREA, "heap to decode, MicroPython", "B", found["decode_bytes"], reader, found["loads_bytes"])
    yield Figure(
        AREA, "heap kept for one source, MicroPython", "B", found["kept_bytes"], "one wire", found["wire_bytes"]
    )
    yield Figure(AREA, "size of one message", "B", found["wire_bytes"], "the same as JSON", found["text_bytes"])
