from expect import raises

from fluxrig.archive.invariant import check_archived
from fluxrig.bus import Station
from fluxrig.errors import LocalError
from fluxrig.gear import Gear


class Plain(Gear):
    def on_in(self, msg):
        pass


class Archiving(Plain):
    archives = True


class Sender(Plain):
    sends_outside = True


def check(gears, wires):
    """Check a rig of `gears` (name: class, in the order of the flow) and `wires` ("from.port to")."""
    names = [name for name, _ in gears]
    stations = [Station(name, kind(), "drop", None) for name, kind in gears]
    sources: dict = {}
    for wire in wires:
        source, target = wire.split(" ")
        name, port = source.split(".")
        sources.setdefault(names.index(target), []).append((names.index(name), port))
    check_archived(stations, sources, [i for i, (_, kind) in enumerate(gears) if kind.sends_outside])


GEARS = [("plc", Plain), ("meter", Plain), ("archive", Archiving), ("edge", Plain), ("uns", Sender), ("mail", Sender)]


def refused(gears, wires):
    return str(raises(LocalError, check, gears, wires))


def test_paths_that_meet_a_correlator_are_fine():
    check(GEARS, ["plc.out archive", "archive.out edge", "edge.out uns", "archive.out mail", "plc.out edge"][:4])
    check(GEARS, ["plc.out archive", "archive.out uns", "archive.checkpoint uns", "meter.out archive"])
    check(GEARS, ["plc.out edge"])


def test_a_path_without_one_is_refused_and_named():
    text = refused(GEARS, ["plc.out archive", "archive.out edge", "meter.alarm edge", "edge.out uns"])
    assert text.startswith("refused: ")
    assert "'meter'" in text and "meter.alarm -> edge.out -> uns" in text and "correlator" in text


def test_each_sender_is_looked_at():
    wires = ["plc.out archive", "archive.out uns"]
    check(GEARS, wires)
    assert "plc.out -> mail" in refused(GEARS, wires + ["plc.out mail"])


def test_a_sender_does_not_archive_what_it_passes_on():
    assert "plc.out -> uns.err -> mail" in refused(GEARS, ["plc.out uns", "uns.err mail"])
    check(GEARS, ["plc.out archive", "archive.out uns", "uns.err mail"])


def test_what_a_correlator_could_not_archive_is_not_archived():
    text = refused(GEARS, ["plc.out archive", "archive.out uns", "archive.err mail"])
    assert "plc.out -> archive.err -> mail" in text


def test_a_correlator_behind_the_last_gear_does_not_help_a_path_beside_it():
    text = refused(GEARS, ["plc.out archive", "archive.out uns", "plc.out edge", "edge.out uns"])
    assert "plc.out -> edge.out -> uns" in text


def test_long_chains_are_walked():
    middle = [(f"g{n}", Plain) for n in range(60)]
    gears = [("plc", Plain)] + middle + [("uns", Sender)]
    wires = ["plc.out g0"] + [f"g{n}.out g{n + 1}" for n in range(59)] + ["g59.out uns"]
    assert "'plc'" in refused(gears, wires)
