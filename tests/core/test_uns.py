import asyncio

from expect import raises
from probes import stop
from uns_bench import NS, STATUS, Bench, config

from fluxrig.decimal import Decimal
from fluxrig.errors import LocalError


async def test_a_tag_becomes_a_retained_topic_with_value_time_and_quality():
    bench = await Bench().start()
    bench.source.emit({"p": 101.5, "t": True}, ts=1_767_225_600_123_456_789)
    await bench.pass_ms(0)
    assert bench.at("acme/site/p") == {"v": 101.5, "t": 1_767_225_600_123, "q": "good"}
    assert bench.at("acme/site/t")["v"] is True


async def test_a_bad_value_keeps_the_last_good_one_and_its_time():
    bench = await Bench().start()
    bench.source.emit({"p": 5}, ts=1000 * NS)
    bench.source.emit({"p": None}, {"q.p": "bad:timeout"}, ts=2000 * NS)
    await bench.pass_ms(0)
    assert bench.at("acme/site/p") == {"v": 5, "t": 1000, "q": "bad:timeout"}


async def test_a_tag_that_was_never_good_says_so():
    bench = await Bench().start()
    bench.source.emit({"p": None}, {"q.p": "bad:not_connected"})
    await bench.pass_ms(0)
    assert bench.at("acme/site/p") == {"v": None, "t": None, "q": "bad:not_connected"}


async def test_numbers_that_json_cannot_carry_are_bad():
    bench = await Bench().start()
    for value in (float("nan"), float("inf"), float("-inf")):
        bench.source.emit({"p": value})
        await bench.pass_ms(0)
        assert bench.at("acme/site/p")["q"] == "bad:not_a_number"


async def test_the_payload_has_one_form():
    bench = await Bench().start()
    bench.source.emit({"p": 'run "fast"', "t": b"\x01\xfe"}, ts=1000 * NS)
    await bench.pass_ms(0)
    assert bench.broker.retained["acme/site/p"] == b'{"v": "run \\"fast\\"", "t": 1000, "q": "good"}'
    assert bench.at("acme/site/t")["v"] == "01fe"


async def test_decimals_are_published_with_all_their_digits():
    bench = await Bench().start()
    bench.source.emit({"p": Decimal(206, -1), "t": [Decimal((1 << 64) - 1, -1), {"x": Decimal(50, -2)}]}, ts=1000 * NS)
    await bench.pass_ms(0)
    assert bench.broker.retained["acme/site/p"] == b'{"v": 20.6, "t": 1000, "q": "good"}'
    text = b'{"v": [1844674407370955161.5, {"x": 0.50}], "t": 1000, "q": "good"}'
    assert bench.broker.retained["acme/site/t"] == text


async def test_the_rack_is_online_while_connected_and_offline_by_its_last_will():
    bench = await Bench().start()
    assert bench.at(STATUS)["v"] == "online"
    bench.broker.lose(bench.broker.sessions[0])
    assert bench.at(STATUS)["v"] == "offline"


async def test_an_orderly_stop_says_offline_after_delivering_what_was_pending():
    bench = await Bench().start()
    bench.source.emit({"p": 1})
    await stop(bench.rack)
    topics = [topic for topic, _, _ in bench.broker.published]
    assert topics == [STATUS, "acme/site/p", STATUS]
    assert bench.at(STATUS)["v"] == "offline"
    assert bench.broker.sessions == []


async def test_a_broker_down_at_start_is_retried_with_back_off_and_gets_the_newest_values():
    bench = Bench()
    bench.broker.go_down()
    await bench.start()
    for n in range(5):
        bench.source.emit({"p": n})
    await bench.pass_ms(10_000)
    assert 8 <= bench.count("failures") <= 16, "100, 200, 400, 800, then every 1000 ms"
    assert (bench.count("pending"), bench.count("superseded")) == (1, 4)
    bench.broker.up = True
    await bench.pass_ms(1_000)
    assert bench.at("acme/site/p")["v"] == 4
    assert bench.count("pending") == 0
    warnings = [text for level, who, text in bench.host.logged if level == "warning"]
    assert warnings[0] == "127.0.0.1:1883: connection refused; again in 100 ms or more"


async def test_a_broker_that_dies_in_the_middle_gets_the_whole_state_again():
    bench = await Bench().start()
    bench.source.emit({"p": 1, "t": 2})
    await bench.pass_ms(0)
    bench.broker.go_down()
    bench.broker.retained.clear()
    bench.source.emit({"p": 7})
    await bench.pass_ms(500)
    bench.broker.up = True
    await bench.pass_ms(2_000)
    assert (bench.at("acme/site/p")["v"], bench.at("acme/site/t")["v"]) == (7, 2)
    assert bench.count("connects") == 2


async def test_values_that_are_not_json_are_published_as_what_is_nearest_or_bad():
    bench = await Bench().start()
    bench.source.emit({"p": [b"\x01\xff", {"x": 1.5}], "t": [float("nan")]})
    await bench.pass_ms(0)
    assert bench.at("acme/site/p")["v"] == ["01ff", {"x": 1.5}]
    assert bench.at("acme/site/t")["q"] == "bad:not_a_number"


async def test_a_value_of_no_kind_is_an_error_and_the_others_go_on():
    bench = await Bench().start()
    raises(LocalError, bench.uns.on_in, bench.source.ctx.message({"p": object()}, bench.source.meta))
    bench.source.emit({"t": 2})
    await bench.pass_ms(0)
    assert bench.at("acme/site/t")["v"] == 2
    assert "acme/site/p" not in bench.broker.retained
    assert bench.count("connects") == 1


async def test_an_undeclared_tag_never_takes_a_topic_of_another_source():
    bench = await Bench(max_topics=5).start()
    bench.source.emit({"p": 1})
    msg = bench.source.ctx.message({"p": 999, "n": 3}, bench.source.meta)
    msg.src_id = b"another source.."
    bench.source.out(msg)
    await bench.pass_ms(0)
    assert bench.at("acme/site/p")["v"] == 1
    assert bench.at("acme/site/n")["v"] == 3
    assert bench.count("refused_tags") == 1


async def test_a_broker_that_stops_answering_during_the_drain_loses_no_count():
    bench = await Bench().start()
    session = bench.broker.sessions[0]

    async def never(*args):
        await asyncio.Event().wait()

    session.publish = never
    bench.source.emit({"p": 1, "t": 2})
    await bench.pass_ms(0)
    stopping = asyncio.create_task(bench.rack.stop())
    await bench.pass_ms(30_000)
    await stopping
    assert bench.count("pending") == 2
    assert bench.broker.sessions == [], "closed in order"
    assert any("topics not published: 2" in text for _, _, text in bench.host.logged)


async def test_the_last_will_does_not_claim_a_time():
    bench = await Bench().start()
    bench.broker.lose(bench.broker.sessions[0])
    assert bench.at(STATUS) == {"v": "offline", "t": None, "q": "good"}


async def test_a_lost_session_is_noticed_while_nothing_changes():
    bench = await Bench().start()
    bench.source.emit({"p": 1})
    await bench.pass_ms(0)
    bench.broker.lose(bench.broker.sessions[0])
    assert bench.at(STATUS)["v"] == "offline"
    await bench.pass_ms(5_000)
    assert bench.at(STATUS)["v"] == "online"
    assert bench.count("connects") == 2


async def test_samples_faster_than_the_broker_replace_each_other_and_are_counted():
    bench = await Bench().start()
    release = asyncio.Event()
    session = bench.broker.sessions[0]
    publish = session.publish

    async def slow(*args):
        await release.wait()
        await publish(*args)

    session.publish = slow
    for n in range(10):
        bench.source.emit({"p": n})
        await bench.pass_ms(0)
    release.set()
    await bench.pass_ms(0)
    assert bench.at("acme/site/p")["v"] == 9
    assert bench.count("superseded") == 8, "0 was under way, 9 came last"


async def test_undeclared_tags_get_topics_up_to_the_limit_if_they_can_be_a_level():
    bench = await Bench().start()
    bench.source.emit({"x": 1, "y": 2})
    bench.source.emit({"bad level": 1, "a/b": 1, "z": 3})
    await bench.pass_ms(0)
    assert sorted(bench.broker.retained) == [STATUS, "acme/site/x", "acme/site/y"]
    assert bench.count("refused_tags") == 3


async def test_secrets_reach_the_broker_and_no_log():
    broker = dict(config()["broker"], user="rig", password={"secret": "pw"})
    bench = await Bench(broker=broker).start()
    options = bench.broker.sessions[0].options
    assert (options["user"], options["password"]) == ("rig", "s3cret")
    assert not [text for _, _, text in bench.host.logged if "s3cret" in text]


async def test_an_older_sample_never_takes_the_place_of_a_newer_one():
    bench = await Bench().start()
    for value, ms in ((1, 2000), (2, 1000), (3, 1999)):
        bench.source.emit({"p": value}, ts=ms * NS)
        await bench.pass_ms(0)
    assert bench.published("acme/site/p") == [(1, True)]
    assert bench.count("superseded") == 2
    bench.source.emit({"p": 4}, ts=2000 * NS)
    await bench.pass_ms(0)
    assert bench.at("acme/site/p")["v"] == 4


async def test_a_clock_that_was_set_back_does_not_stop_the_live_values():
    bench = await Bench().start()
    bench.source.emit({"p": 1})
    bench.host.clock.step_wall(-3600 * 1000 * NS)
    bench.source.emit({"p": 2})
    await bench.pass_ms(0)
    assert bench.at("acme/site/p")["v"] == 2
