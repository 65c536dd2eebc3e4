from expect import raises
from probes import chain, gear, gear_of, id_of, rig, stop

from fluxrig.bus import Wire
from fluxrig.errors import LocalError
from fluxrig.gear import Gear
from fluxrig.rack import Rack
from fluxrig.wiring import connect, is_reserved
from fluxrig_ports.memory import MemoryHost


def rack_of(compiled):
    return Rack(MemoryHost(), compiled)


def numbers(sink):
    return [msg.data["n"] for msg in sink.got]


def test_a_hot_wire_delivers_in_order_before_the_sender_goes_on():
    rack = rack_of(chain(gear("a", "source"), gear("b", "sink")))
    source, sink = gear_of(rack, "a"), gear_of(rack, "b")
    for n in range(3):
        source.emit({"n": n})
        assert numbers(sink) == list(range(n + 1))


def test_fan_out_serves_every_receiver_the_same_object_in_wire_order():
    gears = [gear("a", "source"), gear("b", "sink"), gear("c", "sink")]
    rack = rack_of(rig(gears, [("a", "out", "c", "in"), ("a", "out", "b", "in")]))
    msg = gear_of(rack, "a").emit({"n": 1})
    assert gear_of(rack, "b").got[0] is msg
    assert gear_of(rack, "c").got[0] is msg


def test_fan_in_counts_each_wire():
    gears = [gear("a", "source"), gear("b", "source"), gear("c", "sink")]
    rack = rack_of(rig(gears, [("a", "out", "c", "in"), ("b", "out", "c", "in")]))
    gear_of(rack, "a").emit({"n": 1})
    gear_of(rack, "b").emit({"n": 2})
    gear_of(rack, "b").emit({"n": 3})
    assert [wire.count for wire in rack.station("c").inbound] == [1, 2]


def test_an_unwired_output_counts_what_left_for_nowhere():
    rack = rack_of(rig([gear("a", "source")], []))
    gear_of(rack, "a").emit({"n": 1})
    assert rack.station("a").outputs["out"].count == 1


def test_a_message_enters_with_identity_trace_machine_and_one_hop():
    rack = rack_of(chain(gear("a", "source"), gear("b", "sink")))
    msg = gear_of(rack, "a").emit({"n": 1}, ts=42)
    assert msg.src_id == id_of("a")
    assert msg.path == ((id_of("a"), id_of("a.out"), 42),)
    assert msg.meta["machine.id"] == "machine-1"
    assert len(msg.trace) == 32 and msg.trace == msg.trace.lower()


def picky(on_error, wires=()):
    gears = [gear("a", "source"), gear("b", "picky", on_error=on_error), gear("c", "sink"), gear("d", "sink")]
    return rack_of(rig(gears, [("a", "out", "b", "in"), ("b", "out", "c", "in")] + list(wires)))


def test_on_error_drop_counts_and_goes_on():
    rack = picky("drop")
    for n in range(5):
        gear_of(rack, "a").emit({"n": n})
    station = rack.station("b")
    assert numbers(gear_of(rack, "c")) == [0, 2, 4]
    assert (station.errors, station.dropped, station.rejected) == (2, 2, 0)


def test_on_error_reject_sends_the_message_and_the_reason_to_err():
    rack = picky("reject", [("b", "err", "d", "in")])
    sent = gear_of(rack, "a").emit({"n": 1})
    rejected = gear_of(rack, "d").got[0]
    assert rejected.data == {"n": 1}
    assert rejected.ref_id == sent.id
    assert rejected.meta["error"] == "ValueError: odd"
    assert "error" not in sent.meta
    assert rack.station("b").rejected == 1


def test_on_error_kill_ends_the_gear_and_keeps_the_rack():
    rack = picky("kill", [("a", "out", "d", "in")])
    for n in (0, 1, 2, 4):
        gear_of(rack, "a").emit({"n": n})
    station = rack.station("b")
    assert numbers(gear_of(rack, "c")) == [0]
    assert (station.alive, station.errors, station.refused) == (False, 1, 2)
    assert numbers(gear_of(rack, "d")) == [0, 1, 2, 4], "the other receivers are served as before"


def test_a_failure_is_logged_with_its_traceback_and_not_for_every_message():
    rack = picky("drop")
    for _ in range(100):
        gear_of(rack, "a").emit({"n": 1})
    errors = [text for level, who, text in rack.host.logged if (level, who) == ("error", "b")]
    assert "ValueError: odd" in errors[0]
    assert len(errors) == 7, "the 1st, 2nd, 4th … 64th"
    assert "64 so far" in errors[-1]


def test_wires_to_ports_that_are_not_there_are_refused():
    gears = [gear("a", "source"), gear("b", "sink")]
    assert "no input port 'inn'" in str(raises(LocalError, rack_of, rig(gears, [("a", "out", "b", "inn")])))
    assert "no output port 'oot'" in str(raises(LocalError, rack_of, rig(gears, [("a", "oot", "b", "in")])))


def test_an_unknown_policy_lane_or_type_is_refused():
    assert "on_error" in str(raises(LocalError, rack_of, rig([gear("a", "source", on_error="explode")], [])))
    assert "unknown gear type 'nope'" in str(raises(LocalError, rack_of, rig([gear("a", "nope")], [])))
    compiled = chain(gear("a", "source"), gear("b", "sink"))
    compiled["wires"] = [compiled["wires"][0][:4] + ("slow",)]
    assert "got 'slow'" in str(raises(LocalError, rack_of, compiled))
    compiled["wires"] = [compiled["wires"][0][:4] + ("guaranteed", {})]
    assert "needs `archive`" in str(raises(LocalError, rack_of, compiled))


def test_what_cannot_be_rejected_is_dropped_and_counted_and_the_sender_goes_on():
    rack = picky("reject", [("b", "err", "d", "in"), ("a", "out", "c", "in")])
    source = gear_of(rack, "a")
    msg = source.ctx.message({"n": 1}, source.meta)
    msg.mint = None  # made without an id source, so it cannot be derived
    source.out(msg)
    station = rack.station("b")
    assert (station.rejected, station.dropped) == (0, 1)
    assert gear_of(rack, "c").got == [msg], "the next receiver is served"


def test_rejecting_without_a_wire_is_refused():
    assert "'err'" in str(raises(LocalError, picky, "reject"))


def test_an_output_cannot_take_the_place_of_what_the_rack_looks_for_in_a_gear():
    of_a_gear = [name for name in dir(Gear) if name not in ("out", "err")]
    for name in ["on_in", "deliver_batch", "deliver_in", "preview_in", "recall_in", "_x"] + of_a_gear:
        assert is_reserved(name), name
        compiled = rig([gear("a", "source", outputs=("out", name))], [])
        assert "gear 'a': it cannot have an output" in str(raises(LocalError, rack_of, compiled))
    for name in ("out", "err", "on", "once", "start_", "starting", "x_on_", "delivered"):
        assert not is_reserved(name), name


def test_a_gear_is_told_which_of_its_outputs_are_wired():
    gears = [gear("a", "source", outputs=("one", "two", "none")), gear("b", "sink"), gear("c", "sink")]
    rack = rack_of(rig(gears, [("a", "one", "b", "in"), ("a", "two", "b", "in"), ("a", "two", "c", "in")]))
    ctx = gear_of(rack, "a").ctx
    assert [port for port in ("one", "two", "none", "out") if ctx.wired(port)] == ["one", "two"]
    assert ctx.port_id("none") == id_of("a.none")
    assert "gear 'a': there is no output port 'out'" in str(raises(LocalError, ctx.port_id, "out"))


async def test_stopping_is_clean():
    rack = rack_of(chain(gear("a", "source", {"every_ms": 10}), gear("b", "sink")))
    await rack.start()
    await rack.host.clock.advance(100)
    await stop(rack)
    before = len(gear_of(rack, "b").got)
    await rack.host.clock.advance(100)
    assert len(gear_of(rack, "b").got) == before


def guarded(on_error):
    """A Rack of source a and sinks b and d, rewired so that b gets only what has a position, and d all of a and b."""
    gears = [gear("a", "source"), gear("b", "sink", on_error=on_error), gear("d", "sink")]
    rack = rack_of(rig(gears, [("b", "err", "d", "in")]))
    _, b, d = rack.stations
    guarded = b.wire("in", lambda msg: "archive.pos" in msg.meta)
    connect(rack.stations, [["out", "err"]] * 3, {(0, "out"): [guarded, d.wire("in")], (1, "err"): [d.wire("in")]})
    return rack


def test_a_guard_lets_through_what_it_allows_and_the_rest_is_a_failed_input():
    rack = guarded("drop")
    source = gear_of(rack, "a")
    source.emit({"n": 1}, {"archive.pos": "7"})
    source.emit({"n": 2})
    station = rack.station("b")
    assert numbers(gear_of(rack, "b")) == [1]
    assert numbers(gear_of(rack, "d")) == [1, 2], "the other receivers have no guard"
    assert (station.errors, station.dropped, station.inbound[-1].count) == (1, 1, 2)
    errors = [text for level, who, text in rack.host.logged if (level, who) == ("error", "b")]
    assert "not archived" in errors[0]


def test_what_a_guard_refuses_follows_on_error():
    rack = guarded("reject")
    sent = gear_of(rack, "a").emit({"n": 2})
    rejected, other = gear_of(rack, "d").got
    assert "not archived" in rejected.meta["error"] and other is sent
    rack = guarded("kill")
    gear_of(rack, "a").emit({"n": 2})
    gear_of(rack, "a").emit({"n": 1}, {"archive.pos": "7"})
    station = rack.station("b")
    assert (station.alive, station.refused, gear_of(rack, "b").got) == (False, 1, [])


def test_a_wire_may_bring_its_own_delivery():
    rack = rack_of(rig([gear("a", "source"), gear("b", "sink"), gear("d", "sink")], []))
    taken: list = []
    own = Wire(taken.append, rack.station("b").failed)
    connect(rack.stations, [["out", "err"]] * 3, {(0, "out"): [own, rack.station("d").wire("in")]})
    msg = gear_of(rack, "a").emit({"n": 1})
    assert (taken, own.count, gear_of(rack, "b").got, gear_of(rack, "d").got) == ([msg], 1, [], [msg])
