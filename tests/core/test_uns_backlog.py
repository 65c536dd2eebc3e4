"""uns behind a guaranteed wire: what the broker gets, and when, in steady state, after outages and after power cuts."""

import json

from probes import gear, gear_of, id_of, rig, settings, stop
from uns_bench import GUARANTEED, NS, STATUS, Bench, config

from fluxrig.errors import TransientError
from fluxrig.rack import Rack
from fluxrig_ports.memory import MemoryHost

P, T = "acme/site/p", "acme/site/t"
DAY_MS = 86_400_000


def bench_of(after=None, archive=None, **changes):
    return Bench(GUARANTEED, archive, after, **changes)


async def send_each(bench, values, every_ms, tag="p"):
    for value in values:
        bench.source.emit({tag: value})
        await bench.pass_ms(every_ms)


def fresh_order(values):
    """`values` without those that were there before."""
    seen = []
    for value in values:
        if value not in seen:
            seen.append(value)
    return seen


async def test_in_steady_state_every_sample_is_a_live_value_published_once_and_in_order():
    bench = await bench_of().start()
    await send_each(bench, range(30), 100)
    assert bench.published(P) == [(n, True) for n in range(30)]
    wire = bench.rack.stats()["wires"]["c.out -> uns.in"]
    assert (wire["delivered"], wire["redelivered"], wire["pending"]) == (30, 0, 0)
    assert (bench.uns.published, bench.uns.backlog_published, bench.uns.backlog) == (30, 0, 0)


async def test_samples_that_become_durable_together_stay_in_order_and_the_last_is_retained():
    bench = await bench_of(archive={"commit_count": 1000, "commit_ms": 1000}).start()
    await send_each(bench, range(25), 100)
    await bench.pass_ms(1000)
    got = bench.published(P)
    assert [value for value, _ in got] == list(range(25))
    assert bench.at(P)["v"] == 24
    retained = [value for value, retain in got if retain]
    assert len(retained) <= 4, "one for each time that something became durable"


async def test_a_day_without_the_broker_fills_in_completely_and_the_live_values_come_first():
    bench = bench_of(backlog_rate=20)
    bench.broker.go_down()
    await bench.start()
    for n in range(24):
        bench.source.emit({"p": n})
        await bench.pass_ms(5000)
        bench.host.clock.step_wall((DAY_MS // 24 - 5000) * NS)  # the rest of the hour, in no time
    bench.source.emit({"t": 7})
    bench.broker.up = True
    # At once with the reconnect, which is tried every second: whatever the wire's own pause has grown to.
    await bench.pass_ms(1000)
    first = [(name, retain) for name, _, retain in bench.broker.published if name != STATUS][:2]
    assert sorted(first) == [(P, True), (T, True)]
    assert (bench.at(P)["v"], bench.at(T)["v"]) == (23, 7)
    assert bench.uns.backlog == 2, "the one of t, too, comes after those of p"
    await bench.pass_ms(3000)
    got = bench.published(P)
    assert got == [(23, True)] + [(n, False) for n in range(23)]
    assert bench.published(T) == [(7, True)]
    assert (bench.uns.backlog, bench.uns.backlog_published) == (0, 23)
    wire = bench.rack.stats()["wires"]["c.out -> uns.in"]
    assert (wire["delivered"], wire["dead_letters"], wire["attempts"], wire["pending"]) == (25, 0, 0, 0)


async def test_the_samples_of_an_outage_come_exactly_as_they_were():
    bench = bench_of()
    bench.broker.go_down()
    await bench.start()
    start = bench.host.clock.wall_ns()
    for n in range(3):
        bench.source.emit({"p": n}, ts=start + n * NS)
    bench.source.emit({"p": None}, {"q.p": "bad:timeout"}, ts=start + 3 * NS)
    bench.source.emit({"p": float("nan")}, ts=start + 4 * NS)
    bench.source.emit({"p": 5}, ts=start + 5 * NS)
    bench.broker.up = True
    await bench.pass_ms(3000)
    got = [json.loads(payload) for name, payload, retain in bench.broker.published if name == P and not retain]
    ms = start // NS
    assert got == [{"v": n, "t": ms + n, "q": "good"} for n in range(3)] + [
        {"v": None, "t": ms + 3, "q": "bad:timeout"},
        {"v": None, "t": ms + 4, "q": "bad:not_a_number"},
    ]


async def test_catching_up_keeps_to_its_rate_and_live_values_do_not_wait_for_it():
    bench = bench_of(backlog_rate=10)
    bench.broker.go_down()
    await bench.start()
    for n in range(30):
        bench.source.emit({"p": n})
    await bench.pass_ms(1000)
    bench.broker.up = True
    await bench.pass_ms(1000)
    before = bench.uns.backlog_published
    await send_each(bench, range(30, 34), 250)
    assert 9 <= bench.uns.backlog_published - before <= 11, "1 s at 10 a second"
    assert bench.at(P)["v"] == 33, "though most of the past is still to come"
    await bench.pass_ms(10_000)
    got = bench.published(P)
    assert [value for value, retain in got if not retain] == list(range(29)), "nothing twice"
    assert [value for value, retain in got if retain] == [29, 30, 31, 32, 33]
    assert bench.uns.backlog == 0


async def test_in_the_middle_of_catching_up_the_broker_goes_away_again():
    bench = bench_of(backlog_rate=10)
    bench.broker.go_down()
    await bench.start()
    for n in range(24):
        bench.source.emit({"p": n})
    await bench.pass_ms(500)
    for _ in range(4):
        bench.broker.up = True
        await bench.pass_ms(1300)
        bench.broker.go_down()
        await bench.pass_ms(2000)
    bench.broker.up = True
    await bench.pass_ms(10_000)
    got = [value for value, retain in bench.published(P) if not retain]
    assert fresh_order(got) == list(range(23))
    assert bench.at(P)["v"] == 23
    assert len(got) < 23 + 5 * bench.uns.deliver_batch, "only what was under way comes again"


async def test_a_slow_broker_gets_the_newest_value_soon_and_all_of_them_in_the_end():
    bench = await bench_of().start()
    session = bench.broker.sessions[0]
    publish = session.publish

    async def slow(*args):
        await bench.host.clock.sleep_ms(900)
        await publish(*args)

    session.publish = slow
    for n in range(24):
        bench.source.emit({"p": n})
    await bench.pass_ms(4500)
    assert bench.at(P)["v"] == 23
    await bench.pass_ms(30_000)
    got = bench.published(P)
    assert [value for value, retain in got if not retain] == list(range(23))
    assert bench.uns.backlog == 0


async def test_a_stop_delivers_what_came():
    bench = await bench_of(archive={"commit_count": 1000, "commit_ms": 1000}).start()
    for n in range(5):
        bench.source.emit({"p": n})
    await stop(bench.rack)
    assert [value for value, _ in bench.published(P)] == [0, 1, 2, 3, 4]
    assert bench.at(STATUS)["v"] == "offline"


async def test_tags_that_can_have_no_topic_hold_nothing_up():
    bench = await bench_of(max_topics=1).start()
    await send_each(bench, [1], 10, "bad level")
    await send_each(bench, [1], 10, "x")
    await send_each(bench, [1], 10, "y")
    await send_each(bench, [1], 10)
    assert bench.at(P)["v"] == bench.at("acme/site/x")["v"] == 1
    assert bench.uns.refused_tags == 2


async def test_late_data_is_history():
    bench = await bench_of().start()
    now = bench.host.clock.wall_ns()
    bench.source.emit({"p": 2}, ts=now)
    await bench.pass_ms(10)
    bench.source.emit({"p": 1}, ts=now - 1000 * NS)
    await bench.pass_ms(10)
    bench.source.emit({"p": 3}, ts=now + NS)
    await bench.pass_ms(10)
    assert bench.published(P) == [(2, True), (1, False), (3, True)]


async def test_while_the_disk_is_away_live_values_go_on():
    bench = await bench_of(archive={"commit_count": 1000, "commit_ms": 100}).start()
    bench.host.volumes["archive"].fail = TransientError("no answer")
    await send_each(bench, range(5), 300)
    assert bench.at(P)["v"] == 4
    assert [value for value, _ in bench.published(P)] == [0, 1, 2, 3, 4]
    bench.host.volumes["archive"].fail = None
    await bench.pass_ms(120_000)
    await send_each(bench, [5], 300)
    assert [value for value, _ in bench.published(P)] == [0, 1, 2, 3, 4, 5]


async def test_after_a_power_cut_what_the_broker_retains_never_goes_back():
    bench = bench_of(backlog_rate=5)
    bench.broker.go_down()
    await bench.start()
    for n in range(12):
        bench.source.emit({"p": n})
    await bench.pass_ms(1000)
    bench.broker.up = True
    await bench.pass_ms(2000)
    assert bench.at(P)["v"] == 11 and 0 < bench.uns.backlog_published < 11
    await bench.cut_power()
    published = len(bench.broker.published)
    after = bench_of(after=bench, backlog_rate=1000)
    del bench  # on a device, two of them do not fit
    await after.start()
    await after.pass_ms(3000)
    again = [(name, retain) for name, _, retain in after.broker.published[published:] if name == P and retain]
    assert again == [(P, True)], "the newest, and none of those before it"
    assert after.at(P)["v"] == 11
    assert fresh_order([value for value, retain in after.published(P) if not retain]) == list(range(11))


async def test_two_wires_catch_up_side_by_side():
    host = MemoryHost()
    sources = [(id_of(name), {"p": "acme/site/" + name}) for name in ("a", "b")]
    gears = [gear("a", "source"), gear("b", "source"), gear("ca", "correlator"), gear("cb", "correlator")]
    gears.append(gear("uns", "uns", config(sources=sources, backlog_rate=5), outputs=("err",)))
    wires: list = [(name, "out", "c" + name, "in") for name in ("a", "b")]
    wires += [("c" + name, "out", "uns", "in") + GUARANTEED for name in ("a", "b")]
    rack = Rack(host, rig(gears, wires, settings(commit_count=1, segment_bytes=2048)))
    host.network.broker.go_down()
    await rack.start()
    for n in range(20):
        gear_of(rack, "a").emit({"p": n})
    gear_of(rack, "b").emit({"p": 0})
    await host.clock.advance(1500)
    host.network.broker.up = True
    await host.clock.advance(3000)
    assert gear_of(rack, "uns").backlog == 1, "b has caught up, a has not"
    got: dict = {"a": [], "b": []}
    for n in range(20, 23):
        await host.clock.advance(50)
        gear_of(rack, "a").emit({"p": n})
        gear_of(rack, "b").emit({"p": n})
        await host.clock.advance(10)
        live = [json.loads(host.network.broker.retained["acme/site/" + name])["v"] for name in ("a", "b")]
        assert live == [n, n], "though a is behind"
    await host.clock.advance(10_000)
    for topic, payload, _ in host.network.broker.published:
        name = topic[len("acme/site/") :]
        if name in got:
            got[name].append(json.loads(payload)["v"])
    assert sorted(got["a"]) == list(range(23)) and got["b"] == [0, 20, 21, 22]
    assert gear_of(rack, "uns").backlog == 0
