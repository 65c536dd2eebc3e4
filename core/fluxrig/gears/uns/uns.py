"""The Unified Namespace: one retained topic a tag, on an MQTT broker.

A namespace is state: while the broker is away or slow, each topic keeps its newest sample. Every (re)connect publishes
the whole state again, because a broker may have lost what it retained.

By a hot wire a message brings state and nothing else: what a newer sample replaced is counted in `superseded`. By a
guaranteed wire every sample arrives, in order. Then the newest sample of a topic is its live value, and one that comes
late (after an outage, or because the broker is slow) is published without being retained. When the broker comes back,
the live values come first.
"""

import json

from fluxrig.errors import LocalError, TransientError
from fluxrig.gear import Gear
from fluxrig.gears.uns.live import LiveTopics


class Uns(Gear):
    """Inputs: in. Outputs: err.

    Config (compiled): {"broker": {address, port, client_id, keepalive_s, user, password}, "timeout_ms",
    "reconnect_min_ms", "reconnect_max_ms", "status": topic, "sources": [(gear id, {tag: topic}), …],
    "prefix": text for the topics of tags that the rig does not declare, "max_topics": int, "backlog_rate": messages a
    second}.

    The `status` topic is retained too: online while this Rack is connected, offline by the broker's last will.
    """

    FAREWELL_MS = 1000
    """How long the last word to the broker may take: well within what the Rack allows a Gear to stop."""

    sends_outside = True

    deliver_batch = 8  # as many as may be under way: more would only take memory

    def init(self, ctx):
        config = ctx.config
        self._ctx = ctx
        self._failures = 0
        broker = config["broker"]
        options = dict(broker)
        options["user"] = ctx.secret(broker["user"])
        options["password"] = ctx.secret(broker["password"])
        # Its time is null: nobody knows now when the broker will say it.
        options["will"] = (config["status"], _status("offline", None))
        self._mqtt = ctx.host.mqtt(options)
        self._live = LiveTopics(config, self._mqtt, ctx.clock)
        # The sources are topics from now on, and would only take room.
        ctx.config = {key: value for key, value in config.items() if key != "sources"}
        self._history = None
        ctx.spawn("publish", self._publish_forever)

    def stats(self) -> dict:
        """`published`: live values; `backlog_published`: samples that came by guaranteed wires and were not the newest
        any more; `superseded`: samples that came by hot wires and were replaced before they were published; `pending`:
        topics with a live value to publish; `backlog`: topics of which not all history is at the broker yet."""
        live = self._live
        history = self._history
        return {
            "published": live.published,
            "bytes_sent": live.bytes_sent,
            "superseded": live.superseded,
            "connects": live.sessions,
            "failures": self._failures,
            "refused_tags": live.refused_tags,
            "pending": len(live.queue),
            "backlog": sum([topic.behind for topic in live.topics]),
            "backlog_published": history.published if history else 0,
        }

    def on_in(self, msg):
        self._live.take(msg)

    def preview_in(self, msg):
        self._guaranteed().preview(msg)

    def recall_in(self, survey):
        return self._guaranteed().recall(survey)

    def deliver_in(self, msgs):
        return self._guaranteed().deliver(msgs)

    def _guaranteed(self):
        """What takes the messages of guaranteed wires."""
        if self._history is None:
            # Imported here, so that a Rack without guaranteed wires has no room taken by it.
            from fluxrig.gears.uns.history import History

            self._history = History(self._live, self._mqtt, self._ctx.clock, self._ctx.config)
        return self._history

    async def drain(self):
        """Deliver what is pending, if the broker is there to take it."""
        if self._mqtt.connected:
            await self._live.idle.wait()

    async def stop(self):
        pending = len(self._live.queue)
        if pending:
            self._ctx.log("warning", f"stopped; topics not published: {pending}")
        try:
            if self._mqtt.connected:
                await self._publish_state("offline", min(self.FAREWELL_MS, self._ctx.config["timeout_ms"]))
        except (TransientError, LocalError) as exc:
            self._ctx.log("warning", f"could not say offline: {exc}")
        finally:
            await self._mqtt.close()

    async def _publish_forever(self):
        config = self._ctx.config
        clock = self._ctx.clock
        broker = config["broker"]
        pause = config["reconnect_min_ms"]
        logged = ""
        while True:
            began = clock.wall_ns()
            try:
                await self._mqtt.connect(config["timeout_ms"])
                await self._publish_state("online", config["timeout_ms"])
                self._ctx.log("info", f"connected to {broker['address']}:{broker['port']}")
                logged = ""
                await self._live.publish_forever()
            except (TransientError, LocalError) as exc:
                self._failures += 1
                # A session that ends at once, such as one of two Racks with one client id, must back off too.
                # By the wall clock, because ticks wrap within minutes: a step of it changes one pause.
                if clock.wall_ns() - began > config["reconnect_max_ms"] * 1_000_000:
                    pause = config["reconnect_min_ms"]
                if str(exc) != logged:
                    logged = str(exc)
                    self._ctx.log("warning", f"{exc}; again in {pause} ms or more")
                await self._mqtt.close()
            self._live.end_session()
            await clock.sleep_ms(pause)
            pause = min(pause * 2, config["reconnect_max_ms"])

    async def _publish_state(self, state: str, timeout_ms: int) -> None:
        """Publish the state of this Rack on the status topic."""
        now_ms = self._ctx.clock.wall_ns() // 1_000_000
        await self._mqtt.publish(self._ctx.config["status"], _status(state, now_ms), True, timeout_ms)


def _status(state: str, ms: int | None) -> bytes:
    return ('{"v": "%s", "t": %s, "q": "good"}' % (state, json.dumps(ms))).encode()
