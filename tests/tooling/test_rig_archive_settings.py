"""The archive of a Rack in a compiled rig: what its correlators say of it, defaults, limits, and that they agree."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxrig.flux import pack, unpack
from fluxrig_tooling.device import board
from fluxrig_tooling.rig import compile_rig, load_text
from tests.tooling.archive_rigs import HEAD, gear, model

DEFAULTS = {
    "keep_ms": 0,
    "max_bytes": 1 << 30,
    "policy": "drop_oldest_sent",
    "segment_bytes": 0,
    "commit_ms": 1000,
    "commit_bytes": 0,
    "commit_count": 4096,
    "checkpoint_ms": 3_600_000,
    "ram_bytes": 16 << 20,
}

SMALL = DEFAULTS | {"max_bytes": 0, "commit_ms": 10_000, "ram_bytes": 8192}


def rig_of(*configs: str, board_name: str = "GENERIC", wire: str = "") -> str:
    """A rig with a correlator for each of `configs`, between a source and a screen."""
    names = [f"c{number}" for number in range(len(configs))]
    correlators = [
        f"  - {{name: {name}, type: correlator, config: {config}}}\n"
        for name, config in zip(names, configs, strict=True)
    ]
    wires = [f"  - {{from: plc, to: {name}}}\n  - {{from: {name}, to: screen}}\n" for name in names]
    last = wire or f"  - {{from: {', '.join(names[:1])}.checkpoint, to: log}}\n"
    gears = [gear("plc", "source"), gear("screen", "console"), gear("log", "console")]
    head = f"{HEAD}racks: [{{name: r, board: {board_name}}}]\ngears:\n"
    return "".join([head, *gears, *correlators, "wires:\n", *wires, last])


def archive(*configs: str, **keywords: Any) -> dict[str, Any]:
    compiled: dict[str, Any] = compile_rig(model(rig_of(*configs, **keywords)))["archive"]
    return compiled


def errors(*configs: str, **keywords: Any) -> list[str]:
    rig, problems = load_text(rig_of(*configs, **keywords))
    assert rig is None
    return [problem.message for problem in problems.errors]


def test_what_no_correlator_says_depends_on_the_interpreter():
    assert archive("{}") == DEFAULTS
    assert archive("{}", board_name="RPI_PICO_W") == SMALL
    assert archive("{}", board_name="UNIX") == SMALL


def test_everything_can_be_set():
    config = (
        "{keep: 30d, max_size: 2GiB, policy: drop_oldest, commit: 100ms, commit_bytes: 64KiB, commit_count: 7, "
        "checkpoint: 15m, ram: 1MiB}"
    )
    assert archive(config) == {
        "keep_ms": 30 * 86_400_000,
        "max_bytes": 2 << 30,
        "policy": "drop_oldest",
        "segment_bytes": 0,
        "commit_ms": 100,
        "commit_bytes": 65_536,
        "commit_count": 7,
        "checkpoint_ms": 900_000,
        "ram_bytes": 1 << 20,
    }


def test_correlators_of_a_rack_share_what_each_of_them_says():
    assert archive("{keep: 1d}", "{}", "{commit: 5s, keep: 24h}") == DEFAULTS | {
        "keep_ms": 86_400_000,
        "commit_ms": 5000,
    }


def test_a_guaranteed_wire_has_an_archive_without_any_correlator():
    wire = "  - {from: plc, to: [screen, log], lane: guaranteed}\n"
    assert archive(wire=wire) == DEFAULTS
    assert archive(wire=wire, board_name="UNIX") == SMALL
    assert "archive" not in compile_rig(model(rig_of(wire=wire.replace("guaranteed", "hot"))))


def test_what_two_of_them_say_has_to_be_the_same():
    assert errors("{keep: 30d}", "{policy: block}", "{keep: 40d, policy: drop_oldest}") == [
        "gears 'c0' and 'c2' share the archive of rack 'r', but keep is 30d in the one and 40d in the other",
        "gears 'c1' and 'c2' share the archive of rack 'r', "
        "but policy is block in the one and drop_oldest in the other",
    ]
    _, problems = load_text(rig_of("{max_size: 1GiB}", "{max_size: 1000MB}"))
    (problem,) = problems.errors
    assert "max_size is 1GiB in the one and 1GB in the other" in problem.message
    assert (problem.line, problem.column) == (10, 53)
    assert model(rig_of("{max_size: 1GiB, commit_count: 5}", "{max_size: 1024MiB, commit_count: 5}"))


def test_racks_do_not_have_to_agree():
    gears = "".join(
        gear(f"plc-{rack}", "source", rack)
        + f"  - {{name: c-{rack}, type: correlator, deploy: {rack}, config: {{keep: {keep}}}}}\n"
        for rack, keep in (("a", "1d"), ("b", "2d"))
    )
    wires = "wires:\n  - {from: plc-a, to: c-a}\n  - {from: plc-b, to: c-b}\n"
    rig = model(f"{HEAD}racks: [{{name: a}}, {{name: b}}]\ngears:\n{gears}{wires}")
    days = [compile_rig(rig, rack)["archive"]["keep_ms"] // 86_400_000 for rack in ("a", "b")]
    assert days == [1, 2]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("{keep: 0s}", "keep: expected at least 1s, got 0ms"),
        ("{max_size: 1KiB}", "max_size: expected at least 64KiB, got 1KiB"),
        ("{commit: 0ms}", "commit: expected 1ms to 10m, got 0ms"),
        ("{commit: 11m}", "commit: expected 1ms to 10m, got 11m"),
        ("{commit_bytes: 1B}", "commit_bytes: expected 512B to 64MiB, got 1B"),
        ("{commit_count: 0}", "commit_count: expected at least 1, got 0"),
        ("{commit_count: 65536}", "commit_count: expected at most 65535, got 65536"),
        ("{checkpoint: 1ms}", "checkpoint: expected 1s to 30d, got 1ms"),
        ("{ram: 1KiB}", "ram: expected 2KiB to 1GiB, got 1KiB"),
        ("{policy: newest}", "policy: 'newest' is not one of block, drop_oldest_sent or drop_oldest"),
        ("{commit_bytes: 32MiB}", "commit_bytes: more than the 16MiB of RAM for what is not durable yet"),
        ("{commit_bytes: 4KiB, ram: 3KiB}", "commit_bytes: more than the 3KiB of RAM for what is not durable yet"),
    ],
)
def test_limits(config, message):
    assert errors(config) == [message]


def test_a_small_board_has_little_of_everything():
    assert errors("{commit_bytes: 16KiB}", board_name="UNIX") == [
        "commit_bytes: more than the 8KiB of RAM for what is not durable yet"
    ]
    assert errors("{max_size: 1MiB}", board_name="RPI_PICO_W") == ["max_size: board 'RPI_PICO_W' has 848KiB of flash"]
    assert archive("{max_size: 128KiB}", board_name="RPI_PICO_W")["max_bytes"] == 128 << 10


def test_a_board_without_a_store_cannot_keep_an_archive(monkeypatch):
    real = board.load
    monkeypatch.setattr(board, "load", lambda name: replace(real(name), capabilities=("net",)))
    assert errors("{}", board_name="UNIX") == ["board 'UNIX' has no store, which the archive of this rack needs"]


DAY = 86_400_000


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "keep": st.integers(1000, 36_500 * DAY).map("{}ms".format),
            "max_size": st.integers(1 << 16, 2**60).map("{}B".format),
            "policy": st.sampled_from(["block", "drop_oldest_sent", "drop_oldest"]),
            "commit": st.integers(1, 600_000).map("{}ms".format),
            "commit_bytes": st.integers(512, 16 << 20).map("{}B".format),
            "commit_count": st.integers(1, 65_535),
            "checkpoint": st.integers(1000, 30 * DAY).map("{}ms".format),
        },
    ),
    st.integers(1, 65_535),
    st.lists(st.integers(1, 3_600_000), min_size=2, max_size=2).map(sorted),
)
def test_what_a_rig_may_say_is_what_a_rack_takes(config, attempts, pauses):
    text = "{" + ", ".join(f"{key}: {value}" for key, value in config.items()) + "}"
    delivery = f"{{max_attempts: {attempts}, retry_min: {pauses[0]}ms, retry_max: {pauses[1]}ms}}"
    wire = f"  - {{from: c0.checkpoint, to: log, lane: guaranteed, delivery: {delivery}}}\n"
    compiled = compile_rig(model(rig_of(text, wire=wire)))
    assert unpack(pack(compiled)) == compiled
    assert compiled["wires"][-1][5] == dict(
        zip(("max_attempts", "retry_min_ms", "retry_max_ms"), (attempts, *pauses), strict=True)
    )
