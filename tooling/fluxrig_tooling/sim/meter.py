"""What a namespace would cost without a filter: counts the bytes of every value, as `uns` would send it."""

from __future__ import annotations

from fluxrig.gear import Context, Gear
from fluxrig.gears.uns.topic import Topic
from fluxrig.msg import FluxMsg


class Meter(Gear):
    """Inputs: in. Config (compiled): {"sources": as that of `uns`}. Sends nothing."""

    counters = ("events", "bytes")

    def init(self, ctx: Context) -> None:
        self.events = 0
        self.bytes = 0
        self._topics = {
            (source, tag): Topic(name) for source, topics in ctx.config["sources"] for tag, name in topics.items()
        }

    def on_in(self, msg: FluxMsg) -> None:
        for tag in msg.data:
            topic = self._topics[msg.src_id, tag]
            topic.take(msg, tag)
            self.events += 1
            self.bytes += len(topic.name) + len(topic.payload())
