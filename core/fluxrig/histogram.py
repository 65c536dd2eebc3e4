"""A fixed-size histogram of microseconds: constant memory, relative error of a percentile below 1/8."""

_OCTAVES = 28  # the last bucket holds everything from 2**29 us (about 9 minutes)
_STEPS = 4  # buckets an octave


class Histogram:
    """Counts durations in logarithmic buckets. Values are integer microseconds; negative ones count as 0."""

    def __init__(self):
        self.count = 0
        self.max = 0
        self._buckets = [0] * (_OCTAVES * _STEPS + 1)

    def add(self, us: int) -> None:
        if us > self.max:
            self.max = us
        self.count += 1
        self._buckets[_bucket(us)] += 1

    def percentile(self, percent: int) -> int:
        """The value (us) that `percent` of the samples do not exceed, to the middle of its bucket; 0 when empty."""
        wanted = (self.count * percent + 99) // 100
        seen = 0
        for index, samples in enumerate(self._buckets):
            seen += samples
            if samples and seen >= wanted:
                return min((_floor(index) + _floor(index + 1)) // 2, self.max)
        return 0

    def merge(self, other: "Histogram") -> None:
        """Add the samples of `other` to this one."""
        self.count += other.count
        self.max = max(self.max, other.max)
        for index, samples in enumerate(other._buckets):
            self._buckets[index] += samples


def _bucket(us: int) -> int:
    if us < _STEPS:
        return max(us, 0)
    octave = 0
    scaled = us
    while scaled >= 2 * _STEPS:
        scaled >>= 1
        octave += 1
    return min(octave * _STEPS + scaled, _OCTAVES * _STEPS)


def _floor(index: int) -> int:
    """The smallest value in bucket `index`."""
    if index < 2 * _STEPS:
        return index
    octave = index // _STEPS - 1
    return (index - octave * _STEPS) << octave
