"""The live values of a namespace: the topic of every tag, and the queue of topics with something new for the broker."""

import asyncio

from fluxrig.compat import TYPE_CHECKING
from fluxrig.errors import TransientError
from fluxrig.gears.uns.topic import Topic
from fluxrig.ring import Ring

if TYPE_CHECKING:
    from collections.abc import Callable

_LEVEL = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"


class LiveTopics:
    """`config` is that of the Gear. Publishes to `mqtt`, in whose sessions it is told to.

    topics      every Topic; a tag that the rig does not declare gets one when it comes
    queue       those whose live value is to be published, each at most once, so that it never overflows
    idle        Event: nothing is to be published, or there is no session
    complete    Event: the broker has had every live value since the session began
    recalls     deliveries that are still finding out what is newest; `complete` waits for them
    on_look     called, where it is not None, before each publish and every LOOK_MS without one: it may enqueue more
    sessions    how many there were; what a session has taken is in doubt in the next
    published, bytes_sent, superseded, refused_tags   counters, see `Uns`
    """

    LOOK_MS = 1000
    """How often to look whether the broker is still there, while there is nothing to publish."""

    BROKER_MS = 300_000
    """How long a delivery waits for the broker: it goes on with a reconnect, and not after the pause of its wire."""

    def __init__(self, config: dict, mqtt, clock):
        self.topics: list[Topic] = []
        self.idle = asyncio.Event()
        self.idle.set()
        self.complete = asyncio.Event()
        self.recalls = 0
        self.on_look: Callable | None = None
        self.sessions = 0
        self.published = 0
        self.bytes_sent = 0
        self.superseded = 0
        self.refused_tags = 0
        self._mqtt = mqtt
        self._clock = clock
        self._timeout_ms = config["timeout_ms"]
        self._prefix = config["prefix"]
        self._room = config["max_topics"]
        self._names: set = set()
        self._by_source: dict = {}
        for source, topics in config["sources"]:
            self._by_source[source] = {tag: self._add(topic) for tag, topic in topics.items()}
        self.queue = Ring(len(self.topics) + self._room)
        self._to_go = 0  # topics to publish until the state is complete
        self._moved = asyncio.Event()

    def take(self, msg) -> None:
        """A message of a hot wire: its samples are the live values, unless newer ones came before."""
        for tag in msg.data:
            topic = self.topic_of(msg, tag) or self.adopt(msg, tag)
            if topic is None:
                continue
            if self.is_older(msg, topic):
                self.superseded += 1
                continue
            topic.take(msg, tag)
            if topic.held:
                topic.held = False
            self.superseded += topic.pending
            self.enqueue(topic)

    def topic_of(self, msg, tag: str) -> Topic | None:
        """The topic of a tag; None when it has none, or none yet."""
        topics = self._by_source.get(msg.src_id)
        return None if topics is None else topics.get(tag)

    def adopt(self, msg, tag: str) -> Topic | None:
        """A topic for a tag that the rig does not declare; None, counted, when it can have none.

        It has none when its name cannot be a level, when there are too many, and when the topic is another source's.
        """
        name = self._prefix + "/" + tag
        is_level = tag and all([char in _LEVEL for char in tag])
        if not self._room or not is_level or name in self._names:
            self.refused_tags += 1
            return None
        self._room -= 1
        topic = self._by_source.setdefault(msg.src_id, {})[tag] = self._add(name)
        return topic

    def is_older(self, msg, topic: Topic) -> bool:
        """Whether the newest sample is newer than `msg`. One from the future, as after a clock was set back, is not."""
        return topic.ts > msg.ts and topic.ts <= self._clock.wall_ns()

    def enqueue(self, topic: Topic) -> None:
        """Have the live value of `topic` published, if it does not wait for that already."""
        if not topic.pending:
            topic.pending = True
            self.queue.put(topic)
            self.idle.clear()

    async def publish_forever(self) -> None:
        """Publish in a new session until it fails. What was not acknowledged goes back to the queue."""
        self.sessions += 1
        for topic in self.topics:
            if topic.late is not None:
                topic.behind = True
            if topic.newest and not topic.held:
                self.enqueue(topic)
        self.expect(len(self.queue))
        while True:
            if not self.queue:
                self.idle.set()
                await self._wait_for_work()
            if self.on_look is not None:
                self.on_look()
            topic = self.queue.get_nowait()
            topic.pending = False  # a sample that arrives during the send queues the topic again
            while topic.flight is not None:
                await self.progress()
            await self.publish(topic, topic.payload(), topic.begin())
            self.expect(self._to_go - 1)

    def end_session(self) -> None:
        """There is no session any more."""
        self.complete.clear()
        self._moved.set()
        self.idle.set()

    async def publish(self, topic: Topic, payload: bytes, flight: tuple) -> None:
        """Publish a live value, which `topic.begin` has begun. When that fails, it waits for being published again."""
        try:
            await self._mqtt.publish(topic.name, payload, True, self._timeout_ms)
        except BaseException:  # also when the publish is cancelled: it may not have arrived
            self.give_up(topic, flight)
            raise
        topic.end(flight, True)
        self._moved.set()
        self.published += 1
        self.bytes_sent += len(topic.name) + len(payload)

    def give_up(self, topic: Topic, flight: tuple) -> None:
        """A live value that was begun did not arrive, or may not have."""
        topic.end(flight, False)
        self.enqueue(topic)
        self._moved.set()

    async def ready(self) -> None:
        """Wait until the broker is there and has had the live values; TransientError when that takes too long."""
        if not self._mqtt.connected:
            self.complete.clear()
        if not self.complete.is_set():
            await self._clock.wait_for(self.complete.wait(), self.BROKER_MS)

    async def progress(self) -> None:
        """Wait until a live value was published, or could not be."""
        self._moved.clear()
        await self._moved.wait()

    def expect(self, to_go: int) -> None:
        """So many topics are to be published until `complete`, or as many as are in the queue."""
        self._to_go = to_go
        if self._mqtt.connected and not self.recalls and (to_go <= 0 or not self.queue):
            self.complete.set()

    async def _wait_for_work(self) -> None:
        """Wait for a topic to publish. TransientError when the session is lost meanwhile."""
        while not self.queue:
            try:
                await self._clock.wait_for(self.queue.filled(), self.LOOK_MS)
            except TransientError:
                if not self._mqtt.connected:
                    raise TransientError("the session was lost")
                if self.on_look is not None:
                    self.on_look()

    def _add(self, name: str) -> Topic:
        topic = Topic(name)
        self.topics.append(topic)
        self._names.add(name)
        return topic
