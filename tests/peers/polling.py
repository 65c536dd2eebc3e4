"""A Gear at this end of the wire, given commands."""

from probes import gear, gear_of, rig

from fluxrig.rack import Rack
from tests.peers.wire import compiled
from tests.ports.subject import new_host, until


class Kept:
    """What comes out of the Gear, as far as there is room for it: the last poll of each unit, and all outcomes."""

    def __init__(self, port):
        self.polls = {}  # {unit id: message}
        self.count = 0
        self.outcomes = []
        self._port = port

    def append(self, msg):
        if self._port == "out" and "write" not in msg.meta:
            self.polls[msg.meta["unit_id"]] = msg
            self.count += 1
        else:
            self.outcomes.append((self._port, msg))


class Polling:
    """`async with Polling(link, tags) as gear:` a Gear polls, and is given commands."""

    def __init__(self, link, tags, **settings):
        config = compiled(link, tags, **settings)
        gears = [
            gear("commands", "source"),
            gear("plc", "io_modbus", config, "reject"),
            gear("out", "sink"),
            gear("err", "sink"),
        ]
        wires = [("commands", "out", "plc", "in"), ("plc", "out", "out", "in"), ("plc", "err", "err", "in")]
        self.host = new_host()
        self.rack = Rack(self.host, rig(gears, wires))
        self.gear = gear_of(self.rack, "plc")
        self.out = gear_of(self.rack, "out").got = Kept("out")
        self.err = gear_of(self.rack, "err").got = Kept("err")

    async def __aenter__(self):
        await self.rack.start()
        return self

    async def __aexit__(self, *exc):
        await self.rack.stop()

    async def until(self, condition):
        await until(condition, self.host.clock, 10_000)

    async def poll(self):
        """The message of the next poll that begins from now on, of a Gear with one unit."""
        first = self.out.count
        await self.until(lambda: self.out.count > first + 1)  # the next to come may have been asked for already
        return next(iter(self.out.polls.values()))

    async def polled(self):
        """Its data, which must be good."""
        msg = await self.poll()
        assert {msg.quality(tag) for tag in msg.data} == {"good"}, msg.meta
        return msg.data

    def command(self, data):
        """Send a command: the message."""
        return gear_of(self.rack, "commands").emit(data)

    async def outcome(self, command):
        """(where it came out, message) of the one value of a command."""
        return (await self.outcomes(command, 1))[0]

    async def outcomes(self, command, count):
        """The same of each of the `count` values of a command."""

        def found():
            return [each for each in self.out.outcomes + self.err.outcomes if each[1].ref_id == command.id]

        await self.until(lambda: len(found()) >= count)
        return found()
