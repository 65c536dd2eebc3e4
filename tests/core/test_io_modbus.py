"""The Gear against a scripted server on a null modem, under the virtual clock.

What each register holds says where and when it was read: see modbus_server.py.
"""

import asyncio

from modbus_server import (
    ADDRESS,
    BROKEN,
    PORT,
    TIMEOUT_MS,
    UNIT,
    Server,
    answered_again_later,
    close,
    drip,
    exception,
    garbage,
    half_then_close,
    late,
    silent,
)
from probes import chain, gear, gear_of, stop

from fluxrig.errors import TransientError
from fluxrig.rack import Rack
from fluxrig_ports.memory import MemoryHost

EVERY_MS = 100
PAUSE_MIN_MS, PAUSE_MAX_MS = 150, 600

FAST_TAGS = {"a": 0, "b": 1, "c": 2, "x": 10, "y": 11}
REQUESTS = [
    [3, 0, 3, b"", ">HHH", [["a", "raw"], ["b", "raw"], ["c", "raw"]]],
    [4, 10, 2, bytes([2, 3, 0, 1]), ">HH", [["y", "raw"], ["x", "raw"]]],
]
BITS = [1, 4, 6, b"\x00\x00", ">BB", [["even", "bit", 1, False, True], ["odd", "bit", 2, False, True]]]


def config(groups=None):
    return {
        "address": ADDRESS,
        "port": PORT,
        "unit_id": UNIT,
        "timeout_ms": TIMEOUT_MS,
        "connect_timeout_ms": 80,
        "reconnect_min_ms": PAUSE_MIN_MS,
        "reconnect_max_ms": PAUSE_MAX_MS,
        "groups": groups or [group("fast", REQUESTS)],
    }


def group(name, requests, every_ms=EVERY_MS, phase_ms=0):
    return {"name": name, "every_ms": every_ms, "phase_ms": phase_ms, "requests": requests}


class Bench:
    """A Rack with the Gear under test, its server, and what it sent."""

    def __init__(self, compiled=None):
        self.host = MemoryHost(seed=1)
        self.clock = self.host.clock
        self.server = Server(self.host)
        self.rack = Rack(self.host, chain(gear("plc", "io_modbus", compiled or config()), gear("sink", "sink")))
        self.gear = gear_of(self.rack, "plc")
        self.got = gear_of(self.rack, "sink").got
        self.began = self.host.clock.wall_ns()
        self.started = False

    async def run(self, ms):
        """Start if need be, and let virtual time pass."""
        if not self.started:
            self.started = True
            await self.rack.start()
        await self.clock.advance(ms)
        return self

    def logged(self, level):
        return [text for at, who, text in self.host.logged if at == level and who == "plc"]

    def qualities(self):
        """For each message in turn, the set of the qualities of its tags."""
        return [{msg.quality(tag) for tag in msg.data} for msg in self.got]

    def check_attribution(self, every_ms=EVERY_MS):
        """Each value comes from the register of its tag, and from a request of the same poll. Returns their number."""
        values = 0
        for msg in self.got:
            for tag, value in msg.data.items():
                if value is None:
                    assert msg.quality(tag).startswith("bad:"), f"{tag} is None and said to be good"
                    continue
                assert msg.quality(tag) == "good", f"{tag} has a value and is said to be {msg.quality(tag)}"
                values += 1
                number, register = divmod(value, 32)
                assert register == FAST_TAGS[tag], f"{tag} got register {register}"
                answered_ms = (msg.ts - self.began) // 1_000_000
                polled_ms = answered_ms // every_ms * every_ms
                assert polled_ms <= self.server.asked[number][0] <= answered_ms, f"{tag} got an old answer"
        return values


async def test_one_poll_is_one_message_with_every_tag():
    bench = await Bench().run(50)
    assert len(bench.got) == 1
    assert bench.got[0].data == {"a": 0, "b": 1, "c": 2, "y": 32 + 11, "x": 32 + 10}
    assert bench.got[0].src_id == b"plc" + bytes(13)
    assert [pdu for _, _, pdu in bench.server.asked] == [b"\x03\x00\x00\x00\x03", b"\x04\x00\x0a\x00\x02"]
    assert bench.gear.values_read == 5


async def test_the_first_poll_is_at_the_start_and_the_others_on_the_grid():
    bench = await Bench().run(1000)
    assert [ms for ms, _, pdu in bench.server.asked if pdu[0] == 3] == list(range(0, 1001, EVERY_MS))
    assert bench.server.connections == 1
    assert bench.gear.polls == len(bench.got) == 11
    assert bench.rack.stats()["missed"] == 0


async def test_a_phase_moves_the_polls_of_a_group():
    bench = await Bench(config([group("late", REQUESTS, phase_ms=30)])).run(300)
    assert [ms for ms, _, pdu in bench.server.asked if pdu[0] == 3] == [30, 130, 230]


async def test_meta_says_where_the_values_come_from_and_stays_one_dict():
    bench = await Bench(config([group("fast", REQUESTS + [BITS])])).run(500)
    first = bench.got[0]
    assert first.meta == {
        "machine.id": "machine-1",
        "group": "fast",
        "unit_id": "7",
        "function": "1,3,4",
        "registers": "hr:0-2 ir:10-11 co:4-9",
    }
    assert all([msg.meta is first.meta for msg in bench.got])


async def test_coils_are_booleans():
    bench = await Bench(config([group("bits", [BITS])])).run(10)
    assert bench.got[0].data == {"even": False, "odd": True}


async def test_the_time_of_a_message_is_when_its_last_answer_arrived():
    bench = Bench()
    bench.server.always = drip
    await bench.run(99)
    # Answers of 15 and 13 bytes, 1 ms after each byte; the last one is not waited for.
    assert bench.got[0].ts - bench.began == (15 + 12) * 1_000_000


async def test_an_answer_in_single_bytes_is_an_answer():
    bench = Bench()
    bench.server.always = drip
    await bench.run(1000)
    assert bench.qualities() == [{"good"}] * len(bench.got)
    assert bench.check_attribution() == 5 * len(bench.got) >= 50


async def test_a_peer_that_refuses_makes_every_tag_bad_and_is_not_hammered():
    bench = Bench()
    bench.server.down()
    await bench.run(3000)
    assert len(bench.got) == 31, "a message at each poll, whatever the peer does"
    assert bench.qualities() == [{"bad:not_connected"}] * 31
    assert bench.got[0].data == {"a": None, "b": None, "c": None, "y": None, "x": None}
    # Attempts at the polls that follow the end of each pause: 0 +150 200 +300 500 +600 1100 +600 1700 2300 2900.
    assert bench.gear.connect_failures == 7
    assert len(bench.logged("warning")) == 1
    assert "plc:502" in bench.logged("warning")[0]
    assert bench.got[1].meta is bench.got[-1].meta, "a lasting fault needs no new meta either"
    assert bench.gear.values_read == 0 and bench.gear.values_bad == 31 * 5


async def test_a_peer_that_comes_up_is_found():
    bench = Bench()
    bench.server.down()
    await bench.run(1500)
    bench.server.up()
    await bench.run(1000)
    assert bench.qualities()[-1] == {"good"}
    assert bench.check_attribution() >= 5
    assert bench.logged("info") == ["plc:502 answers"]
    assert bench.gear.reconnects == 0, "the first connection is no reconnect"


async def test_a_peer_that_never_accepts_costs_the_connect_timeout():
    bench = Bench()
    waited = []

    async def unreachable(address, port, timeout_ms):
        waited.append(timeout_ms)
        await bench.host.clock.sleep_ms(timeout_ms)
        raise TransientError(f"{address}:{port} does not answer")

    bench.host.connect = unreachable  # type: ignore[method-assign]
    await bench.run(1000)
    assert set(waited) == {80}
    assert len(bench.got) == 11, "a poll that waits 80 ms misses no deadline of 100 ms"
    assert bench.qualities() == [{"bad:not_connected"}] * 11


async def test_a_broken_answer_to_the_first_request_makes_its_poll_bad():
    for fault, reason in BROKEN:
        bench = Bench()
        bench.server.faults = [fault]
        await bench.run(1000)
        assert bench.qualities()[0] == {"bad:" + reason}, fault
        assert bench.qualities()[-1] == {"good"}, fault
        assert bench.server.connections == 2, f"{fault}: the connection is not used again"
        assert bench.gear.reconnects == 1
        assert len(bench.logged("warning")) == 1, fault
        bench.check_attribution()


async def test_a_broken_answer_in_the_middle_spares_what_was_answered_before():
    for fault, reason in BROKEN:
        bench = Bench()
        bench.server.faults = [None, None, None, fault]
        await bench.run(1000)
        second = bench.got[1]
        assert [second.quality(tag) for tag in "abc"] == ["good"] * 3, fault
        if fault is close:
            # A connection that was closed before anything of the answer came is opened again at once.
            assert bench.qualities() == [{"good"}] * len(bench.got)
        else:
            assert [second.quality(tag) for tag in "xy"] == ["bad:" + reason] * 2, fault
        assert bench.qualities()[-1] == {"good"}, fault
        bench.check_attribution()


async def test_no_value_is_ever_attributed_to_the_wrong_tag():
    # Faults of every kind, in an order that differs with each seed, mixed with good answers.
    kinds = [fault for fault, _ in BROKEN] + [answered_again_later, drip, exception(2), None, None, None]
    for seed in range(1, 13):
        bench = Bench()
        x = seed * 2654435761
        for _ in range(30):
            x = (x * 1103515245 + 12345) & 0x7FFFFFFF
            bench.server.faults.append(kinds[(x >> 16) % len(kinds)])
        values = 0
        while bench.server.faults:
            await bench.run(1000)
            values += bench.check_attribution()
            bench.got.clear()
        assert values > 5
        await bench.run(2000)
        assert bench.qualities()[-1] == {"good"}, "it recovers"


async def test_a_late_answer_is_never_taken_for_that_of_the_next_request():
    bench = Bench()
    bench.server.faults = [late] * 8
    await bench.run(6000)
    assert bench.gear.timeouts == 8
    assert bench.qualities()[-1] == {"good"}
    bench.check_attribution()


async def test_a_duplicate_answer_is_found_by_its_transaction():
    bench = Bench()
    bench.server.faults = [None, None, None, answered_again_later]
    await bench.run(250)
    assert bench.qualities() == [{"good"}, {"good"}, {"bad:protocol_error"}]
    assert bench.gear.protocol_errors == 1
    await bench.run(500)
    assert bench.qualities()[-1] == {"good"}
    bench.check_attribution()


async def test_a_fault_that_lasts_keeps_its_quality_through_the_pauses():
    for fault, reason in ((silent, "timeout"), (garbage, "protocol_error"), (half_then_close, "not_connected")):
        bench = Bench()
        bench.server.always = fault
        await bench.run(3000)
        assert bench.qualities() == [{"bad:" + reason}] * len(bench.got)
        assert len(bench.logged("warning")) == 1
        # As with a peer that refuses; but each timeout of 50 ms moves the pause behind it.
        assert bench.server.connections == (6 if fault is silent else 7)


async def test_the_pause_starts_over_after_an_answer():
    bench = Bench()
    bench.server.faults = [silent] * 4
    await bench.run(5000)
    before = bench.server.connections
    bench.server.faults = [silent]
    await bench.run(400)
    assert bench.server.connections == before + 1
    assert bench.qualities()[-1] == {"good"}


async def test_an_idle_connection_that_the_peer_closed_is_opened_again_at_once():
    bench = await Bench(config([group("slow", REQUESTS, every_ms=1000)])).run(500)

    async def serve_and_close(stream):
        serving = asyncio.create_task(bench.server.serve(stream))
        await bench.host.clock.sleep_ms(300)
        await stream.close()
        await serving

    bench.server.network.listen(ADDRESS, PORT, serve_and_close)
    bench.server.faults = [close]
    await bench.run(5000)
    assert bench.qualities() == [{"good"}] * 6
    assert bench.gear.disconnects == bench.gear.reconnects == 5
    assert bench.logged("warning") == []
    bench.check_attribution(1000)


async def test_an_exception_makes_only_the_tags_of_its_request_bad():
    for code, reason in ((1, "illegal_function"), (2, "illegal_address"), (6, "device_busy"), (77, "exception_77")):
        bench = Bench()
        bench.server.faults = [None, exception(code), None, exception(code)]
        await bench.run(250)
        for msg in bench.got[:2]:
            assert [msg.quality(tag) for tag in "abcxy"] == ["good"] * 3 + ["bad:" + reason] * 2
            assert msg.data["x"] is None and msg.data["a"] is not None
        assert bench.got[0].meta is bench.got[1].meta
        assert bench.qualities()[2] == {"good"}
        assert bench.server.connections == 1, "a refusal is an answer: the connection stays"
        assert bench.gear.exceptions == 2
        assert len(bench.logged("warning")) == 1 and reason in bench.logged("warning")[0]
        assert len(bench.logged("info")) == 2, "that the peer answers, and that it does so again"
        bench.check_attribution()


async def test_groups_share_one_connection_and_never_mix_on_it():
    slow = [[4, 30, 1, b"", ">H", [["s", "raw"]]]]
    bench = Bench(config([group("fast", REQUESTS, 20), group("slow", slow, 50)]))
    answering: list = []

    async def careful(server, stream, frame):
        assert not answering, "a request came while another was being answered"
        answering.append(frame)
        await server.clock.sleep_ms(3)
        answering.pop()
        await stream.write(server.good(frame))

    bench.server.always = careful
    await bench.run(500)
    by_group = {name: [msg for msg in bench.got if msg.meta["group"] == name] for name in ("fast", "slow")}
    assert len(by_group["fast"]) == 25 and len(by_group["slow"]) == 10
    assert [set(msg.data) for msg in by_group["slow"]] == [{"s"}] * 10
    assert {msg.data["s"] % 32 for msg in by_group["slow"]} == {30}
    assert bench.qualities() == [{"good"}] * 35
    assert bench.server.connections == 1


async def test_transaction_ids_go_on_over_reconnects_and_wrap():
    bench = Bench()
    bench.server.faults = [None, None, silent]
    await bench.run(1000)
    ids = [int.from_bytes(transaction, "big") for _, transaction, _ in bench.server.asked]
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    bench.gear._link._transaction = 0xFFFE
    await bench.run(100)
    assert [transaction for _, transaction, _ in bench.server.asked[-2:]] == [b"\xff\xff", b"\x00\x00"]
    assert bench.qualities()[-1] == {"good"}


async def test_a_step_of_the_wall_clock_does_not_keep_it_from_reconnecting():
    for step_s in (-3600, 3600):
        bench = Bench()
        bench.server.faults = [silent]
        await bench.run(80)
        bench.clock.step_wall(step_s * 1_000_000_000)
        await bench.run(300)
        assert bench.qualities()[-1] == {"good"}, step_s


async def test_a_drained_gear_asks_and_sends_nothing_more_and_closes():
    bench = await Bench().run(250)
    asked, got = len(bench.server.asked), len(bench.got)
    await stop(bench.rack)
    assert (len(bench.server.asked), len(bench.got)) == (asked, got)
    assert bench.server.open == 0


async def test_an_answer_that_comes_after_the_drain_is_not_sent():
    bench = Bench()
    bench.server.always = drip
    await bench.run(5)
    await bench.gear.drain()
    await bench.run(500)
    assert len(bench.server.asked) == 2, "the poll under way ends, and no other begins"
    assert bench.got == []


async def test_stopping_in_the_middle_of_a_poll_sends_nothing_and_closes():
    bench = Bench()
    bench.server.always = silent
    await bench.run(20)
    await stop(bench.rack)
    assert bench.got == []
    assert bench.server.open == 0


async def test_a_killed_gear_leaves_no_value_that_claims_to_be_good_and_no_connection():
    bench = await Bench().run(50)
    assert bench.server.open == 1
    next(station for station in bench.rack.stations if station.name == "plc").kill()
    await bench.run(1_000)
    assert bench.qualities() == [{"good"}, {"bad:killed"}]
    assert set(bench.got[-1].data) == set(FAST_TAGS)
    assert bench.server.open == 0
