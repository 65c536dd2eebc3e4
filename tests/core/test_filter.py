from struct import pack

from probes import chain, gear, gear_of

from fluxrig.decimal import Decimal
from fluxrig.gears.filter.filter import Deadband
from fluxrig.rack import Rack
from fluxrig_ports.memory import MemoryHost

CHANGE = ("change", 0.0, 0.0, 0)
MS = 1_000_000


def passed(rule, samples):
    """Which of `samples` (value or (value, quality)), one a second, pass."""
    band = Deadband(*rule)
    kept = []
    for n, sample in enumerate(samples):
        value, quality = sample if isinstance(sample, tuple) else (sample, "good")
        if band.moved(value, quality, n * 1000 * MS):
            kept.append(value if quality == "good" else quality)
    return kept


def test_the_first_sample_always_passes():
    for rule in (CHANGE, ("absolute", 1e9, 0.0, 0), ("relative", 1e9, 1e9, 0)):
        assert passed(rule, [0.0]) == [0.0]


def test_absolute_compares_with_the_last_value_sent():
    # A drift of 0.4 a step is reported when it has added up to more than 1.0, not never.
    drift = [0.0, 0.4, 0.8, 1.2, 1.6, 2.0, 2.4]
    assert passed(("absolute", 1.0, 0.0, 0), drift) == [0.0, 1.2, 2.4]


def test_exactly_the_width_is_not_beyond_it():
    assert passed(("absolute", 1.0, 0.0, 0), [0.0, 1.0, -1.0, 1.5]) == [0.0, 1.5]


def test_relative_is_of_the_last_value_sent_with_a_floor():
    # 5 % of 100 is 5; near zero the floor of 1 keeps noise from passing.
    assert passed(("relative", 0.05, 1.0, 0), [100.0, 104.0, 106.0, 101.0, 100.0]) == [100.0, 106.0, 100.0]
    assert passed(("relative", 0.05, 1.0, 0), [0.0, 0.9, -0.9, 1.1]) == [0.0, 1.1]


def test_change_passes_every_difference_and_nothing_else():
    assert passed(CHANGE, [False, False, True, True, False]) == [False, True, False]
    assert passed(CHANGE, [3, 3, 4, 4, 3]) == [3, 4, 3]
    assert passed(CHANGE, ["run", "run", "stop"]) == ["run", "stop"]


def test_every_change_of_quality_passes_and_the_way_back_too():
    samples = [10.0, (None, "bad:timeout"), (None, "bad:timeout"), (None, "bad:not_connected"), 10.0, 10.0]
    assert passed(("absolute", 5.0, 0.0, 0), samples) == [10.0, "bad:timeout", "bad:not_connected", 10.0]


def test_a_value_that_stands_still_is_repeated_after_max_interval():
    assert passed(("absolute", 5.0, 0.0, 3000), [1.0] * 8) == [1.0] * 3
    band = Deadband("absolute", 5.0, 0.0, 3000)
    assert band.moved(1.0, "good", 0)
    assert not band.moved(1.0, "good", 2999 * MS)
    assert band.moved(1.0, "good", 3000 * MS)


def test_a_clock_that_is_set_back_does_not_silence_the_repetition():
    band = Deadband("absolute", 5.0, 0.0, 3000)
    assert band.moved(1.0, "good", 10_000_000 * MS)
    assert band.moved(1.0, "good", 1000 * MS)
    assert not band.moved(1.0, "good", 2000 * MS)


def test_a_value_that_cannot_be_compared_does_not_block_its_tag():
    nan = float("nan")
    assert passed(("absolute", 5.0, 0.0, 0), [1.0, nan, 2.0, 100.0])[2:] == [2.0, 100.0]


def tenths(*mantissas):
    return [Decimal(mantissa, -1) for mantissa in mantissas]


def test_the_last_place_of_a_long_counter_is_not_lost():
    # A 32-bit and a 64-bit counter times 0.1. Single precision cannot tell the values of either apart, double
    # precision not those of the second.
    for start in (4294967290, (1 << 64) - 10):
        a, b, c, d = tenths(start, start + 1, start + 2, start + 3)
        assert pack("f", float(a)) == pack("f", float(d))
        assert passed(CHANGE, [a, a, b, b, a]) == [a, b, a]
        assert passed(("absolute", Decimal(1, -1), 0.0, 0), [a, b, c, d]) == [a, c]
        assert passed(("absolute", Decimal(0, 0), 0.0, 0), [a, a, b]) == [a, b]
        assert passed(("absolute", 0.1, 0.0, 0), [a, b, c, d]) == [a, c], "a float for the width"
        assert passed(("relative", Decimal(0, 0), Decimal(1, -1), 0), [a, b, c, d]) == [a, c]
        # One part in 10**20 of any of them is less than a tenth, and one part in 10**19 of the second is more.
        assert passed(("relative", Decimal(1, -20), Decimal(0, 0), 0), [a, b, c]) == [a, b, c]
    assert passed(("relative", Decimal(1, -19), Decimal(0, 0), 0), [a, b, c]) == [a, c]


def test_exactly_the_width_is_not_beyond_it_in_decimals():
    start = 1000
    for width in range(1, 100):
        rule = ("absolute", Decimal(width, -2), Decimal(0, 0), 0)
        values = [Decimal(start * 10, -2), Decimal(start * 10 + width, -2), Decimal(start * 10 - width - 1, -2)]
        assert passed(rule, values) == [values[0], values[2]]
        # Of 100.0, as many percent.
        rule = ("relative", Decimal(width, -2), Decimal(0, 0), 0)
        values = tenths(start, start + 10 * width, start - 10 * width, start + 10 * width + 1)
        assert passed(rule, values) == [values[0], values[3]]


def test_the_floor_of_a_relative_width_in_decimals():
    values = tenths(0, 9, -9, 10, 11)
    assert passed(("relative", Decimal(5, -2), Decimal(1, 0), 0), values) == [values[0], values[4]]
    assert passed(("relative", 0.05, 1.0, 0), values) == [values[0], values[4]]


def test_decimals_and_other_numbers_of_one_tag_are_compared():
    for rule in (("absolute", Decimal(1, 0), 0.0, 0), ("relative", Decimal(5, -2), Decimal(0, 0), 0)):
        assert passed(rule, [20, Decimal(206, -1), 20.5, 20, Decimal(220, -1), 20.5]) == [20, 22, 20.5]
        assert passed(rule, [Decimal(206, -1), 21, 20, None, 21]) == [Decimal(206, -1), None, 21]
        nan = float("nan")
        assert len(passed(rule, [Decimal(206, -1), nan, Decimal(206, -1)])) == 3
    assert passed(CHANGE, [20, Decimal(200, -1), 20.0, Decimal(2001, -2)]) == [20, Decimal(2001, -2)]


def test_a_width_in_decimals_is_one_for_integers_and_floats_too():
    rule = ("absolute", Decimal(5, -1), Decimal(0, 0), 0)
    assert passed(rule, [1.0, 1.5, 1.6, 2]) == [1.0, 1.6]
    assert passed(rule, [1, 1, 2]) == [1, 2]
    assert passed(("relative", Decimal(5, -2), Decimal(1, 0), 0), [100.0, 104.0, 106.0, 101, 100]) == [100, 106, 100]


def rack_with(config):
    return Rack(MemoryHost(), chain(gear("a", "source"), gear("f", "filter", config), gear("s", "sink")))


def test_only_what_moved_is_passed_on_and_the_rest_is_counted():
    rack = rack_with({"tags": {"p": ("absolute", 5.0, 0.0, 0), "run": CHANGE}, "default": CHANGE})
    source, sink = gear_of(rack, "a"), gear_of(rack, "s")
    first = source.emit({"p": 100.0, "run": True})
    source.emit({"p": 101.0, "run": True})
    third = source.emit({"p": 101.0, "run": False})
    assert [msg.data for msg in sink.got] == [{"p": 100.0, "run": True}, {"run": False}]
    assert sink.got[0] is first, "a message that passes whole is passed as it is"
    assert sink.got[1].ref_id == third.id
    assert sink.got[1].trace == third.trace
    stats = rack.stats()["gears"]["f"]
    assert (stats["passed"], stats["held_back"]) == (3, 3)


def test_the_quality_of_a_held_back_tag_does_not_travel_with_the_others():
    rack = rack_with({"tags": {}, "default": CHANGE})
    source, sink = gear_of(rack, "a"), gear_of(rack, "s")
    bad = {"q.p": "bad:timeout"}
    source.emit({"p": None, "n": 1}, bad)
    source.emit({"p": None, "n": 2}, bad)
    assert sink.got[0].meta["q.p"] == "bad:timeout"
    assert sink.got[1].data == {"n": 2}
    assert sink.got[1].meta == {"machine.id": "machine-1"}


def test_undeclared_tags_are_bounded_and_pass_beyond_the_bound():
    rack = rack_with({"tags": {}, "default": ("absolute", 5.0, 0.0, 0)})
    source, sink = gear_of(rack, "a"), gear_of(rack, "s")
    limit = gear_of(rack, "f").MAX_UNDECLARED
    for _ in range(2):
        for n in range(limit + 2):
            source.emit({"t%d" % n: 1.0})
    assert len(sink.got) == limit + 2 + 2
