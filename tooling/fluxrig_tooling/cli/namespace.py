"""A live view of a Unified Namespace: what a subscriber to its broker sees, as a table in the terminal."""

from __future__ import annotations

import json
import time
from collections.abc import Collection
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from paho.mqtt.client import CallbackAPIVersion, Client, MQTTMessage
from rich.table import Table

from fluxrig.decimal import Decimal
from fluxrig_tooling.cli.live import ValueTable

MAX_DIGITS = 12
"""A number of more digits is a float that nobody wrote, such as 101.30000305175781, and is shown rounded."""


@dataclass
class Entry:
    """What one topic last said. `ms` is the source time (Unix ms) of the value, None before the first good one."""

    value: Any
    ms: int | None
    quality: str


class NamespaceView:
    """Subscribes to everything on a broker and renders it. At most `MAX_TOPICS` topics are kept."""

    MAX_TOPICS = 1000
    CONNECT_S = 10

    def __init__(self, address: str, port: int):
        self.entries: dict[str, Entry] = {}
        self.unread = 0
        self._address = address
        self._port = port
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=0)
        self._client.on_message = self._on_message

    def __enter__(self) -> NamespaceView:
        self._client.connect(self._address, self._port, keepalive=30)
        self._client.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        if message.topic not in self.entries and len(self.entries) >= self.MAX_TOPICS:
            self.unread += 1
            return
        entry = read_entry(message.payload)
        if entry is None:
            self.unread += 1  # somebody else's topic: counted, not shown
        elif not is_past(entry, self.entries.get(message.topic), time.time_ns() // 1_000_000):
            self.entries[message.topic] = entry

    def table(self) -> Table:
        """The topics, sorted, with value, quality and age. What they have in common stands in the heading."""
        prefix = common_levels(self.entries)
        table = ValueTable("", prefix + "…" if prefix else "topic")
        for topic in sorted(self.entries):
            entry = self.entries[topic]
            table.add(topic[len(prefix) :], value=entry.value, quality=entry.quality, ms=entry.ms)
        return table.table


def is_past(entry: Entry, known: Entry | None, now_ms: int) -> bool:
    """Whether `entry` is of an earlier time than the one that is `known`: a rack fills in what an outage has held up.

    A time in the future is none to go by: a clock was wrong.
    """
    return known is not None and known.ms is not None and entry.ms is not None and entry.ms < known.ms <= now_ms


def read_entry(payload: bytes | bytearray) -> Entry | None:
    """The entry that a retained `{"v", "t", "q"}` is; None for anything else. Its numbers keep their places."""
    try:
        document = json.loads(payload, parse_float=_number)
    except ValueError:
        return None
    if not isinstance(document, dict) or not {"v", "t", "q"} <= document.keys():
        return None
    ms, quality = document["t"], document["q"]
    if not isinstance(ms, int | None) or not isinstance(quality, str):
        return None
    return Entry(document["v"], ms, quality)


def _number(text: str) -> Decimal | float:
    """A number with a fraction or an exponent, as JSON writes it: with its places, unless it has too many digits."""
    whole, _, places = text.partition(".")
    if places.isdigit() and len(whole.lstrip("-") + places) <= MAX_DIGITS:
        return Decimal(int(whole + places), -len(places))
    return float(text)


def common_levels(topics: Collection[str]) -> str:
    """The levels that all of `topics` begin with, with the `/` after them; none for fewer than two topics."""
    if len(topics) < 2:
        return ""
    first, last = min(topics).split("/"), max(topics).split("/")
    same = takewhile(lambda pair: pair[0] == pair[1], zip(first[:-1], last[:-1], strict=False))
    return "".join(level + "/" for level, _ in same)
