"""Nothing leaves the Rack that its archive does not hold: what a hand-made rig cannot get around."""

from archive_bench import Bench, correlator, gear, gear_of, messages, settings
from expect import raises
from probes import Sink, rig

from fluxrig import flux, registry
from fluxrig.errors import LocalError, TransientError
from fluxrig.gear import Gear
from fluxrig.rack import Rack
from fluxrig_ports.memory import MemoryHost


class Sender(Sink):
    """What it gets leaves the Rack."""

    sends_outside = True


class Mint(Gear):
    """Makes a message of its own of each third one, derives from each other third, and passes the rest."""

    def init(self, ctx):
        self._ctx = ctx
        self._meta = ctx.meta({})

    def on_in(self, msg):
        n = msg.data["n"]
        if n % 3 == 0:
            self.out(self._ctx.message({"n": n}, self._meta))
        elif n % 3 == 1:
            self.out(msg.derive(data={"n": n}))
        else:
            self.out(msg)


class Liar(Gear):
    """Says of messages that were never archived that they were."""

    def init(self, ctx):
        self._meta = ctx.meta({"archive.pos": "1000", "archive.head": "0" * 64})

    def on_in(self, msg):
        for position in ("1000", "0", "-1", "x", "", "1.0", " 1"):
            meta = dict(self._meta)
            meta["archive.pos"] = position
            self.out(msg.derive(meta=meta))
        self.out(msg.derive(meta={"archive.volatile": "1"}))


for name in ("Sender", "Mint", "Liar"):
    registry.register(name.lower(), "test_archive_invariant", name)


def loaded(gears, wires, archive=None):
    """A Rack on a compiled rig that has been a file."""
    compiled = rig(gears, wires, archive)
    compiled["wires"] = [list(wire) for wire in compiled["wires"]]
    return Rack(MemoryHost(), flux.unpack(flux.pack(compiled)))


def test_a_compiled_rig_without_a_correlator_is_refused_as_it_is_loaded():
    source, sender = gear("a", "source"), gear("s", "sender")
    error = raises(LocalError, loaded, [source, sender], [("a", "out", "s", "in")], settings())
    assert "refused" in str(error) and "a.out -> s" in str(error) and "correlator" in str(error)
    raises(LocalError, loaded, [source, sender], [("a", "out", "s", "in")])


def test_a_path_beside_the_correlator_is_refused():
    gears = [gear("a", "source"), correlator(), gear("m", "mint"), gear("s", "sender")]
    wires = [
        ("a", "out", "archive", "in"),
        ("archive", "out", "s", "in"),
        ("a", "out", "m", "in"),
        ("m", "out", "s", "in"),
    ]
    assert "a.out -> m.out -> s" in str(raises(LocalError, loaded, gears, wires, settings()))
    wires[3:] = [("archive", "err", "s", "in")]
    assert "archive.err -> s" in str(raises(LocalError, loaded, gears, wires, settings()))


def test_a_gear_that_does_not_say_that_it_sends_is_believed_when_the_rig_says_so():
    sink = gear("s", "sink")
    sink["sends_outside"] = True
    assert "refused" in str(
        raises(LocalError, loaded, [gear("a", "source"), sink], [("a", "out", "s", "in")], settings())
    )


async def test_what_is_made_behind_the_correlator_is_refused_at_the_sender_and_counted():
    gears = [gear("a", "source"), correlator(), gear("m", "mint"), gear("s", "sender")]
    wires = [("a", "out", "archive", "in"), ("archive", "out", "m", "in"), ("m", "out", "s", "in")]
    bench = await Bench(compiled=rig(gears, wires, settings())).start()
    bench.send(6)
    await bench.wait(1001)
    assert bench.values == [1, 2, 4, 5]
    stats = bench.rack.stats()["gears"]["s"]
    assert (stats["errors"], stats["dropped"]) == (2, 2)
    assert any(["not archived" in text for text in bench.said()])
    await bench.stop()


async def test_a_position_that_is_not_there_yet_is_refused():
    gears = [gear("a", "source"), correlator(), gear("m", "liar"), gear("s", "sender")]
    wires = [("a", "out", "archive", "in"), ("archive", "out", "m", "in"), ("m", "out", "s", "in")]
    bench = await Bench(compiled=rig(gears, wires, settings())).start()
    bench.send(1)
    await bench.wait(1001)
    assert bench.got == [] and bench.rack.stats()["gears"]["s"]["errors"] == 8
    await bench.stop()


async def test_a_rack_without_an_archive_sends_nothing():
    gears = [gear("a", "source"), gear("s", "sender")]
    rack = Rack(MemoryHost(), rig(gears, []))
    await rack.start()
    sender = gear_of(rack, "s")
    assert sender.got == []
    await rack.stop()


async def test_whatever_happens_to_the_disk_the_sender_gets_only_what_is_archived_or_marked():
    gears = [gear("a", "source"), correlator(), gear("s", "sender")]
    wires = [("a", "out", "archive", "in"), ("archive", "out", "s", "in")]
    bench = await Bench(compiled=rig(gears, wires, settings())).start()
    for failing in (None, TransientError("no space left"), None):
        bench.volume.fail = failing
        bench.send(2)
        await bench.wait(3000)
        stored = [msg.id for msg in messages(bench.medium())]
        for msg in bench.got:
            assert "archive.volatile" in msg.meta or msg.id in stored
    assert bench.values == list(range(6))
    await bench.stop()
