"""Programs that are measured side by side, each in a process of its own, so that its CPU time is its own.

A contestant obeys lines "COUNT" on its standard input: it does its work COUNT times, and answers with the seconds and
the CPU seconds that took. They are asked in turns, and while one works the others wait.

A device does not share a processor with its master: `on_processor` keeps them apart. Left alone, a scheduler now puts
both on one processor and now on two, and an exchange of messages between two costs several times as much.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from resource import RUSAGE_SELF, getrusage
from time import perf_counter

from tests.interpreter import ROOT

FIRST, LAST = 0, -1
END_S = 15


@dataclass
class Contestant:
    """`command`, and how often it does its work in one round. `seconds` and `cpu_s` are those of its best round."""

    name: str
    command: list[str]
    count: int
    processor: int = LAST
    environment: dict[str, str] | None = None
    seconds: float = float("inf")
    cpu_s: float = float("inf")

    @property
    def per_second(self) -> float:
        return self.count / self.seconds


def obey(work: Callable[[int], None]) -> None:
    """What a contestant in Python does: `work(COUNT)` for each line, until standard input ends."""
    for line in sys.stdin:
        count = int(line)
        start, start_cpu = perf_counter(), _cpu_s()
        work(count)
        print(perf_counter() - start, _cpu_s() - start_cpu, flush=True)


def _cpu_s() -> float:
    usage = getrusage(RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


@contextmanager
def on_processor(which: int) -> Iterator[None]:
    """Processes that are started meanwhile run on one processor only: the `FIRST` or the `LAST` of those we may use."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(allowed)[which]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def measure(contestants: list[Contestant], rounds: int) -> dict[str, Contestant]:
    """The contestants by name, after `rounds` rounds and one before them that does not count."""
    with ExitStack() as stack:
        processes = [stack.enter_context(_running(contestant)) for contestant in contestants]
        for number in range(rounds + 1):
            for contestant, process in zip(contestants, processes, strict=True):
                seconds, cpu_s = _ask(contestant, process)
                if number:
                    contestant.seconds = min(contestant.seconds, seconds)
                    contestant.cpu_s = min(contestant.cpu_s, cpu_s)
    return {contestant.name: contestant for contestant in contestants}


@contextmanager
def _running(contestant: Contestant) -> Iterator[subprocess.Popen[str]]:
    with on_processor(contestant.processor):
        process = subprocess.Popen(
            contestant.command,
            cwd=ROOT,
            env=contestant.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    assert process.stdin and process.stdout
    try:
        yield process
    finally:
        process.stdin.close()
        process.wait(END_S)
        process.stdout.close()


def _ask(contestant: Contestant, process: subprocess.Popen[str]) -> list[float]:
    assert process.stdin and process.stdout
    process.stdin.write(f"{contestant.count}\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    if not answer:
        raise RuntimeError(f"{contestant.name}: ended with exit code {process.wait(END_S)}")
    return [float(word) for word in answer.split()]
