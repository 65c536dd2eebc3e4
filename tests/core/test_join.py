from probes import id_of
from relating import MS, event, join_rule, nonzero

from fluxrig.decimal import Decimal
from fluxrig.gears.correlator.join import Join


class Joined:
    """A join, and what it emitted: `pairs` are the values of tag `v` of its parts."""

    def __init__(self, **rule):
        self.events: list = []
        self.join = Join(join_rule(**rule), lambda *event: self.events.append(event))

    def add(self, source, ms, v, key=1, now_ms=0, **more):
        """A message whose tag is called like its source."""
        data = {source: v} if key is None else {source: v, "k": key}
        self.join.add(event(source, data, ms, id=source + str(v), **more), now_ms * 1000)

    def expire(self, now_ms):
        self.join.expire(now_ms * 1000)

    @property
    def pairs(self):
        return [(event[0].get("a"), event[0].get("b")) for event in self.events]


def test_parts_with_one_key_and_near_times_are_joined_in_whatever_order():
    joined = Joined()
    joined.add("a", 0, 1)
    assert joined.pairs == []
    joined.add("b", 100, 1)
    joined.add("b", 500, 2)
    joined.add("a", 400, 2)
    assert joined.pairs == [(1, 1), (2, 2)]
    assert nonzero(joined.join) == {"joins_complete": 2}


def test_farther_apart_than_within_is_not_together():
    joined = Joined(partial="emit")
    joined.add("a", 0, 1)
    joined.add("b", 101, 1)
    assert joined.pairs == []
    joined.expire(100)
    assert joined.pairs == [(1, None), (None, 1)]
    assert nonzero(joined.join) == {"joins_partial": 2}


def test_another_key_is_not_together():
    joined = Joined()
    joined.add("a", 0, 1, key="x")
    joined.add("b", 0, 1, key="y")
    joined.add("b", 0, 2, key="x")
    assert joined.pairs == [(1, 2)]


def test_all_parts_lie_within_one_another_and_not_only_beside():
    joined = Joined(parts=("a", "b", "c"), partial="emit")
    joined.add("a", 0, 1)
    joined.add("b", 60, 1)
    joined.add("c", 120, 1)  # 60 from b and 120 from a
    joined.expire(100)
    assert [sorted(event[0]) for event in joined.events] == [["a", "b", "k"], ["c", "k"]]
    assert [event[1].get("join.missing") for event in joined.events] == ["c", "a,b"]


def test_many_of_one_part_to_one_of_the_other_the_nearest_is_joined():
    joined = Joined()
    for v in range(5):
        joined.add("a", v * 50, v)
    joined.add("b", 130, 1)
    assert joined.pairs == [(3, 1)]
    joined.expire(100)
    assert nonzero(joined.join) == {"joins_complete": 1, "joins_dropped": 4}


def test_of_two_that_are_as_near_it_is_the_one_that_came_first():
    joined = Joined()
    joined.add("a", 100, 1)
    joined.add("a", 0, 2)
    joined.add("b", 50, 1)
    assert joined.pairs == [(1, 1)]


def test_each_message_is_in_one_join_at_most():
    joined = Joined()
    joined.add("a", 0, 1)
    joined.add("b", 0, 1)
    joined.add("b", 0, 2)
    joined.add("a", 0, 2)
    assert joined.pairs == [(1, 1), (2, 2)]


def test_the_same_message_again_is_not_joined_with_itself():
    joined = Joined()
    joined.add("a", 0, 1)
    joined.add("a", 0, 1)
    joined.add("b", 0, 1)
    joined.add("b", 0, 2)
    joined.expire(100)
    assert joined.pairs == [(1, 1)]
    assert nonzero(joined.join) == {"joins_repeated": 1, "joins_complete": 1, "joins_dropped": 1}


def test_a_late_part_ends_as_a_second_partial_join():
    joined = Joined(partial="emit")
    joined.add("a", 0, 1, now_ms=0)
    joined.expire(99)
    assert joined.pairs == []
    joined.add("b", 0, 1, now_ms=100)  # a has been given up by then, whether or not somebody looked
    assert joined.pairs == [(1, None)]
    joined.expire(200)
    assert joined.pairs == [(1, None), (None, 1)]


def test_a_link_that_delivers_late_is_waited_for():
    joined = Joined(within_ms=100, wait_ms=5000)
    for v in range(5):
        joined.add("a", v * 1000, v, now_ms=v * 1000)
    for v in range(5):
        joined.add("b", v * 1000 + 20, v, now_ms=4500 + v)
    assert joined.pairs == [(v, v) for v in range(5)]


def test_a_source_clock_that_jumps_back_matches_by_its_time_and_is_kept_by_that_of_the_rack():
    joined = Joined(partial="emit")
    joined.add("a", 1_000_000, 1, now_ms=0)
    joined.add("a", 10, 2, now_ms=50)
    joined.add("b", 20, 1, now_ms=60)
    assert joined.pairs == [(2, 1)]
    joined.expire(99)
    assert joined.pairs == [(2, 1)]
    joined.expire(100)
    assert joined.pairs == [(2, 1), (1, None)]


def test_partial_joins_with_the_first_part_only():
    joined = Joined(partial="with_first")
    joined.add("b", 0, 1, key=1)
    joined.add("a", 0, 2, key=2)
    joined.expire(100)
    assert joined.pairs == [(2, None)]
    assert nonzero(joined.join) == {"joins_partial": 1, "joins_dropped": 1}


def test_the_oldest_is_given_up_for_one_too_many():
    joined = Joined(max_open=2, partial="emit")
    for v in range(4):
        joined.add("a", 0, v, key=v)
    assert joined.pairs == [(0, None), (1, None)]
    assert nonzero(joined.join) == {"joins_partial": 2, "joins_overflowed": 2}
    joined.add("b", 0, 9, key=3)
    joined.add("b", 0, 8, key=0)
    assert joined.pairs[2:] == [(3, 9)]


def test_what_is_open_is_given_up_at_the_end():
    joined = Joined(partial="emit")
    joined.add("a", 0, 1)
    joined.join.close()
    assert joined.pairs == [(1, None)]
    joined.expire(1000)
    assert len(joined.events) == 1


def test_messages_without_a_key_are_counted():
    joined = Joined()
    joined.add("a", 0, 1, key=None)
    for key in ([1], {"x": 1}, float("nan")):
        joined.add("a", 0, 1, key=key)
    joined.join.add(event("a", {"a": 1, "k": None}, 0, {"q.k": "bad:timeout"}), 0)
    assert nonzero(joined.join) == {"joins_unkeyed": 5}


def test_what_is_no_part_is_none_of_its_business():
    joined = Joined()
    joined.add("c", 0, 1)
    joined.join.close()
    assert nonzero(joined.join) == {}


def test_numbers_of_whatever_type_are_one_key():
    joined = Joined()
    for v, (one, other) in enumerate([(17, Decimal(170, -1)), (17.0, 17), (Decimal(5, -1), 0.5)]):
        joined.add("a", 0, v, key=one)
        joined.add("b", 0, v, key=other)
    joined.add("a", 0, 3, key="17")
    joined.add("b", 0, 3, key=17)
    assert joined.pairs == [(0, 0), (1, 1), (2, 2)]


def test_keys_of_meta_and_data_are_one_when_their_text_is():
    parts = ([id_of("a"), "a", "", "meta", "batch.no"], [id_of("b"), "b", "", "data", "batch"])
    joined = Joined(parts=parts, text=True)
    joined.join.add(event("a", {"a": 1}, 0, {"batch.no": "17"}), 0)
    joined.join.add(event("b", {"b": 2, "batch": 17}, 0), 0)
    assert joined.pairs == [(1, 2)]
    assert joined.events[0][1]["join.key"] == "17"


def test_a_command_and_its_read_back_are_joined_by_trace():
    joined = Joined(parts=([id_of("a"), "a", "set_", "trace", ""], [id_of("b"), "b", "", "trace", ""]))
    joined.join.add(event("a", {"valve": 30}, 0, trace="one"), 0)
    joined.join.add(event("b", {"valve": 7}, 1, trace="another"), 0)
    joined.join.add(event("b", {"valve": 29}, 2, trace="one"), 0)
    data, meta, _, _, cause = joined.events[0]
    assert data == {"set_valve": 30, "valve": 29}
    assert cause.trace == "one" and "join.key" not in meta


def test_the_joined_event_has_values_qualities_and_where_they_come_from():
    joined = Joined(parts=([id_of("a"), "a", "", "data", "k"], [id_of("b"), "b", "b_", "data", "k"]))
    joined.add("b", 70, 1, flags=4)
    joined.join.add(event("a", {"k": 1, "x": None, "y": 2}, 20, {"q.x": "bad:timeout", "unit": "3"}, "a1", flags=1), 0)
    data, meta, ts, flags, cause = joined.events[0]
    assert data == {"k": 1, "x": None, "y": 2, "b_k": 1, "b_b": 1}
    assert meta == {
        "join": "j",
        "join.key": "1",
        "join.parts": "a,b",
        "join.ids": id_of("a1").hex() + "," + id_of("b1").hex(),
        "q.x": "bad:timeout",
    }
    assert ts == 70 * MS, "the time of the latest part"
    assert flags == 5
    assert cause.src_id == id_of("a"), "the first part of the rule, whichever came first"


def test_the_quality_of_a_part_follows_its_prefix():
    joined = Joined(parts=([id_of("a"), "a", "a_", "data", "k"], "b"))
    joined.join.add(event("a", {"k": 1, "x": None}, 0, {"q.x": "bad:range"}), 0)
    joined.add("b", 0, 1)
    assert joined.events[0][1]["q.a_x"] == "bad:range"


def test_tags_that_two_parts_have_are_both_kept():
    joined = Joined()
    joined.join.add(event("a", {"k": 1, "x": 1}, 0), 0)
    joined.join.add(event("b", {"k": 1, "x": 2}, 0, {"q.x": "bad:range"}), 0)
    data, meta = joined.events[0][:2]
    assert data == {"k": 1, "x": 1, "b_x": 2}
    assert meta["q.b_x"] == "bad:range" and "q.x" not in meta
    assert nonzero(joined.join) == {"joins_complete": 1, "join_collisions": 1}


def test_nothing_is_left_behind():
    joined = Joined(max_open=4)
    for v in range(100):
        joined.add("a", v * 1000, v, key=v, now_ms=v)
        if v % 2:
            joined.add("b", v * 1000, v, key=v, now_ms=v)
    joined.expire(10_000)
    assert joined.join._order == [] and joined.join._by_key == {}
    assert nonzero(joined.join) == {"joins_complete": 50, "joins_dropped": 50, "joins_overflowed": 47}
