"""The Unified Namespace: one retained topic a tag, on an MQTT broker.

A namespace is state: while the broker is away or slow, each topic keeps its newest sample. Every (re)connect publishes
the whole state again, because a broker may have lost what it retained.

By a hot wire a message brings state and nothing else: what a newer sample replaced is counted in `superseded`. By a
guaranteed wire every sample arrives, in order. Then the newest sample of a topic is its live value, and one that comes
late (after an outage, or because the broker is slow) is published without being retained. When the broker comes back,
the live values come first.
"""

import asyncio
import json

from fluxrig.archive.marks import position_of
from fluxrig.errors import LocalError, TransientError
from fluxrig.gear import Gear
from fluxrig.gears.uns.topic import Topic
from fluxrig.ring import Ring

_LEVEL = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"


class Uns(Gear):
    """Inputs: in. Outputs: err.

    Config (compiled): {"broker": {address, port, client_id, keepalive_s, user, password}, "timeout_ms",
    "reconnect_min_ms", "reconnect_max_ms", "status": topic, "sources": [(gear id, {tag: topic}), …],
    "prefix": text for the topics of tags that the rig does not declare, "max_topics": int, "backlog_rate": messages a
    second}.

    The `status` topic is retained too: online while this Rack is connected, offline by the broker's last will.

    Counters: `published` live values, `backlog_published` samples that came by guaranteed wires and were not the newest
    any more, `superseded` samples that came by hot wires and were replaced before they were published, `pending` topics
    with a live value to publish, `backlog` topics of which not all history is at the broker yet.
    """

    FAREWELL_MS = 1000
    """How long the last word to the broker may take: well within what the Rack allows a Gear to stop."""

    LOOK_MS = 1000
    """How often to look whether the broker is still there, while there is nothing to publish."""

    LATE_MS = 1000
    """A live value that is due for longer than this does not wait any more for those that came before it."""

    BROKER_MS = 300_000
    """How long a delivery waits for the broker: it goes on with a reconnect, and not after the pause of its wire."""

    sends_outside = True

    deliver_batch = 8  # as many as may be under way: more would only take memory

    counters = (
        "published",
        "bytes_sent",
        "superseded",
        "connects",
        "failures",
        "refused_tags",
        "pending",
        "backlog",
        "backlog_published",
    )

    def init(self, ctx):
        config = ctx.config
        self.position = 0  # the highest that was seen
        self.published = 0
        self._state_bytes = 0
        self.superseded = 0
        self.connects = 0
        self.failures = 0
        self.refused_tags = 0
        self._ctx = ctx
        self._config = {key: value for key, value in config.items() if key != "sources"}  # which are topics from now on
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
        self._state_out = asyncio.Event()  # the broker has had the whole state since it came back
        self._to_go = 0  # topics to publish until that is so
        self._recalls = 0  # wires that look for what waits since before the start
        self._moved = asyncio.Event()
        self._looked = ctx.clock.ticks_us()
        broker = config["broker"]
        options = dict(broker)
        options["user"] = ctx.secret(broker["user"])
        options["password"] = ctx.secret(broker["password"])
        # Its time is null: nobody knows now when the broker will say it.
        options["will"] = (config["status"], _status("offline", None))
        self._mqtt = ctx.host.mqtt(options)
        self._history = None  # of what comes by guaranteed wires
        ctx.spawn("publish", self._publish_forever)

    @property
    def pending(self) -> int:
        return len(self._queue)

    @property
    def backlog(self) -> int:
        return sum([topic.behind for topic in self._topics])

    @property
    def backlog_published(self) -> int:
        return self._history.published if self._history else 0

    @property
    def bytes_sent(self) -> int:
        return self._state_bytes + (self._history.bytes_sent if self._history else 0)

    def on_in(self, msg):
        for tag in msg.data:
            topic = self._topic(msg, tag)
            if topic is None:
                continue
            if self._is_older(topic, msg):
                self.superseded += 1
                continue
            topic.take(msg, tag)
            topic.held = False
            self.superseded += topic.pending
            self.enqueue(topic)

    def preview_in(self, msg):
        """A message of a guaranteed wire is durable, and will be delivered."""
        position = position_of(msg)
        now = self._ctx.clock.ticks_us()
        for topic in self._take_newest(msg, position):
            topic.held = False
            if topic.late is None:
                topic.late = now
            if self._is_late(topic, now) or (self._history is not None and self._history.paced):
                topic.behind = True
            if topic.behind:
                self.enqueue(topic)

    async def recall_in(self, survey):
        """Find out the newest samples of what waits since before the start. Only then the first of them is published:
        the broker may retain one that is newer than those which are found first."""
        self._recalls += 1
        self._state_out.clear()
        ended = True
        try:
            await survey(self._recalled)
        except TransientError:
            ended = False  # it is tried again
            raise
        finally:
            self._recalls -= 1
            if ended and not self._recalls:
                self._end_recall()

    def _end_recall(self) -> None:
        for topic in self._topics:
            if topic.held:
                topic.held = False
                self.enqueue(topic)
        self._to_go = len(self._queue)
        self._look_at_state()

    async def deliver_in(self, msgs):
        if self._history is None:
            # Imported here, so that a Rack without guaranteed wires has no room taken by it.
            from fluxrig.gears.uns.history import History

            config = self._config
            clock = self._ctx.clock
            self._history = History(self, self._mqtt, clock, config["timeout_ms"], config["backlog_rate"])
        await self._history.deliver(msgs)

    def _recalled(self, msg) -> None:
        for topic in self._take_newest(msg, position_of(msg)):
            topic.held = topic.behind = True
            topic.late = self._ctx.clock.ticks_us()

    def _take_newest(self, msg, position: int) -> list:
        """The topics of which `msg`, at `position` in the archive, has the newest sample, which they take."""
        taken = []
        self.position = max(self.position, position)
        for tag in msg.data:
            topic = self._topic(msg, tag)
            if topic is None or (position and position == topic.position):
                continue
            if self._is_older(topic, msg) or (position and position < topic.position):
                topic.sent.passed_over(position)
            else:
                topic.take(msg, tag, position)
                taken.append(topic)
        return taken

    def _is_older(self, topic: Topic, msg) -> bool:
        """Whether the newest sample is newer than `msg`. One from the future, as after a clock was set back, is not."""
        return topic.ts > msg.ts and topic.ts <= self._ctx.clock.wall_ns()

    def _is_late(self, topic: Topic, now: int) -> bool:
        return topic.late is not None and self._ctx.clock.ticks_diff(now, topic.late) > self.LATE_MS * 1000

    async def drain(self):
        """Deliver what is pending, if the broker is there to take it."""
        if self._mqtt.connected:
            await self._idle.wait()

    async def stop(self):
        if self._queue:
            self._ctx.log("warning", f"stopped; topics not published: {len(self._queue)}")
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

    def topic_of(self, msg, tag: str):
        """The topic of a tag in a message that was seen before; None when it has none."""
        topics = self._by_source.get(msg.src_id)
        return None if topics is None else topics.get(tag)

    def _topic(self, msg, tag: str):
        """The topic of a tag; None, counted, when it can have none."""
        topics = self._by_source.get(msg.src_id)
        if topics is None:
            topics = self._by_source[msg.src_id] = {}
        topic = topics.get(tag)
        return self._adopt(topics, tag) if topic is None else topic

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

    def enqueue(self, topic: Topic) -> None:
        """Have the live value of `topic` published, if it does not wait for that already."""
        if not topic.pending:
            topic.pending = True
            self._queue.put(topic)
            self._idle.clear()

    async def publish(self, topic: Topic, payload: bytes, flight: tuple) -> None:
        """Publish a live value, which `topic.begin` has begun. When that fails, it waits for being published again."""
        try:
            await self._mqtt.publish(topic.name, payload, True, self._config["timeout_ms"])
        except BaseException:  # also when the publish is cancelled: it may not have arrived
            self.give_up(topic, flight)
            raise
        topic.end(flight, True)
        self._moved.set()
        self.published += 1
        self._state_bytes += len(topic.name) + len(payload)

    def give_up(self, topic: Topic, flight: tuple) -> None:
        """A live value that was begun did not arrive, or may not have."""
        topic.end(flight, False)
        self.enqueue(topic)
        self._moved.set()

    async def ready(self) -> None:
        """Wait until the broker is there and has had the live values; TransientError when that takes too long."""
        if not self._mqtt.connected:
            self._state_out.clear()
        if not self._state_out.is_set():
            await self._ctx.clock.wait_for(self._state_out.wait(), self.BROKER_MS)

    async def progress(self) -> None:
        """Wait until a live value was published, or could not be."""
        self._moved.clear()
        await self._moved.wait()

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
                    self._ctx.log("warning", f"{exc}; again in {pause} ms or more")
                await self._mqtt.close()
            self._state_out.clear()
            self._moved.set()
            self._idle.set()
            await clock.sleep_ms(pause)
            pause = min(pause * 2, config["reconnect_max_ms"])

    async def _publish_pending(self) -> None:
        """Publish until the session fails. What was not acknowledged goes back to the queue."""
        for topic in self._topics:
            if topic.late is not None:
                topic.behind = True
            if topic.newest and not topic.held:
                self.enqueue(topic)
        self._to_go = len(self._queue)
        while True:
            self._look_at_state()
            if not self._queue:
                self._idle.set()
                await self._wait_for_work()
            self._look_for_late_ones()
            topic = self._queue.get_nowait()
            topic.pending = False  # a sample that arrives during the send queues the topic again
            while topic.flight is not None:
                await self.progress()
            await self.publish(topic, topic.payload(), topic.begin())
            self._to_go -= 1

    def _look_at_state(self) -> None:
        if self._mqtt.connected and not self._recalls and (self._to_go <= 0 or not self._queue):
            self._state_out.set()

    def _look_for_late_ones(self) -> None:
        """Have live values published that wait for the delivery of older samples for too long."""
        clock = self._ctx.clock
        now = clock.ticks_us()
        # Where ticks wrap, a look that is long ago may seem to lie ahead.
        if 0 <= clock.ticks_diff(now, self._looked) < self.LOOK_MS * 1000:
            return
        self._looked = now
        for topic in self._topics:
            if self._is_late(topic, now) and not topic.held:
                topic.behind = True
                self.enqueue(topic)

    async def _wait_for_work(self) -> None:
        """Wait for a topic to publish. TransientError when the session is lost meanwhile."""
        while not self._queue:
            try:
                await self._ctx.clock.wait_for(self._queue.filled(), self.LOOK_MS)
            except TransientError:
                if not self._mqtt.connected:
                    raise TransientError("the session was lost")
                self._look_for_late_ones()

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
