"""Whatever the rig: an independent walk over what was compiled finds no way round an archive, and no way is lost."""

from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fluxrig.flux import pack
from fluxrig_tooling.rig import compile_rig
from tests.tooling.archive_rigs import HEAD, gear, model

OUTPUTS = {
    "source": ("out", "err"),
    "pump": ("out", "err"),
    "console": ("out", "err"),
    "filter": ("out", "err"),
    "correlator": ("out", "err", "err", "checkpoint"),
    "uns": ("err",),
}


@st.composite
def rigs(draw: st.DrawFn) -> tuple[list[tuple[str, str, str]], list[tuple[str, str, str, str]]]:
    """Gears (name, kind, rack) in the order of the file, and wires (source, port, target, lane) without circles."""
    count = draw(st.integers(2, 9))
    racks = [draw(st.sampled_from("aaab")) for _ in range(count)]
    ends = st.integers(0, count - 1)
    edges = draw(st.lists(st.tuples(ends, ends), min_size=count, max_size=3 * count, unique=True))
    edges = [(low, high) for low, high in edges if low < high and racks[low] == racks[high]]
    fed = {high for _, high in edges}
    names = draw(st.permutations(["archive", "archive-g1", *[f"g{number}" for number in range(count - 2)]]))[:count]
    fed_kinds = st.sampled_from(["console", "filter", "correlator", "uns", "uns", "pump"])
    kinds = [draw(fed_kinds) if each in fed else "source" for each in range(count)]
    wires = []
    for low, high in edges:
        port = draw(st.sampled_from(OUTPUTS[kinds[low]]))
        lane = "hot" if kinds[high] == "pump" else draw(st.sampled_from(["hot", "hot", "guaranteed"]))
        wires.append((names[low], port, names[high], lane))
    gears = draw(st.permutations(list(zip(names, kinds, racks, strict=True))))
    return gears, draw(st.permutations(wires))


def rig_text(gears: list[tuple[str, str, str]], wires: list[Any]) -> str:
    lines = [
        HEAD,
        "racks: [{name: a}, {name: b}]\ngears:\n",
        *(gear(*each) for each in gears),
        "wires:\n" * bool(wires),
    ]
    for source, port, target, lane in wires:
        lines.append(f"  - {{from: {source}.{port}, to: {target}, lane: {lane}}}\n")
    return "".join(lines)


def named(compiled: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """The wires of a compiled rig, with names for indexes."""
    name = [each["name"] for each in compiled["gears"]]
    return [(name[wire[0]], wire[1], name[wire[2]], wire[4]) for wire in compiled["wires"]]


def reached_unarchived(compiled: dict[str, Any]) -> Iterator[str]:
    """The gears that something reaches which no correlator has archived: it is followed from where it is made."""
    kinds = {each["name"]: each["type"] for each in compiled["gears"]}
    wires = named(compiled)
    follow = [wire for wire in wires if kinds[wire[0]] in ("io_modbus", "uns")]
    seen = set(follow)
    while follow:
        _, _, target, _ = follow.pop()
        yield target
        by = {"console": ("out", "err"), "filter": ("out", "err"), "correlator": ("err",)}.get(kinds[target], ())
        onward = {wire for wire in wires if wire[0] == target and wire[1] in by} - seen
        seen |= onward
        follow += onward


@given(rigs())
def test_no_way_leads_outside_round_an_archive_and_every_way_is_that_of_the_file(drawn):
    gears, wires = drawn
    rig = model(rig_text(gears, wires))
    inserted = {each.gear for each in rig.insertions}
    after = []
    for rack in "ab":
        compiled = compile_rig(rig, rack)
        kinds = {each["name"]: each["type"] for each in compiled["gears"]}
        assert not [name for name in reached_unarchived(compiled) if kinds[name] == "uns"]
        assert {each["name"] for each in compiled["gears"] if each.get("sends_outside")} == {
            name for name, kind in kinds.items() if kind == "uns"
        }
        lanes = {wire[4] for wire in compiled["wires"]}
        assert ("archive" in compiled) == ("correlator" in kinds.values() or "guaranteed" in lanes)
        after += named(compiled)
    # Without the inserted ones, each wire that leads into one being joined to those that lead out of it.
    out_of = {name: [wire for wire in after if wire[:2] == (name, "out")] for name in inserted}
    joined = []
    for wire in after:
        if wire[2] in inserted:
            assert wire[3] == "hot"
            joined += [(*wire[:2], target, lane) for _, _, target, lane in out_of[wire[2]]]
        elif wire[0] not in inserted:
            joined.append(wire)
    assert sorted(joined) == sorted(wires)
    through = {wire[:2] for wire in after if wire[2] in inserted}
    for origin in {wire[:2] for wire in wires}:
        direct = [wire for wire in after if wire[:2] == origin and wire[2] not in inserted]
        assert direct == [wire for wire in wires if wire in direct]
        moved = [wire for wire in joined if wire[:2] == origin and wire not in direct]
        assert moved == [wire for wire in wires if wire in moved]
        assert bool(moved) == (origin in through)
    # Beside the ways of the file there are checkpoints, at most once for each sender.
    extra = [wire for wire in after if wire[0] in inserted and wire[1] != "out"]
    assert all(wire[1] == "checkpoint" and wire[3] == "hot" for wire in extra)
    assert len({wire[2] for wire in extra}) == len(extra)


@given(rigs())
def test_only_what_leads_outside_goes_through_an_inserted_one(drawn):
    gears, wires = drawn
    rig = model(rig_text(gears, wires))
    kinds = {name: kind for name, kind, _ in gears}
    for insertion in rig.insertions:
        senders = set()
        for wire in (wire for wire in insertion.wires if wire.output == "out" and wire.source == insertion.gear):
            reached, waiting = set(), [wire.target]
            while waiting:
                name = waiting.pop()
                reached.add(name)
                if kinds[name] in ("console", "filter"):
                    waiting += [each[2] for each in wires if each[0] == name]
            assert any(kinds[name] == "uns" for name in reached)
            senders |= {name for name in reached if kinds[name] == "uns"}
        assert set(insertion.senders) == senders
        assert {wire.target for wire in insertion.wires if wire.output == "checkpoint"} <= senders


@settings(max_examples=50)
@given(rigs())
def test_a_rig_with_the_insertions_written_out_is_the_same_rig(drawn):
    gears, wires = drawn
    rig = model(rig_text(gears, wires))
    kinds = {name: kind for name, kind, _ in gears}
    whole = [(each.name, kinds.get(each.name, "correlator"), each.rack) for each in rig.gears]
    written = [(wire.source, wire.output, wire.target, wire.lane) for wire in rig.wires]
    again = model(rig_text(whole, written))
    assert again.insertions == []
    for rack in "ab":
        assert pack(compile_rig(again, rack)) == pack(compile_rig(rig, rack))
    assert [pack(compile_rig(model(rig_text(gears, wires)), rack)) for rack in "ab"] == [
        pack(compile_rig(rig, rack)) for rack in "ab"
    ]
