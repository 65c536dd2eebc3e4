"""The Gear under the virtual clock: what it asks, when, and what it sends.

What each register holds says where and when it was read: see modbus_server.py.
"""

from modbus_bench import BITS, EVERY_MS, FAST_TAGS, REQUESTS, Bench, config, poll
from modbus_server import drip, silent
from probes import stop


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
    bench = await Bench(config([poll("late", REQUESTS, phase_ms=30)])).run(300)
    assert [ms for ms, _, pdu in bench.server.asked if pdu[0] == 3] == [30, 130, 230]


async def test_meta_says_where_the_values_come_from_and_stays_one_dict():
    bench = await Bench(config([poll("fast", REQUESTS + [BITS])])).run(500)
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
    bench = await Bench(config([poll("bits", [BITS])])).run(10)
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


async def test_groups_share_one_connection_and_never_mix_on_it():
    slow = [[4, 30, 1, b"", ">H", [["s", "raw"]]]]
    bench = Bench(config([poll("fast", REQUESTS, 20), poll("slow", slow, 50)]))
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


async def test_transaction_ids_go_on_over_reconnects():
    bench = Bench()
    bench.server.faults = [None, None, silent]
    await bench.run(1000)
    ids = [int.from_bytes(transaction, "big") for _, transaction, _ in bench.server.asked]
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    assert bench.qualities()[-1] == {"good"}


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
    bench.rack.station("plc").kill()
    await bench.run(1_000)
    assert bench.qualities() == [{"good"}, {"bad:killed"}]
    assert set(bench.got[-1].data) == set(FAST_TAGS)
    assert bench.server.open == 0
