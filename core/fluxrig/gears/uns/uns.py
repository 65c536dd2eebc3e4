"""The Unified Namespace: one retained topic a tag, on an MQTT broker.

A namespace is state, not a log: while the broker is away or slow, each topic keeps its newest sample, and what a newer
one replaced is counted in `superseded`. Every (re)connect publishes the whole state again, because a broker may have
lost what it retained. The history of values is the archive's business.
"""

import asyncio
import json

from fluxrig.errors import LocalError, TransientError
from fluxrig.gear import Gear
from fluxrig.gears.uns.topic import Topic
from fluxrig.ring import Ring

_LEVEL = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"


class Uns(Gear):
    """Inputs: in. Outputs: err.

    Config (compiled): {"broker": {address, port, client_id, keepalive_s, user, password}, "timeout_ms",
    "reconnect_min_ms", "reconnect_max_ms", "status": topic, "sources": [(gear id, {tag: topic}), …],
    "prefix": text for the topics of tags that the rig does not declare, "max_topics": int}.

    The `status` topic is retained too: online while this Rack is connected, offline by the broker's last will.
    """

    FAREWELL_MS = 1000
    """How long the last word to the broker may take: well within what the Rack allows a Gear to stop."""

    LOOK_MS = 1000
    """How often to look whether the broker is still there, while there is nothing to publish."""

    sends_outside = True

    counters = ("published", "bytes_sent", "superseded", "connects", "failures", "refused_tags", "pending")

    def init(self, ctx):
        config = ctx.config
        self.published = 0
        self.bytes_sent = 0
        self.superseded = 0
        self.connects = 0
        self.failures = 0
        self.refused_tags = 0
        self._ctx = ctx
        self._config = config
        self._room = config["max_topics"]
        self._prefix = config["prefix"]
        self._names: set = set()
        self._by_source: dict = {}
        self._topics: list = []
        for source, topics in config["sources"]:
            self._by_source[source] = {tag: self._add(topic) for tag, topic in topics.items()}
        # Topics with something new. Each waits in it at most once, so it never overflows.
        self._queue = Ring(len(self._topics) + self._room)
        self._idle = asyncio.Event()
        self._idle.set()
        broker = config["broker"]
        options = dict(broker)
        options["user"] = ctx.secret(broker["user"])
        options["password"] = ctx.secret(broker["password"])
        # Its time is null: nobody knows now when the broker will say it.
        options["will"] = (config["status"], _status("offline", None))
        self._mqtt = ctx.host.mqtt(options)
        ctx.spawn("publish", self._publish_forever)

    @property
    def pending(self) -> int:
        return len(self._queue)

    def on_in(self, msg):
        topics = self._by_source.get(msg.src_id)
        if topics is None:
            topics = self._by_source[msg.src_id] = {}
        for tag, value in msg.data.items():
            topic = topics.get(tag)
            if topic is None:
                topic = self._adopt(topics, tag)
                if topic is None:
                    continue
            topic.update(value, msg.quality(tag), msg.ts)
            self._enqueue(topic)

    async def drain(self):
        """Deliver what is pending, if the broker is there to take it."""
        if self._mqtt.connected:
            await self._idle.wait()

    async def stop(self):
        if self._queue:
            self._ctx.log("warning", f"stopped with {len(self._queue)} topics not published")
        try:
            if self._mqtt.connected:
                await self._say("offline", min(self.FAREWELL_MS, self._config["timeout_ms"]))
        except (TransientError, LocalError) as exc:
            self._ctx.log("warning", f"could not say offline: {exc}")
        finally:
            await self._mqtt.close()

    def _add(self, name: str) -> Topic:
        topic = Topic(name)
        self._topics.append(topic)
        self._names.add(name)
        return topic

    def _adopt(self, topics: dict, tag: str):
        """The topic of a tag that the rig does not declare, or None when it can have none.

        It has none when its name cannot be a level, when there are too many, and when the topic is another source's.
        """
        name = self._prefix + "/" + tag
        if not self._room or not _is_level(tag) or name in self._names:
            self.refused_tags += 1
            return None
        self._room -= 1
        topic = topics[tag] = self._add(name)
        return topic

    def _enqueue(self, topic: Topic) -> None:
        if topic.pending:
            self.superseded += 1
            return
        topic.pending = True
        self._queue.put(topic)
        self._idle.clear()

    async def _publish_forever(self):
        config = self._config
        clock = self._ctx.clock
        pause = config["reconnect_min_ms"]
        said = ""
        while True:
            began = clock.wall_ns()
            try:
                await self._mqtt.connect(config["timeout_ms"])
                await self._say("online", config["timeout_ms"])
                self._ctx.log("info", f"connected to {_where(config['broker'])}")
                self.connects += 1
                said = ""
                await self._publish_pending()
            except (TransientError, LocalError) as exc:
                self.failures += 1
                # A session that ends at once, such as one of two Racks with one client id, must back off too.
                if clock.wall_ns() - began > config["reconnect_max_ms"] * 1_000_000:
                    pause = config["reconnect_min_ms"]
                if str(exc) != said:
                    said = str(exc)
                    self._ctx.log("warning", f"broker {_where(config['broker'])}: {exc}; again in {pause} ms or more")
                await self._mqtt.close()
            self._idle.set()
            await clock.sleep_ms(pause)
            pause = min(pause * 2, config["reconnect_max_ms"])

    async def _publish_pending(self) -> None:
        """Publish until the session fails. What was not acknowledged goes back to the queue."""
        config = self._config
        for topic in self._topics:
            if topic.sampled and not topic.pending:
                self._enqueue(topic)
        while True:
            if not self._queue:
                self._idle.set()
                await self._wait_for_work()
            topic = self._queue.get_nowait()
            topic.pending = False  # a sample that arrives during the send queues the topic again
            payload = topic.payload()
            try:
                await self._mqtt.publish(topic.name, payload, True, config["timeout_ms"])
            except BaseException:  # also when the publish is cancelled: it may not have arrived
                self._enqueue(topic)
                raise
            self.published += 1
            self.bytes_sent += len(topic.name) + len(payload)

    async def _wait_for_work(self) -> None:
        """Wait for a topic to publish. TransientError when the session is lost meanwhile."""
        while not self._queue:
            try:
                await self._ctx.clock.wait_for(self._queue.filled(), self.LOOK_MS)
            except TransientError:
                if not self._mqtt.connected:
                    raise TransientError("the session was lost")

    async def _say(self, state: str, timeout_ms: int) -> None:
        """Publish the state of this Rack on the status topic."""
        now_ms = self._ctx.clock.wall_ns() // 1_000_000
        await self._mqtt.publish(self._config["status"], _status(state, now_ms), True, timeout_ms)


def _status(state: str, ms: int | None) -> bytes:
    return ('{"v": "%s", "t": %s, "q": "good"}' % (state, json.dumps(ms))).encode()


def _where(broker: dict) -> str:
    return broker["address"] + ":" + str(broker["port"])


def _is_level(text: str) -> bool:
    """Whether `text` can be one level of a topic: letters, digits, `_` and `-`."""
    return bool(text) and all([char in _LEVEL for char in text])
