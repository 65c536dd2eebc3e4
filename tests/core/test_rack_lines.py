"""Lines that the Gears of a Rack share: who borrows one, when it is closed, what it counts."""

from expect import raises_async
from probes import gear, rig, stop

from fluxrig import registry
from fluxrig.errors import LocalError
from fluxrig.gear import Gear
from fluxrig.rack import Rack
from fluxrig_ports.memory import MemoryHost


class Line:
    """Notes how often it was closed, and in which of its users' lives."""

    counters = ("asked",)

    def __init__(self, ends):
        self.asked = 0
        self.closed = 0
        self._ends = ends

    async def close(self):
        self.closed += 1
        if self._ends == "badly":
            raise OSError("the line is gone")


class User(Gear):
    """Borrows the lines in `lines`: {key: how closing it ends}. It does not start where config says so."""

    def init(self, ctx):
        config = ctx.config
        self._fails = config.get("fails")
        self.stopped = 0
        self.lines = {key: ctx.shared(key, lambda ends=ends: Line(ends)) for key, ends in config["lines"].items()}
        for line in self.lines.values():
            line.asked += 1

    async def start(self):
        if self._fails:
            raise LocalError("it was told not to")

    async def stop(self):
        assert not any([line.closed for line in self.lines.values()]), "a Gear may use its lines until it has stopped"
        self.stopped += 1


registry.register("user", "test_rack_lines", "User")


def rack_of(**users):
    """A Rack with Gears of these names, and the Gears in the order of their names."""
    names = sorted(users)
    host = MemoryHost()
    rack = Rack(host, rig([gear(name, "user", users[name]) for name in names], []))
    return rack, [rack.station(name).gear for name in names]


def on(*keys, **more):
    config = {"lines": dict.fromkeys(keys, "well")}
    config.update(more)
    return config


async def test_gears_with_the_same_key_share_a_line_and_it_counts_once():
    rack, (a, b, c) = rack_of(a=on("x"), b=on("x"), c=on("y"))
    assert a.lines["x"] is b.lines["x"] and a.lines["x"] is not c.lines["y"]
    assert rack.stats()["lines"] == {"x": {"asked": 2}, "y": {"asked": 1}}
    assert "asked" not in rack.stats()["gears"]["a"]


async def test_a_rack_without_lines_has_none_in_its_stats():
    rack, _ = rack_of(a=on())
    assert "lines" not in rack.stats()


async def test_a_line_is_closed_once_when_all_have_stopped():
    rack, (a, b) = rack_of(a=on("x"), b=on("x", "y"))
    await rack.start()
    await stop(rack)
    assert (a.stopped, b.stopped) == (1, 1)
    assert [line.closed for line in b.lines.values()] == [1, 1]
    assert rack.stats()["lines"]["x"] == {"asked": 2}, "what it counted is still there"


async def test_a_line_outlives_a_killed_gear_as_long_as_another_has_it():
    rack, (a, b) = rack_of(a=on("x", "y"), b=on("x"))
    await rack.start()
    rack.station("a").kill()
    await rack.host.clock.advance(1)
    assert (a.lines["x"].closed, a.lines["y"].closed) == (0, 1)
    rack.station("b").kill()
    await rack.host.clock.advance(1)
    assert b.lines["x"].closed == 1, "nobody needs it any more"
    await stop(rack)
    assert (a.lines["x"].closed, a.lines["y"].closed) == (1, 1)


async def test_whoever_asks_twice_borrows_once():
    rack, (a,) = rack_of(a=on("x"))
    assert rack.shared(rack.station("a"), "x", None) is a.lines["x"]
    await rack.start()
    rack.station("a").kill()
    await rack.host.clock.advance(1)
    assert a.lines["x"].closed == 1


async def test_a_line_is_closed_also_when_a_gear_does_not_start():
    rack, (a, b) = rack_of(a=on("x", fails=True), b=on("x"))
    await raises_async(LocalError, rack.start())
    assert (a.stopped, b.stopped) == (0, 1)
    assert a.lines["x"].closed == 1


async def test_a_line_that_does_not_close_is_reported_and_keeps_no_other():
    rack, (a,) = rack_of(a={"lines": {"x": "badly", "y": "badly"}})
    await rack.start()
    await stop(rack)
    assert [line.closed for line in a.lines.values()] == [1, 1]
    assert sorted([who for _, who, text in rack.host.logged if "the line is gone" in text]) == ["x", "y"]
