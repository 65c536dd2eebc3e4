"""The way of messages that come by guaranteed wires: every sample reaches the broker, in its order.

What is the newest sample of its topic is published as the live value, retained. What has been overtaken is published
exactly as it was, and not retained, so that it never takes the place of a newer one. A sample that the broker has as a
live value already is not published again.
"""

import asyncio

from fluxrig.archive.marks import position_of
from fluxrig.errors import TransientError
from fluxrig.gears.uns.live import LiveTopics
from fluxrig.gears.uns.sent import Sent
from fluxrig.gears.uns.topic import Topic, sample_payload


class History:
    """Takes what comes by guaranteed wires. `config` is that of the Gear; `backlog_rate` is how many messages a second
    topics which are behind may catch up with.

    published   counts the messages that were not live values
    """

    WINDOW = 8
    """Messages under way at once. With the one live value that may be too, every session takes as many."""

    LATE_MS = 1000
    """A live value that is due for longer than this does not wait any more for those that came before it."""

    LOOK_MS = 1000
    """How often to look for such live values."""

    BURST_US = 100_000
    """What a late timer costs is made up for, up to this."""

    def __init__(self, live: LiveTopics, mqtt, clock, config: dict):
        self.published = 0
        self._live = live
        self._mqtt = mqtt
        self._clock = clock
        self._timeout_ms = config["timeout_ms"]
        self._interval_us = 1_000_000 // config["backlog_rate"]
        self._looked = self._due = clock.ticks_us()
        self._position = 0  # the highest that was seen
        self._paced = False  # what is being delivered has to keep to the rate, and other wires wait for it
        self._session = 0
        self._turn = asyncio.Lock()  # several wires may lead here
        self._tasks: list = []
        self._error: Exception | None = None
        self._freed = asyncio.Event()
        live.on_look = self._look_for_late_ones

    def preview(self, msg) -> None:
        """A message is durable, and will be delivered."""
        live = self._live
        now = self._clock.ticks_us()
        for topic in self._take_newest(msg):
            topic.held = False
            if topic.late is None:
                topic.late = now
            if self._paced or self._is_late(topic, now):
                topic.behind = True
            if topic.behind:
                live.enqueue(topic)

    async def recall(self, survey) -> None:
        """Find out the newest samples of what waits since before the start. Only then the first of them is published:
        the broker may retain one that is newer than those which are found first."""
        live = self._live
        live.recalls += 1
        live.complete.clear()
        ended = True
        try:
            await survey(self._recalled)
        except TransientError:
            ended = False  # it is tried again
            raise
        finally:
            live.recalls -= 1
            if ended and not live.recalls:
                for topic in live.topics:
                    if topic.held:
                        topic.held = False
                        live.enqueue(topic)
                live.expect(len(live.queue))

    async def deliver(self, msgs: list) -> None:
        """Publish what `msgs` have that the broker has not. TransientError when it did not take everything."""
        async with self._turn:
            await self._live.ready()
            self._error = None
            self._session = self._live.sessions
            try:
                await self._send_all(msgs)
                while self._tasks:
                    await self._wait()
            finally:
                self._paced = False
                self._give_up()
            if self._error is not None:
                raise self._error
            for msg in msgs:
                self._mark_delivered(msg)

    def _recalled(self, msg) -> None:
        for topic in self._take_newest(msg):
            topic.held = topic.behind = True
            topic.late = self._clock.ticks_us()

    def _take_newest(self, msg) -> list[Topic]:
        """The topics of which `msg` has the newest sample, which they take."""
        live = self._live
        position = position_of(msg)
        taken = []
        self._position = max(self._position, position)
        for tag in msg.data:
            topic = live.topic_of(msg, tag) or live.adopt(msg, tag)
            if topic is None or (position and position == topic.position):
                continue
            sent = _sent(topic)
            # Of two at one time the later has the higher id: the position of a volatile one is not known.
            if (
                live.is_older(msg, topic)
                or (position and position < topic.position)
                or (topic.ts == msg.ts and topic.newest > msg.id)
            ):
                sent.passed_over(position)
            else:
                topic.take(msg, tag, position)
                taken.append(topic)
        return taken

    def _look_for_late_ones(self) -> None:
        """Have live values published that wait for the delivery of older samples for too long."""
        clock = self._clock
        now = clock.ticks_us()
        # Where ticks wrap, a look that is long ago may seem to lie ahead.
        if 0 <= clock.ticks_diff(now, self._looked) < self.LOOK_MS * 1000:
            return
        self._looked = now
        for topic in self._live.topics:
            if self._is_late(topic, now) and not topic.held:
                topic.behind = True
                self._live.enqueue(topic)

    def _is_late(self, topic: Topic, now: int) -> bool:
        return topic.late is not None and self._clock.ticks_diff(now, topic.late) > self.LATE_MS * 1000

    async def _send_all(self, msgs: list) -> None:
        for msg in msgs:
            if position_of(msg) > self._position:
                self.preview(msg)  # this wire was quicker than the news of it
        for msg in msgs:
            position = position_of(msg)
            for tag in msg.data:
                if self._error is None:
                    await self._send(msg, tag, position)

    async def _send(self, msg, tag: str, position: int) -> None:
        """Begin to publish one sample, if the broker does not have it, and nothing has gone wrong so far."""
        topic = self._live.topic_of(msg, tag)
        if topic is None:
            return
        while topic.shown != msg.id and not _sent(topic).covers(position) and self._error is None:
            newest = topic.newest == msg.id
            if not self._mqtt.connected or self._live.sessions != self._session:
                # In another session it could overtake what this one has lost.
                self._error = TransientError("the session with the broker was lost")
            elif newest and (topic.pending or topic.flight is not None):
                await self._live.progress()
            elif len(self._tasks) == self.WINDOW:
                await self._wait()
            elif topic.behind and not newest and self._early_us() > 0:
                self._paced = True
                await self._clock.sleep_ms((self._early_us() + 999) // 1000)
            else:
                self._begin(topic, msg, tag, newest)
                return

    def _begin(self, topic, msg, tag: str, newest: bool) -> None:
        flight = topic.begin() if newest else None
        if topic.behind and not newest:
            self._due = self._clock.ticks_add(self._due, self._interval_us)
        payload = topic.payload() if newest else sample_payload(msg, tag)
        # Tasks begin in the order in which they are made, and a session sends in the order of its calls.
        self._tasks.append((asyncio.create_task(self._publish(topic, payload, flight)), topic, flight))

    async def _publish(self, topic, payload: bytes, flight: tuple | None) -> None:
        try:
            if flight is not None:
                await self._live.publish(topic, payload, flight)
            else:
                await self._mqtt.publish(topic.name, payload, False, self._timeout_ms)
                self.published += 1
                self._live.bytes_sent += len(topic.name) + len(payload)
        except Exception as exc:
            self._error = self._error or exc
        task = asyncio.current_task()
        self._tasks = [each for each in self._tasks if each[0] is not task]
        self._freed.set()

    def _give_up(self) -> None:
        """End what is still under way, because the delivery was cancelled."""
        tasks, self._tasks = self._tasks, []
        for task, topic, flight in tasks:
            task.cancel()
            if flight is not None:  # a task that has not begun cannot say so itself
                self._live.give_up(topic, flight)

    async def _wait(self) -> None:
        """Wait until one more publish has ended."""
        self._freed.clear()
        await self._freed.wait()

    def _early_us(self) -> int:
        """How long the rate still forbids another one."""
        now = self._clock.ticks_us()
        early = self._clock.ticks_diff(self._due, now)
        if not -self.BURST_US <= early <= self._interval_us:
            self._due, early = now, 0
        return early

    def _mark_delivered(self, msg) -> None:
        """All of `msg` is at the broker."""
        position = position_of(msg)
        for tag in msg.data:
            topic = self._live.topic_of(msg, tag)
            if topic is not None:
                _sent(topic).forget(position)
                if topic.newest == msg.id:
                    topic.behind = False


def _sent(topic: Topic) -> Sent:
    """What the broker has of the samples of `topic`."""
    if topic.sent is None:
        topic.sent = Sent()
    return topic.sent
