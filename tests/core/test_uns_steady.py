"""uns behind a guaranteed wire while the broker is there: what it gets, and in which order."""

from probes import stop
from uns_bench import NS, STATUS, P, behind_the_archive, fresh_order, send_each

from fluxrig.errors import TransientError


async def test_in_steady_state_every_sample_is_a_live_value_published_once_and_in_order():
    bench = await behind_the_archive().start()
    await send_each(bench, range(12), 100)
    assert bench.published(P) == [(n, True) for n in range(12)]
    wire = bench.rack.stats()["wires"]["c.out -> uns.in"]
    assert (wire["delivered"], wire["redelivered"], wire["pending"]) == (12, 0, 0)
    assert (bench.count("published"), bench.count("backlog_published"), bench.count("backlog")) == (12, 0, 0)


async def test_samples_that_become_durable_together_stay_in_order_and_the_last_is_retained():
    bench = await behind_the_archive(archive={"commit_count": 1000, "commit_ms": 1000}).start()
    await send_each(bench, range(15), 100)
    await bench.pass_ms(1000)
    got = bench.published(P)
    assert [value for value, _ in got] == list(range(15))
    assert bench.at(P)["v"] == 14
    retained = [value for value, retain in got if retain]
    assert len(retained) <= 4, "one for each time that something became durable"


async def test_a_slow_broker_gets_the_newest_value_soon_and_all_of_them_in_the_end():
    bench = await behind_the_archive().start()
    session = bench.broker.sessions[0]
    publish = session.publish

    async def slow(*args):
        await bench.host.clock.sleep_ms(900)
        await publish(*args)

    session.publish = slow
    for n in range(14):
        bench.source.emit({"p": n})
    await bench.pass_ms(4500)
    assert bench.at(P)["v"] == 13
    await bench.pass_ms(30_000)
    got = bench.published(P)
    assert [value for value, retain in got if not retain] == list(range(13))
    assert bench.count("backlog") == 0


async def test_a_stop_delivers_what_came():
    bench = await behind_the_archive(archive={"commit_count": 1000, "commit_ms": 1000}).start()
    for n in range(5):
        bench.source.emit({"p": n})
    await stop(bench.rack)
    assert [value for value, _ in bench.published(P)] == [0, 1, 2, 3, 4]
    assert bench.at(STATUS)["v"] == "offline"


async def test_tags_that_can_have_no_topic_hold_nothing_up():
    bench = await behind_the_archive(max_topics=1).start()
    await send_each(bench, [1], 10, "bad level")
    await send_each(bench, [1], 10, "x")
    await send_each(bench, [1], 10, "y")
    await send_each(bench, [1], 10)
    assert bench.at(P)["v"] == bench.at("acme/site/x")["v"] == 1
    assert bench.count("refused_tags") == 2


async def test_late_data_is_history():
    bench = await behind_the_archive().start()
    now = bench.host.clock.wall_ns()
    bench.source.emit({"p": 2}, ts=now)
    await bench.pass_ms(10)
    bench.source.emit({"p": 1}, ts=now - 1000 * NS)
    await bench.pass_ms(10)
    bench.source.emit({"p": 3}, ts=now + NS)
    await bench.pass_ms(10)
    assert bench.published(P) == [(2, True), (1, False), (3, True)]


async def test_what_is_written_late_does_not_take_the_place_of_a_newer_value_of_the_same_time():
    bench = await behind_the_archive(archive={"commit_count": 1000, "commit_ms": 100}).start()
    bench.host.volumes["archive"].fail = TransientError("no answer")
    bench.broker.go_down()
    for n in range(17):  # two batches, and one more
        bench.source.emit({"p": n})
    await bench.pass_ms(500)
    bench.host.volumes["archive"].fail = None
    bench.broker.up = True
    await bench.pass_ms(60_000)
    got = bench.published(P)
    assert {value for value, retain in got if retain} == {16}
    assert fresh_order([value for value, retain in got if not retain]) == list(range(16))


async def test_while_the_disk_is_away_live_values_go_on():
    bench = await behind_the_archive(archive={"commit_count": 1000, "commit_ms": 100}).start()
    bench.host.volumes["archive"].fail = TransientError("no answer")
    await send_each(bench, range(5), 300)
    assert bench.at(P)["v"] == 4
    assert [value for value, _ in bench.published(P)] == [0, 1, 2, 3, 4]
    bench.host.volumes["archive"].fail = None
    await bench.pass_ms(120_000)
    await send_each(bench, [5], 300)
    assert [value for value, _ in bench.published(P)] == [0, 1, 2, 3, 4, 5]
