"""Joins of drawn streams, beside a join that goes by the rules step by step over plain lists."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st
from probes import id_of
from relating import MS, event, join_rule, nonzero

from fluxrig.gears.correlator.join import Join

SOURCES = ("a", "b", "c")


@dataclass
class Step:
    """A message, or a moment at which somebody looks (`source` is empty)."""

    source: str
    key: int
    ms: int
    after_ms: int


@dataclass
class Waiting:
    key: int
    opened_ms: int
    members: dict[str, tuple[int, int]] = field(default_factory=dict)  # source: (number of the step, ms)

    def span(self, ms: int) -> int:
        times = [ms, *(time for _, time in self.members.values())]
        return max(times) - min(times)


STEPS = st.lists(
    st.builds(
        Step,
        st.sampled_from([*SOURCES, ""]),
        st.integers(0, 2),
        st.integers(0, 40) | st.just(-1000),
        st.integers(0, 15),
    ),
    max_size=60,
)
RULES = st.tuples(
    st.integers(2, 3), st.integers(1, 20), st.integers(1, 60), st.sampled_from(["emit", "drop", "with_first"]),
    st.integers(1, 6),
)  # fmt: skip


def by_the_rules(steps: list[Step], count: int, within: int, wait: int, partial: str, max_open: int):
    """What is emitted, as {source: number of the step}, and how many were (complete, partial, dropped, overflowed)."""
    emitted: list[dict[str, int]] = []
    counts = dict.fromkeys(["joins_complete", "joins_partial", "joins_dropped", "joins_overflowed"], 0)
    waiting: list[Waiting] = []

    def end(join: Waiting, how: str) -> None:
        waiting.remove(join)
        counts[how] += 1
        if how != "joins_dropped":
            emitted.append({source: number for source, (number, _) in join.members.items()})

    def give_up(join: Waiting) -> None:
        end(
            join,
            "joins_partial"
            if partial == "emit" or (partial == "with_first" and SOURCES[0] in join.members)
            else "joins_dropped",
        )

    now = 0
    for number, step in enumerate(steps):
        now += step.after_ms
        if step.source in SOURCES[count:]:
            continue
        for join in [join for join in waiting if now - join.opened_ms >= wait]:
            give_up(join)
        if not step.source:
            continue
        fitting = [
            join
            for join in waiting
            if join.key == step.key and step.source not in join.members and join.span(step.ms) <= within
        ]
        if fitting:
            join = min(fitting, key=lambda join: join.span(step.ms))  # the first of those that are alike
        else:
            if len(waiting) == max_open:
                counts["joins_overflowed"] += 1
                give_up(waiting[0])
            join = Waiting(step.key, now)
            waiting.append(join)
        join.members[step.source] = (number, step.ms)
        if len(join.members) == count:
            end(join, "joins_complete")
    for join in waiting[:]:
        give_up(join)
    return emitted, counts


def by_the_gear(steps: list[Step], count: int, within: int, wait: int, partial: str, max_open: int):
    emitted: list[dict[str, int]] = []
    times: list[tuple[int, list[int]]] = []

    def emit(data, meta, ts, flags, cause):
        members = {name: value for name, value in data.items() if name != "k"}
        emitted.append(members)
        times.append((ts, [steps[number].ms for number in members.values()]))
        missing = meta.get("join.missing", "").split(",") if "join.missing" in meta else []
        assert sorted([*meta["join.parts"].split(","), *missing]) == sorted(SOURCES[:count])
        assert cause.src_id == id_of(min(members))

    join = Join(join_rule(SOURCES[:count], ("data", "k"), within, wait, partial, max_open), emit)
    now = 0
    for number, step in enumerate(steps):
        now += step.after_ms
        if step.source:
            join.add(event(step.source, {step.source: number, "k": step.key}, step.ms, id=str(number)), now * 1000)
        else:
            join.expire(now * 1000)
    join.close()
    assert all(ts == max(parts) * MS and max(parts) - min(parts) <= within for ts, parts in times)
    return emitted, nonzero(join)


@given(STEPS, RULES)
def test_joins_are_those_of_the_rules(steps, rule):
    expected, numbers = by_the_rules(steps, *rule)
    emitted, counts = by_the_gear(steps, *rule)
    assert emitted == expected
    assert counts == {name: number for name, number in numbers.items() if number}


@given(STEPS, RULES)
def test_each_message_is_in_one_join(steps, rule):
    count, within, wait, _, max_open = rule
    emitted, _ = by_the_gear(steps, count, within, wait, "emit", max_open)
    members = sorted(number for each in emitted for number in each.values())
    assert members == [number for number, step in enumerate(steps) if step.source in SOURCES[:count]]


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=20, unique=True), st.randoms())
def test_the_order_of_arrival_means_nothing_where_every_key_is_there_once(keys, random):
    """Commands and read-backs, cycles with a number: with time enough, whatever order a network makes of them."""
    steps = [Step(source, key, key % 7, 0) for key in keys for source in SOURCES]
    random.shuffle(steps)
    emitted, _ = by_the_gear(steps, 3, 7, 1000, "emit", 100)
    assert sorted(steps[each["a"]].key for each in emitted) == sorted(keys)
    assert all(len({steps[number].key for number in each.values()}) == 1 for each in emitted)
