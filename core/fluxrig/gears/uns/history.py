"""The way of messages that come by guaranteed wires: every sample reaches the broker, in its order.

What is the newest sample of its topic is published as the live value, retained. What has been overtaken is published
exactly as it was, and not retained, so that it never takes the place of a newer one. A sample that the broker has as a
live value already is not published again.
"""

import asyncio

from fluxrig.archive.marks import position_of
from fluxrig.errors import TransientError
from fluxrig.gears.uns.topic import sample_payload


class History:
    """Delivers for the Uns Gear `live`. `rate`: messages a second that topics which are behind may catch up with.

    published, bytes_sent   counters: messages that were not live values; their topics and payloads
    paced   what is being delivered has to keep to the rate, and the deliveries of other wires wait for it
    """

    WINDOW = 8
    """Messages under way at once. With the one live value that may be too, every session takes as many."""

    BURST_US = 100_000
    """What a late timer costs is made up for, up to this."""

    def __init__(self, live, mqtt, clock, timeout_ms: int, rate: int):
        self.published = 0
        self.bytes_sent = 0
        self.paced = False
        self._live = live
        self._mqtt = mqtt
        self._clock = clock
        self._timeout_ms = timeout_ms
        self._interval_us = 1_000_000 // rate
        self._due = clock.ticks_us()
        self._session = 0
        self._turn = asyncio.Lock()  # several wires may lead here
        self._tasks: list = []
        self._error: Exception | None = None
        self._freed = asyncio.Event()

    async def deliver(self, msgs: list) -> None:
        """Publish what `msgs` have that the broker has not. TransientError when it did not take everything."""
        async with self._turn:
            await self._live.ready()
            self._error = None
            self._session = self._live.connects
            try:
                await self._send_all(msgs)
                while self._tasks:
                    await self._wait()
            finally:
                self.paced = False
                self._give_up()
            if self._error is not None:
                raise self._error
            for msg in msgs:
                self._settle(msg)

    async def _send_all(self, msgs: list) -> None:
        for msg in msgs:
            if position_of(msg) > self._live.position:
                self._live.preview_in(msg)  # this wire was quicker than the news of it
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
        while topic.shown != msg.id and not topic.sent.covers(position) and self._error is None:
            newest = topic.newest == msg.id
            if not self._mqtt.connected or self._live.connects != self._session:
                # In another session it could overtake what this one has lost.
                self._error = TransientError("the session with the broker was lost")
            elif newest and (topic.pending or topic.flight is not None):
                await self._live.progress()
            elif len(self._tasks) == self.WINDOW:
                await self._wait()
            elif topic.behind and not newest and self._early_us() > 0:
                self.paced = True
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
                self.bytes_sent += len(topic.name) + len(payload)
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

    def _settle(self, msg) -> None:
        """All of `msg` is at the broker."""
        position = position_of(msg)
        for tag in msg.data:
            topic = self._live.topic_of(msg, tag)
            if topic is not None:
                topic.sent.forget(position)
                if topic.newest == msg.id:
                    topic.behind = False
