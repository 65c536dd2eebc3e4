"""uns behind a guaranteed wire while the broker is away, and when it is back."""

import json

from uns_bench import NS, STATUS, P, T, behind_the_archive, fresh_order

DAY_MS = 86_400_000


async def test_a_day_without_the_broker_fills_in_completely_and_the_live_values_come_first():
    bench = behind_the_archive(backlog_rate=20)
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
    assert bench.count("backlog") == 2, "the one of t, too, comes after those of p"
    await bench.pass_ms(3000)
    got = bench.published(P)
    assert got == [(23, True)] + [(n, False) for n in range(23)]
    assert bench.published(T) == [(7, True)]
    assert (bench.count("backlog"), bench.count("backlog_published")) == (0, 23)
    wire = bench.rack.stats()["wires"]["c.out -> uns.in"]
    assert (wire["delivered"], wire["dead_letters"], wire["attempts"], wire["pending"]) == (25, 0, 0, 0)


async def test_the_samples_of_an_outage_come_exactly_as_they_were():
    bench = behind_the_archive()
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


async def test_in_the_middle_of_catching_up_the_broker_goes_away_again():
    bench = behind_the_archive(backlog_rate=3)
    bench.broker.go_down()
    await bench.start()
    for n in range(14):
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
    assert fresh_order(got) == list(range(13))
    assert bench.at(P)["v"] == 13
    assert len(got) < 13 + 5 * bench.uns.deliver_batch, "only what was under way comes again"
