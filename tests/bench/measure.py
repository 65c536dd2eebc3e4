"""Measuring functions side by side: in turns, so that a machine whose speed drifts slows both."""

from collections.abc import Callable
from time import perf_counter


def alternately(*functions: Callable[[], object], rounds: int = 9, round_s: float = 0.05) -> list[float]:
    """The best time of each function, in microseconds a call.

    Every round runs each function for about `round_s`, in turn. The best round is the one least disturbed by others.
    """
    counts = [_calls_in(function, round_s) for function in functions]
    best = [float("inf")] * len(functions)
    for _ in range(rounds):
        for index, function in enumerate(functions):
            repeat = range(counts[index])
            start = perf_counter()
            for _ in repeat:
                function()
            best[index] = min(best[index], (perf_counter() - start) / counts[index])
    return [seconds * 1e6 for seconds in best]


def _calls_in(function: Callable[[], object], seconds: float) -> int:
    count = 1
    while True:
        start = perf_counter()
        for _ in range(count):
            function()
        taken = perf_counter() - start
        if taken > seconds / 4:
            return max(int(count * seconds / taken), 1)
        count *= 2
