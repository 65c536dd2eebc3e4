from fluxrig.histogram import Histogram


def test_empty():
    assert (Histogram().percentile(50), Histogram().max, Histogram().count) == (0, 0, 0)


def test_percentiles_are_within_an_eighth_of_the_exact_ones():
    values = [(n * n * 7919) % 1_000_003 for n in range(1, 2000)]
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    values.sort()
    for percent in (1, 10, 50, 90, 99, 100):
        exact = values[(len(values) * percent + 99) // 100 - 1]
        assert abs(histogram.percentile(percent) - exact) <= exact / 8 + 1, percent
    assert histogram.max == values[-1]
    assert histogram.count == len(values)


def test_small_values_are_exact():
    for value in range(8):
        histogram = Histogram()
        histogram.add(value)
        assert histogram.percentile(50) == value


def test_early_counts_as_zero_and_huge_is_held():
    histogram = Histogram()
    histogram.add(-5)
    assert histogram.percentile(50) == 0
    histogram.add(1 << 40)
    assert histogram.max == 1 << 40
    assert histogram.percentile(100) >= 1 << 28


def test_merge_adds_the_samples():
    low, high = Histogram(), Histogram()
    for _ in range(99):
        low.add(10)
    high.add(5000)
    low.merge(high)
    assert low.count == 100
    assert low.percentile(50) <= 11
    assert low.percentile(100) > 4000
    assert low.max == 5000
