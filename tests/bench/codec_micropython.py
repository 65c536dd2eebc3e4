"""Runs under MicroPython: microseconds and heap a message, of the codec and of the `json` in C, as one line of JSON."""

import gc
import json
import time
from binascii import hexlify

from codec_stream import standard  # type: ignore[import-not-found] # beside this script

from fluxrig.fast_codec import DeviceCodec

COUNT = 24
ROUNDS = 60

ticks_us = time.ticks_us  # type: ignore[attr-defined] # MicroPython's
ticks_diff = time.ticks_diff  # type: ignore[attr-defined]
mem_alloc = gc.mem_alloc  # type: ignore[attr-defined]


def as_json(msg) -> dict:
    """The content of `msg` as JSON has to carry it: bytes as hex."""
    return {
        "id": hex_text(msg.id),
        "ref_id": hex_text(msg.ref_id),
        "trace": msg.trace,
        "src_id": hex_text(msg.src_id),
        "meta": msg.meta,
        "data": msg.data,
        "flags": msg.flags,
        "raw": msg.raw,
        "path": [{"g": hex_text(gear), "p": hex_text(port), "t": time} for gear, port, time in msg.path],
        "ts": msg.ts,
    }


def hex_text(value: bytes) -> str:
    return hexlify(value).decode()


def alternately(functions: tuple) -> list:
    """The best time of each function in microseconds a message, in turns, each beginning with a collected heap."""
    best = [1e9] * len(functions)
    for _ in range(ROUNDS):
        for index, function in enumerate(functions):
            gc.collect()
            start = ticks_us()
            function()
            best[index] = min(best[index], ticks_diff(ticks_us(), start) / COUNT)
    return best


def allocated(function, argument) -> int:
    """Bytes that one call takes from the heap."""
    gc.collect()
    gc.disable()
    before = mem_alloc()
    function(argument)
    taken = mem_alloc() - before
    gc.enable()
    return taken


def live() -> int:
    gc.collect()
    return mem_alloc()


def main() -> None:
    messages = standard(COUNT)
    maps = [as_json(msg) for msg in messages]
    texts = [json.dumps(content) for content in maps]
    before = live()
    codec = DeviceCodec()
    codec.encode(messages[0])
    messages[0].wire = None
    kept = live() - before
    wires = [codec.encode(msg) for msg in messages]

    def encode():
        for msg in messages:
            msg.wire = None
            codec.encode(msg)

    def dumps():
        for content in maps:
            json.dumps(content)

    def decode():
        for wire in wires:
            codec.decode(wire)

    def loads():
        for text in texts:
            json.loads(text)

    figures = {"kept_bytes": kept, "wire_bytes": len(wires[0]), "text_bytes": len(texts[0])}
    figures["encode"], figures["dumps"], figures["decode"], figures["loads"] = alternately(
        (encode, dumps, decode, loads)
    )
    messages[0].wire = None
    figures["encode_bytes"] = allocated(codec.encode, messages[0])
    figures["dumps_bytes"] = allocated(json.dumps, maps[0])
    figures["decode_bytes"] = allocated(codec.decode, wires[0])
    figures["loads_bytes"] = allocated(json.loads, texts[0])
    print(json.dumps(figures))


main()
