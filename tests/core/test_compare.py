from relating import MS, compare_config, event, nonzero

from fluxrig.decimal import Decimal
from fluxrig.gears.correlator.compare import LIVE, SHADOW, Compare, percent, same

EXACT = ("absolute", Decimal(0, 0), Decimal(0, 0))


class Compared:
    """A comparison of the field `x`, and the differences that it told."""

    def __init__(self, rule=EXACT, **config):
        self.told = []
        if "fields" not in config and "other" not in config:
            config["fields"] = {"x": ["x"] + list(rule)}
        self.compare = Compare(compare_config(**config), self._tell)

    def _tell(self, live, shadow, fields):
        self.told.append((live.ts // MS, shadow.ts // MS, fields))

    def live(self, ms, x, now_ms=0, meta=None):
        self._add(LIVE, ms, x, now_ms, meta)

    def shadow(self, ms, x, now_ms=0, meta=None):
        self._add(SHADOW, ms, x, now_ms, meta)

    def _add(self, side, ms, x, now_ms, meta):
        data = x if isinstance(x, dict) else {"x": x}
        self.compare.add(side, event("live" if side == LIVE else "shadow", data, ms, meta), now_ms * 1000)

    def end(self):
        self.compare.expire(1 << 60)

    def numbers(self, field="x"):
        """(equal, differing, only_live, only_shadow)"""
        report = self.compare.report()[1][field]
        assert report["compared"] == report["equal"] + report["differing"]
        return report["equal"], report["differing"], report["only_live"], report["only_shadow"]


def equal(live, shadow, rule=EXACT):
    return same(live, shadow, *rule)[0]


def test_what_is_the_same_without_a_tolerance():
    alike = [(1, 1), (1, 1.0), (1, Decimal(10, -1)), (20.5, Decimal(205, -1)), ("a", "a"), (None, None), (b"1", b"1")]
    alike += [(True, True), (True, 1), (0, False), ([1, "a"], [1, "a"]), ({"a": 1}, {"a": 1})]
    alike += [(float("inf"), float("inf")), (float("nan"), float("nan"))]
    for one, other in alike:
        assert equal(one, other) and equal(other, one), (one, other)
    unlike = [(1, 2), (1, "1"), ("a", "A"), (True, False), (1, True + 1), (None, 0), ([1], [2])]
    unlike += [(float("inf"), 1), (float("nan"), 1), (float("inf"), float("-inf")), (Decimal(1, -30), 0)]
    for one, other in unlike:
        assert not equal(one, other) and not equal(other, one), (one, other)


def test_an_absolute_tolerance_is_exact_in_decimals():
    rule = ("absolute", Decimal(1, -1), Decimal(0, 0))
    long = (1 << 64) - 10
    assert equal(Decimal(long, -1), Decimal(long + 1, -1), rule)
    assert not equal(Decimal(long, -1), Decimal(long + 2, -1), rule)
    assert equal(5, Decimal(49, -1), rule) and not equal(5, Decimal(489, -2), rule)
    assert equal(1 << 60, 1 << 60, rule) and not equal(1 << 60, (1 << 60) + 1, rule)
    assert equal(10.0, 10.09375, rule) and not equal(10.0, 10.125, rule)


def test_a_relative_tolerance_is_of_the_live_value_with_a_floor():
    rule = ("relative", Decimal(1, -2), Decimal(5, -1))
    for number in (lambda n: n, float, lambda n: Decimal(n * 10, -1)):
        assert equal(number(200), number(202), rule) and not equal(number(200), number(203), rule)
        assert equal(number(-200), number(-198), rule) and not equal(number(-200), number(-197), rule)
        assert not equal(number(0), number(1), rule)
    assert equal(0, Decimal(5, -1), rule) and not equal(0, Decimal(6, -1), rule)
    assert equal(0.0, 0.5, rule) and not equal(0.0, 0.75, rule)
    # Infinity has no percentage within which anything lies.
    assert not equal(float("inf"), 5.0, rule)


def test_a_tolerance_that_no_decimal_holds_is_a_float():
    assert equal(Decimal(5, 0), 5, ("absolute", 1e-300, Decimal(0, 0)))
    assert not equal(Decimal(5, 0), 6, ("absolute", 1e-300, Decimal(0, 0)))
    assert equal(1, 2, ("relative", Decimal(1, -2), 1e30))


def test_the_delta_is_shadow_minus_live_and_none_without_one():
    assert same(5, 7, *EXACT)[1] == 2
    assert same(Decimal(55, -1), 5, *EXACT)[1] == Decimal(-5, -1)
    for one, other in (("a", "b"), (True, False), (None, 1), (float("nan"), 1.0), (float("inf"), 1.0)):
        assert same(one, other, *EXACT)[1] is None


def test_samples_of_one_time_are_compared_at_once():
    compared = Compared()
    compared.live(0, 1)
    compared.shadow(0, 2)
    assert compared.told == [(0, 0, {"x": {"live": 1, "shadow": 2, "delta": 1}})]
    assert compared.numbers() == (0, 1, 0, 0)


def test_the_nearest_sample_is_meant_and_not_the_first_within_align():
    for order in ("live first", "shadow first", "in turn"):
        compared = Compared(max_waiting=16)
        samples = [(compared.live, ms, ms) for ms in range(0, 1000, 100)]
        samples += [(compared.shadow, ms - 20, ms) for ms in range(0, 1000, 100)]
        if order == "shadow first":
            samples = samples[10:] + samples[:10]
        elif order == "in turn":
            samples = [sample for pair in zip(samples[:10], samples[10:]) for sample in pair]
        for add, ms, x in samples:
            add(ms, x)
        compared.end()
        assert compared.numbers() == (10, 0, 0, 0), order
        assert compared.told == []


def test_a_closer_sample_that_comes_later_is_waited_for():
    compared = Compared()
    compared.live(0, 1)
    compared.shadow(90, 2)  # within align, but of the next
    compared.live(100, 2)
    compared.shadow(190, 3)
    compared.live(200, 3)
    compared.end()
    assert compared.numbers() == (2, 0, 1, 0)


def test_each_sample_is_matched_once():
    compared = Compared()
    compared.live(0, 1)
    for ms in (10, 20, 30):
        compared.shadow(ms, 1)
    compared.end()
    assert compared.numbers() == (1, 0, 0, 2)


def test_what_has_no_counterpart_within_align_is_counted_after_its_time():
    compared = Compared(align_ms=100, hold_ms=1000)
    compared.live(0, 1, now_ms=0)
    compared.shadow(101, 1, now_ms=500)
    compared.compare.expire(999_999)
    assert compared.numbers() == (0, 0, 0, 0)
    compared.compare.expire(1_000_000)
    assert compared.numbers() == (0, 0, 1, 0)
    compared.compare.expire(1_500_000)
    assert compared.numbers() == (0, 0, 1, 1)
    assert compared.told == []


def test_what_stands_still_is_decided_when_its_time_is_over():
    compared = Compared()
    compared.live(0, 1)
    compared.shadow(50, 2)
    assert compared.told == []
    compared.compare.expire(1_000_000)
    assert compared.told == [(0, 50, {"x": {"live": 1, "shadow": 2, "delta": 1}})]


def test_a_clock_that_jumps_back_on_one_path():
    compared = Compared()
    for ms in (10_000, 10_100):
        compared.live(ms, 1)
        compared.shadow(ms, 1)
    for ms in (0, 100, 200):
        compared.live(ms, 2)
        compared.shadow(ms, 2)
    compared.end()
    assert compared.numbers() == (5, 0, 0, 0)


def test_fields_that_differ_in_one_pair_of_messages_are_told_together():
    fields = {name: [name, "absolute", Decimal(0, 0), Decimal(0, 0)] for name in ("x", "y", "z")}
    compared = Compared(fields=fields)
    compared.live(0, {"x": 1, "y": 2, "z": 3, "other": 0})
    compared.shadow(0, {"x": 1, "y": 3, "z": 5, "strange": 0})
    delta = {"y": {"live": 2, "shadow": 3, "delta": 1}, "z": {"live": 3, "shadow": 5, "delta": 2}}
    assert compared.told == [(0, 0, delta)]
    assert nonzero(compared.compare) == {"compared": 3, "differing": 2}


def test_a_field_has_its_own_counterpart_wherever_it_is():
    compared = Compared(fields={"x": ["x"] + list(EXACT), "y": ["why"] + list(EXACT)})
    compared.live(0, {"x": 1})
    compared.live(10, {"y": 2})
    compared.shadow(10, {"x": 1, "why": 2})
    compared.end()
    assert compared.numbers("x") == compared.numbers("y") == (1, 0, 0, 0)


def test_quality_is_compared_and_not_its_reason():
    compared = Compared()
    bad, worse = {"q.x": "bad:timeout"}, {"q.x": "bad:range"}
    compared.live(0, None, meta=bad)
    compared.shadow(0, None, meta=worse)
    assert compared.numbers() == (1, 0, 0, 0)
    compared.live(1, 5)
    compared.shadow(1, None, meta=worse)
    compared.live(2, None, meta=bad)
    compared.shadow(2, None)
    entry = {"live": 5, "shadow": None, "delta": None, "shadow_quality": "bad:range"}
    other = {"live": None, "shadow": None, "delta": None, "live_quality": "bad:timeout"}
    assert [told[2]["x"] for told in compared.told] == [entry, other]


def test_without_fields_every_tag_is_compared_up_to_a_bound():
    compared = Compared(other=list(EXACT))
    count = Compare.MAX_FIELDS + 3
    compared.live(0, {"t%d" % n: n for n in range(count)})
    compared.shadow(0, {"t%d" % n: n for n in range(count)})
    parity, fields = compared.compare.report()
    assert len(fields) == Compare.MAX_FIELDS
    assert parity == 100
    assert nonzero(compared.compare) == {"compared": Compare.MAX_FIELDS, "refused_fields": 6}


def test_too_many_that_wait_are_decided_early():
    compared = Compared(max_waiting=4)
    for ms in range(0, 1000, 100):
        compared.live(ms, 1)
    assert compared.numbers() == (0, 0, 6, 0)
    assert nonzero(compared.compare) == {"compare_overflowed": 6}


def test_the_report_counts_from_the_start_and_since_the_last():
    compared = Compared(("absolute", Decimal(1, 0), Decimal(0, 0)))
    assert compared.compare.report()[0] is None
    for ms in range(3):
        compared.live(ms, 10)
        compared.shadow(ms, 10 + ms)
    report = compared.compare.report()[1]["x"]
    assert report == {
        "compared": 3,
        "equal": 2,
        "differing": 1,
        "only_live": 0,
        "only_shadow": 0,
        "parity": Decimal(6666, -2),
        "recent": Decimal(6666, -2),
        "worst": 2,
    }
    compared.live(10, 1)
    compared.shadow(10, 1)
    report = compared.compare.report()[1]["x"]
    assert (report["parity"], report["recent"]) == (75, 100)
    assert compared.compare.report()[1]["x"]["recent"] is None


def test_the_worst_delta_is_the_largest_of_any_number():
    compared = Compared()
    for ms, (live, shadow) in enumerate([(1, 3), (Decimal(5, -1), Decimal(30, -1)), (1.0, 1.5), ("a", "b"), (0, -2)]):
        compared.live(ms, live)
        compared.shadow(ms, shadow)
    assert compared.compare.report()[1]["x"]["worst"] == Decimal(25, -1)


def test_hundred_percent_is_only_all_of_it():
    assert str(percent(1, 1)) == "100.00"
    assert str(percent(99_999, 100_000)) == "99.99"
    assert percent(0, 7) == 0
    assert percent(0, 0) is None
